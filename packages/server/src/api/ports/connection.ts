// SPDX-License-Identifier: Apache-2.0

import { InvalidParameterValue, NotAcceptable } from '../../errors.ts';
import type { Json, JsonObject } from '../../model/json.ts';
import { show } from '../request.ts';

const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/;
/** OpenFlow datapath id: 64 bits. */
const DATAPATH = /^[0-9a-f]{16}$/;
const NETWORK_TYPES: readonly Json[] = ['managed', 'unmanaged'];

/** Keys of a connection and the versions that take each: first, and last where it was withdrawn again. */
const KEYS: Readonly<Record<string, { readonly since?: number; readonly until?: number }>> = {
  port_id: {},
  switch_id: {},
  switch_info: {},
  hostname: {},
  network_type: { since: 64 },
  'vtep-logical-switch': { since: 90, until: 104 },
  'vtep-physical-switch': { since: 90, until: 104 },
};

/** Sets of keys of which one must be there: a switch port, a smart NIC, or a port of a VTEP. */
const COMPLETE: readonly (readonly string[])[] = [
  ['port_id', 'switch_id'],
  ['port_id', 'hostname'],
  ['port_id', 'vtep-logical-switch', 'vtep-physical-switch'],
];

/**
 * Checks a port's `local_link_connection` and returns it with the switch id lower-cased. Keys that `stored` has already
 * are let through at every version.
 */
export function checkConnection(value: JsonObject, minor: number, stored: JsonObject = {}): JsonObject {
  const keys = Object.keys(value);
  for (const key of keys) {
    const known = Object.hasOwn(KEYS, key) ? KEYS[key] : undefined;
    if (known === undefined) {
      throw wrong(`Additional properties are not allowed ('${key.slice(0, 200)}' was unexpected)`);
    }
    if (typeof value[key] !== 'string') throw wrong(`'${key}' must be a string`);
    const { since = 1, until = Number.POSITIVE_INFINITY } = known;
    if ((minor < since || minor > until) && !Object.hasOwn(stored, key)) throw new NotAcceptable();
  }
  const { network_type: type, switch_id: id } = value;
  if (type !== undefined && !NETWORK_TYPES.includes(type)) {
    throw wrong(`'${show(type)}' is not one of ['managed', 'unmanaged']`);
  }
  if (keys.length > 0 && type !== 'unmanaged' && !COMPLETE.some((set) => set.every((key) => keys.includes(key)))) {
    const [missing] = ['port_id', 'switch_id'].filter((key) => !keys.includes(key));
    throw wrong(`'${missing}' is a required property`);
  }
  return id === undefined ? value : { ...value, switch_id: switchId(id) };
}

function switchId(value: Json): string {
  const id = String(value).toLowerCase();
  if (MAC.test(id) || DATAPATH.test(id)) return id;
  throw new InvalidParameterValue(`Expected a MAC address or OpenFlow datapath ID but received ${show(value)}.`);
}

function wrong(text: string): InvalidParameterValue {
  return new InvalidParameterValue(`Schema error for local_link_connection: ${text}`);
}

// SPDX-License-Identifier: Apache-2.0

import { randomUUID } from 'node:crypto';
import { type Config, defaultConfig } from '../src/config/index.ts';
import type { Logger, NodeHardware, Task } from '../src/hardware/contracts.ts';
import { INTERFACE_TYPES, type NodeRecord, type PortRecord } from '../src/model/resources.ts';

const nothing = () => undefined;
export const silentLog: Logger = {
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  child: () => silentLog,
};

/** A node as enrolled, with these values. */
export function makeNode(values: Partial<NodeRecord> = {}): NodeRecord {
  const interfaces = Object.fromEntries(INTERFACE_TYPES.map((kind) => [`${kind}_interface`, null]));
  const node = {
    id: 1,
    uuid: randomUUID(),
    name: null,
    driver: 'fake-hardware',
    driver_info: {},
    driver_internal_info: {},
    properties: {},
    instance_info: {},
    power_state: null,
    provision_state: 'enroll',
    ...interfaces,
    ...values,
  };
  return node as unknown as NodeRecord;
}

function makePort(node: NodeRecord, address: string): PortRecord {
  return { uuid: randomUUID(), node_uuid: node.uuid, address, pxe_enabled: true } as unknown as PortRecord;
}

/** A task on a node whose changes are kept in the node itself. */
export function makeTask(
  node: NodeRecord,
  options: {
    hardware?: NodeHardware;
    macs?: readonly string[];
    config?: Config;
    log?: Logger;
    signal?: AbortSignal;
    biosSettings?: Task['biosSettings'];
  } = {},
): Task {
  return {
    node,
    ports: (options.macs ?? []).map((mac) => makePort(node, mac)),
    portgroups: [],
    hardware: options.hardware ?? ({ driver: node.driver } as NodeHardware),
    config: options.config ?? defaultConfig(),
    log: options.log ?? silentLog,
    signal: options.signal ?? new AbortController().signal,
    save: async (changes) => void Object.assign(node, changes),
    ...(options.biosSettings === undefined ? {} : { biosSettings: options.biosSettings }),
  };
}

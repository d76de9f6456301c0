// SPDX-License-Identifier: Apache-2.0

/** What a client may change of a node, depending on its state. */

import { Conflict, InvalidParameterValue } from '../errors.ts';
import type { Json, JsonObject } from '../model/json.ts';
import { INTERFACE_TYPES, type NodeRecord } from '../model/resources.ts';
import { INTERFACE_UPDATE_STATES, UPDATE_ALLOWED_STATES } from '../model/states.ts';
import type { NodeEdit } from './commands.ts';
import type { Core } from './core.ts';
import { NodeAssociated } from './errors.ts';

/** From this API minor version a node in `inspecting` is left alone. */
const INSPECTING_LOCKED = 39;

/** @throws Conflict while a transition is in progress that a PATCH would disturb */
export function checkUpdatable(node: NodeRecord, edit: NodeEdit, minor: number): void {
  if (node.maintenance && edit.onlyRemovesInstanceUuid) return;
  const busy =
    (node.target_provision_state !== null && !UPDATE_ALLOWED_STATES.has(node.provision_state)) ||
    (node.provision_state === 'inspecting' && minor >= INSPECTING_LOCKED);
  if (busy) throw new Conflict(`Node ${node.uuid} can not be updated while a state transition is in progress.`);
}

/** Applies the rules to a client's changes; returns them completed by what follows from them. */
export function applyRules(core: Core, node: NodeRecord, edit: NodeEdit): Partial<NodeRecord> {
  const changes = { ...edit.changes };
  checkSizes(node.uuid, changes.properties);
  instanceRules(node, changes);
  driverRules(core, node, changes, edit);
  resourceClassRule(node, changes);
  protectionRules(node, changes);
  retirementRules(node, changes);
  if (changes.maintenance === false && edit.roots.has('maintenance')) {
    changes.maintenance_reason = null;
    changes.fault = null;
  }
  if (changes.conductor_group !== undefined) {
    changes.conductor_group = (changes.conductor_group ?? '').toLowerCase();
    if (changes.conductor_group !== node.conductor_group) {
      checkServed(core, changes.driver ?? node.driver, changes.conductor_group);
    }
  }
  return changes;
}

/** @throws InvalidParameterValue when no live conductor serves the driver in the group; `hint` ends its text */
export function checkServed(core: Core, driver: string, group: string, hint = ''): void {
  if (core.members.serves(driver, group)) return;
  throw new InvalidParameterValue(
    `No valid host was found. Reason: No conductor service registered which supports driver ${driver} for conductor ` +
      `group "${group}".${hint}`,
  );
}

const WHOLE_PROPERTIES = ['local_gb', 'cpus', 'memory_mb'] as const;

/** @throws InvalidParameterValue when a size in `properties` is neither a whole number, 0 or more, nor the text of one */
export function checkSizes(uuid: string, properties: JsonObject | null | undefined): void {
  const wrong = WHOLE_PROPERTIES.filter((name) => !isSize(properties?.[name]));
  if (wrong.length === 0) return;
  const given = wrong.map((name) => `${name}=${brief(properties?.[name])}`).join(', ');
  throw new InvalidParameterValue(
    `The following properties for node ${uuid} should be non-negative integers, but provided values are: ${given}`,
  );
}

function isSize(value: Json | undefined): boolean {
  if (value === undefined || value === null || typeof value === 'boolean') return true;
  return typeof value === 'number' ? value >= 0 : typeof value === 'string' && /^\s*\+?\d+\s*$/.test(value);
}

function brief(value: Json | undefined): string {
  return (typeof value === 'string' ? value : JSON.stringify(value)).slice(0, 100);
}

function instanceRules(node: NodeRecord, changes: Partial<NodeRecord>): void {
  const wanted = changes.instance_uuid;
  if (wanted !== undefined && wanted !== null && node.instance_uuid !== null && wanted !== node.instance_uuid) {
    throw new NodeAssociated(node.uuid, node.instance_uuid);
  }
  if (wanted === null && node.allocation_uuid !== null && !mayChangeInterfaces(node)) {
    throw new Conflict(
      `Can not remove instance ${node.instance_uuid ?? ''} from node ${node.uuid}: the node is in state ` +
        `"${node.provision_state}" and allocated by ${node.allocation_uuid}. Undeploy it first.`,
    );
  }
  if (changes.instance_info !== undefined && changes.instance_name === undefined) {
    const shown = changes.instance_info.display_name;
    if (typeof shown === 'string' && shown !== node.instance_info.display_name) changes.instance_name = shown;
  } else if (changes.instance_name !== undefined && changes.instance_name !== node.instance_name) {
    const info = changes.instance_info ?? node.instance_info;
    if (changes.instance_name === null) {
      const { display_name: _name, ...kept } = info;
      changes.instance_info = kept;
    } else changes.instance_info = { ...info, display_name: changes.instance_name };
  }
}

function driverRules(core: Core, node: NodeRecord, changes: Partial<NodeRecord>, edit: NodeEdit): void {
  const driver = changes.driver ?? node.driver;
  const changesDriver = driver !== node.driver;
  if (edit.resetInterfaces && !edit.roots.has('driver')) {
    throw new InvalidParameterValue("The reset_interfaces parameter can only be used when changing the node's driver.");
  }
  const named = INTERFACE_TYPES.filter((type) => edit.roots.has(`${type}_interface`));
  const changed = named.filter((type) => changes[`${type}_interface`] !== undefined);
  if (!changesDriver && changed.length === 0 && !edit.resetInterfaces) return;
  if (changesDriver) {
    refuseUnless(mayChangeInterfaces(node), node, 'driver');
    checkServed(core, driver, changes.conductor_group ?? node.conductor_group);
    if (node.console_enabled) {
      throw new Conflict(`The driver of node ${node.uuid} can not be changed while its console is enabled.`);
    }
  }
  const defaults = core.hardware.defaultInterfaces(driver);
  for (const type of INTERFACE_TYPES) {
    const field = `${type}_interface` as const;
    const given = changes[field];
    const current = node[field];
    let name: string | null;
    if (named.includes(type)) name = given === undefined ? current : (given ?? defaults[type]);
    else if (edit.resetInterfaces) name = defaults[type];
    else if (changesDriver) name = current ?? defaults[type];
    else continue;
    if (name !== null) core.hardware.checkInterface(driver, type, name);
    if (name === current) delete changes[field];
    else {
      refuseUnless(mayChangeInterfaces(node), node, field);
      changes[field] = name;
    }
  }
}

function resourceClassRule(node: NodeRecord, changes: Partial<NodeRecord>): void {
  const wanted = changes.resource_class;
  if (wanted === undefined || wanted === node.resource_class || !node.resource_class) return;
  if (INTERFACE_UPDATE_STATES.has(node.provision_state)) return;
  throw new Conflict(
    `Node ${node.uuid} can not have resource_class updated unless it is in one of allowed ` +
      `(${[...INTERFACE_UPDATE_STATES].join(', ')}) states.`,
  );
}

function protectionRules(node: NodeRecord, changes: Partial<NodeRecord>): void {
  const becomes = changes.protected ?? node.protected;
  if (changes.protected === true && !['active', 'rescue'].includes(node.provision_state)) {
    throw new Conflict(
      `Node ${node.uuid} can only be made protected in provision states 'active' or 'rescue', the current state is ` +
        `'${node.provision_state}'`,
    );
  }
  if (changes.protected === false) changes.protected_reason = null;
  else if (changes.protected_reason && !becomes) {
    throw new InvalidParameterValue('The protected_reason field can only be set when protected is True');
  }
}

function retirementRules(node: NodeRecord, changes: Partial<NodeRecord>): void {
  const becomes = changes.retired ?? node.retired;
  if (changes.retired === true && node.provision_state === 'available') {
    throw new Conflict(
      `Node ${node.uuid} can not have 'retired' set in provision state 'available', the current state is 'available'`,
    );
  }
  if (changes.retired === false) changes.retired_reason = null;
  else if (changes.retired_reason && !becomes) {
    throw new InvalidParameterValue('The retired_reason field can only be set when retired is True');
  }
}

function mayChangeInterfaces(node: NodeRecord): boolean {
  return node.maintenance || INTERFACE_UPDATE_STATES.has(node.provision_state);
}

function refuseUnless(allowed: boolean, node: NodeRecord, field: string): void {
  if (allowed) return;
  throw new Conflict(
    `Node ${node.uuid} can not have ${field} updated unless it is in one of allowed ` +
      `(${[...INTERFACE_UPDATE_STATES].join(', ')}) states or in maintenance mode.`,
  );
}

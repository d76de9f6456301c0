// SPDX-License-Identifier: Apache-2.0

/** Ports and port groups: their rules by the state of the node they belong to (API reference "Ports", "Portgroups"). */

import { Conflict, InvalidParameterValue, NotFound } from '../errors.ts';
import { decodeRow } from '../model/columns.ts';
import {
  type NodeRecord,
  type PortgroupRecord,
  type PortgroupRow,
  type PortRecord,
  type PortRow,
  portColumns,
  portgroupColumns,
} from '../model/resources.ts';
import { PORT_CONNECTIVITY_STATES } from '../model/states.ts';
import type { Tables } from '../store/store.ts';
import type { Core } from './core.ts';
import { changeUnlocked, decodeNode } from './task.ts';

const CONNECTIVITY = ['portgroup_uuid', 'pxe_enabled', 'local_link_connection', 'physical_network'] as const;

export async function createPort(
  core: Core,
  values: Partial<PortRecord> & { node_uuid: string; address: string },
): Promise<PortRow> {
  return await core.store.transaction(async (tables) => {
    const node = await nodeOf(tables, values.node_uuid);
    const port = { ...values, address: values.address.toLowerCase() };
    await checkPortgroup(tables, node, { pxe_enabled: true, physical_network: null, ...port });
    return await tables.ports.insert(port);
  });
}

export async function updatePort(
  core: Core,
  uuid: string,
  edit: (port: PortRecord) => Partial<PortRecord>,
): Promise<PortRow> {
  const owner = await ownerOfPort(core, uuid);
  return await changeUnlocked(core, owner, async (tables, node) => {
    const port = await portOf(tables, uuid);
    const changes = changed(port, edit(port));
    if (changes.address !== undefined) changes.address = changes.address.toLowerCase();
    checkPortChange(node, port, changes);
    if (changes.node_uuid !== undefined) await nodeOf(tables, changes.node_uuid);
    await checkPortgroup(tables, node, { ...port, ...changes });
    const row = isEmpty(changes) ? await tables.ports.find('uuid', uuid) : await tables.ports.update(uuid, changes);
    if (row === undefined) throw noPort(uuid);
    return row;
  });
}

function checkPortChange(node: NodeRecord, port: PortRecord, changes: Partial<PortRecord>): void {
  if (node.maintenance) return;
  if (changes.address !== undefined && (node.instance_uuid !== null || node.provision_state === 'active')) {
    throw new Conflict(
      `Cannot update hardware address for port ${port.uuid} as node ${node.uuid} is active or has instance UUID assigned`,
    );
  }
  const moved = CONNECTIVITY.filter((field) => changes[field] !== undefined);
  if (moved.length === 0 || PORT_CONNECTIVITY_STATES.has(node.provision_state)) return;
  throw new Conflict(
    `Port ${port.uuid} can not have any connectivity attributes (${moved.join(', ')}) updated unless node ${node.uuid} ` +
      `is in one of the states ${[...PORT_CONNECTIVITY_STATES].join(', ')} or in maintenance mode.`,
  );
}

/** A port group must be the node's own, agree on the physical network, and allow PXE on its members. */
async function checkPortgroup(
  tables: Tables,
  node: NodeRecord,
  port: Partial<Pick<PortRecord, 'uuid' | 'portgroup_uuid' | 'pxe_enabled' | 'physical_network'>>,
): Promise<void> {
  const { portgroup_uuid: group } = port;
  if (!group) return;
  const row = await tables.portgroups.find('uuid', group);
  if (row === undefined) throw new InvalidParameterValue(`Portgroup ${group} could not be found.`);
  if (row.node_uuid !== node.uuid) {
    throw new InvalidParameterValue(`Portgroup ${group} belongs to node ${row.node_uuid}, the port to ${node.uuid}.`);
  }
  if (Number(row.standalone_ports_supported) === 0 && port.pxe_enabled !== false) {
    throw new Conflict(
      `Port group ${group} does not support standalone ports: a port with pxe_enabled can not become its member.`,
    );
  }
  const members = await tables.ports.list({ where: [{ column: 'portgroup_uuid', op: '=', value: group }] });
  const other = members.find(
    (member) => member.uuid !== port.uuid && member.physical_network !== (port.physical_network ?? null),
  );
  if (other !== undefined) {
    throw new Conflict(
      `Port with physical network ${port.physical_network ?? 'None'} cannot become a member of port group ${group} which ` +
        `has ports in physical network ${other.physical_network ?? 'None'}.`,
    );
  }
}

export async function destroyPort(core: Core, uuid: string): Promise<void> {
  const owner = await ownerOfPort(core, uuid);
  await changeUnlocked(core, owner, async (tables, node) => {
    const port = await portOf(tables, uuid);
    const vif = port.internal_info.tenant_vif_port_id;
    if (typeof vif === 'string' && !node.maintenance) {
      throw new Conflict(
        `Cannot delete the port ${uuid} as VIF ${vif} is attached to it. Detach it, or set node ${node.uuid} into maintenance mode.`,
      );
    }
    await tables.ports.delete(uuid);
  });
}

export async function createPortgroup(
  core: Core,
  values: Partial<PortgroupRecord> & { node_uuid: string },
): Promise<PortgroupRow> {
  return await core.store.transaction(async (tables) => {
    await nodeOf(tables, values.node_uuid);
    return await tables.portgroups.insert({
      ...values,
      mode: values.mode ?? core.config.DEFAULT.default_portgroup_mode,
      ...(typeof values.address === 'string' ? { address: values.address.toLowerCase() } : {}),
    });
  });
}

export async function updatePortgroup(
  core: Core,
  uuid: string,
  edit: (portgroup: PortgroupRecord) => Partial<PortgroupRecord>,
): Promise<PortgroupRow> {
  const owner = await ownerOfPortgroup(core, uuid);
  return await changeUnlocked(core, owner, async (tables, node) => {
    const group = await portgroupOf(tables, uuid);
    const changes = changed(group, edit(group));
    if (changes.mode === null) changes.mode = core.config.DEFAULT.default_portgroup_mode;
    if (typeof changes.address === 'string') changes.address = changes.address.toLowerCase();
    if (!node.maintenance) checkPortgroupChange(node, group, changes);
    if (changes.node_uuid !== undefined) {
      await nodeOf(tables, changes.node_uuid);
      if (await hasPorts(tables, uuid)) {
        throw new InvalidParameterValue(`Port group ${uuid} contains ports and can not be moved to another node.`);
      }
    }
    if (changes.standalone_ports_supported === false) {
      const members = await tables.ports.list({
        where: [
          { column: 'portgroup_uuid', op: '=', value: uuid },
          { column: 'pxe_enabled', op: '=', value: true },
        ],
        limit: 1,
      });
      if (members.length > 0) {
        throw new Conflict(
          `standalone_ports_supported of port group ${uuid} can not be false while ports with pxe_enabled are members.`,
        );
      }
    }
    const row = isEmpty(changes)
      ? await tables.portgroups.find('uuid', uuid)
      : await tables.portgroups.update(uuid, changes);
    if (row === undefined) throw noPortgroup(uuid);
    return row;
  });
}

function checkPortgroupChange(node: NodeRecord, group: PortgroupRecord, changes: Partial<PortgroupRecord>): void {
  if (changes.address !== undefined && (node.instance_uuid !== null || node.provision_state === 'active')) {
    throw new Conflict(
      `Cannot update the address of port group ${group.uuid} while node ${node.uuid} is active or associated with an ` +
        'instance. Set the node into maintenance mode first.',
    );
  }
  const rest = Object.keys(changes).filter((field) => !['address', 'extra', 'name'].includes(field));
  if (rest.length === 0 || PORT_CONNECTIVITY_STATES.has(node.provision_state)) return;
  throw new Conflict(
    `Port group ${group.uuid} can not have ${rest.join(', ')} updated unless node ${node.uuid} is in one of the states ` +
      `${[...PORT_CONNECTIVITY_STATES].join(', ')} or in maintenance mode.`,
  );
}

export async function destroyPortgroup(core: Core, uuid: string): Promise<void> {
  const owner = await ownerOfPortgroup(core, uuid);
  await changeUnlocked(core, owner, async (tables) => {
    if (await hasPorts(tables, uuid)) {
      throw new InvalidParameterValue(`Cannot complete the requested action because portgroup ${uuid} contains ports.`);
    }
    await tables.portgroups.delete(uuid);
  });
}

async function hasPorts(tables: Tables, group: string): Promise<boolean> {
  const where = [{ column: 'portgroup_uuid', op: '=', value: group } as const];
  return (await tables.ports.list({ where, limit: 1, columns: ['uuid'] })).length > 0;
}

async function ownerOfPort(core: Core, uuid: string): Promise<string> {
  return (await portOf(core.store, uuid)).node_uuid;
}

async function portOf(tables: Tables, uuid: string): Promise<PortRecord> {
  const row = await tables.ports.find('uuid', uuid);
  if (row === undefined) throw noPort(uuid);
  return decodeRow(portColumns, row) as PortRecord;
}

async function ownerOfPortgroup(core: Core, uuid: string): Promise<string> {
  return (await portgroupOf(core.store, uuid)).node_uuid;
}

async function portgroupOf(tables: Tables, uuid: string): Promise<PortgroupRecord> {
  const row = await tables.portgroups.find('uuid', uuid);
  if (row === undefined) throw noPortgroup(uuid);
  return decodeRow(portgroupColumns, row) as PortgroupRecord;
}

/** The node a port is to belong to; 400 when there is none. */
async function nodeOf(tables: Tables, uuid: string): Promise<NodeRecord> {
  const row = await tables.nodes.find('uuid', uuid);
  if (row === undefined) throw new InvalidParameterValue(`Node ${uuid} could not be found.`);
  return decodeNode(row);
}

function noPort(uuid: string): NotFound {
  return new NotFound(`Port ${uuid} could not be found.`);
}

function noPortgroup(uuid: string): NotFound {
  return new NotFound(`Portgroup ${uuid} could not be found.`);
}

/** What really differs. */
function changed<T extends object>(record: T, changes: Partial<T>): Partial<T> {
  const result: Partial<T> = {};
  for (const [name, value] of Object.entries(changes)) {
    const key = name as keyof T;
    if (JSON.stringify(value) !== JSON.stringify(record[key])) result[key] = value as T[keyof T];
  }
  return result;
}

/** Nothing to write, so `updated_at` stays as it is. */
function isEmpty(changes: object): boolean {
  return Object.keys(changes).length === 0;
}

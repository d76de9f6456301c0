// SPDX-License-Identifier: Apache-2.0

/** Creating, changing and deleting nodes. Short changes are one transaction each, refused while somebody holds the lock. */

import { Conflict, InvalidParameterValue, messageOf, NodeNotFound, NodeProtected } from '../errors.ts';
import { INTERFACE_TYPES, type NodeRecord, type NodeRow } from '../model/resources.ts';
import { DELETE_ALLOWED_STATES } from '../model/states.ts';
import type { Tables } from '../store/store.ts';
import type { NodeEdit, RequestContext } from './commands.ts';
import type { Core } from './core.ts';
import { InstanceAssociated, NodeAssociated } from './errors.ts';
import { applyRules, checkServed, checkSizes, checkUpdatable } from './node-rules.ts';
import { changeUnlocked, decodeNode, fitTexts, NodeTask } from './task.ts';
import { pythonRepr } from './workflows/python-repr.ts';

/** Before this API minor version new nodes are `available` at once. */
const ENROLL = 11;

export async function createNode(
  core: Core,
  context: RequestContext,
  values: Partial<NodeRecord> & { driver: string },
): Promise<NodeRow> {
  const { DEFAULT } = core.config;
  const group = (values.conductor_group ?? DEFAULT.default_conductor_group).toLowerCase();
  checkServed(core, values.driver, group, ' Ensure the driver is valid and enabled.');
  const defaults = core.hardware.defaultInterfaces(values.driver);
  const complete: Partial<NodeRecord> = {
    provision_state: context.minor >= ENROLL ? 'enroll' : 'available',
    ...values,
    conductor_group: group,
    resource_class: values.resource_class ?? DEFAULT.default_resource_class,
  };
  for (const type of INTERFACE_TYPES) {
    const field = `${type}_interface` as const;
    const given = values[field];
    if (given === undefined || given === null) complete[field] = defaults[type];
    else core.hardware.checkInterface(values.driver, type, given);
  }
  const shown = values.instance_info?.display_name;
  if (complete.instance_name === undefined && typeof shown === 'string') complete.instance_name = shown;
  if (values.retired_reason && values.retired !== true) {
    throw new InvalidParameterValue('The retired_reason field can only be set when retired is True');
  }
  checkSizes(values.uuid ?? values.name ?? '', values.properties);
  return await core.store.transaction(async (tables) => {
    if (complete.parent_node) await checkParent(tables, complete.uuid, complete.parent_node, complete.owner ?? null);
    if (complete.instance_uuid) await checkInstance(tables, complete.instance_uuid, complete.uuid ?? '');
    return await tables.nodes.insert(fitTexts(core.config, complete));
  });
}

export async function updateNode(
  core: Core,
  context: RequestContext,
  uuid: string,
  edit: (node: NodeRecord) => NodeEdit,
): Promise<NodeRow> {
  return await changeUnlocked(
    core,
    uuid,
    async (tables, node, row) => {
      const asked = edit(node);
      checkUpdatable(node, asked, context.minor);
      const changes = applyRules(core, node, asked);
      await applyReferences(tables, node, changes);
      for (const [name, value] of Object.entries(changes)) {
        if (value === node[name as keyof NodeRecord]) delete changes[name as keyof NodeRecord];
      }
      if (Object.keys(changes).length === 0) return row;
      const stored = await tables.nodes.update(uuid, fitTexts(core.config, changes));
      if (stored === undefined) throw new NodeNotFound(uuid);
      return stored;
    },
    (row) => {
      if (row.reservation === null) return;
      // What is refused for its state is refused at once rather than after waiting for the lock.
      const node = decodeNode(row);
      checkUpdatable(node, edit(node), context.minor);
    },
  );
}

/** Rules that concern other rows: parent, instance, allocation. */
async function applyReferences(tables: Tables, node: NodeRecord, changes: Partial<NodeRecord>): Promise<void> {
  if (changes.parent_node && changes.parent_node !== node.parent_node) {
    await checkParent(tables, node.uuid, changes.parent_node, changes.owner ?? node.owner);
  }
  if (changes.instance_uuid && changes.instance_uuid !== node.instance_uuid) {
    await checkInstance(tables, changes.instance_uuid, node.uuid);
  }
  if (node.allocation_uuid === null) return;
  if (changes.instance_uuid === null) {
    await tables.allocations.delete(node.allocation_uuid);
    changes.allocation_uuid = null;
  }
  if (changes.owner !== undefined && changes.owner !== node.owner) {
    const allocation = await tables.allocations.find('uuid', node.allocation_uuid);
    if (allocation?.owner) {
      throw new Conflict(
        `Cannot change the owner of node ${node.uuid}: its allocation ${node.allocation_uuid} belongs to ${allocation.owner}.`,
      );
    }
  }
}

/** A parent exists, has the same owner, and is not below the node itself: power changes walk up and down this tree. */
async function checkParent(
  tables: Tables,
  node: string | undefined,
  parent: string,
  owner: string | null,
): Promise<void> {
  const row = await tables.nodes.find('uuid', parent);
  const seen = new Set<string>();
  let above = row;
  while (above !== undefined && above.uuid !== node && !seen.has(above.uuid)) {
    seen.add(above.uuid);
    above = above.parent_node === null ? undefined : await tables.nodes.find('uuid', above.parent_node);
  }
  if (row !== undefined && (row.owner ?? null) === owner && above === undefined) return;
  throw new InvalidParameterValue(
    `Unable to apply the requested parent_node '${parent}'. Requested value was invalid.`,
  );
}

async function checkInstance(tables: Tables, instance: string, node: string): Promise<void> {
  const holder = await tables.nodes.find('instance_uuid', instance);
  if (holder !== undefined && holder.uuid !== node) throw new InstanceAssociated(instance, node);
}

export async function destroyNode(core: Core, context: RequestContext, uuid: string): Promise<void> {
  const row = await core.store.nodes.find('uuid', uuid);
  if (row === undefined) throw new NodeNotFound(uuid);
  checkDeletable(core, decodeNode(row));
  if (Number(row.console_enabled) !== 0) {
    await using task = await NodeTask.exclusive(core, uuid, context);
    try {
      await task.hardware.console?.stopConsole(task);
    } catch (error) {
      task.log.warn({ reason: messageOf(error) }, 'The console of a node to be deleted could not be stopped');
    }
  }
  await changeUnlocked(core, uuid, async (tables, node) => {
    checkDeletable(core, node);
    if (node.allocation_uuid !== null) await tables.allocations.delete(node.allocation_uuid);
    await tables.nodes.delete(uuid);
  });
}

function checkDeletable(core: Core, node: NodeRecord): void {
  if (node.protected) throw new NodeProtected(node.uuid);
  if (node.maintenance) return;
  if (node.instance_uuid !== null) throw new NodeAssociated(node.uuid, node.instance_uuid);
  const allowed = [...DELETE_ALLOWED_STATES];
  if (core.config.conductor.allow_deleting_available_nodes) allowed.push('available');
  if (allowed.includes(node.provision_state)) return;
  throw new Conflict(
    `Can not delete node "${node.uuid}" while it is in provision state "${node.provision_state}". Valid provision states ` +
      `to perform deletion are: "(${allowed.map(pythonRepr).join(', ')})", or set the node into maintenance mode`,
  );
}

export async function setMaintenance(
  core: Core,
  uuid: string,
  maintenance: boolean,
  reason: string | null,
): Promise<void> {
  const changes: Partial<NodeRecord> = maintenance
    ? { maintenance: true, maintenance_reason: reason }
    : { maintenance: false, maintenance_reason: null, fault: null };
  await changeUnlocked(core, uuid, (tables) => tables.nodes.update(uuid, fitTexts(core.config, changes)));
}

export async function setTraits(
  core: Core,
  uuid: string,
  change: (traits: readonly string[]) => string[],
): Promise<void> {
  await changeUnlocked(core, uuid, async (tables, node) => {
    const traits = change(node.traits);
    await tables.nodes.update(uuid, { traits });
  });
}

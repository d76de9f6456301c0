// SPDX-License-Identifier: Apache-2.0

/**
 * Allocations: claims on nodes. A claim is stored, then a worker looks for a node that fits it; one transaction marks
 * node and claim. What a dead process left looking is taken up by the next (or another) one.
 */

import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Conflict, messageOf, NodeNotFound, NotFound } from '../errors.ts';
import { decodeRow } from '../model/columns.ts';
import { type AllocationRecord, type AllocationRow, allocationColumns, type NodeRecord } from '../model/resources.ts';
import { UPDATE_ALLOWED_STATES } from '../model/states.ts';
import type { Condition, Tables } from '../store/store.ts';
import type { Core } from './core.ts';
import { AllocationFailed, NodeAssociated } from './errors.ts';
import { changeUnlocked, decodeNode } from './task.ts';

/** Stores a claim and starts to look for its node. @throws NoFreeConductorWorker before anything is stored */
export async function createAllocation(core: Core, values: Partial<AllocationRecord>): Promise<AllocationRow> {
  const slot = core.workers.reserve('api');
  try {
    const row = await core.store.allocations.insert({ ...values, state: 'allocating', conductor_affinity: core.host });
    slot.run(() => placeAllocation(core, row.uuid));
    return row;
  } catch (error) {
    slot.release();
    throw error;
  }
}

/** Makes the claim for a node that is in use already. @throws Conflict when the node and the claim do not agree */
export async function backfillAllocation(
  core: Core,
  node: string,
  values: Partial<AllocationRecord>,
): Promise<AllocationRow> {
  const uuid = values.uuid ?? randomUUID();
  return await changeUnlocked(core, node, async (tables, record) => {
    checkBackfill(uuid, record, values);
    const row = await tables.allocations.insert({
      ...values,
      uuid,
      resource_class: values.resource_class ?? record.resource_class,
      state: 'active',
      node_uuid: node,
    });
    await mark(tables, record, uuid, values.traits ?? []);
    return row;
  });
}

function checkBackfill(uuid: string, node: NodeRecord, values: Partial<AllocationRecord>): void {
  if (node.instance_uuid !== null && node.instance_uuid !== uuid)
    throw new NodeAssociated(node.uuid, node.instance_uuid);
  const refuse = (why: string): never => {
    throw new Conflict(
      `Failed to process allocation ${uuid}: Cannot backfill an allocation for node ${node.uuid}: ${why}`,
    );
  };
  const { resource_class: wanted, candidate_nodes: candidates = [], traits = [] } = values;
  if (node.provision_state !== 'active') {
    refuse(`Node must be in the "active" state, but it is in "${node.provision_state}"`);
  }
  if (wanted && wanted !== node.resource_class) {
    refuse(`its resource class is ${node.resource_class ?? 'not set'}, not ${wanted}`);
  }
  if (candidates.length > 0 && !candidates.includes(node.uuid)) refuse('it is not one of the candidate nodes');
  const missing = traits.filter((trait) => !node.traits.includes(trait));
  if (missing.length > 0) refuse(`it lacks the traits ${missing.join(', ')}`);
}

/** Gives a claim up and frees its node. @throws Conflict while the node is in use */
export async function destroyAllocation(core: Core, uuid: string): Promise<void> {
  const node = await core.store.transaction(async ({ allocations }) => {
    const row = await allocations.find('uuid', uuid, { forUpdate: true });
    if (row === undefined) throw notFound(uuid);
    if (row.node_uuid === null) await allocations.delete(uuid);
    return row.node_uuid;
  });
  if (node === null) return;
  try {
    await changeUnlocked(core, node, async (tables, record) => {
      checkReleasable(uuid, record);
      if (record.allocation_uuid === uuid) {
        await tables.nodes.update(node, { instance_uuid: null, allocation_uuid: null });
      }
      if (!(await tables.allocations.delete(uuid))) throw notFound(uuid);
    });
  } catch (error) {
    if (!(error instanceof NodeNotFound)) throw error;
  }
}

function checkReleasable(uuid: string, node: NodeRecord): void {
  if (node.maintenance) return;
  const moving = node.target_provision_state !== null && !UPDATE_ALLOWED_STATES.has(node.provision_state);
  if (!moving && node.provision_state !== 'active') return;
  throw new Conflict(
    `Cannot remove allocation ${uuid} for node ${node.uuid}, because the node is in state ${node.provision_state} ` +
      'and not in maintenance mode.',
  );
}

/** Goes on with what this process was looking for when it ended. */
export async function resumeAllocations(core: Core): Promise<void> {
  await placeAll(core, [{ column: 'conductor_affinity', op: '=', value: core.host }]);
}

/** Takes over what dead processes were looking for. */
export async function takeOverAllocations(core: Core): Promise<void> {
  for (const row of await core.store.allocations.list({ where: [LOOKING], columns: ['conductor_affinity'] })) {
    const { uuid, conductor_affinity: host } = row;
    if (host !== null && core.members.isAlive(host)) continue;
    const same: Condition =
      host === null
        ? { column: 'conductor_affinity', op: 'is null' }
        : { column: 'conductor_affinity', op: '=', value: host };
    const ours = await core.store.allocations.update(uuid, { conductor_affinity: core.host }, [LOOKING, same]);
    if (ours !== undefined) (await core.workers.wait()).run(() => placeAllocation(core, uuid));
  }
}

const LOOKING: Condition = { column: 'state', op: '=', value: 'allocating' };

async function placeAll(core: Core, where: readonly Condition[]): Promise<void> {
  for (const { uuid } of await core.store.allocations.list({ where: [LOOKING, ...where], columns: ['uuid'] })) {
    (await core.workers.wait()).run(() => placeAllocation(core, uuid));
  }
}

/** Finds a node for a claim, or says on the claim why there is none. */
async function placeAllocation(core: Core, uuid: string): Promise<void> {
  const log = core.log.child({ allocation: uuid });
  try {
    const row = await core.store.allocations.find('uuid', uuid);
    if (row === undefined || row.state !== 'allocating') return;
    const node = await reserveNode(core, decodeRow(allocationColumns, row) as AllocationRecord);
    if (node !== undefined) log.info({ node }, 'Allocated');
  } catch (error) {
    if (core.signal.aborted) return;
    const text = `Failed to process allocation ${uuid}: ${messageOf(error)}`;
    log.error({ err: error instanceof AllocationFailed ? undefined : error, reason: messageOf(error) }, text);
    await core.store.allocations
      .update(uuid, { state: 'error', last_error: text }, [LOOKING])
      .catch((second: unknown) => log.error({ err: second }, 'The failure could not be recorded'));
  }
}

/** Tries the candidates in turn, those that were locked again later; undefined when the claim is gone. */
async function reserveNode(core: Core, allocation: AllocationRecord): Promise<string | undefined> {
  const { node_locked_retry_attempts: attempts, node_locked_retry_interval: interval } = core.config.conductor;
  let left = await candidatesOf(core, allocation);
  const suitable = left.length;
  for (let attempt = 1; ; attempt += 1) {
    const locked: string[] = [];
    for (const node of left) {
      const outcome = await take(core, allocation, node);
      if (outcome === 'taken') return node;
      if (outcome === 'gone') return undefined;
      if (outcome === 'locked') locked.push(node);
    }
    if (locked.length === 0) throw new AllocationFailed('all nodes were filtered out during reservation');
    if (attempt >= attempts) throw new AllocationFailed(`could not reserve any of ${suitable} suitable nodes`);
    left = locked;
    await sleep(interval * 1000, undefined, { signal: core.signal });
  }
}

/** UUIDs of the nodes that fit: the one named like the claim first, the others in random order. */
async function candidatesOf(core: Core, allocation: AllocationRecord): Promise<string[]> {
  const { resource_class: wanted, candidate_nodes: named, traits, name } = allocation;
  const where: Condition[] = [
    { column: 'resource_class', op: '=', value: wanted ?? '' },
    { column: 'provision_state', op: '=', value: 'available' },
    { column: 'instance_uuid', op: 'is null' },
    { column: 'power_state', op: 'is not null' },
    { column: 'maintenance', op: '=', value: false },
    ...(named.length > 0 ? [{ column: 'uuid', op: 'in', value: named } as const] : []),
  ];
  const rows = await core.store.nodes.list({ where, columns: ['name', 'traits', 'owner', 'lessee'] });
  const available = rows.filter((row) => belongs(allocation, row));
  if (available.length === 0) {
    throw new AllocationFailed(
      named.length > 0
        ? `none of the requested nodes are available and match the resource class ${wanted}.`
        : `no available nodes match the resource class ${wanted}.`,
    );
  }
  const fitting = available.filter((row) => hasTraits(JSON.parse(row.traits) as string[], traits));
  if (fitting.length === 0) {
    throw new AllocationFailed(`no suitable nodes have the requested traits ${traits.join(', ')}`);
  }
  const order = fitting.map((row) => ({
    uuid: row.uuid,
    key: name !== null && row.name === name ? -1 : Math.random(),
  }));
  return order.sort((one, two) => one.key - two.key).map(({ uuid }) => uuid);
}

function belongs({ owner }: AllocationRecord, node: { owner: string | null; lessee: string | null }): boolean {
  return owner === null || node.owner === owner || node.lessee === owner;
}

function hasTraits(traits: readonly string[], wanted: readonly string[]): boolean {
  return wanted.every((trait) => traits.includes(trait));
}

/** Gives the node to the claim, if it is free and still fits, in one transaction. */
async function take(
  core: Core,
  allocation: AllocationRecord,
  uuid: string,
): Promise<'taken' | 'locked' | 'unfit' | 'gone'> {
  return await core.store.transaction(async (tables) => {
    const row = await tables.nodes.find('uuid', uuid, { forUpdate: true });
    if (row === undefined) return 'unfit';
    if (row.reservation !== null) return 'locked';
    const node = decodeNode(row);
    if (!fits(allocation, node)) return 'unfit';
    const claim = await tables.allocations.find('uuid', allocation.uuid, { forUpdate: true });
    if (claim === undefined || claim.state !== 'allocating') return 'gone';
    await tables.allocations.update(claim.uuid, { state: 'active', node_uuid: uuid, last_error: null });
    await mark(tables, node, claim.uuid, allocation.traits);
    return 'taken';
  });
}

function fits(allocation: AllocationRecord, node: NodeRecord): boolean {
  return (
    node.provision_state === 'available' &&
    node.instance_uuid === null &&
    node.power_state !== null &&
    !node.maintenance &&
    node.resource_class === allocation.resource_class &&
    belongs(allocation, node) &&
    hasTraits(node.traits, allocation.traits)
  );
}

async function mark(tables: Tables, node: NodeRecord, allocation: string, traits: readonly string[]): Promise<void> {
  await tables.nodes.update(node.uuid, {
    instance_uuid: allocation,
    allocation_uuid: allocation,
    instance_info: { ...node.instance_info, traits: [...traits] },
  });
}

function notFound(uuid: string): NotFound {
  return new NotFound(`Allocation ${uuid} could not be found.`);
}

// SPDX-License-Identifier: Apache-2.0

/** What a dead process left behind: this one's previous life at start-up, other conductors' while running. */

import { messageOf, NodeLocked, NodeNotFound } from '../errors.ts';
import type { NodeRecord } from '../model/resources.ts';
import { INTERRUPTED } from '../model/states.ts';
import type { Condition } from '../store/store.ts';
import { type Core, INTERNAL } from './core.ts';
import { NodeTask } from './task.ts';
import { fromNow } from './time.ts';
import { decodeWork, type Engine } from './workflows/engine.ts';

/** Rows changed or read at a time. */
const BATCH = 500;

/** Why something could not go on, in the words clients know. */
export interface Reasons {
  power(): string;
  work(state: string): string;
}

export function restartReasons(core: Core): Reasons {
  return {
    power: () => 'Pending power operation was aborted due to conductor restart',
    work: (state) => `The ${state} state can't be resumed by conductor ${core.host}. Moving to fail state.`,
  };
}

export const TAKEOVER_REASONS: Reasons = {
  power: () => 'Pending power operation was aborted due to conductor take over',
  work: () => 'Operation was aborted due to conductor take over',
};

/** How long a reservation must have been there before it can be a lost one, seconds. */
const LOST_AFTER = 60;

/** Gives back reservations in this process's name that nobody in it holds: their release failed. */
export async function releaseLostLocks(core: Core, reasons: Reasons): Promise<number> {
  const rows = await core.store.nodes.list({
    where: [
      { column: 'reservation', op: '=', value: core.host },
      { column: 'updated_at', op: '<', value: fromNow(-LOST_AFTER) },
    ],
    columns: ['provision_state', 'target_power_state', 'updated_at'],
  });
  let released = 0;
  for (const row of rows) {
    if (core.held.has(row.uuid)) continue;
    const pending = row.target_power_state !== null && !isWorking(row.provision_state);
    const freed = await core.store.nodes.update(
      row.uuid,
      { reservation: null, target_power_state: null, ...(pending ? { last_error: reasons.power() } : {}) },
      [
        { column: 'reservation', op: '=', value: core.host },
        { column: 'updated_at', op: '=', value: row.updated_at ?? '' },
      ],
    );
    if (freed === undefined) continue;
    core.log.warn({ node: row.uuid }, 'A lock nobody held any more was given back');
    released += 1;
  }
  return released;
}

/** Frees the nodes a host had locked, power requests that were under way included. Returns how many there were. */
export async function releaseLocks(core: Core, isDead: (host: string) => boolean, reasons: Reasons): Promise<number> {
  const locked = await core.store.nodes.list({
    where: [{ column: 'reservation', op: 'is not null' }],
    columns: ['reservation', 'target_power_state', 'provision_state'],
  });
  const ours = locked.filter((row) => row.reservation !== null && isDead(row.reservation));
  // Power that a workflow was changing is that workflow's business: it is taken up again.
  const pending = ours.filter((row) => row.target_power_state !== null && !isWorking(row.provision_state));
  await inBatches(core, pending, { target_power_state: null, last_error: reasons.power() });
  await inBatches(core, ours, { target_power_state: null, reservation: null });
  return ours.length;
}

async function inBatches(core: Core, rows: readonly { uuid: string }[], changes: Partial<NodeRecord>): Promise<void> {
  for (let from = 0; from < rows.length; from += BATCH) {
    const uuids = rows.slice(from, from + BATCH).map((row) => row.uuid);
    await core.store.nodes.updateWhere([{ column: 'uuid', op: 'in', value: uuids }], changes);
  }
}

/** This process's own work rows of its previous life belong to nobody now. */
export async function disownWork(core: Core): Promise<void> {
  await core.store.work.updateWhere([{ column: 'lease_owner', op: '=', value: core.host }], {
    lease_owner: null,
    lease_until: null,
  });
}

/** Leases all work nobody does and takes it up, as workers become free. Returns how much there was. */
export async function takeUpWork(core: Core, engine: Engine, reasons: Reasons): Promise<number> {
  let count = 0;
  for (;;) {
    const rows = await core.store.leaseWork(core.host, core.config.conductor.heartbeat_timeout, BATCH);
    for (const row of rows) {
      if (core.signal.aborted) return count;
      await engine.resume(decodeWork(row), (state) => reasons.work(state));
      count += 1;
    }
    if (rows.length < BATCH) return count;
  }
}

/** Fails every node of this conductor that is in a working state although nobody works on it. */
export async function failAbandoned(core: Core, engine: Engine, reasons: Reasons): Promise<number> {
  const where: Condition[] = [
    { column: 'provision_state', op: 'in', value: Object.keys(INTERRUPTED) },
    { column: 'reservation', op: 'is null' },
  ];
  const columns = ['driver', 'conductor_group', 'provision_state'];
  const rows = await core.store.nodes.list({ where, columns });
  if (rows.length === 0) return 0;
  const busy = new Set((await core.store.work.list({ columns: ['node_uuid'] })).map((row) => row.node_uuid));
  let failed = 0;
  for (const row of rows) {
    if (core.signal.aborted) break;
    const owner = core.members.ownerOf(row);
    if (busy.has(row.uuid) || (owner !== null && owner !== core.host)) continue;
    try {
      const task = await NodeTask.exclusive(core, row.uuid, INTERNAL, {
        attempts: 1,
        where: [{ column: 'provision_state', op: '=', value: row.provision_state }],
      });
      await engine.giveUp(task, undefined, reasons.work(row.provision_state));
      failed += 1;
    } catch (error) {
      if (!(error instanceof NodeLocked || error instanceof NodeNotFound)) {
        core.log.error({ node: row.uuid, reason: messageOf(error) }, 'An interrupted node could not be failed');
      }
    }
  }
  return failed;
}

/**
 * Active nodes that another conductor deployed and that map to this one now: what this process serves for them (boot
 * files, consoles) is made ready; the machines themselves are not touched. At most `[conductor]periodic_max_workers` a time.
 */
export async function takeOverActive(core: Core): Promise<number> {
  const rows = await core.store.nodes.list({
    where: [
      { column: 'provision_state', op: '=', value: 'active' },
      { column: 'maintenance', op: '=', value: false },
      { column: 'reservation', op: 'is null' },
      { column: 'conductor_affinity', op: 'is not null' },
      { column: 'conductor_affinity', op: '!=', value: core.host },
    ],
    columns: ['driver', 'conductor_group'],
  });
  const ours = rows.filter((row) => core.members.ownerOf(row) === core.host);
  let taken = 0;
  for (const { uuid } of ours.slice(0, core.config.conductor.periodic_max_workers)) {
    if (core.signal.aborted) break;
    try {
      await using task = await NodeTask.exclusive(core, uuid, INTERNAL, { attempts: 1 });
      const { deploy, console } = task.hardware;
      await deploy.prepare(task);
      await deploy.takeOver(task);
      if (task.node.console_enabled && console !== undefined) await console.startConsole(task);
      await task.release({ conductor_affinity: core.host });
      taken += 1;
    } catch (error) {
      core.log.warn({ node: uuid, reason: messageOf(error) }, 'An active node could not be taken over');
    }
  }
  return taken;
}

function isWorking(state: string): boolean {
  return Object.hasOwn(INTERRUPTED, state);
}

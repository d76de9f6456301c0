// SPDX-License-Identifier: Apache-2.0

/** Nodes that were given up because of their power come back by themselves when they answer again. */

import { messageOf } from '../errors.ts';
import type { Condition } from '../store/store.ts';
import { type Core, INTERNAL } from './core.ts';
import { remember } from './history.ts';
import { NodeTask } from './task.ts';

/** Fault of nodes whose power could not be read or kept. */
export const POWER_FAILURE = 'power failure';

/** Maintenance that people set, or another fault, is never left by itself. */
const GIVEN_UP: readonly Condition[] = [
  { column: 'maintenance', op: '=', value: true },
  { column: 'fault', op: '=', value: POWER_FAILURE },
  { column: 'provision_state', op: '!=', value: 'enroll' },
  { column: 'target_power_state', op: 'is null' },
  { column: 'reservation', op: 'is null' },
];

/** Tries the nodes in power failure; those that answer leave maintenance. Returns how many. */
export async function recoverFromPowerFailure(core: Core): Promise<number> {
  const { store, members, host, signal } = core;
  const rows = await store.nodes.list({ where: GIVEN_UP, columns: ['driver', 'conductor_group'] });
  let recovered = 0;
  for (const row of rows) {
    if (signal.aborted) break;
    if ((members.ownerOf(row) ?? host) === host && (await recover(core, row.uuid))) recovered += 1;
  }
  return recovered;
}

async function recover(core: Core, uuid: string): Promise<boolean> {
  try {
    const task = await NodeTask.shared(core, uuid, INTERNAL);
    await task.hardware.power.validate(task);
    const state = await task.hardware.power.getPowerState(task);
    if (state === 'error' || state === null) return false;
    const changed = await core.store.nodes.update(
      uuid,
      { power_state: state, maintenance: false, maintenance_reason: null, fault: null, last_error: null },
      GIVEN_UP,
    );
    if (changed === undefined) return false;
    task.log.info({ power_state: state }, 'The node recovered from its power failure');
    const event = `Recovered from power failure; power state is "${state}"`;
    await remember(core, core.store, task.node, { severity: 'INFO', type: 'monitoring', event }, INTERNAL);
    return true;
  } catch (error) {
    core.log.debug({ node: uuid, reason: messageOf(error) }, 'The node is still in power failure');
    return false;
  }
}

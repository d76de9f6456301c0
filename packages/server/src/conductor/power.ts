// SPDX-License-Identifier: Apache-2.0

/** `PUT states/power`. */

import { InvalidParameterValue, InvalidStateRequested, messageOf, NodeNotFound, PowerStateFailure } from '../errors.ts';
import type { PowerTarget } from '../hardware/contracts.ts';
import type { NodeRecord, NodeRow } from '../model/resources.ts';
import type { Core, Origin } from './core.ts';
import { LockLost } from './errors.ts';
import { remember } from './history.ts';
import { attemptPowerAction } from './power-action.ts';
import { reserveWorker } from './reserve-worker.ts';
import { decodeNode, fitTexts, Locked, NodeTask, retryLocked } from './task.ts';
import { resultOf } from './wait-for-power-state.ts';
import type { WorkerSlot } from './workers.ts';
import { unchangedSince } from './workflows/engine.ts';

const TARGETS: ReadonlySet<string> = new Set([
  'power on',
  'power off',
  'rebooting',
  'soft rebooting',
  'soft power off',
]);

/** Accepts a power request: checks it, stores the target with the lock, and lets a worker do it. */
export async function changePower(
  core: Core,
  origin: Origin,
  uuid: string,
  target: PowerTarget,
  timeout: number | null,
): Promise<void> {
  await retryLocked<true>(core, uuid, async () => {
    const row = await core.store.nodes.find('uuid', uuid);
    if (row === undefined) throw new NodeNotFound(uuid);
    checkRequest(row, target, timeout);
    if (row.reservation !== null) return new Locked(row.reservation);
    const task = new NodeTask(core, decodeNode(row), origin, false);
    await task.load();
    await task.hardware.power.validate(task);
    if (!task.hardware.power.supportedPowerStates(task).includes(target)) {
      throw new InvalidParameterValue(`The driver ${row.driver} does not support the power state, ${target}`);
    }
    const slot = await reserveWorker(core, task);
    let taken: NodeRow | undefined;
    try {
      taken = await core.store.nodes.update(
        uuid,
        { reservation: core.host, target_power_state: resultOf(target), last_error: null },
        unchangedSince(row),
      );
      if (taken === undefined) return new Locked(null);
      startPowerAction(core, slot, task.locked(taken), target, effectiveTimeout(core, target, timeout));
      return true;
    } finally {
      if (taken === undefined) slot.release();
    }
  });
}

function checkRequest(row: NodeRow, target: PowerTarget, timeout: number | null): void {
  if (timeout !== null && timeout < 1) throw new InvalidParameterValue('timeout has to be positive integer');
  if (!TARGETS.has(target)) throw new InvalidStateRequested(target, row.uuid, row.power_state);
  if (row.provision_state === 'cleaning' || row.provision_state === 'clean wait') {
    throw new InvalidStateRequested(target, row.uuid, row.provision_state);
  }
  if (Number(row.disable_power_off) !== 0 && resultOf(target) === 'power off') {
    throw new PowerStateFailure('power off');
  }
}

function effectiveTimeout(core: Core, target: PowerTarget, timeout: number | null): number | null {
  const soft = target === 'soft power off' || target === 'soft rebooting';
  return timeout ?? (soft ? core.config.conductor.soft_power_off_timeout : null);
}

/** Runs a power action on a locked node and gives the lock back with the result. */
function startPowerAction(
  core: Core,
  slot: WorkerSlot,
  task: NodeTask,
  target: PowerTarget,
  timeout: number | null,
): void {
  slot.run(async () => {
    try {
      const { changes } = await attemptPowerAction(task, target, timeout);
      await finishPowerAction(core, task, changes);
    } catch (error) {
      if (core.signal.aborted || error instanceof LockLost) return;
      const text = `Async execution of do_node_power_action failed with error: ${messageOf(error)}`;
      task.log.error({ err: error, target }, text);
      try {
        await finishPowerAction(core, task, { target_power_state: null, last_error: text });
      } catch (second) {
        task.log.error({ err: second }, 'The failure of a power action could not be recorded');
      }
    } finally {
      task.abandon();
    }
  });
}

async function finishPowerAction(core: Core, task: NodeTask, changes: Partial<NodeRecord>): Promise<void> {
  const fitted = fitTexts(core.config, changes);
  const text = fitted.last_error;
  if (!text) {
    await task.release(fitted);
    return;
  }
  await core.store.transaction(async (tables) => {
    await remember(core, tables, task.node, { severity: 'ERROR', type: 'monitoring', event: text }, task.origin);
    await task.saveIn(tables, { ...fitted, reservation: null });
  });
  task.released();
}

// SPDX-License-Identifier: Apache-2.0

/** Changing a node's power, whoever asks: an API request, a workflow, the power sync. */

import { messageOf, PowerStateFailure } from '../errors.ts';
import type { PowerTarget, Task } from '../hardware/contracts.ts';
import type { NodeRecord } from '../model/resources.ts';
import { isFailed } from '../model/states.ts';
import { remembersAgent, withoutAgent } from './agent-memory.ts';
import { utcMicroseconds } from './time.ts';
import { resultOf } from './wait-for-power-state.ts';

/** A task that knows which other nodes a power change concerns. */
interface RelatedTask extends Task {
  /** Called before the machine itself is touched. */
  switchRelatives(target: PowerTarget): Promise<void>;
}

function hasRelatives(task: Task): task is RelatedTask {
  return 'switchRelatives' in task;
}

/**
 * Switches a node and records what happens: `target_power_state` while it runs, `power_state` afterwards, `last_error` when
 * it fails. `power on`, `power off` and `soft power off` do nothing when the machine is there already; the agent is forgotten
 * by everything that stops it.
 *
 * @param timeout seconds; null: the driver's default
 * @throws PowerStateFailure, or what the driver threw
 */
export async function nodePowerAction(task: Task, target: PowerTarget, timeout: number | null = null): Promise<void> {
  const { changes, error } = await attemptPowerAction(task, target, timeout);
  await task.save(changes);
  if (error !== undefined) throw error;
}

/** The outcome of a power action: changes that remain to be saved, and what went wrong. */
export interface PowerOutcome {
  readonly changes: Partial<NodeRecord>;
  readonly error?: unknown;
}

/** `nodePowerAction` without its last write, which the caller may join with its own. Never throws device errors. */
export async function attemptPowerAction(
  task: Task,
  target: PowerTarget,
  timeout: number | null,
): Promise<PowerOutcome> {
  const { node, hardware } = task;
  const result = resultOf(target);
  const stops = target !== 'power on';
  if (node.disable_power_off && (target === 'power off' || target === 'soft power off')) {
    const error = new PowerStateFailure(target, 'Powering it off is disabled (disable_power_off).');
    return { changes: { target_power_state: null, last_error: error.message }, error };
  }
  const keepsError = isFailed(node.provision_state);
  if (target !== 'rebooting' && target !== 'soft rebooting') {
    try {
      const current = await hardware.power.getPowerState(task);
      if (current === 'error') throw new PowerStateFailure(result, 'The power state reads "error".');
      if (current === result) {
        task.log.debug({ power_state: current }, 'The power state is the wanted one already');
        return {
          changes: {
            power_state: result,
            target_power_state: null,
            ...(keepsError ? {} : { last_error: null }),
            ...(stops && remembersAgent(node.driver_internal_info)
              ? { driver_internal_info: withoutAgent(node.driver_internal_info) }
              : {}),
          },
        };
      }
    } catch (error) {
      if (task.signal.aborted) throw error;
      return failure(task, `Failed to change power state to '${target}': ${messageOf(error)}`, error);
    }
  }
  await task.save({
    ...(node.target_power_state === result ? {} : { target_power_state: result }),
    ...(keepsError || node.last_error === null ? {} : { last_error: null }),
    driver_internal_info: {
      ...(stops ? withoutAgent(node.driver_internal_info) : node.driver_internal_info),
      last_power_state_change: utcMicroseconds(),
    },
  });
  try {
    if (result === 'power on' && node.provision_state === 'active') await hardware.storage?.attachVolumes(task);
    if (hasRelatives(task)) await task.switchRelatives(target);
    if (target === 'rebooting') await hardware.power.reboot(task, timeout);
    else await hardware.power.setPowerState(task, target, timeout);
  } catch (error) {
    if (task.signal.aborted) throw error;
    return failure(task, `Failed to change power state to '${result}' by '${target}': ${messageOf(error)}`, error);
  }
  if (result === 'power off' && node.provision_state === 'active') {
    try {
      await hardware.storage?.detachVolumes(task);
    } catch (error) {
      task.log.warn({ err: error }, 'Volumes could not be detached after power off');
    }
  }
  task.log.info({ target, power_state: result }, 'Power changed');
  return { changes: { power_state: result, target_power_state: null } };
}

function failure(task: Task, text: string, error: unknown): PowerOutcome {
  task.log.error({ err: error }, text);
  return { changes: { target_power_state: null, last_error: text }, error };
}

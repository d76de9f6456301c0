// SPDX-License-Identifier: Apache-2.0

import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf, PowerStateFailure } from '../errors.ts';
import type { PowerReading, PowerState, PowerTarget, Task } from '../hardware/contracts.ts';

/** The state a power target leads to. */
export function resultOf(target: PowerTarget): PowerState {
  return target === 'power off' || target === 'soft power off' ? 'power off' : 'power on';
}

/**
 * Waits until the machine is in the wanted state: a first look after one second (sooner when the whole wait is short), then in growing pauses (half as long
 * again each time, spread at random so that many machines are not asked in step). A reading that fails is tried again.
 *
 * @param timeout seconds; null: `[conductor]power_state_change_timeout`
 * @param read how to read the state; by default the node's power interface
 * @throws PowerStateFailure when the time is up, AbortError when the task is aborted
 */
export async function waitForPowerState(
  task: Task,
  state: PowerState,
  timeout: number | null = null,
  read: () => Promise<PowerReading> = () => task.hardware.power.getPowerState(task),
): Promise<void> {
  const limit = (timeout ?? task.config.conductor.power_state_change_timeout) * 1000;
  const deadline = performance.now() + limit;
  let pause = Math.min(1000, limit / 16);
  let trouble: string | undefined;
  for (;;) {
    await sleep(pause, undefined, { signal: task.signal });
    try {
      const reading = await read();
      if (reading === state) return;
      trouble = reading === 'error' ? 'The power state reads "error".' : undefined;
    } catch (error) {
      if (task.signal.aborted) throw error;
      trouble = `The last reading failed: ${messageOf(error)}`;
    }
    const left = deadline - performance.now();
    if (left <= 0) throw new PowerStateFailure(state, trouble);
    pause = Math.min(pause * 1.5 * (0.75 + Math.random() / 2), left);
  }
}

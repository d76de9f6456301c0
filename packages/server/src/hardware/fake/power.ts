// SPDX-License-Identifier: Apache-2.0

import type { PowerInterface, PowerReading, PowerState, Task } from '../contracts.ts';
import type { Delay } from './delay.ts';

const TARGETS = ['power on', 'power off', 'rebooting', 'soft rebooting', 'soft power off'] as const;

/** A machine whose power is what the node's record says; unknown (null) stays unknown until it is set. */
export function fakePower(delay: Delay): PowerInterface {
  async function become(task: Task, state: PowerState): Promise<void> {
    await delay(task.signal);
    if (task.node.power_state !== state) await task.save({ power_state: state });
  }
  return {
    validate: () => undefined,
    supportedPowerStates: () => TARGETS,
    async getPowerState(task) {
      await delay(task.signal);
      return recorded(task);
    },
    setPowerState: (task, target) => become(task, target.endsWith('off') ? 'power off' : 'power on'),
    reboot: (task) => become(task, 'power on'),
  };
}

function recorded(task: Task): PowerReading {
  const state = task.node.power_state;
  return state === 'power on' || state === 'power off' || state === 'error' ? state : null;
}

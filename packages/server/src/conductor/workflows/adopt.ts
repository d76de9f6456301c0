// SPDX-License-Identifier: Apache-2.0

/** manageable -> adopting -> active: takes over a machine that runs already. Nothing is powered or written. */

import { messageOf } from '../../errors.ts';
import type { Outcome, Run, Workflow } from './workflow.ts';

export const adopt: Workflow = {
  name: 'adopt',
  steps: {
    adopt: async ({ core, task }: Run): Promise<Outcome> => {
      const { hardware, node } = task;
      await hardware.deploy.prepare(task);
      await hardware.deploy.takeOver(task);
      if (node.console_enabled && hardware.console !== undefined) await hardware.console.startConsole(task);
      return { event: 'done', changes: { conductor_affinity: core.host } };
    },
  },
  failed: async ({ task }, error) => ({
    event: 'fail',
    changes: {
      power_state: null,
      last_error: `Error while attempting to adopt node ${task.node.uuid}: ${messageOf(error)}.`,
    },
  }),
};

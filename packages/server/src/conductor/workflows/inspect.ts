// SPDX-License-Identifier: Apache-2.0

/** manageable -> inspecting (-> inspect wait) -> manageable. */

import { messageOf } from '../../errors.ts';
import { requireInterface } from '../../hardware/composition.ts';
import type { Outcome, Run, Workflow } from './workflow.ts';

export const inspect: Workflow = {
  name: 'inspect',
  steps: {
    inspect: async ({ task }): Promise<Outcome> => {
      const waits = await requireInterface(task.hardware, 'inspect').inspectHardware(task);
      return waits === 'wait' ? { event: 'wait', next: 'finish', park: true } : { event: 'done' };
    },
    finish: async (): Promise<Outcome> => ({ event: 'done' }),
  },
  failed: async (_run: Run, error) => ({
    event: 'fail',
    changes: { last_error: `Failed to inspect hardware. Reason: ${messageOf(error)}` },
  }),
};

// SPDX-License-Identifier: Apache-2.0

/** enroll -> verifying -> manageable: do the power credentials work? */

import { messageOf } from '../../errors.ts';
import { StepFailed } from '../errors.ts';
import { readFacts } from './facts.ts';
import { driverSteps, stepId } from './steps.ts';
import type { Outcome, Run, Workflow } from './workflow.ts';

export const verify: Workflow = {
  name: 'verify',
  steps: { verify: verifyNode },
  failed: async (_run, error) => ({ event: 'fail', changes: { last_error: messageOf(error) } }),
};

async function verifyNode({ core, task }: Run): Promise<Outcome> {
  const { uuid } = task.node;
  try {
    await task.hardware.power.validate(task);
  } catch (error) {
    throw new StepFailed(`Failed to validate power driver interface for node ${uuid}. Error: ${messageOf(error)}`, {
      cause: error,
    });
  }
  let power: string | null;
  try {
    power = await task.hardware.power.getPowerState(task);
    if (power === 'error') throw new StepFailed('the power state reads "error"');
  } catch (error) {
    throw new StepFailed(`Failed to get power state for node ${uuid}. Error: ${messageOf(error)}`, { cause: error });
  }
  for (const step of driverSteps(core.config, task.hardware, 'verify')) {
    if (step.priority <= 0) break;
    const id = stepId({ interface: step.interface, step: step.declaration.step });
    try {
      if ((await step.declaration.run(task, {})) === 'wait') throw new StepFailed('verify steps must complete at once');
    } catch (error) {
      throw new StepFailed(`Verify step ${id} failed: ${messageOf(error)}`, { cause: error });
    }
  }
  return { event: 'done', changes: { ...(await readFacts(task, { tables: true })), power_state: power } };
}

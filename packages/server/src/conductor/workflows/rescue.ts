// SPDX-License-Identifier: Apache-2.0

/** active -> rescuing (-> rescue wait) -> rescue, and back. */

import { messageOf } from '../../errors.ts';
import { requireInterface } from '../../hardware/composition.ts';
import type { JsonObject } from '../../model/json.ts';
import type { NodeRecord } from '../../model/resources.ts';
import type { Outcome, Run, Workflow } from './workflow.ts';

export const rescue: Workflow = {
  name: 'rescue',
  steps: {
    rescue: async ({ task }: Run): Promise<Outcome> => {
      const waits = await requireInterface(task.hardware, 'rescue').rescue(task);
      return waits === 'wait'
        ? { event: 'wait', next: 'finish', park: true }
        : { event: 'done', changes: forgetPassword(task.node) };
    },
    finish: async ({ task }: Run): Promise<Outcome> => {
      await requireInterface(task.hardware, 'rescue').cleanUp(task);
      return { event: 'done', changes: forgetPassword(task.node) };
    },
    /** After an abort or a timeout; the node has its failed state already. */
    cleanUp: async ({ task }: Run): Promise<Outcome> => {
      await requireInterface(task.hardware, 'rescue').cleanUp(task);
      return { changes: forgetPassword(task.node) };
    },
  },
  failed: async ({ task }, error, step) => {
    const forgotten = forgetPassword(task.node);
    if (step === 'cleanUp') {
      const text = `${task.node.last_error ?? ''} Cleaning up failed: ${messageOf(error)}`.trim();
      return {
        changes: {
          ...forgotten,
          maintenance: true,
          fault: 'rescue abort failure',
          maintenance_reason: task.node.maintenance_reason ?? text,
          last_error: text,
        },
      };
    }
    return { event: 'fail', changes: { ...forgotten, last_error: `Failed to rescue: ${messageOf(error)}` } };
  },
};

export const unrescue: Workflow = {
  name: 'unrescue',
  steps: {
    unrescue: async ({ task }: Run): Promise<Outcome> => {
      await requireInterface(task.hardware, 'rescue').unrescue(task);
      return { event: 'done', changes: forgetPassword(task.node) };
    },
  },
  failed: async (_run, error) => ({
    event: 'fail',
    changes: { last_error: `Failed to unrescue: ${messageOf(error)}` },
  }),
};

/** `instance_info` without the rescue password and its hash. */
export function forgetPassword(node: NodeRecord): Partial<NodeRecord> {
  const info: JsonObject = node.instance_info;
  if (!('rescue_password' in info) && !('hashed_rescue_password' in info)) return {};
  const { rescue_password: _password, hashed_rescue_password: _hash, ...instance_info } = info;
  return { instance_info };
}

// SPDX-License-Identifier: Apache-2.0

/** `abort` and `unhold`: what happens to an operation that waits or is held. */

import { Conflict, UnsupportedDriverExtension } from '../errors.ts';
import { requireInterface } from '../hardware/composition.ts';
import type { NodeRecord } from '../model/resources.ts';
import { withoutAgent, withoutFlow } from './agent-memory.ts';
import type { Core } from './core.ts';
import type { NodeTask } from './task.ts';
import { move } from './transition.ts';
import { abortText } from './workflows/flow.ts';
import { forgetPassword } from './workflows/rescue.ts';
import { FLOW_KINDS, type FlowKind, stepField } from './workflows/step-kinds.ts';
import type { Plan } from './workflows/workflow.ts';

/** Decides what an abort does in the node's state. */
export async function planAbort(_core: Core, task: NodeTask): Promise<Plan> {
  const { node } = task;
  switch (node.provision_state) {
    case 'clean wait':
    case 'clean hold':
      return abortFlow(task, 'clean', 'tearDown');
    case 'wait call-back':
    case 'deploy hold':
      return abortFlow(task, 'deploy', 'cleanUp');
    case 'service wait':
    case 'service hold':
      return abortService(task);
    case 'service failed':
      if (node.maintenance) {
        throw new Conflict(
          `Node ${node.uuid} is in maintenance mode; service can only be aborted after it has left it.`,
        );
      }
      return serviceAbort(move(node, 'abort'));
    case 'rescue wait':
      return {
        changes: {
          ...move(node, 'abort'),
          ...forgetPassword(node),
          last_error: 'By request, the rescue operation was aborted.',
        },
        work: { workflow: 'rescue', step: 'cleanUp' },
      };
    default:
      return await abortInspection(task);
  }
}

/** Ends a flow now, or after the running step when that must not be interrupted. */
function abortFlow(task: NodeTask, kind: 'clean' | 'deploy', step: string): Plan {
  const { node } = task;
  const later = deferred(node, kind);
  if (later !== undefined) return later;
  return {
    changes: {
      ...move(node, 'abort'),
      ...stepField(kind, {}),
      last_error: abortText(kind),
      ...(kind === 'deploy' ? { driver_internal_info: withoutFlow(node.driver_internal_info, 'deploy') } : {}),
    },
    work: { workflow: kind, step },
  };
}

/** The running step must not be interrupted: it is marked, and the flow ends with it. */
function deferred(node: NodeRecord, kind: FlowKind): Plan | undefined {
  const entry = FLOW_KINDS[kind];
  const current = node[entry.field];
  if (Object.keys(current).length === 0 || node.provision_state.endsWith('hold')) return undefined;
  if (current.step === 'wait' || current.step === 'hold') return undefined;
  const abortable = typeof current.abortable === 'boolean' ? current.abortable : entry.abortable;
  return abortable ? undefined : { changes: stepField(kind, { ...current, abort_after: true }) };
}

function abortService(task: NodeTask): Plan {
  const { node } = task;
  const later = deferred(node, 'service');
  if (later !== undefined) return later;
  const failed = { ...node, ...move(node, 'fail') };
  return serviceAbort(move(failed, 'abort'));
}

function serviceAbort(moved: Partial<NodeRecord>): Plan {
  return {
    changes: { ...moved, service_step: {}, last_error: abortText('service') },
    work: { workflow: 'service', step: 'abort' },
  };
}

/** An inspection is aborted at once: the driver forgets it while the client waits. */
async function abortInspection(task: NodeTask): Promise<Plan> {
  const { node, hardware } = task;
  const inspect = requireInterface(hardware, 'inspect');
  if (inspect.abort === undefined) throw new UnsupportedDriverExtension(node.driver, 'abort');
  await inspect.abort(task);
  return {
    changes: {
      ...move(node, 'abort'),
      driver_internal_info: withoutAgent(node.driver_internal_info),
      last_error: 'Inspection was aborted by request.',
    },
  };
}

/**
 * Lets a held node go on. Cleaning and deployment go on with the agent's next heartbeat; where no agent takes part, and in
 * service, at once.
 */
export function planUnhold(task: NodeTask): Plan {
  const { node } = task;
  const kind: FlowKind =
    node.provision_state === 'clean hold' ? 'clean' : node.provision_state === 'deploy hold' ? 'deploy' : 'service';
  const changes = move(node, 'unhold');
  const waits = kind !== 'service' && typeof node.driver_internal_info.agent_url === 'string';
  return waits ? { changes } : { changes, work: { workflow: kind, step: 'resume' } };
}

// SPDX-License-Identifier: Apache-2.0

import { InvalidStateRequested } from '../errors.ts';
import { timestamp } from '../model/columns.ts';
import type { NodeRecord } from '../model/resources.ts';
import { isProvisionState, type ProvisionState, STABLE_STATES, STATES, transitionFor } from '../model/states.ts';

/** What a transition depends on. */
export type Position = Pick<NodeRecord, 'uuid' | 'provision_state' | 'target_provision_state'>;

const CLEANING: ReadonlySet<string> = new Set(['cleaning', 'clean wait', 'clean hold', 'clean failed']);

/**
 * The node changes an event causes: provision state, target and the inspection timestamps.
 *
 * The target follows the machine's rules: cleared when the new state is the target, then the new state's default, then
 * `target` where the caller or the transition names one. Within cleaning the target stays what it was, because
 * `manageable` is the only mark of a manual clean. A stable state has no target.
 *
 * @throws InvalidStateRequested (400) when the machine has no such transition
 */
export function move(node: Position, event: string, target?: ProvisionState): Partial<NodeRecord> {
  const transition = transitionFor(node.provision_state, event);
  if (transition === undefined) throw new InvalidStateRequested(event, node.uuid, node.provision_state);
  const to = transition[2];
  const changes: Partial<NodeRecord> = {
    provision_state: to,
    target_provision_state: STABLE_STATES.has(to)
      ? null
      : (target ?? transition[4] ?? keptTarget(node, to) ?? STATES[to].defaultTarget),
    provision_updated_at: timestamp(),
  };
  if (to === 'inspecting' && node.provision_state !== 'inspect wait') {
    changes.inspection_started_at = timestamp();
    changes.inspection_finished_at = null;
  } else if (event === 'done' && (node.provision_state === 'inspecting' || node.provision_state === 'inspect wait')) {
    changes.inspection_finished_at = timestamp();
    changes.inspection_started_at = null;
  } else if (to === 'inspect failed') {
    changes.inspection_started_at = null;
  }
  return changes;
}

function keptTarget(node: Position, to: ProvisionState): ProvisionState | undefined {
  if (!CLEANING.has(node.provision_state) || !CLEANING.has(to)) return undefined;
  const target = node.target_provision_state;
  return target !== null && isProvisionState(target) ? target : undefined;
}

/** Whether the node is being cleaned by hand rather than on its way to `available`. */
export function isManualClean(node: Position): boolean {
  return CLEANING.has(node.provision_state) && node.target_provision_state === 'manageable';
}

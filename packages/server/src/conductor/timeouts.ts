// SPDX-License-Identifier: Apache-2.0

/** Nodes that wait for a call-back that does not come. */

import { messageOf, NoFreeConductorWorker } from '../errors.ts';
import type { NodeRecord, NodeRow } from '../model/resources.ts';
import { withoutAgent, withoutFlow } from './agent-memory.ts';
import { type Core, INTERNAL } from './core.ts';
import { nodePowerAction } from './power-action.ts';
import { decodeNode, NodeTask } from './task.ts';
import { fromNow } from './time.ts';
import { move } from './transition.ts';
import type { Engine } from './workflows/engine.ts';
import { pythonRepr } from './workflows/python-repr.ts';
import { forgetPassword } from './workflows/rescue.ts';
import type { Plan, Workflow } from './workflows/workflow.ts';

type TimeoutOption =
  | 'deploy_callback_timeout'
  | 'clean_callback_timeout'
  | 'service_callback_timeout'
  | 'rescue_callback_timeout'
  | 'inspect_wait_timeout';

interface TimeoutEntry {
  readonly state: string;
  readonly option: TimeoutOption;
  readonly clock: 'provision_updated_at' | 'inspection_started_at';
  plan(node: NodeRecord): Plan;
}

/** What silence leads to, by waiting state. */
const TIMEOUTS: readonly TimeoutEntry[] = [
  {
    state: 'wait call-back',
    option: 'deploy_callback_timeout',
    clock: 'provision_updated_at',
    plan: (node) => ({
      changes: {
        ...move(node, 'fail'),
        last_error: `Timeout reached while waiting for callback for node ${node.uuid}`,
        deploy_step: {},
      },
      work: { workflow: 'deploy', step: 'cleanUp' },
    }),
  },
  {
    state: 'clean wait',
    option: 'clean_callback_timeout',
    clock: 'provision_updated_at',
    plan: (node) => ({
      changes: {
        ...move(node, 'fail'),
        last_error: stepTimeout('cleaning', node.clean_step),
        clean_step: {},
        ...fault(node, node.clean_step, 'clean failure', stepTimeout('cleaning', node.clean_step)),
      },
      work: { workflow: 'clean', step: 'tearDown' },
    }),
  },
  {
    state: 'service wait',
    option: 'service_callback_timeout',
    clock: 'provision_updated_at',
    plan: (node) => ({
      changes: {
        ...move(node, 'fail'),
        last_error: stepTimeout('servicing', node.service_step),
        service_step: {},
        ...fault(node, node.service_step, 'service failure', stepTimeout('servicing', node.service_step)),
      },
      work: { workflow: 'service', step: 'tearDown' },
    }),
  },
  {
    state: 'rescue wait',
    option: 'rescue_callback_timeout',
    clock: 'provision_updated_at',
    plan: (node) => ({
      changes: {
        ...move(node, 'fail'),
        ...forgetPassword(node),
        last_error: 'Timeout reached while waiting for rescue ramdisk callback for node',
      },
      work: { workflow: 'timeout', step: 'rescue' },
    }),
  },
  {
    state: 'inspect wait',
    option: 'inspect_wait_timeout',
    clock: 'inspection_started_at',
    plan: (node) => ({
      changes: {
        ...move(node, 'fail'),
        driver_internal_info: withoutAgent(node.driver_internal_info),
        last_error:
          'Timeout reached while inspecting the node. Please check if the ramdisk responsible for the inspection is ' +
          'running on the node.',
      },
      work: { workflow: 'timeout', step: 'inspect' },
    }),
  },
];

function stepTimeout(what: string, step: NodeRecord['clean_step']): string {
  return (
    `Timeout reached while ${what} the node. Please check if the ramdisk responsible for the ${what} is running on the ` +
    `node. Failed on step ${pythonRepr(step)}.`
  );
}

/** Maintenance and fault, only when a step was running. */
function fault(node: NodeRecord, step: NodeRecord['clean_step'], name: string, text: string): Partial<NodeRecord> {
  if (Object.keys(step).length === 0) return {};
  return { maintenance: true, fault: name, maintenance_reason: node.maintenance_reason ?? text };
}

/** Fails the silent nodes of these states, oldest first, at most `[conductor]periodic_max_workers` of each state. */
export async function failSilentNodes(core: Core, engine: Engine, states: readonly string[]): Promise<number> {
  let failed = 0;
  for (const entry of TIMEOUTS) {
    const seconds = core.config.conductor[entry.option];
    if (seconds <= 0 || !states.includes(entry.state)) continue;
    const rows = await core.store.nodes.list({
      where: [
        { column: 'provision_state', op: '=', value: entry.state },
        { column: 'reservation', op: 'is null' },
        { column: 'maintenance', op: '=', value: false },
        { column: entry.clock, op: '<', value: fromNow(-seconds) },
      ],
      sortKey: entry.clock,
    });
    const ours = rows.filter((row) => (core.members.ownerOf(row) ?? core.host) === core.host);
    for (const row of ours.slice(0, core.config.conductor.periodic_max_workers)) {
      if (await failSilentNode(core, engine, entry, row)) failed += 1;
    }
  }
  return failed;
}

async function failSilentNode(core: Core, engine: Engine, entry: TimeoutEntry, row: NodeRow): Promise<boolean> {
  const task = new NodeTask(core, decodeNode(row), INTERNAL, false);
  try {
    const slot = core.workers.reserve('background');
    let accepted = false;
    try {
      await task.load();
      accepted = await engine.accept(task, row, entry.plan(task.node), slot);
    } finally {
      if (!accepted) slot.release();
    }
    return accepted;
  } catch (error) {
    if (error instanceof NoFreeConductorWorker) return false;
    task.log.error({ reason: messageOf(error) }, 'A silent node could not be failed');
    return false;
  }
}

/** The clean-up after a timeout that has no workflow of its own; the node has its failed state already. */
export const timeoutWorkflow: Workflow = {
  name: 'timeout',
  steps: {
    rescue: async ({ task }) => {
      await nodePowerAction(task, 'power off');
      await task.hardware.rescue?.cleanUp(task);
      return { changes: { driver_internal_info: withoutFlow(task.node.driver_internal_info, 'deploy') } };
    },
    inspect: async ({ task }) => {
      await task.hardware.inspect?.abort?.(task);
      return {};
    },
  },
  failed: async ({ task }, error, step) => {
    task.log.error({ err: error, step }, 'Cleaning up after a timeout failed');
    return { changes: {} };
  },
};

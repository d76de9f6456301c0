// SPDX-License-Identifier: Apache-2.0

/** active -> servicing (-> service wait) -> active: steps on a deployed node. */

import { messageOf } from '../../errors.ts';
import { isJsonObject, type JsonObject } from '../../model/json.ts';
import type { NodeRecord, Step } from '../../model/resources.ts';
import { withoutFlow } from '../agent-memory.ts';
import { StepFailed } from '../errors.ts';
import { nodePowerAction } from '../power-action.ts';
import type { NodeTask } from '../task.ts';
import { readFacts } from './facts.ts';
import { abortText, beginFlow, FlowAborted, flowSteps } from './flow.ts';
import { needsRamdisk, userSteps } from './steps.ts';
import type { Outcome, Run, Workflow } from './workflow.ts';

export const service: Workflow = {
  name: 'service',
  steps: {
    prepare,
    list: (run) => listSteps(run, agentSteps(run.task.node)),
    ...flowSteps('service', async () => ({ next: 'finish' })),
    finish,
    /** After an abort: the node is active already and gets its instance back. */
    abort: async ({ task }): Promise<Outcome> => {
      const { node, hardware } = task;
      if (node.driver_internal_info.agent_start_attempted === true) await nodePowerAction(task, 'power off');
      await hardware.deploy.tearDownService(task);
      await hardware.boot.prepareInstance(task);
      await nodePowerAction(task, 'power on');
      return { changes: { ...idle(task), last_error: abortText('service') } };
    },
    /** After a timeout: the node has its failed state already. */
    tearDown: async ({ task }): Promise<Outcome> => {
      await task.hardware.deploy.tearDownService(task);
      return { changes: idle(task) };
    },
  },
  failed,
  repeatable: (_run, step) => step !== 'step',
};

async function prepare(run: Run): Promise<Outcome> {
  const { core, task } = run;
  const { node } = task;
  let changes: Partial<NodeRecord>;
  let waits: 'wait' | undefined;
  const ramdisk =
    node.driver_internal_info.service_disable_ramdisk !== true &&
    needsRamdisk('service', task.hardware, requestedSteps(node));
  try {
    await task.hardware.power.validate(task);
    if (ramdisk) await task.hardware.network.validate(task);
    changes = await readFacts(task, { tables: true });
    if (ramdisk) {
      // Known before it is stored, so that a preparation that fails half-way is torn down.
      task.saved({ driver_internal_info: { ...node.driver_internal_info, ramdisk_used: true } });
      waits = await task.hardware.deploy.prepareService(task);
    }
  } catch (error) {
    if (core.signal.aborted) throw error;
    throw new StepFailed(`Failed to prepare node ${node.uuid} for service: ${messageOf(error)}`, { cause: error });
  }
  if (ramdisk) changes.driver_internal_info = { ...node.driver_internal_info, ramdisk_used: true };
  if (waits === 'wait') return { event: 'wait', next: 'list', park: true, changes };
  return await listSteps(run, [], changes);
}

function requestedSteps(node: NodeRecord): Step[] {
  const steps = node.driver_internal_info.service_steps;
  return Array.isArray(steps) ? (steps.filter(isJsonObject) as unknown as Step[]) : [];
}

function agentSteps(node: NodeRecord): JsonObject[] {
  const cached = node.driver_internal_info.agent_cached_service_steps;
  if (!isJsonObject(cached)) return [];
  return Object.values(cached).flatMap((steps) => (Array.isArray(steps) ? steps.filter(isJsonObject) : []));
}

async function listSteps(run: Run, inBand: readonly JsonObject[], changes: Partial<NodeRecord> = {}): Promise<Outcome> {
  const { task } = run;
  let steps: JsonObject[];
  try {
    const disableRamdisk = task.node.driver_internal_info.service_disable_ramdisk === true;
    steps = userSteps('service', task.hardware, requestedSteps(task.node), { disableRamdisk, inBand });
  } catch (error) {
    throw new StepFailed(`Node failed to start the first service step: ${messageOf(error)}`, { cause: error });
  }
  return await beginFlow(run, 'service', steps, () => ({ next: 'finish', changes }), changes);
}

async function finish({ task }: Run): Promise<Outcome> {
  if (task.node.driver_internal_info.ramdisk_used === true) {
    try {
      await task.hardware.deploy.tearDownService(task);
    } catch (error) {
      if (task.signal.aborted) throw error;
      throw new StepFailed(`Failed to tear down from service for node ${task.node.uuid}: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }
  return { event: 'done', changes: idle(task) };
}

/** No step, no agent. */
function idle(task: NodeTask): Partial<NodeRecord> {
  return { service_step: {}, driver_internal_info: withoutFlow(task.node.driver_internal_info, 'service') };
}

async function failed(run: Run, error: unknown, step: string): Promise<Outcome> {
  const { core, task } = run;
  const { node } = task;
  const text = messageOf(error);
  if (step === 'abort' || step === 'tearDown') return { changes: { last_error: text } };
  const running = Object.keys(node.service_step).length > 0 && !(error instanceof FlowAborted) && step !== 'finish';
  if (running) {
    await task.save({
      maintenance: true,
      fault: 'service failure',
      ...(node.maintenance_reason ? {} : { maintenance_reason: text }),
    });
  }
  if (step !== 'finish' && node.driver_internal_info.ramdisk_used === true) {
    try {
      await task.hardware.deploy.tearDownService(task);
    } catch (tearDownError) {
      task.log.error({ err: tearDownError }, 'Tearing down after failed service failed');
    }
  }
  if (core.config.conductor.poweroff_in_servicefail && !node.disable_power_off) {
    try {
      await nodePowerAction(task, 'power off');
    } catch (offError) {
      task.log.error({ err: offError }, 'The node could not be powered off after failed service');
    }
  }
  return { event: 'fail', changes: { ...idle(task), last_error: text } };
}

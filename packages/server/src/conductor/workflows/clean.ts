// SPDX-License-Identifier: Apache-2.0

/** Cleaning: automated (on the way to `available`) and by hand (back to `manageable`). */

import { messageOf } from '../../errors.ts';
import { isJsonObject, type JsonObject } from '../../model/json.ts';
import type { NodeRecord, Step } from '../../model/resources.ts';
import { withoutFlow } from '../agent-memory.ts';
import { StepFailed } from '../errors.ts';
import { nodePowerAction } from '../power-action.ts';
import type { NodeTask } from '../task.ts';
import { isManualClean } from '../transition.ts';
import { automatedRunbook } from './cleaning-runbook.ts';
import { readFacts } from './facts.ts';
import { beginFlow, FlowAborted, flowSteps } from './flow.ts';
import { automatedCleanSteps, needsRamdisk, userSteps } from './steps.ts';
import type { Outcome, Run, Workflow } from './workflow.ts';

export const clean: Workflow = {
  name: 'clean',
  steps: {
    prepare,
    list: (run) => listSteps(run, 'Node failed to start the first cleaning step:', agentSteps(run.task.node)),
    ...flowSteps('clean', async () => ({ next: 'finish' })),
    finish,
    tearDown: async ({ task }) => {
      if (task.node.driver_internal_info.ramdisk_used === true) await tearDownQuietly(task);
      return {
        changes: { clean_step: {}, driver_internal_info: withoutFlow(task.node.driver_internal_info, 'clean') },
      };
    },
  },
  failed,
  repeatable: ({ task }, step) => step !== 'step' || !isManualClean(task.node),
};

async function prepare(run: Run): Promise<Outcome> {
  const { core, task } = run;
  const { node } = task;
  const manual = isManualClean(node);
  if (!manual && !(node.automated_clean ?? core.config.conductor.automated_clean)) return done(task);
  let changes: Partial<NodeRecord>;
  let waits: 'wait' | undefined;
  let ramdisk: boolean;
  try {
    if (node.maintenance && !core.config.conductor.allow_provisioning_in_maintenance) {
      throw new StepFailed('Cleaning aborted as node is in maintenance mode');
    }
    await task.hardware.power.validate(task);
    ramdisk = !(manual && isOutOfBand(task));
    if (ramdisk) await task.hardware.network.validate(task);
    changes = await readFacts(task, { tables: true });
    if (ramdisk) {
      // Known before it is stored, so that a preparation that fails half-way is torn down.
      task.saved({ driver_internal_info: { ...node.driver_internal_info, ramdisk_used: true } });
      waits = await task.hardware.deploy.prepareCleaning(task);
    }
  } catch (error) {
    if (core.signal.aborted) throw error;
    throw new StepFailed(`Failed to prepare node ${node.uuid} for cleaning: ${messageOf(error)}`, { cause: error });
  }
  if (ramdisk) changes.driver_internal_info = { ...node.driver_internal_info, ramdisk_used: true };
  if (waits === 'wait') return { event: 'wait', next: 'list', park: true, changes };
  return await listSteps(run, `Cannot clean node ${node.uuid}:`, [], changes);
}

/** Nothing of the agent is needed: the user says so, or every listed step works without it. */
function isOutOfBand(task: NodeTask): boolean {
  if (task.node.driver_internal_info.cleaning_disable_ramdisk === true) return true;
  return !needsRamdisk('clean', task.hardware, requestedSteps(task.node));
}

function requestedSteps(node: NodeRecord): Step[] {
  const steps = node.driver_internal_info.clean_steps;
  return Array.isArray(steps) ? (steps.filter(isJsonObject) as unknown as Step[]) : [];
}

function agentSteps(node: NodeRecord): JsonObject[] {
  const cached = node.driver_internal_info.agent_cached_clean_steps;
  if (!isJsonObject(cached)) return [];
  return Object.values(cached).flatMap((steps) => (Array.isArray(steps) ? steps.filter(isJsonObject) : []));
}

async function listSteps(
  run: Run,
  trouble: string,
  inBand: readonly JsonObject[],
  changes: Partial<NodeRecord> = {},
): Promise<Outcome> {
  const { core, task } = run;
  const { node } = task;
  let steps: JsonObject[];
  try {
    const disableRamdisk = node.driver_internal_info.cleaning_disable_ramdisk === true;
    const requested = isManualClean(node) ? requestedSteps(node) : await automatedRunbook(core, node);
    steps =
      requested === undefined
        ? automatedCleanSteps(core.config, task.hardware)
        : userSteps('clean', task.hardware, requested, { disableRamdisk, inBand });
  } catch (error) {
    throw new StepFailed(`${trouble} ${messageOf(error)}`, { cause: error });
  }
  return await beginFlow(run, 'clean', steps, finishWith(changes), changes);
}

/** No step to run: what prepare found still has to be stored at the end. */
function finishWith(changes: Partial<NodeRecord>): (run: Run) => Promise<Outcome> {
  return async (run) => {
    if (Object.keys(changes).length > 0) Object.assign(run.task.node, changes);
    const outcome = await finish(run);
    return { ...outcome, changes: { ...changes, ...outcome.changes } };
  };
}

async function finish({ task }: Run): Promise<Outcome> {
  if (task.node.driver_internal_info.ramdisk_used === true) {
    try {
      await task.hardware.deploy.tearDownCleaning(task);
    } catch (error) {
      if (task.signal.aborted) throw error;
      throw new StepFailed(`Failed to tear down from cleaning for node ${task.node.uuid}: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }
  return done(task);
}

function done(task: NodeTask): Outcome {
  const { node } = task;
  const info = withoutFlow(node.driver_internal_info, 'clean');
  return {
    event: isManualClean(node) || node.retired ? 'manage' : 'done',
    changes: {
      ...(Object.keys(node.clean_step).length > 0 ? { clean_step: {} } : {}),
      ...(Object.keys(info).length === Object.keys(node.driver_internal_info).length
        ? {}
        : { driver_internal_info: info }),
    },
  };
}

async function failed(run: Run, error: unknown, step: string): Promise<Outcome> {
  const { core, task } = run;
  const { node } = task;
  const text = messageOf(error);
  if (step === 'tearDown') return { changes: { last_error: text } };
  const running = Object.keys(node.clean_step).length > 0 && !(error instanceof FlowAborted) && step !== 'finish';
  if (running) {
    await task.save({
      maintenance: true,
      fault: 'clean failure',
      ...(node.maintenance_reason ? {} : { maintenance_reason: text }),
    });
  }
  if (step !== 'finish' && node.driver_internal_info.ramdisk_used === true) await tearDownQuietly(task);
  if (core.config.conductor.poweroff_in_cleanfail && !node.disable_power_off) {
    try {
      await nodePowerAction(task, 'power off');
    } catch (offError) {
      task.log.error({ err: offError }, 'The node could not be powered off after failed cleaning');
    }
  }
  return {
    event: 'fail',
    changes: {
      last_error: text,
      clean_step: {},
      driver_internal_info: withoutFlow(node.driver_internal_info, 'clean'),
    },
  };
}

async function tearDownQuietly(task: NodeTask): Promise<void> {
  try {
    await task.hardware.deploy.tearDownCleaning(task);
  } catch (error) {
    if (task.signal.aborted) throw error;
    task.log.error({ err: error }, 'Tearing down after failed cleaning failed');
  }
}

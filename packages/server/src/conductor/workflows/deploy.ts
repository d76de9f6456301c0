// SPDX-License-Identifier: Apache-2.0

/** available -> deploying -> active, and rebuild. */

import { messageOf } from '../../errors.ts';
import { isJsonObject, type JsonObject } from '../../model/json.ts';
import type { NodeRecord, Step } from '../../model/resources.ts';
import type { Tables } from '../../store/store.ts';
import { withoutFlow } from '../agent-memory.ts';
import { StepFailed } from '../errors.ts';
import { nodePowerAction } from '../power-action.ts';
import { beginFlow, flowSteps } from './flow.ts';
import { deploySteps } from './steps.ts';
import type { Outcome, Run, Workflow } from './workflow.ts';

export const deploy: Workflow = {
  name: 'deploy',
  steps: {
    prepare,
    list: (run) => listSteps(run, agentSteps(run)),
    ...flowSteps('deploy', finish),
    /** After an abort or a timeout; the node has its failed state already, and its ramdisk must not run on. */
    cleanUp: async ({ core, task }) => {
      await cleanUpQuietly(task);
      if (core.config.deploy.power_off_after_deploy_failure && !task.node.disable_power_off) {
        try {
          await nodePowerAction(task, 'power off');
        } catch (error) {
          if (core.signal.aborted) throw error;
          task.log.error({ err: error }, 'The node could not be powered off after its deployment ended');
        }
      }
      return {};
    },
  },
  failed,
  repeatable: ({ task }, step) => step !== 'step' || isRepeatable(task.node.deploy_step),
};

/** The deploy interface's own steps may be begun again; what a user ordered elsewhere (RAID, firmware, ...) may not. */
function isRepeatable(step: JsonObject): boolean {
  return step.interface === 'deploy' || step.step === 'power_on' || step.step === 'power_off' || step.step === 'wait';
}

async function prepare(run: Run): Promise<Outcome> {
  const { task } = run;
  try {
    await task.hardware.deploy.prepare(task);
  } catch (error) {
    throw new StepFailed(`Failed to prepare to deploy: ${messageOf(error)}`, { cause: error });
  }
  return await listSteps(run, undefined);
}

async function listSteps(run: Run, inBand: readonly JsonObject[] | undefined): Promise<Outcome> {
  const { core, task } = run;
  let steps: JsonObject[];
  try {
    steps = deploySteps(core.config, task.hardware, await userDeploySteps(core.store, task.node), inBand);
    if (steps.length === 0)
      throw new StepFailed('no deploy steps: the deploy interface has none with a priority above 0');
  } catch (error) {
    throw new StepFailed(`Failed to get the deploy steps of the node: ${messageOf(error)}`, { cause: error });
  }
  return await beginFlow(run, 'deploy', steps, finish, { conductor_affinity: core.host });
}

function agentSteps(run: Run): readonly JsonObject[] {
  const cached = run.task.node.driver_internal_info.agent_cached_deploy_steps;
  if (!isJsonObject(cached)) return [];
  return Object.values(cached).flatMap((steps) => (Array.isArray(steps) ? steps.filter(isJsonObject) : []));
}

/** Steps of deploy templates named by the instance's traits, then those of the request, which replace equal ones. */
export async function userDeploySteps(tables: Tables, node: NodeRecord): Promise<Step[]> {
  const requested = node.driver_internal_info.user_deploy_steps;
  const own = Array.isArray(requested) ? requested.filter(isJsonObject).map(asStep) : [];
  const traits = instanceTraits(node);
  if (traits.length === 0) return own;
  const templates = await tables.deployTemplates.list({ where: [{ column: 'name', op: 'in', value: traits }] });
  const fromTemplates = templates.flatMap((template) => {
    const steps: unknown = JSON.parse(template.steps);
    return Array.isArray(steps) ? steps.filter(isJsonObject).map(asStep) : [];
  });
  const replaced = new Set(own.map((step) => `${step.interface}.${step.step}`));
  return [...fromTemplates.filter((step) => !replaced.has(`${step.interface}.${step.step}`)), ...own];
}

/** What `instance_info.traits` asks of the node. */
export function instanceTraits(node: NodeRecord): string[] {
  const { traits } = node.instance_info;
  return Array.isArray(traits) ? traits.filter((trait) => typeof trait === 'string') : [];
}

function asStep(value: JsonObject): Step {
  return { ...value, interface: String(value.interface), step: String(value.step) };
}

async function finish(run: Run): Promise<Outcome> {
  const { task } = run;
  const { node } = task;
  const changes: Partial<NodeRecord> = {
    deploy_step: {},
    driver_internal_info: withoutFlow(node.driver_internal_info, 'deploy'),
  };
  if (node.console_enabled && task.hardware.console !== undefined) {
    try {
      await task.hardware.console.startConsole(task);
    } catch (error) {
      task.log.warn({ err: error }, 'The console could not be started after the deployment');
      changes.console_enabled = false;
    }
  }
  return { event: 'done', changes };
}

async function failed(run: Run, error: unknown, step: string): Promise<Outcome> {
  const { task } = run;
  const text = messageOf(error);
  if (step !== 'cleanUp') await cleanUpQuietly(task);
  if (step === 'cleanUp') return { changes: { last_error: text } };
  return { event: 'fail', changes: { last_error: text, deploy_step: {} } };
}

async function cleanUpQuietly(task: Run['task']): Promise<void> {
  try {
    await task.hardware.deploy.cleanUp(task);
  } catch (error) {
    if (task.signal.aborted) throw error;
    task.log.error({ err: error }, 'Cleaning up after a failed deployment failed');
  }
}

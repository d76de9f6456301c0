// SPDX-License-Identifier: Apache-2.0

/** Running a list of steps: common to cleaning, deploying and servicing. */

import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../errors.ts';
import { isJsonObject, type JsonObject } from '../../model/json.ts';
import type { NodeRecord } from '../../model/resources.ts';
import { LockLost, StepFailed } from '../errors.ts';
import { nodePowerAction } from '../power-action.ts';
import { NodeTask } from '../task.ts';
import { pythonRepr } from './python-repr.ts';
import { FLOW_KINDS, type FlowKind, RESERVED_STEPS, stepField } from './step-kinds.ts';
import { findDriverStep } from './steps.ts';
import type { Outcome, Run, Workflow } from './workflow.ts';

/** Ends a flow: called when no step is left. */
export type Finish = (run: Run) => Promise<Outcome> | Outcome;

/** The workflow steps that run a stored list of steps; `finish` says what comes after the last. */
export function flowSteps(kind: FlowKind, finish: Finish): Workflow['steps'] {
  return {
    step: (run) => runStep(run, kind, finish),
    sleep: (run) => sleepStep(run, kind),
    resume: async () => ({ event: 'resume', next: 'continue' }),
    continue: async (run) => continueFlow(run, kind, finish),
  };
}

/** Stores a list and begins with its first step. */
export function beginFlow(
  run: Run,
  kind: FlowKind,
  steps: readonly JsonObject[],
  finish: Finish,
  changes: Partial<NodeRecord> = {},
): Promise<Outcome> | Outcome {
  if (steps.length === 0) return finish(run);
  const entry = FLOW_KINDS[kind];
  const info = { ...run.task.node.driver_internal_info, ...changes.driver_internal_info, [entry.list]: [...steps] };
  return goTo(kind, info, 0, changes);
}

/** The step at `index` becomes the current one. */
function goTo(kind: FlowKind, info: JsonObject, index: number, changes: Partial<NodeRecord> = {}): Outcome {
  const entry = FLOW_KINDS[kind];
  const list = info[entry.list];
  const step = Array.isArray(list) ? list[index] : undefined;
  const driver_internal_info = { ...info, [entry.index]: index };
  delete driver_internal_info[entry.skip];
  delete driver_internal_info[entry.polling];
  delete driver_internal_info[entry.reboot];
  return {
    changes: { ...changes, ...stepField(kind, isJsonObject(step) ? step : {}), driver_internal_info },
    next: 'step',
  };
}

/** After a step: the next one, the same again when it asks for it, or the end. */
async function continueFlow(run: Run, kind: FlowKind, finish: Finish): Promise<Outcome> {
  const entry = FLOW_KINDS[kind];
  const { node } = run.task;
  const info = node.driver_internal_info;
  const current = node[entry.field];
  if (current.abort_after === true) {
    throw new FlowAborted(abortText(kind, current));
  }
  const list = info[entry.list];
  const length = Array.isArray(list) ? list.length : 0;
  const index = Number(info[entry.index] ?? -1) + (info[entry.skip] === false ? 0 : 1);
  if (index < length) return goTo(kind, info, index);
  return await finish(run);
}

async function runStep(run: Run, kind: FlowKind, finish: Finish): Promise<Outcome> {
  const entry = FLOW_KINDS[kind];
  const step = run.task.node[entry.field];
  const name = String(step.step);
  const id = `${String(step.interface)}.${name}`;
  let waits: 'wait' | undefined;
  try {
    if (step.execute_on_child_nodes === true) await runOnChildren(run, kind, step);
    else if (name === 'hold' && RESERVED_STEPS.has(name)) return { event: 'hold', next: 'continue', park: true };
    else if (name === 'wait') {
      return waitSeconds(step) === undefined
        ? { event: 'wait', next: 'continue', park: true }
        : { event: 'wait', next: 'sleep' };
    } else waits = await execute(run.task, kind, step);
  } catch (error) {
    if (run.core.signal.aborted || error instanceof LockLost) throw error;
    throw new StepFailed(`${entry.title} step ${id} failed: ${messageOf(error)}`, { cause: error });
  }
  if (waits === 'wait') return { event: 'wait', next: 'continue', park: true };
  return await continueFlow(run, kind, finish);
}

/** Runs one step on a node. */
async function execute(task: NodeTask, kind: FlowKind, step: JsonObject): Promise<'wait' | undefined> {
  switch (step.step) {
    case 'power_on':
      await nodePowerAction(task, 'power on');
      return undefined;
    case 'power_off':
      await nodePowerAction(task, 'power off');
      return undefined;
    case 'reboot':
      await nodePowerAction(task, 'rebooting');
      return undefined;
  }
  const found = findDriverStep(task.hardware, kind, { interface: String(step.interface), step: String(step.step) });
  if (found === undefined) {
    const shown = { interface: step.interface ?? null, step: step.step ?? null };
    throw new StepFailed(`node does not support this ${kind} step: ${pythonRepr(shown)}`);
  }
  task.log.info({ step: `${String(step.interface)}.${String(step.step)}` }, `${FLOW_KINDS[kind].title} step begins`);
  return await found.declaration.run(task, isJsonObject(step.args) ? step.args : {});
}

/** Runs a step on the node's children, one after the other, under their locks. */
async function runOnChildren(run: Run, kind: FlowKind, step: JsonObject): Promise<void> {
  const only = Array.isArray(step.limit_child_node_execution) ? step.limit_child_node_execution : undefined;
  const children = await run.core.store.nodes.list({
    where: [{ column: 'parent_node', op: '=', value: run.task.node.uuid }],
    columns: ['uuid'],
  });
  for (const { uuid } of children) {
    if (only !== undefined && !only.includes(uuid)) continue;
    await using child = await NodeTask.exclusive(run.core, uuid, run.task.origin);
    if (step.step === 'hold' || step.step === 'wait') continue;
    if ((await execute(child, kind, step)) === 'wait') {
      throw new StepFailed(
        `the step waits for an agent on child node ${uuid}; only steps that complete at once may run there`,
      );
    }
  }
}

async function sleepStep(run: Run, kind: FlowKind): Promise<Outcome> {
  const seconds = waitSeconds(run.task.node[FLOW_KINDS[kind].field]) ?? 0;
  const limit = run.core.config.conductor.max_conductor_wait_step_seconds;
  await sleep(Math.min(seconds, limit) * 1000, undefined, { signal: run.core.signal });
  return { event: 'resume', next: 'continue' };
}

function waitSeconds(step: JsonObject): number | undefined {
  const seconds = isJsonObject(step.args) ? Number(step.args.seconds) : Number.NaN;
  return Number.isFinite(seconds) && seconds >= 0 ? seconds : undefined;
}

/** The user's abort took effect at the end of a step. */
export class FlowAborted extends StepFailed {}

/** The words of an abort; `step` is the one it had to wait for. */
export function abortText(kind: FlowKind, step?: JsonObject): string {
  const during =
    step === undefined
      ? ''
      : ` during or after the completion of step "${String(step.interface)}.${String(step.step)}"`;
  return `By request, the ${FLOW_KINDS[kind].noun} operation was aborted${during}`;
}

// SPDX-License-Identifier: Apache-2.0

/** Which steps a workflow consists of: what drivers offer, users ask for and operators override. */

import type { Config } from '../../config/index.ts';
import { InvalidParameterValue } from '../../errors.ts';
import type { NodeHardware, StepDeclaration, StepKind } from '../../hardware/contracts.ts';
import { isJsonObject, type Json, type JsonObject } from '../../model/json.ts';
import { INTERFACE_TYPES, type InterfaceType, type Step } from '../../model/resources.ts';
import { pythonRepr } from './python-repr.ts';
import { FLOW_KINDS, type FlowKind, RANKS, RESERVED_STEPS } from './step-kinds.ts';

/** A step as a driver declares it, with the interface it belongs to and its effective priority. */
export interface DriverStep {
  readonly interface: InterfaceType;
  readonly priority: number;
  readonly declaration: StepDeclaration;
}

const declared = new WeakMap<NodeHardware, Map<StepKind, readonly DriverStep[]>>();

/** All steps of a kind the node's interfaces declare, those of priority 0 included, in no order. */
function declaredSteps(hardware: NodeHardware, kind: StepKind): readonly DriverStep[] {
  let byKind = declared.get(hardware);
  if (byKind === undefined) {
    byKind = new Map();
    declared.set(hardware, byKind);
  }
  let steps = byKind.get(kind);
  if (steps === undefined) {
    steps = INTERFACE_TYPES.filter((type) => RANKS[kind][type] !== undefined).flatMap((type) =>
      (hardware[type]?.steps ?? [])
        .filter((step) => step.kinds.includes(kind))
        .map((declaration) => ({ interface: type, priority: declaration.priority, declaration })),
    );
    byKind.set(kind, steps);
  }
  return steps;
}

/**
 * A driver's steps of a kind, priorities overridden by `[conductor]clean_step_priority_override` and
 * `verify_step_priority_override`, highest priority first; equal ones by the interface's rank.
 */
export function driverSteps(config: Config, hardware: NodeHardware, kind: StepKind): DriverStep[] {
  const overrides =
    kind === 'clean'
      ? config.conductor.clean_step_priority_override
      : kind === 'verify'
        ? config.conductor.verify_step_priority_override
        : {};
  const steps = declaredSteps(hardware, kind).map((step) => {
    const override = overrides[stepId({ interface: step.interface, step: step.declaration.step })];
    const priority = override === undefined ? step.priority : Number(override);
    return Number.isInteger(priority) ? { ...step, priority } : step;
  });
  return sortByPriority(kind, steps);
}

/** `interface.step` */
export function stepId(step: { interface: string; step: string }): string {
  return `${step.interface}.${step.step}`;
}

/** The driver's implementation of a step, or undefined when the node has none. */
export function findDriverStep(hardware: NodeHardware, kind: StepKind, step: { interface: string; step: string }) {
  return declaredSteps(hardware, kind).find(
    (candidate) => candidate.interface === step.interface && candidate.declaration.step === step.step,
  );
}

/** The steps of an automated clean. */
export function automatedCleanSteps(config: Config, hardware: NodeHardware): JsonObject[] {
  return driverSteps(config, hardware, 'clean')
    .filter((step) => step.priority > 0)
    .map((step) => storedStep('clean', step));
}

/**
 * The steps of a deployment: the driver's of priority > 0, those of deploy templates and of the request. Of equal ones the
 * request's counts, then the template's; a user's priority 0 removes the driver's. While the agent's own steps are not known
 * (`inBand` undefined), users' steps the driver does not know are left out instead of refused.
 * @throws InvalidParameterValue joining all that is wrong with the users' steps
 */
export function deploySteps(
  config: Config,
  hardware: NodeHardware,
  user: readonly Step[],
  inBand: readonly JsonObject[] | undefined,
): JsonObject[] {
  const problems: string[] = [];
  const steps = driverSteps(config, hardware, 'deploy');
  const known = new Map(
    steps.map((step) => [stepId({ interface: step.interface, step: step.declaration.step }), step]),
  );
  const chosen = new Map<string, JsonObject>();
  for (const [id, step] of known) if (step.priority > 0) chosen.set(id, storedStep('deploy', step));
  const agents = new Map((inBand ?? []).map((step) => [`${step.interface}.${step.step}`, step]));
  for (const [id, step] of agents) {
    if (!known.has(id) && Number(step.priority) > 0)
      chosen.set(id, { ...step, ...defaults('deploy', agentDeclaration(step)) });
  }
  const seen = new Set<string>();
  for (const step of user) {
    const id = stepId(step);
    const priority = step.priority ?? 0;
    if (id === 'deploy.deploy' && priority !== 0) {
      problems.push(
        `deploy step ${step.step} on interface ${step.interface} is a core step and cannot be overridden by user steps. ` +
          'It may be disabled by setting the priority to 0',
      );
      continue;
    }
    if (seen.has(id)) problems.push(`deploy step ${id} is given more than once`);
    seen.add(id);
    const agent = agents.get(id);
    const declaration = known.get(id)?.declaration ?? (agent && agentDeclaration(agent));
    if (declaration === undefined && inBand === undefined && !RESERVED_STEPS.has(step.step)) continue;
    problems.push(...stepProblems('deploy', declaration, step));
    if (priority === 0) chosen.delete(id);
    else chosen.set(id, { ...cleanArgs(step), priority, ...defaults('deploy', declaration) });
  }
  if (problems.length > 0) throw new InvalidParameterValue(problems.join('; '));
  return sortByPriority(
    'deploy',
    [...chosen.values()].map((step) => ({
      interface: step.interface as InterfaceType,
      priority: Number(step.priority),
      step,
    })),
  ).map(({ step }) => step);
}

/**
 * The steps a user listed, in the user's order, completed by what the driver says of them. Reserved steps stay where they are.
 * @throws InvalidParameterValue joining all that is wrong with them
 */
export function userSteps(
  kind: 'clean' | 'service',
  hardware: NodeHardware,
  steps: readonly Step[],
  options: { readonly disableRamdisk: boolean; readonly inBand: readonly JsonObject[] },
): JsonObject[] {
  const problems: string[] = [];
  const complete = steps.map((step): JsonObject => {
    if (RESERVED_STEPS.has(step.step) || step.execute_on_child_nodes === true) return cleanArgs(step);
    const found = findDriverStep(hardware, kind, step);
    const inBand = options.inBand.find((one) => one.interface === step.interface && one.step === step.step);
    const declaration = found?.declaration ?? (inBand === undefined ? undefined : agentDeclaration(inBand));
    problems.push(...stepProblems(kind, declaration, step));
    const needs = declaration?.requiresRamdisk ?? FLOW_KINDS[kind].requiresRamdisk;
    if (declaration !== undefined && options.disableRamdisk && needs) {
      problems.push(`${kind} step ${pythonRepr(shown(step))} requires booting a ramdisk`);
    }
    return {
      ...cleanArgs(step),
      priority: found?.priority ?? Number(inBand?.priority ?? 0),
      ...defaults(kind, declaration),
    };
  });
  if (problems.length > 0) throw new InvalidParameterValue(problems.join('; '));
  return complete;
}

/** Whether a list of user steps can run without booting the agent. @throws InvalidParameterValue when one is not known */
export function needsRamdisk(kind: 'clean' | 'service', hardware: NodeHardware, steps: readonly Step[]): boolean {
  return steps.some((step) => {
    if (RESERVED_STEPS.has(step.step) || step.execute_on_child_nodes === true) return false;
    const found = findDriverStep(hardware, kind, step);
    return found === undefined || (found.declaration.requiresRamdisk ?? FLOW_KINDS[kind].requiresRamdisk);
  });
}

function stepProblems(kind: StepKind, declaration: StepDeclaration | undefined, step: Step): string[] {
  if (RESERVED_STEPS.has(step.step)) return [];
  const text = () => pythonRepr(shown(step));
  if (declaration === undefined) return [`node does not support this ${kind} step: ${text()}`];
  const problems: string[] = [];
  const accepted = declaration.argsinfo ?? {};
  const given = Object.keys(step.args ?? {});
  const unexpected = given.filter((name) => !Object.hasOwn(accepted, name)).sort();
  if (unexpected.length > 0) {
    problems.push(`${kind} step ${text()} has these unexpected arguments: ${unexpected.join(', ')}`);
  }
  const missing = Object.entries(accepted)
    .filter(([name, info]) => info.required === true && !given.includes(name))
    .map(([name, info]) => `${name} (${info.description})`)
    .sort();
  if (missing.length > 0) {
    problems.push(`${kind} step ${text()} is missing these required arguments: ${missing.join(', ')}`);
  }
  return problems;
}

/** An in-band step as the agent told it, in the form of a declaration. */
function agentDeclaration(step: JsonObject): Omit<StepDeclaration, 'run'> & { run: StepDeclaration['run'] } {
  const argsinfo = isJsonObject(step.argsinfo) ? step.argsinfo : undefined;
  return {
    step: String(step.step),
    kinds: ['clean', 'service', 'deploy'],
    priority: Number(step.priority ?? 0),
    requiresRamdisk: true,
    ...(typeof step.abortable === 'boolean' ? { abortable: step.abortable } : {}),
    ...(argsinfo === undefined ? {} : { argsinfo: argsinfo as unknown as NonNullable<StepDeclaration['argsinfo']> }),
    run: async () => undefined,
  };
}

function storedStep(kind: FlowKind, step: DriverStep): JsonObject {
  const { declaration } = step;
  return {
    interface: step.interface,
    step: declaration.step,
    priority: step.priority,
    ...defaults(kind, declaration),
    ...(kind === 'deploy' ? { argsinfo: (declaration.argsinfo ?? null) as Json } : {}),
  };
}

function defaults(kind: FlowKind, declaration: StepDeclaration | undefined): JsonObject {
  const entry = FLOW_KINDS[kind];
  return {
    abortable: declaration?.abortable ?? entry.abortable,
    requires_ramdisk: declaration?.requiresRamdisk ?? entry.requiresRamdisk,
  };
}

function cleanArgs(step: Step): JsonObject {
  const copy: JsonObject = {};
  for (const [key, value] of Object.entries(step)) {
    if (value !== undefined && !(key === 'args' && value === null)) copy[key] = value;
  }
  return copy;
}

function shown(step: Step): JsonObject {
  const { interface: type, step: name, args } = step;
  return args === undefined ? { interface: type, step: name } : { interface: type, step: name, args };
}

function sortByPriority<T extends { interface: InterfaceType; priority: number }>(
  kind: FlowKind | 'verify',
  steps: T[],
): T[] {
  const rank = (step: T) => RANKS[kind][step.interface] ?? 0;
  return steps.sort((a, b) => b.priority - a.priority || rank(b) - rank(a));
}

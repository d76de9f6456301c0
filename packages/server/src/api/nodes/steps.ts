// SPDX-License-Identifier: Apache-2.0

import { InvalidParameterValue } from '../../errors.ts';
import { isJsonObject, type Json, type JsonObject } from '../../model/json.ts';
import type { Step } from '../../model/resources.ts';

/** Interfaces whose steps users may name. */
export const STEP_INTERFACES: readonly string[] = [
  'bios',
  'deploy',
  'firmware',
  'management',
  'power',
  'raid',
  'vendor',
];

export interface StepRules {
  /** Ends the sentence that asks for missing steps. */
  readonly verb: 'clean' | 'service' | 'deploy';
  /** `interface.step` names that are refused. */
  readonly disallowed: readonly string[];
}

type Check = (value: Json) => boolean;
const isName: Check = (value) => typeof value === 'string' && value !== '' && value.length <= 255;
const isCount: Check = (value) => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
const isText: Check = (value) => typeof value === 'string';

const OPTIONAL: Readonly<Record<string, Check>> = {
  args: isJsonObject,
  order: isCount,
  execute_on_child_nodes: (value) => typeof value === 'boolean',
  limit_child_node_execution: (value) => Array.isArray(value) && value.every(isText),
};
const DEPLOY: Readonly<Record<string, Check>> = {
  args: isJsonObject,
  priority: (value) => isCount(value) || (typeof value === 'string' && /^\d{1,9}$/.test(value)),
};

/** Checks a user's list of steps; 400 when it is missing, empty, malformed or names a step the operator refuses. */
export function checkSteps(name: string, value: Json, { verb, disallowed }: StepRules): Step[] {
  if (value === null || (Array.isArray(value) && value.length === 0 && verb !== 'deploy')) {
    throw new InvalidParameterValue(`"${name}" is required when setting target provision state to ${verb}`);
  }
  if (!Array.isArray(value) || value.length > MAX_STEPS) {
    throw new InvalidParameterValue(`Schema error for ${name}: a list of at most ${MAX_STEPS} steps is expected`);
  }
  const steps = value.map((item, index) => checkStep(`${name}[${index}]`, item, verb === 'deploy'));
  for (const { interface: type, step } of steps) {
    if (disallowed.includes(`${type}.${step}`)) {
      throw new InvalidParameterValue(`The step ${type}.${step} is not allowed by the configuration of this service.`);
    }
  }
  return steps;
}

const MAX_STEPS = 1000;

function checkStep(where: string, item: Json, deploy: boolean): Step {
  if (!isJsonObject(item)) throw wrong(where, 'must be an object');
  const optional = deploy ? DEPLOY : OPTIONAL;
  for (const [key, value] of Object.entries(item)) {
    if (key === 'interface' || key === 'step') continue;
    const check = Object.hasOwn(optional, key) ? optional[key] : undefined;
    if (check === undefined) throw wrong(where, `must not have '${key.slice(0, 200)}'`);
    if (!check(value)) throw wrong(where, `has a wrong value for '${key}'`);
  }
  demand(where, item, 'interface', (value) => typeof value === 'string' && STEP_INTERFACES.includes(value));
  demand(where, item, 'step', isName);
  if (deploy)
    for (const key of ['args', 'priority']) if (!Object.hasOwn(item, key)) throw wrong(where, `needs '${key}'`);
  const step = { ...item } as unknown as Step;
  if (typeof item.priority === 'string') step.priority = Number(item.priority);
  return step;
}

function demand(where: string, item: JsonObject, key: string, check: Check): void {
  if (!Object.hasOwn(item, key)) throw wrong(where, `needs '${key}'`);
  if (!check(item[key] ?? null)) {
    throw wrong(
      where,
      key === 'interface' ? `needs an interface of ${STEP_INTERFACES.join(', ')}` : `has a wrong '${key}'`,
    );
  }
}

function wrong(where: string, text: string): InvalidParameterValue {
  return new InvalidParameterValue(`Schema error for ${where}: it ${text}`);
}

// SPDX-License-Identifier: Apache-2.0

import { InvalidParameterValue } from '../../errors.ts';
import { isJsonObject, type Json, type JsonObject } from '../../model/json.ts';
import type { Step } from '../../model/resources.ts';
import { checkSteps } from '../nodes/steps.ts';

const RUNBOOK_KEYS: ReadonlySet<string> = new Set(['interface', 'step', 'args', 'order']);

/** Checks the steps of a deploy template: interface, step, args and priority are all required. */
export function checkTemplateSteps(value: Json): Step[] {
  demandSome(value);
  return withoutDuplicates('deploy template', checkSteps('steps', value, { verb: 'deploy', disallowed: [] }));
}

/** Checks the steps of a runbook: interface, step and order are required, args default to none. */
export function checkRunbookSteps(value: Json): Step[] {
  const items = demandSome(value).map((item, index) => (isJsonObject(item) ? runbookStep(item, index) : item));
  return withoutDuplicates('runbook', checkSteps('steps', items, { verb: 'service', disallowed: [] }));
}

function runbookStep(item: JsonObject, index: number): JsonObject {
  const unknown = Object.keys(item).find((key) => !RUNBOOK_KEYS.has(key));
  if (unknown !== undefined) {
    throw new InvalidParameterValue(`Schema error for steps[${index}]: it must not have '${unknown.slice(0, 200)}'`);
  }
  const { order, args = {} } = item;
  if (order === undefined) throw new InvalidParameterValue(`Schema error for steps[${index}]: it needs 'order'`);
  return { ...item, args, order: typeof order === 'string' && /^\d{1,9}$/.test(order) ? Number(order) : order };
}

function demandSome(value: Json): Json[] {
  if (Array.isArray(value) && value.length > 0) return value;
  throw new InvalidParameterValue('Schema error for steps: a list of at least one step is expected');
}

function withoutDuplicates(what: 'deploy template' | 'runbook', steps: Step[]): Step[] {
  const seen = new Set<string>();
  for (const { interface: type, step } of steps) {
    const name = `${type}.${step}`;
    if (seen.has(name)) {
      const verb = what === 'runbook' ? '' : 'deploy ';
      throw new InvalidParameterValue(
        `${what.charAt(0).toUpperCase()}${what.slice(1)} invalid: Duplicate ${verb}steps. ` +
          `Each step of an interface may be named once only; ${name} is named more often.`,
      );
    }
    seen.add(name);
  }
  return steps;
}

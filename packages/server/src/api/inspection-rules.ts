// SPDX-License-Identifier: Apache-2.0

/** `/v1/inspection_rules` (1.96): what is done to a node by what its inspection found. */

import type { InvalidParameterValue } from '../errors.ts';
import type { RowOf } from '../model/columns.ts';
import { isJsonObject, type Json, type JsonObject } from '../model/json.ts';
import { inspectionRuleColumns } from '../model/resources.ts';
import type { Condition, Tables } from '../store/store.ts';
import { INSPECTION_RULE_FIELDS } from './fields/inspection-rule.ts';
import { findByUuid } from './find.ts';
import { parsePatch } from './json-patch.ts';
import {
  type Answer,
  type ApiRequest,
  bodyObject,
  checkQuery,
  created,
  NO_CONTENT,
  ok,
  param,
  queryValue,
  type Services,
  show,
} from './request.ts';
import { Resource } from './resource.ts';
import { resourceRoutes } from './resource-routes.ts';
import type { Route } from './router.ts';
import { patchStored } from './stored.ts';

const rules = new Resource({
  name: 'inspection rule',
  collection: 'inspection_rules',
  linkPath: 'inspection',
  columns: inspectionRuleColumns,
  fields: INSPECTION_RULE_FIELDS,
});
const STORED = { columns: inspectionRuleColumns, tableOf: ({ inspectionRules }: Tables) => inspectionRules };
const NOTHING: ReadonlySet<string> = new Set();
const FILTERS: ReadonlySet<string> = new Set(['phase']);
const MAX_PRIORITY = 9999;
const REFUSED = 'The API version does not allow inspection rules';

/** What conditions compare by; each may be turned round by a leading `!`. */
const CONDITIONS = [
  'contains',
  'eq',
  'gt',
  'in-net',
  'is-empty',
  'is-false',
  'is-none',
  'is-true',
  'lt',
  'matches',
  'one-of',
] as const;
const MULTIPLE: readonly Json[] = ['any', 'all', 'first', 'last'];
/** What rules do. */
const ACTIONS = [
  'add-trait',
  'api-call',
  'del-attribute',
  'del-port-attribute',
  'extend-attribute',
  'extend-plugin-data',
  'extend-port-attribute',
  'fail',
  'log',
  'remove-trait',
  'set-attribute',
  'set-capability',
  'set-plugin-data',
  'set-port-attribute',
  'unset-capability',
  'unset-plugin-data',
] as const;

/** Routes of inspection rules. */
export function inspectionRuleRoutes(services: Services): Route[] {
  return resourceRoutes(
    {
      path: 'inspection_rules',
      parameter: 'rule',
      argument: 'inspection_rule_uuid',
      min: 96,
      below: { status: 404, text: REFUSED },
      belowWrite: { status: 405, text: REFUSED },
      list: listRules,
      create: createRule,
      show: async (request) => rules.show(request, services, await ruleOf(request, services)),
      change: changeRule,
      remove: removeRule,
    },
    services,
  );
}

function ruleOf(request: ApiRequest, { store }: Services): Promise<RowOf<typeof inspectionRuleColumns>> {
  return findByUuid(store.inspectionRules, rules, param(request, 'rule'), 'inspection_rule_uuid');
}

async function listRules(request: ApiRequest, services: Services): Promise<Answer> {
  const page = rules.page(request, services, { filters: FILTERS, detailSince: 96 });
  const phase = queryValue(request.query, 'phase');
  const where: Condition[] = phase === undefined ? [] : [{ column: 'phase', op: '=', value: phase }];
  return await rules.list(request, services, services.store.inspectionRules, page, where);
}

async function createRule(request: ApiRequest, services: Services): Promise<Answer> {
  checkQuery(request.query, NOTHING);
  const values = rules.checkCreate(bodyObject(request), request.minor);
  check(values);
  const row = await services.store.inspectionRules.insert(values);
  return created(rules.full(request, services, row), rules.location(request, row.uuid));
}

async function changeRule(request: ApiRequest, services: Services): Promise<Answer> {
  checkQuery(request.query, NOTHING);
  const operations = parsePatch(request.body);
  rules.checkPatch(operations, request.minor);
  const { uuid } = await ruleOf(request, services);
  return ok(rules.full(request, services, await patchStored(services, rules, STORED, uuid, operations, check)));
}

async function removeRule(request: ApiRequest, services: Services): Promise<Answer> {
  checkQuery(request.query, NOTHING);
  const { uuid } = await ruleOf(request, services);
  if (!(await services.store.inspectionRules.delete(uuid))) throw rules.notFound(uuid);
  return NO_CONTENT;
}

function check({ priority, conditions, actions }: JsonObject): void {
  if (typeof priority === 'number' && (priority < 0 || priority > MAX_PRIORITY)) {
    throw rules.schemaError(`priority must be from 0 to ${MAX_PRIORITY}, not ${priority}`);
  }
  if (Array.isArray(conditions)) conditions.forEach(checkCondition);
  if (Array.isArray(actions)) {
    if (actions.length === 0) throw rules.schemaError('at least one action is expected');
    actions.forEach(checkAction);
  }
}

function checkCondition(item: Json, index: number): void {
  const where = `conditions[${index}]`;
  const { op, multiple } = checkOperation(where, item, ['op', 'args', 'loop', 'multiple']);
  checkName(where, String(op).replace(/^!\s*/, ''), CONDITIONS);
  if (multiple !== undefined && !MULTIPLE.includes(multiple)) {
    throw wrong(where, `multiple must be one of ${MULTIPLE.join(', ')}`);
  }
}

function checkAction(item: Json, index: number): void {
  const where = `actions[${index}]`;
  checkName(where, String(checkOperation(where, item, ['op', 'args', 'loop']).op), ACTIONS);
}

function checkOperation(where: string, item: Json, keys: readonly string[]): JsonObject {
  if (!isJsonObject(item)) throw wrong(where, 'must be an object');
  const unknown = Object.keys(item).find((key) => !keys.includes(key));
  if (unknown !== undefined) throw wrong(where, `must not have '${unknown.slice(0, 200)}'`);
  if (typeof item.op !== 'string') throw wrong(where, "needs a string 'op'");
  if (!isStructure(item.args)) throw wrong(where, "needs 'args', an object or a list");
  if (item.loop !== undefined && !isStructure(item.loop)) throw wrong(where, "needs an object or a list as 'loop'");
  return item;
}

function isStructure(value: Json | undefined): boolean {
  return Array.isArray(value) || isJsonObject(value);
}

function checkName(where: string, op: string, known: readonly string[]): void {
  if (!known.includes(op)) throw wrong(where, `has the unknown op '${show(op)}'; known are ${known.join(', ')}`);
}

function wrong(where: string, text: string): InvalidParameterValue {
  return rules.schemaError(`${where} ${text}`);
}

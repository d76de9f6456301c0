// SPDX-License-Identifier: Apache-2.0

/** `/v1/runbooks` (1.92): named lists of clean and service steps. */

import { InvalidParameterValue } from '../../errors.ts';
import type { RowOf } from '../../model/columns.ts';
import type { JsonObject } from '../../model/json.ts';
import { runbookColumns } from '../../model/resources.ts';
import { isTrait } from '../../model/traits.ts';
import type { Tables } from '../../store/store.ts';
import { RUNBOOK_FIELDS } from '../fields/template.ts';
import { findByIdent } from '../find.ts';
import { parsePatch } from '../json-patch.ts';
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
} from '../request.ts';
import { Resource } from '../resource.ts';
import { resourceRoutes, WRITES_UNKNOWN } from '../resource-routes.ts';
import type { Route } from '../router.ts';
import { patchStored } from '../stored.ts';
import { isName, toBoolean } from '../values.ts';
import { checkRunbookSteps } from './steps.ts';

const runbooks = new Resource({
  name: 'runbook',
  collection: 'runbooks',
  columns: runbookColumns,
  fields: RUNBOOK_FIELDS,
});
const STORED = { columns: runbookColumns, tableOf: ({ runbooks: table }: Tables) => table };
const NOTHING: ReadonlySet<string> = new Set();
const FILTERS: ReadonlySet<string> = new Set(['project']);
/** From here on traits are a list of their own and a name is any name; before, the name had to be a trait. */
const TRAITS_SINCE = 112;

/** Routes of runbooks; their traits are in `runbook-traits.ts`. */
export function runbookRoutes(services: Services): Route[] {
  return resourceRoutes(
    {
      path: 'runbooks',
      parameter: 'runbook',
      argument: 'runbook_ident',
      min: 92,
      ...WRITES_UNKNOWN,
      list: listRunbooks,
      create: createRunbook,
      show: async (request) => runbooks.show(request, services, await runbookOf(request, services)),
      change: changeRunbook,
      remove: removeRunbook,
    },
    services,
  );
}

/** The runbook of the path parameter `runbook`. */
export function runbookOf(request: ApiRequest, { store }: Services): Promise<RowOf<typeof runbookColumns>> {
  return findByIdent(store.runbooks, runbooks, param(request, 'runbook'), request.minor, 92);
}

async function listRunbooks(request: ApiRequest, services: Services): Promise<Answer> {
  const page = runbooks.page(request, services, { filters: FILTERS, detailSince: 92 });
  const mine = queryValue(request.query, 'project');
  const { project } = request.context;
  const onlyMine = mine !== undefined && toBoolean('project', mine) && project !== null;
  return await runbooks.list(
    request,
    services,
    services.store.runbooks,
    page,
    [],
    'runbooks',
    onlyMine
      ? { needs: ['owner', 'public'], test: (row) => row.owner === project || Number(row.public) !== 0 }
      : undefined,
  );
}

async function createRunbook(request: ApiRequest, services: Services): Promise<Answer> {
  checkQuery(request.query, NOTHING);
  const values = runbooks.checkCreate(bodyObject(request), request.minor);
  check(values, request.minor);
  if (values.public === true) refuseOwner(values.owner ?? null);
  else if (values.owner === undefined) values.owner = request.context.project;
  const row = await services.store.runbooks.insert(values);
  return created(runbooks.full(request, services, row), runbooks.location(request, row.uuid));
}

async function changeRunbook(request: ApiRequest, services: Services): Promise<Answer> {
  checkQuery(request.query, NOTHING);
  const operations = parsePatch(request.body);
  runbooks.checkPatch(operations, request.minor);
  const { uuid } = await runbookOf(request, services);
  const row = await patchStored(services, runbooks, STORED, uuid, operations, (changes, stored) => {
    check(changes, request.minor);
    if (!(changes.public ?? stored.public)) return;
    refuseOwner(changes.owner ?? null);
    if (stored.owner !== null) changes.owner = null;
  });
  return ok(runbooks.full(request, services, row));
}

function check(values: JsonObject, minor: number): void {
  const { name } = values;
  if (typeof name === 'string') {
    if (minor < TRAITS_SINCE && !isTrait(name)) {
      throw runbooks.schemaError(
        `name '${show(name)}' is not a trait: it must be a standard trait, or CUSTOM_ and A-Z, 0-9, _`,
      );
    }
    if (!isName(name)) throw runbooks.schemaError(`'${show(name)}' is not a valid name`);
  }
  if (values.steps !== undefined) values.steps = checkRunbookSteps(values.steps) as unknown as JsonObject[];
}

/** A public runbook belongs to nobody. */
function refuseOwner(owner: JsonObject[string]): void {
  if (owner !== null) throw new InvalidParameterValue('A public runbook can not have an owner.');
}

async function removeRunbook(request: ApiRequest, services: Services): Promise<Answer> {
  checkQuery(request.query, NOTHING);
  const { uuid } = await runbookOf(request, services);
  if (!(await services.store.runbooks.delete(uuid))) throw runbooks.notFound(uuid);
  return NO_CONTENT;
}

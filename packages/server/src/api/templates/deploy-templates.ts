// SPDX-License-Identifier: Apache-2.0

/** `/v1/deploy_templates` (1.55): steps that a trait of an instance adds to its deployment. */

import type { RowOf } from '../../model/columns.ts';
import type { JsonObject } from '../../model/json.ts';
import { deployTemplateColumns } from '../../model/resources.ts';
import { isTrait } from '../../model/traits.ts';
import type { Tables } from '../../store/store.ts';
import { DEPLOY_TEMPLATE_FIELDS } from '../fields/template.ts';
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
  type Services,
  show,
} from '../request.ts';
import { Resource } from '../resource.ts';
import { resourceRoutes, WRITES_UNKNOWN } from '../resource-routes.ts';
import type { Route } from '../router.ts';
import { patchStored } from '../stored.ts';
import { checkTemplateSteps } from './steps.ts';

const templates = new Resource({
  name: 'deploy template',
  collection: 'deploy_templates',
  columns: deployTemplateColumns,
  fields: DEPLOY_TEMPLATE_FIELDS,
});
const STORED = {
  columns: deployTemplateColumns,
  tableOf: ({ deployTemplates }: Tables) => deployTemplates,
};
const NOTHING: ReadonlySet<string> = new Set();

/** Routes of deploy templates. */
export function deployTemplateRoutes(services: Services): Route[] {
  return resourceRoutes(
    {
      path: 'deploy_templates',
      parameter: 'template',
      argument: 'template_ident',
      min: 55,
      ...WRITES_UNKNOWN,
      list: listTemplates,
      create: createTemplate,
      show: async (request) => templates.show(request, services, await templateOf(request, services)),
      change: changeTemplate,
      remove: removeTemplate,
    },
    services,
  );
}

function templateOf(request: ApiRequest, { store }: Services): Promise<RowOf<typeof deployTemplateColumns>> {
  return findByIdent(store.deployTemplates, templates, param(request, 'template'), request.minor, 55);
}

async function listTemplates(request: ApiRequest, services: Services): Promise<Answer> {
  const page = templates.page(request, services, { filters: NOTHING, detailSince: 55 });
  return await templates.list(request, services, services.store.deployTemplates, page, []);
}

async function createTemplate(request: ApiRequest, services: Services): Promise<Answer> {
  checkQuery(request.query, NOTHING);
  const { description, ...body } = bodyObject(request);
  if (description !== undefined && description !== null && typeof description !== 'string') {
    throw templates.schemaError('description must be a string');
  }
  const values = templates.checkCreate(body, request.minor);
  check(values);
  const row = await services.store.deployTemplates.insert(values);
  return created(templates.full(request, services, row), templates.location(request, row.uuid));
}

async function changeTemplate(request: ApiRequest, services: Services): Promise<Answer> {
  checkQuery(request.query, NOTHING);
  const operations = parsePatch(request.body);
  templates.checkPatch(operations, request.minor);
  const { uuid } = await templateOf(request, services);
  const row = await patchStored(services, templates, STORED, uuid, operations, check);
  return ok(templates.full(request, services, row));
}

function check(values: JsonObject): void {
  if (typeof values.name === 'string' && !isTrait(values.name)) {
    throw templates.schemaError(
      `name '${show(values.name)}' is not a trait: it must be a standard trait, or CUSTOM_ and A-Z, 0-9, _`,
    );
  }
  if (values.steps !== undefined) values.steps = checkTemplateSteps(values.steps) as unknown as JsonObject[];
}

async function removeTemplate(request: ApiRequest, services: Services): Promise<Answer> {
  checkQuery(request.query, NOTHING);
  const { uuid } = await templateOf(request, services);
  if (!(await services.store.deployTemplates.delete(uuid))) throw templates.notFound(uuid);
  return NO_CONTENT;
}

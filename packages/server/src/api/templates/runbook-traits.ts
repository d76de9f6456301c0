// SPDX-License-Identifier: Apache-2.0

/** `/v1/runbooks/{runbook}/traits` (1.112): traits of the nodes a runbook may run on. */

import { InvalidParameterValue, NotFound } from '../../errors.ts';
import { isJsonObject } from '../../model/json.ts';
import { checkTrait, checkTraits } from '../nodes/traits.ts';
import {
  type Answer,
  type ApiRequest,
  checkQuery,
  linkTo,
  mandatory,
  NO_CONTENT,
  namedArguments,
  ok,
  param,
  type Services,
} from '../request.ts';
import type { Handler } from '../resource-routes.ts';
import type { Method, Route } from '../router.ts';
import { runbookOf } from './runbooks.ts';

const NOTHING: ReadonlySet<string> = new Set();

/** Routes of a runbook's traits. */
export function runbookTraitRoutes(services: Services): Route[] {
  const route = (method: Method, path: string, handler: Handler): Route => ({
    method,
    path: `runbooks/:runbook/traits${path}`,
    min: 112,
    handler: (request) => handler(request, services),
  });
  return [
    route('GET', '', async (request) => {
      checkQuery(request.query, NOTHING);
      return ok(`{"traits":${(await runbookOf(request, services)).traits}}`);
    }),
    route('PUT', '', async (request) => {
      const traits = checkTraits(mandatory(namedArguments(request, ['traits']), 'traits'));
      await change(request, services, () => traits);
      return NO_CONTENT;
    }),
    route('PUT', '/:trait', addTrait),
    route('DELETE', '', async (request) => {
      checkQuery(request.query, NOTHING);
      await change(request, services, () => []);
      return NO_CONTENT;
    }),
    route('DELETE', '/:trait', async (request) => {
      checkQuery(request.query, NOTHING);
      const trait = param(request, 'trait');
      await change(request, services, (traits) => traits.filter((item) => item !== trait));
      return NO_CONTENT;
    }),
  ];
}

async function addTrait(request: ApiRequest, services: Services): Promise<Answer> {
  checkQuery(request.query, NOTHING);
  const trait = checkTrait(param(request, 'trait'));
  if (!isJsonObject(request.body) || Object.keys(request.body).length > 0) {
    throw new InvalidParameterValue('No body should be provided when adding a single trait');
  }
  const uuid = await change(request, services, (traits) => [...new Set([...traits, trait])]);
  return { ...NO_CONTENT, location: linkTo(request, `runbooks/${uuid}/traits/${trait}`) };
}

/** Changes the traits in one transaction; returns the runbook's UUID. */
async function change(
  request: ApiRequest,
  services: Services,
  edit: (traits: readonly string[]) => string[],
): Promise<string> {
  const { uuid } = await runbookOf(request, services);
  await services.store.transaction(async ({ runbooks }) => {
    const row = await runbooks.find('uuid', uuid, { forUpdate: true });
    if (row === undefined) throw new NotFound(`Runbook ${uuid} could not be found.`);
    await runbooks.update(uuid, { traits: edit(JSON.parse(row.traits) as string[]) });
  });
  return uuid;
}

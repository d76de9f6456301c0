// SPDX-License-Identifier: Apache-2.0

/** `/v1/nodes/{node}/traits` (1.37). */

import { InvalidParameterValue, NotFound } from '../../errors.ts';
import { isJsonObject, type Json } from '../../model/json.ts';
import { isTrait } from '../../model/traits.ts';
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
  show,
} from '../request.ts';
import { METHOD_UNKNOWN, NOT_ACCEPTABLE, NOT_FOUND, type Route } from '../router.ts';
import { nodeOf } from './resource.ts';

const NOTHING: ReadonlySet<string> = new Set();
const MAX_TRAITS = 50;

/** Routes of a node's traits; below 1.37 each method has a refusal of its own. */
export function traitRoutes(services: Services): Route[] {
  const route = (
    method: Route['method'],
    path: string,
    below: Route['below'] & object,
    handler: (request: ApiRequest, services: Services) => Promise<Answer>,
  ): Route => ({
    method,
    path: `nodes/:node/traits${path}`,
    min: 37,
    below,
    handler: (request) => handler(request, services),
  });
  return [
    route('GET', '', NOT_ACCEPTABLE, async (request) => {
      checkQuery(request.query, NOTHING);
      const node = await nodeOf(request, services);
      return ok(`{"traits":${node.traits}}`);
    }),
    route('PUT', '', METHOD_UNKNOWN, replaceTraits),
    route('PUT', '/:trait', METHOD_UNKNOWN, addTrait),
    route('DELETE', '', NOT_FOUND, async (request) => {
      checkQuery(request.query, NOTHING);
      const node = await nodeOf(request, services);
      await services.conductor.setTraits(request.context, node.uuid, () => []);
      return NO_CONTENT;
    }),
    route('DELETE', '/:trait', NOT_FOUND, removeTrait),
  ];
}

/** Checks a client's list of traits; duplicates collapse. */
export function checkTraits(value: Json): string[] {
  if (!Array.isArray(value)) throw new InvalidParameterValue(`Expected a list of traits, not ${show(value)}`);
  return [...new Set(value.map(checkTrait))];
}

/** Checks one trait. */
export function checkTrait(value: Json): string {
  if (typeof value === 'string' && isTrait(value)) return value;
  throw new InvalidParameterValue(
    `Invalid trait ${show(value)}. A valid trait must be no longer than 255 characters. Standard traits are defined in the os_traits library. A custom trait must start with the prefix CUSTOM_ and use the following characters: A-Z, 0-9 and _`,
  );
}

/** Refuses more traits than a node may have. */
function bounded(node: { id: number }, traits: string[]): string[] {
  if (traits.length <= MAX_TRAITS) return traits;
  throw new InvalidParameterValue(
    `Could not modify traits for node ${node.id} as it would exceed the maximum number of traits per node (${traits.length} vs. ${MAX_TRAITS})`,
  );
}

async function replaceTraits(request: ApiRequest, services: Services): Promise<Answer> {
  const traits = checkTraits(mandatory(namedArguments(request, ['traits']), 'traits'));
  const node = await nodeOf(request, services);
  await services.conductor.setTraits(request.context, node.uuid, () => bounded(node, traits));
  return NO_CONTENT;
}

async function addTrait(request: ApiRequest, services: Services): Promise<Answer> {
  checkQuery(request.query, NOTHING);
  const trait = checkTrait(param(request, 'trait'));
  if (!isJsonObject(request.body) || Object.keys(request.body).length > 0) {
    throw new InvalidParameterValue('No body should be provided when adding a single trait');
  }
  const node = await nodeOf(request, services);
  await services.conductor.setTraits(request.context, node.uuid, (traits) =>
    traits.includes(trait) ? [...traits] : bounded(node, [...traits, trait]),
  );
  return { ...NO_CONTENT, location: linkTo(request, `nodes/${node.uuid}/traits/${trait}`) };
}

async function removeTrait(request: ApiRequest, services: Services): Promise<Answer> {
  checkQuery(request.query, NOTHING);
  const trait = param(request, 'trait');
  const node = await nodeOf(request, services);
  await services.conductor.setTraits(request.context, node.uuid, (traits) => {
    if (!traits.includes(trait)) throw new NotFound(`Node ${node.uuid} doesn't have a trait '${show(trait)}'`);
    return traits.filter((item) => item !== trait);
  });
  return NO_CONTENT;
}

// SPDX-License-Identifier: Apache-2.0

/** The routes every resource has: list, detail, create, show, change, delete. */

import { InvalidParameterValue, MissingParameterValue } from '../errors.ts';
import type { Answer, ApiRequest, Services } from './request.ts';
import { type BelowVersion, METHOD_UNKNOWN, type Method, type Route, UNKNOWN_ROUTE } from './router.ts';

/** What serves a route. */
export type Handler = (request: ApiRequest, services: Services) => Answer | Promise<Answer>;

/** How a resource is reached and what serves it; a handler left out leaves its route out. */
export interface ResourceRoutes {
  /** Path of the collection under `/v1`. */
  readonly path: string;
  /** Name of the path parameter of one resource. */
  readonly parameter: string;
  /** What the identifier is called when it is missing: `port_uuid`. */
  readonly argument: string;
  readonly min?: number;
  /** What versions below `min` get when they read, and when they write (unless given, the same). */
  readonly below?: BelowVersion;
  readonly belowWrite?: BelowVersion;
  readonly list: Handler;
  /** `/detail` of the collection. */
  readonly detail?: Handler;
  readonly create: Handler;
  readonly show: Handler;
  readonly change: Handler;
  readonly remove: Handler;
}

/** Makes the routes of a resource. PATCH and DELETE of the collection itself are 400. */
export function resourceRoutes(definition: ResourceRoutes, services: Services): Route[] {
  const { path, min = 1, below = UNKNOWN_ROUTE, belowWrite = below } = definition;
  const one = `${path}/:${definition.parameter}`;
  const missing: Handler = () => {
    throw new MissingParameterValue(`Missing mandatory parameter: ${definition.argument}`);
  };
  const route = (method: Method, at: string, handler: Handler): Route => ({
    method,
    path: at,
    min,
    below: method === 'GET' ? below : belowWrite,
    handler: (request) => handler(request, services),
  });
  return [
    route('GET', path, definition.list),
    ...(definition.detail === undefined ? [] : [route('GET', `${path}/detail`, definition.detail)]),
    route('POST', path, definition.create),
    route('PATCH', path, missing),
    route('DELETE', path, missing),
    route('GET', one, definition.show),
    route('PATCH', one, definition.change),
    route('DELETE', one, definition.remove),
  ];
}

/** Below-version answers of collections whose writing methods are then unknown. */
export const WRITES_UNKNOWN = { below: UNKNOWN_ROUTE, belowWrite: METHOD_UNKNOWN } as const;

/** The routes of a list below another resource (`nodes/:node/ports`): nothing can be made or addressed there. */
export function subListRoutes(
  { path, min, list, detail }: { path: string; min: number; list: Handler; detail?: Handler },
  services: Services,
): Route[] {
  const malformed: Handler = () => {
    throw new InvalidParameterValue('Malformed request URI');
  };
  const route = (method: Method, at: string, handler: Handler): Route => ({
    method,
    path: at,
    min,
    handler: (request) => handler(request, services),
  });
  return [
    route('GET', path, list),
    ...(detail === undefined ? [] : [route('GET', `${path}/detail`, detail)]),
    ...(['POST', 'PATCH', 'DELETE'] as const).map((method) => route(method, path, malformed)),
    ...(['GET', 'PATCH', 'DELETE'] as const).map((method) => route(method, `${path}/:item`, malformed)),
  ];
}

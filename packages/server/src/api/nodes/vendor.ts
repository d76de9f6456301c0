// SPDX-License-Identifier: Apache-2.0

/** Vendor passthru: `/vendor_passthru/methods`, `/vendor_passthru/{method}` and `/vendor_passthru?method={method}`. */

import type { VendorResult } from '../../conductor/commands.ts';
import { MissingParameterValue } from '../../errors.ts';
import type { JsonObject } from '../../model/json.ts';
import {
  type Answer,
  type ApiRequest,
  accepted,
  bodyObject,
  checkQuery,
  okJson,
  queryValue,
  type Services,
} from '../request.ts';
import type { Method, Route } from '../router.ts';
import { nodeOf } from './resource.ts';

const METHODS: readonly Method[] = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];
const NOTHING: ReadonlySet<string> = new Set();
const METHOD_QUERY: ReadonlySet<string> = new Set(['method']);

/** The passthru routes below a path, for whatever has vendor methods. */
export function passthruRoutes(
  path: string,
  methods: (request: ApiRequest) => Promise<object>,
  call: (request: ApiRequest, method: string, args: JsonObject) => Promise<VendorResult>,
): Route[] {
  const perform = async (request: ApiRequest, method: string | undefined): Promise<Answer> => {
    if (method === undefined || method === '') throw new MissingParameterValue('Missing mandatory parameter: method');
    return answerOf(await call(request, method, bodyObject(request)));
  };
  return [
    {
      method: 'GET',
      path: `${path}/vendor_passthru/methods`,
      handler: async (request) => {
        checkQuery(request.query, NOTHING);
        return okJson(await methods(request));
      },
    },
    ...METHODS.flatMap((method): Route[] => [
      {
        method,
        path: `${path}/vendor_passthru`,
        body: 'default',
        handler: (request) => {
          checkQuery(request.query, METHOD_QUERY);
          return perform(request, queryValue(request.query, 'method'));
        },
      },
      {
        method,
        path: `${path}/vendor_passthru/:method`,
        body: 'default',
        handler: (request) => {
          checkQuery(request.query, NOTHING);
          return perform(request, request.params.method);
        },
      },
    ]),
  ];
}

/** Asynchronous: 202 and nothing; synchronous: 200 with the value as JSON, or raw for methods that attach a file. */
function answerOf(result: VendorResult): Answer {
  if (result.async) return accepted();
  const { value, attach } = result;
  if (value instanceof Uint8Array) return { status: 200, body: value, type: 'application/octet-stream' };
  if (attach)
    return {
      status: 200,
      body: typeof value === 'string' ? value : JSON.stringify(value),
      type: 'application/octet-stream',
    };
  return okJson(value);
}

/** Vendor passthru of nodes. */
export function nodeVendorRoutes(services: Services): Route[] {
  return passthruRoutes(
    'nodes/:node',
    async (request) => {
      const node = await nodeOf(request, services);
      return await services.conductor.nodeVendorMethods(request.context, node.uuid);
    },
    async (request, method, args) => {
      const node = await nodeOf(request, services);
      return await services.conductor.callNodeVendor(request.context, node.uuid, method, request.method, args);
    },
  );
}

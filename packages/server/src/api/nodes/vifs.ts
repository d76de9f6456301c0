// SPDX-License-Identifier: Apache-2.0

/** `/v1/nodes/{node}/vifs` (1.28): virtual interfaces attached to a node's ports. */

import { InvalidParameterValue, NotAcceptable } from '../../errors.ts';
import {
  type Answer,
  type ApiRequest,
  bodyObject,
  checkQuery,
  mandatory,
  NO_CONTENT,
  okJson,
  param,
  type Services,
  show,
} from '../request.ts';
import type { Route } from '../router.ts';
import { isName, isUuid, toUuid } from '../values.ts';
import { nodeOf } from './resource.ts';

const NOTHING: ReadonlySet<string> = new Set();

/** Routes of VIFs. */
export function vifRoutes(services: Services): Route[] {
  return [
    {
      method: 'GET',
      path: 'nodes/:node/vifs',
      min: 28,
      handler: async (request) => {
        checkQuery(request.query, NOTHING);
        const node = await nodeOf(request, services);
        return okJson({ vifs: await services.conductor.listVifs(request.context, node.uuid) });
      },
    },
    { method: 'POST', path: 'nodes/:node/vifs', min: 28, handler: (request) => attach(request, services) },
    {
      method: 'DELETE',
      path: 'nodes/:node/vifs/:vif',
      min: 28,
      handler: async (request) => {
        checkQuery(request.query, NOTHING);
        const vif = checkId(param(request, 'vif'));
        const node = await nodeOf(request, services);
        await services.conductor.detachVif(request.context, node.uuid, vif);
        return NO_CONTENT;
      },
    },
  ];
}

/** Keys besides those checked here are the network interface's business. */
async function attach(request: ApiRequest, services: Services): Promise<Answer> {
  checkQuery(request.query, NOTHING);
  const vif = bodyObject(request);
  const id = mandatory(vif, 'id');
  if (typeof id !== 'string')
    throw new InvalidParameterValue(`Schema error for vif: id must be a string, not ${show(id)}`);
  checkId(id);
  const pinned = ['port_uuid', 'portgroup_uuid'].filter((key) => vif[key] !== undefined && vif[key] !== null);
  if (pinned.length > 0 && request.minor < 67) throw new NotAcceptable();
  if (pinned.length > 1) {
    throw new InvalidParameterValue('Cannot specify both port_uuid and portgroup_uuid');
  }
  for (const key of pinned) toUuid(key, vif[key] ?? null);
  const node = await nodeOf(request, services);
  await services.conductor.attachVif(request.context, node.uuid, vif);
  return NO_CONTENT;
}

function checkId(id: string): string {
  if (isUuid(id) || isName(id)) return id;
  throw new InvalidParameterValue(`Expected UUID or name for id: ${show(id)}`);
}

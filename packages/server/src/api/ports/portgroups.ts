// SPDX-License-Identifier: Apache-2.0

/** `/v1/portgroups` (1.23), and the port groups of a node (1.24). */

import type { JsonObject } from '../../model/json.ts';
import type { NodeRow, PortgroupRecord } from '../../model/resources.ts';
import type { Condition } from '../../store/store.ts';
import { parsePatch } from '../json-patch.ts';
import { nodeConditions, ofNode } from '../node-filters.ts';
import { nodeOf } from '../nodes/resource.ts';
import {
  type Answer,
  type ApiRequest,
  bodyObject,
  checkQuery,
  created,
  NO_CONTENT,
  ok,
  queryValue,
  type Services,
} from '../request.ts';
import { minimumVersion } from '../resource.ts';
import { resourceRoutes, subListRoutes } from '../resource-routes.ts';
import { NOT_SUPPORTED, type Route } from '../router.ts';
import { toMac } from '../values.ts';
import { portgroupOf, portgroups } from './resource.ts';

const NOTHING: ReadonlySet<string> = new Set();
/** Filters and the version that brought each. */
const FILTERS: Readonly<Record<string, number>> = { node: 23, address: 23, conductor_groups: 99, shard: 106 };
const FILTER_NAMES: ReadonlySet<string> = new Set(Object.keys(FILTERS));

/** Routes of port groups. */
export function portgroupRoutes(services: Services): Route[] {
  return [
    ...resourceRoutes(
      {
        path: 'portgroups',
        parameter: 'portgroup',
        argument: 'portgroup_ident',
        min: 23,
        below: NOT_SUPPORTED,
        list: (request) => listPortgroups(request, services),
        detail: (request) => listPortgroups(request, services, { path: 'portgroups/detail', allFields: true }),
        create: createPortgroup,
        show: async (request) => portgroups.show(request, services, await portgroupOf(request, services)),
        change: changePortgroup,
        remove: removePortgroup,
      },
      services,
    ),
    ...subListRoutes(
      {
        path: 'nodes/:node/portgroups',
        min: 24,
        list: async (request) => listOfNode(request, services, await nodeOf(request, services), false),
        detail: async (request) => listOfNode(request, services, await nodeOf(request, services), true),
      },
      services,
    ),
  ];
}

function listOfNode(request: ApiRequest, services: Services, node: NodeRow, allFields: boolean): Promise<Answer> {
  const path = `nodes/${node.uuid}/portgroups${allFields ? '/detail' : ''}`;
  return listPortgroups(request, services, { path, allFields, fixed: [ofNode(node)] });
}

async function listPortgroups(
  request: ApiRequest,
  services: Services,
  { path = 'portgroups', allFields = false, fixed = [] as readonly Condition[] } = {},
): Promise<Answer> {
  for (const name of request.query.keys()) {
    const since = FILTERS[name] ?? 0;
    if (since > request.minor) throw minimumVersion(since);
  }
  const page = portgroups.page(request, services, { filters: FILTER_NAMES, allFields, detailSince: 43 });
  const where = [...fixed, ...(await nodeConditions(request, services))];
  const address = queryValue(request.query, 'address');
  if (address !== undefined) where.push({ column: 'address', op: '=', value: toMac('address', address) });
  return await portgroups.list(request, services, services.store.portgroups, page, where, path);
}

async function createPortgroup(request: ApiRequest, services: Services): Promise<Answer> {
  checkQuery(request.query, NOTHING);
  const { mode, ...values } = portgroups.checkCreate(bodyObject(request), request.minor);
  const row = await services.conductor.createPortgroup(request.context, {
    ...values,
    ...(mode === undefined || mode === null ? {} : { mode }),
  } as unknown as Partial<PortgroupRecord> & { node_uuid: string });
  return created(portgroups.full(request, services, row), portgroups.location(request, row.uuid));
}

async function changePortgroup(request: ApiRequest, services: Services): Promise<Answer> {
  checkQuery(request.query, NOTHING);
  const operations = parsePatch(request.body);
  portgroups.checkPatch(operations, request.minor);
  const { uuid } = await portgroupOf(request, services);
  const row = await services.conductor.updatePortgroup(request.context, uuid, (group) => {
    const changes = portgroups.patch(operations, group as unknown as JsonObject);
    if (changes.mode === null) changes.mode = services.config.DEFAULT.default_portgroup_mode;
    return changes as Partial<PortgroupRecord>;
  });
  return ok(portgroups.full(request, services, row));
}

async function removePortgroup(request: ApiRequest, services: Services): Promise<Answer> {
  checkQuery(request.query, NOTHING);
  const { uuid } = await portgroupOf(request, services);
  await services.conductor.destroyPortgroup(request.context, uuid);
  return NO_CONTENT;
}

// SPDX-License-Identifier: Apache-2.0

/** `/v1/chassis`, and the nodes of a chassis. */

import { Conflict, InvalidParameterValue } from '../errors.ts';
import { type ChassisRow, chassisColumns } from '../model/resources.ts';
import type { Tables } from '../store/store.ts';
import { CHASSIS_FIELDS } from './fields/chassis.ts';
import { findByUuid } from './find.ts';
import { parsePatch } from './json-patch.ts';
import { listNodes } from './nodes/list.ts';
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
} from './request.ts';
import { Resource } from './resource.ts';
import { resourceRoutes } from './resource-routes.ts';
import type { Route } from './router.ts';
import { patchStored } from './stored.ts';

const chassis = new Resource({
  name: 'chassis',
  collection: 'chassis',
  columns: chassisColumns,
  fields: CHASSIS_FIELDS,
});

const NOTHING: ReadonlySet<string> = new Set();

/** Routes of chassis. */
export function chassisRoutes(services: Services): Route[] {
  return [
    ...resourceRoutes(
      {
        path: 'chassis',
        parameter: 'chassis',
        argument: 'chassis_uuid',
        list: (request) => listChassis(request, services, 'chassis', false),
        detail: (request) => listChassis(request, services, 'chassis/detail', true),
        create: createChassis,
        show: async (request) => chassis.show(request, services, await chassisOf(request, services)),
        change: changeChassis,
        remove: removeChassis,
      },
      services,
    ),
    { method: 'GET', path: 'chassis/:chassis/nodes', handler: (request) => listNodesOf(request, services, false) },
    {
      method: 'GET',
      path: 'chassis/:chassis/nodes/detail',
      handler: (request) => listNodesOf(request, services, true),
    },
  ];
}

function chassisOf(request: ApiRequest, services: Services): Promise<ChassisRow> {
  return findByUuid(services.store.chassis, chassis, param(request, 'chassis'), 'chassis_uuid');
}

async function listChassis(request: ApiRequest, services: Services, path: string, allFields: boolean): Promise<Answer> {
  const page = chassis.page(request, services, { filters: NOTHING, allFields, detailSince: 43 });
  return await chassis.list(request, services, services.store.chassis, page, [], path);
}

async function listNodesOf(request: ApiRequest, services: Services, allFields: boolean): Promise<Answer> {
  const { uuid } = await chassisOf(request, services);
  return await listNodes(request, services, {
    path: `chassis/${uuid}/nodes${allFields ? '/detail' : ''}`,
    allFields,
    fixed: [{ column: 'chassis_uuid', op: '=', value: uuid }],
  });
}

async function createChassis(request: ApiRequest, services: Services): Promise<Answer> {
  checkQuery(request.query, NOTHING);
  const row = await services.store.chassis.insert(chassis.checkCreate(bodyObject(request), request.minor));
  return created(chassis.full(request, services, row), chassis.location(request, row.uuid));
}

async function changeChassis(request: ApiRequest, services: Services): Promise<Answer> {
  checkQuery(request.query, NOTHING);
  const operations = parsePatch(request.body);
  chassis.checkPatch(operations, request.minor);
  const { uuid } = await chassisOf(request, services);
  const stored = { columns: chassisColumns, tableOf: ({ chassis: table }: Tables) => table };
  return ok(chassis.full(request, services, await patchStored(services, chassis, stored, uuid, operations)));
}

async function removeChassis(request: ApiRequest, services: Services): Promise<Answer> {
  checkQuery(request.query, NOTHING);
  const { uuid } = await chassisOf(request, services);
  try {
    if (!(await services.store.chassis.delete(uuid))) throw chassis.notFound(uuid);
  } catch (error) {
    if (!(error instanceof Conflict)) throw error;
    throw new InvalidParameterValue(`Cannot complete the requested action because chassis ${uuid} contains nodes.`, {
      cause: error,
    });
  }
  return NO_CONTENT;
}

// SPDX-License-Identifier: Apache-2.0

/** `/v1/ports`, and the ports of a node or of a port group. */

import { Forbidden, InvalidParameterValue, NotAcceptable, NotFound } from '../../errors.ts';
import { isJsonObject, type JsonObject } from '../../model/json.ts';
import { type NodeRow, type PortgroupRow, type PortRecord, type PortRow, portColumns } from '../../model/resources.ts';
import type { Condition } from '../../store/store.ts';
import { PORT_FIELDS } from '../fields/port.ts';
import { findByIdent, findByUuid } from '../find.ts';
import { parsePatch } from '../json-patch.ts';
import { nodeConditions, ofNode } from '../node-filters.ts';
import { findNode, nodeOf } from '../nodes/resource.ts';
import {
  type Answer,
  type ApiRequest,
  bodyObject,
  checkQuery,
  created,
  mandatoryString,
  NO_CONTENT,
  ok,
  param,
  queryValue,
  type Services,
} from '../request.ts';
import { minimumVersion, Resource } from '../resource.ts';
import { resourceRoutes, subListRoutes } from '../resource-routes.ts';
import type { Route } from '../router.ts';
import { toMac } from '../values.ts';
import { checkConnection } from './connection.ts';
import { findPortgroup, portgroupOf } from './resource.ts';

/** Ports as the API knows them. */
export const ports = new Resource({ name: 'port', collection: 'ports', columns: portColumns, fields: PORT_FIELDS });

const NOTHING: ReadonlySet<string> = new Set();
const FILTERS: ReadonlySet<string> = new Set([
  'node',
  'node_uuid',
  'address',
  'portgroup',
  'shard',
  'conductor_groups',
  'description_contains',
]);

/** Routes of ports. */
export function portRoutes(services: Services): Route[] {
  return [
    ...resourceRoutes(
      {
        path: 'ports',
        parameter: 'port',
        argument: 'port_uuid',
        list: (request) => listPorts(request, services),
        detail: (request) => listPorts(request, services, { path: 'ports/detail', allFields: true }),
        create: createPort,
        show: async (request) => ports.show(request, services, await portOf(request, services)),
        change: changePort,
        remove: removePort,
      },
      services,
    ),
    ...subListRoutes(
      {
        path: 'nodes/:node/ports',
        min: 1,
        list: async (request) => listOfNode(request, services, await nodeOf(request, services), false),
        detail: async (request) => listOfNode(request, services, await nodeOf(request, services), true),
      },
      services,
    ),
    ...subListRoutes(
      {
        path: 'portgroups/:portgroup/ports',
        min: 24,
        list: async (request) => listOfGroup(request, services, await portgroupOf(request, services), false),
        detail: async (request) => listOfGroup(request, services, await portgroupOf(request, services), true),
      },
      services,
    ),
  ];
}

/** Which ports a list is about, from its path. */
interface Scope {
  readonly path?: string;
  readonly allFields?: boolean;
  readonly node?: NodeRow;
  readonly portgroup?: PortgroupRow;
}

function listOfNode(request: ApiRequest, services: Services, node: NodeRow, allFields: boolean): Promise<Answer> {
  const path = `nodes/${node.uuid}/ports${allFields ? '/detail' : ''}`;
  return listPorts(request, services, { path, allFields, node });
}

function listOfGroup(
  request: ApiRequest,
  services: Services,
  portgroup: PortgroupRow,
  allFields: boolean,
): Promise<Answer> {
  const path = `portgroups/${portgroup.uuid}/ports${allFields ? '/detail' : ''}`;
  return listPorts(request, services, { path, allFields, portgroup });
}

async function listPorts(request: ApiRequest, services: Services, scope: Scope = {}): Promise<Answer> {
  const { path = 'ports', allFields = false } = scope;
  checkFilters(request, scope);
  const page = ports.page(request, services, { filters: FILTERS, allFields, detailSince: 43 });
  const where = await conditions(request, services, scope);
  return await ports.list(request, services, services.store.ports, page, where, path);
}

/** Of node, port group and shard only one may be given; conductor groups stand alone. */
function checkFilters({ query, minor }: ApiRequest, { node, portgroup }: Scope): void {
  if (query.has('portgroup') && minor < 24) throw new NotAcceptable();
  if (query.has('shard') && minor < 82) throw minimumVersion(82);
  if (query.has('conductor_groups') && minor < 99) throw minimumVersion(99);
  const byNode = node !== undefined || query.has('node') || query.has('node_uuid');
  const byGroup = portgroup !== undefined || query.has('portgroup');
  if ([byNode, byGroup, query.has('shard')].filter(Boolean).length > 1) throw new Forbidden('Operation not permitted.');
  if (query.has('conductor_groups') && (byNode || byGroup || query.has('address'))) {
    throw new InvalidParameterValue('conductor_groups can not be combined with node, portgroup or address.');
  }
}

async function conditions(request: ApiRequest, services: Services, { node, portgroup }: Scope): Promise<Condition[]> {
  const { query, minor } = request;
  const where: Condition[] = await nodeConditions(request, services);
  if (node !== undefined) where.push(ofNode(node));
  const ident = queryValue(query, 'portgroup');
  for (const group of [portgroup, ident === undefined ? undefined : await findPortgroup(services, ident, minor)]) {
    if (group !== undefined) where.push({ column: 'portgroup_uuid', op: '=', value: group.uuid });
  }
  const address = queryValue(query, 'address');
  if (address !== undefined) where.push({ column: 'address', op: '=', value: toMac('address', address) });
  const part = queryValue(query, 'description_contains');
  if (part !== undefined) where.push({ column: 'description', op: 'contains', value: part });
  return where;
}

/** The port of the path: by UUID, or by name from 1.88. */
async function portOf(request: ApiRequest, services: Services): Promise<PortRow> {
  const ident = param(request, 'port');
  return request.minor < 88
    ? await findByUuid(services.store.ports, ports, ident, 'port_uuid')
    : await findByIdent(services.store.ports, ports, ident, request.minor, 88);
}

async function createPort(request: ApiRequest, services: Services): Promise<Answer> {
  checkQuery(request.query, NOTHING);
  const values = ports.checkCreate(await withNodeUuid(request, services), request.minor);
  connect(values, request.minor);
  const row = await services.conductor.createPort(
    request.context,
    values as unknown as Partial<PortRecord> & { node_uuid: string; address: string },
  );
  return created(ports.full(request, services, row), ports.location(request, row.uuid));
}

/** The body with `node_ident` (1.94: a UUID or a name, instead of `node_uuid`) made a UUID. */
async function withNodeUuid(request: ApiRequest, services: Services): Promise<JsonObject> {
  const body = bodyObject(request);
  if (!Object.hasOwn(body, 'node_ident')) return body;
  const { node_ident, ...rest } = body;
  if (node_ident === null || node_ident === undefined) return rest;
  if (request.minor < 94) throw new NotAcceptable();
  if (rest.node_uuid !== undefined && rest.node_uuid !== null) {
    throw new InvalidParameterValue('Exactly one of node_uuid and node_ident must be given.');
  }
  try {
    const node = await findNode(services, mandatoryString(body, 'node_ident'), request.minor);
    return { ...rest, node_uuid: node.uuid };
  } catch (error) {
    throw error instanceof NotFound ? new InvalidParameterValue(error.message) : error;
  }
}

async function changePort(request: ApiRequest, services: Services): Promise<Answer> {
  checkQuery(request.query, NOTHING);
  const operations = parsePatch(request.body);
  ports.checkPatch(operations, request.minor);
  const { uuid } = await portOf(request, services);
  const row = await services.conductor.updatePort(request.context, uuid, (port) => {
    const changes = ports.patch(operations, port as unknown as JsonObject);
    connect(changes, request.minor, port.local_link_connection);
    return changes as Partial<PortRecord>;
  });
  return ok(ports.full(request, services, row));
}

function connect(values: JsonObject, minor: number, stored?: JsonObject): void {
  const connection = values.local_link_connection;
  if (isJsonObject(connection)) values.local_link_connection = checkConnection(connection, minor, stored);
}

async function removePort(request: ApiRequest, services: Services): Promise<Answer> {
  checkQuery(request.query, NOTHING);
  const { uuid } = await findByUuid(services.store.ports, ports, param(request, 'port'), 'port_uuid');
  await services.conductor.destroyPort(request.context, uuid);
  return NO_CONTENT;
}

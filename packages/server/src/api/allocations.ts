// SPDX-License-Identifier: Apache-2.0

/** `/v1/allocations` (1.52), and the allocation of a node. */

import { InvalidParameterValue, MissingParameterValue, NotAcceptable, NotFound } from '../errors.ts';
import type { Json, JsonObject } from '../model/json.ts';
import { type AllocationRecord, type AllocationRow, allocationColumns, type NodeRow } from '../model/resources.ts';
import type { Tables } from '../store/store.ts';
import { ALLOCATION_FIELDS } from './fields/allocation.ts';
import { findByIdent } from './find.ts';
import { parsePatch } from './json-patch.ts';
import { nodeConditions } from './node-filters.ts';
import { findNode, nodeOf } from './nodes/resource.ts';
import { checkTraits } from './nodes/traits.ts';
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
  show,
} from './request.ts';
import { minimumVersion, Resource } from './resource.ts';
import { resourceRoutes } from './resource-routes.ts';
import type { Route } from './router.ts';
import { patchStored } from './stored.ts';
import { isUuid } from './values.ts';

const allocations = new Resource({
  name: 'allocation',
  collection: 'allocations',
  columns: allocationColumns,
  fields: ALLOCATION_FIELDS,
});
const STORED = { columns: allocationColumns, tableOf: ({ allocations: table }: Tables) => table };
const NOTHING: ReadonlySet<string> = new Set();
const FILTERS: ReadonlySet<string> = new Set(['node', 'resource_class', 'state', 'owner']);
const REFUSED = 'The API version does not allow allocations';
const CHANGES_SINCE = {
  min: 57,
  below: { status: 405, text: 'The API version does not allow updating allocations' },
} as const;

/** Routes of allocations. */
export function allocationRoutes(services: Services): Route[] {
  const routes = resourceRoutes(
    {
      path: 'allocations',
      parameter: 'allocation',
      argument: 'allocation_ident',
      min: 52,
      below: { status: 404, text: REFUSED },
      belowWrite: { status: 405, text: REFUSED },
      list: listAllocations,
      create: createAllocation,
      show: async (request) => allocations.show(request, services, await allocationOf(request, services)),
      change: changeAllocation,
      remove: async (request) => remove(request, services, await allocationOf(request, services)),
    },
    services,
  );
  const ofNode = { path: 'nodes/:node/allocation', min: 52 } as const;
  return [
    ...routes.map((route) => (route.method === 'PATCH' ? { ...route, ...CHANGES_SINCE } : route)),
    {
      ...ofNode,
      method: 'GET',
      handler: (request) => showAllocationOfNode(request, services),
    },
    {
      ...ofNode,
      method: 'DELETE',
      handler: async (request) =>
        remove(request, services, await allocationOfNode(services, await nodeOf(request, services))),
    },
  ];
}

function allocationOf(request: ApiRequest, { store }: Services): Promise<AllocationRow> {
  return findByIdent(store.allocations, allocations, param(request, 'allocation'), request.minor, 52);
}

/** An unknown node is 400 here, as where a list of allocations is filtered by it; only to DELETE it is 404. */
async function showAllocationOfNode(request: ApiRequest, services: Services): Promise<Answer> {
  const node = await nodeOf(request, services).catch(refuseUnknownNode);
  return allocations.show(request, services, await allocationOfNode(services, node));
}

async function allocationOfNode({ store }: Services, node: NodeRow): Promise<AllocationRow> {
  const row = node.allocation_uuid === null ? undefined : await store.allocations.find('uuid', node.allocation_uuid);
  if (row === undefined) throw new NotFound(`Allocation for node ${node.uuid} was not found`);
  return row;
}

async function listAllocations(request: ApiRequest, services: Services): Promise<Answer> {
  if (request.query.has('owner') && request.minor < 60) throw minimumVersion(60);
  const page = allocations.page(request, services, { filters: FILTERS });
  const where = await nodeConditions(request, services).catch(refuseUnknownNode);
  for (const column of ['resource_class', 'state', 'owner']) {
    const value = queryValue(request.query, column);
    if (value !== undefined) where.push({ column, op: '=', value });
  }
  return await allocations.list(request, services, services.store.allocations, page, where);
}

async function createAllocation(request: ApiRequest, services: Services): Promise<Answer> {
  checkQuery(request.query, NOTHING);
  const { node: ident = null, ...body } = bodyObject(request);
  if (ident !== null && request.minor < 58) throw new NotAcceptable();
  const values = allocations.checkCreate(body, request.minor);
  if (values.traits !== undefined) values.traits = checkTraits(values.traits);
  if (values.candidate_nodes !== undefined) {
    values.candidate_nodes = await resolveNodes(services, values.candidate_nodes);
  }
  const { project } = request.context;
  if (project !== null) values.owner = project;
  const claim = values as Partial<AllocationRecord>;
  const { conductor } = services;
  const node = ident === null ? undefined : await backfilled(request, services, bodyObject(request));
  if (node === undefined && !claim.resource_class) {
    throw new MissingParameterValue('The resource_class field is mandatory when not backfilling');
  }
  const row =
    node === undefined
      ? await conductor.createAllocation(request.context, claim)
      : await conductor.backfillAllocation(request.context, node.uuid, claim);
  return created(allocations.full(request, services, row), allocations.location(request, row.uuid));
}

/** The node that is in use already; 400 when there is none. */
async function backfilled(request: ApiRequest, services: Services, body: JsonObject): Promise<NodeRow> {
  return await findNode(services, mandatoryString(body, 'node'), request.minor).catch(refuseUnknownNode);
}

/** An unknown node is a wrong argument of a request about allocations: 400. */
function refuseUnknownNode(error: unknown): never {
  throw error instanceof NotFound ? new InvalidParameterValue(error.message) : error;
}

/** UUIDs of nodes given by UUID or name, in the order given; 400 naming those there are not. */
async function resolveNodes({ store }: Services, idents: Json): Promise<string[]> {
  const given = Array.isArray(idents) ? [...new Set(idents)] : [];
  const names = given.filter((ident) => typeof ident === 'string');
  if (names.length < given.length) {
    throw allocations.schemaError('candidate_nodes must be a list of UUIDs and names of nodes');
  }
  const known = new Map<string, string>();
  for (const column of ['uuid', 'name'] as const) {
    const value = names.filter((name) => isUuid(name) === (column === 'uuid'));
    if (value.length === 0) continue;
    for (const row of await store.nodes.list({ where: [{ column, op: 'in', value }], columns: ['name'] })) {
      known.set(String(row[column]), row.uuid);
    }
  }
  const missing = names.filter((name) => !known.has(name));
  if (missing.length > 0) {
    throw new InvalidParameterValue(`Nodes cannot be found: ${missing.slice(0, 20).map(show).join(', ')}`);
  }
  return [...new Set(names.map((name) => known.get(name) ?? name))];
}

async function changeAllocation(request: ApiRequest, services: Services): Promise<Answer> {
  checkQuery(request.query, NOTHING);
  const operations = parsePatch(request.body);
  allocations.checkPatch(operations, request.minor);
  const { uuid } = await allocationOf(request, services);
  return ok(allocations.full(request, services, await patchStored(services, allocations, STORED, uuid, operations)));
}

async function remove(request: ApiRequest, services: Services, { uuid }: AllocationRow): Promise<Answer> {
  checkQuery(request.query, NOTHING);
  await services.conductor.destroyAllocation(request.context, uuid);
  return NO_CONTENT;
}

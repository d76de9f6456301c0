// SPDX-License-Identifier: Apache-2.0

/** `/v1/nodes`: create, list, show, change, delete. */

import type { NodeEdit } from '../../conductor/commands.ts';
import { InvalidParameterValue, MissingParameterValue, NotAcceptable } from '../../errors.ts';
import { isJsonObject, type JsonObject } from '../../model/json.ts';
import type { NodeRecord } from '../../model/resources.ts';
import { RESERVED_NODE_NAMES } from '../fields/node.ts';
import { parsePatch } from '../json-patch.ts';
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
  show,
} from '../request.ts';
import { minimumVersion } from '../resource.ts';
import type { Route } from '../router.ts';
import { isHostName, isName, toBoolean } from '../values.ts';
import { listNodes } from './list.ts';
import { checkNetworkData } from './network-data.ts';
import { nodeOf, nodes } from './resource.ts';

const NOTHING: ReadonlySet<string> = new Set();
const PATCH_QUERY: ReadonlySet<string> = new Set(['reset_interfaces']);

/** Routes of nodes themselves; their sub-resources are in the files beside. */
export function nodeRoutes(services: Services): Route[] {
  return [
    { method: 'GET', path: 'nodes', handler: (request) => listNodes(request, services) },
    {
      method: 'GET',
      path: 'nodes/detail',
      handler: (request) => listNodes(request, services, { path: 'nodes/detail', allFields: true }),
    },
    { method: 'POST', path: 'nodes', handler: (request) => createNode(request, services) },
    { method: 'PATCH', path: 'nodes', handler: refuseCollection },
    { method: 'DELETE', path: 'nodes', handler: refuseCollection },
    {
      method: 'GET',
      path: 'nodes/:node',
      handler: async (request) => nodes.show(request, services, await nodeOf(request, services)),
    },
    { method: 'PATCH', path: 'nodes/:node', handler: (request) => patchNode(request, services) },
    {
      method: 'DELETE',
      path: 'nodes/:node',
      handler: async (request) => {
        checkQuery(request.query, NOTHING);
        const node = await nodeOf(request, services);
        await services.conductor.destroyNode(request.context, node.uuid);
        return NO_CONTENT;
      },
    },
  ];
}

function refuseCollection(): Answer {
  throw new MissingParameterValue('Missing mandatory parameter: node_ident');
}

async function createNode(request: ApiRequest, services: Services): Promise<Answer> {
  checkQuery(request.query, NOTHING);
  const { config, conductor } = services;
  const values = nodes.checkCreate(bodyObject(request), request.minor);
  if (typeof values.name === 'string') checkName(undefined, values.name, request.minor);
  normalize(values, services);
  values.resource_class ??= config.DEFAULT.default_resource_class;
  if (!Object.hasOwn(values, 'conductor_group')) values.conductor_group = config.DEFAULT.default_conductor_group;
  values.provision_state = request.minor >= 11 ? 'enroll' : 'available';
  const row = await conductor.createNode(
    request.context,
    values as unknown as Partial<NodeRecord> & { driver: string },
  );
  return created(nodes.full(request, services, row), nodes.location(request, row.uuid));
}

async function patchNode(request: ApiRequest, services: Services): Promise<Answer> {
  checkQuery(request.query, PATCH_QUERY);
  const resetText = queryValue(request.query, 'reset_interfaces');
  if (resetText !== undefined && request.minor < 45) throw minimumVersion(45);
  const resetInterfaces = resetText === undefined ? false : toBoolean('reset_interfaces', resetText);
  const operations = parsePatch(request.body);
  nodes.checkPatch(operations, request.minor);
  const roots = new Set(operations.map((operation) => operation.root));
  if (resetInterfaces && !roots.has('driver')) {
    throw new InvalidParameterValue("The reset_interfaces parameter can only be used when changing the node's driver.");
  }
  const node = await nodeOf(request, services);
  const onlyRemovesInstanceUuid =
    operations.length === 1 && operations[0]?.op === 'remove' && operations[0].path === '/instance_uuid';
  const row = await services.conductor.updateNode(request.context, node.uuid, (fresh): NodeEdit => {
    const changes = nodes.patch(operations, fresh as unknown as JsonObject);
    if (typeof changes.name === 'string') checkName(fresh.name ?? fresh.uuid, changes.name, request.minor);
    if (changes.chassis_uuid === null && request.minor < 25) throw new NotAcceptable();
    normalize(changes, services);
    return { changes: changes as Partial<NodeRecord>, roots, resetInterfaces, onlyRemovesInstanceUuid };
  });
  return ok(nodes.full(request, services, row));
}

/** From 1.10 a name is any run of unreserved characters; before, it had to be a host name. `ident`: the node that gets it. */
function checkName(ident: string | undefined, name: string, minor: number): void {
  if (RESERVED_NODE_NAMES.includes(name)) {
    throw new InvalidParameterValue(
      `The word "${name}" is reserved and can not be used as a node name. Reserved words are: ${RESERVED_NODE_NAMES.join(', ')}.`,
    );
  }
  if (isName(name) && (minor >= 10 || isHostName(name))) return;
  throw new InvalidParameterValue(
    ident === undefined
      ? `Cannot create node with invalid name '${show(name)}'`
      : `Node ${ident}: Cannot change name to invalid name '${show(name)}'`,
  );
}

function normalize(values: JsonObject, { config }: Services): void {
  if (isJsonObject(values.network_data) && config.api.network_data_schema === null) {
    checkNetworkData(values.network_data);
  }
  if (typeof values.conductor_group === 'string') values.conductor_group = values.conductor_group.toLowerCase();
}

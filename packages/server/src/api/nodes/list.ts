// SPDX-License-Identifier: Apache-2.0

/** Lists of nodes: filters, each with the version that knows it, as conditions on columns. */

import { InvalidParameterValue, NotAcceptable, NotFound } from '../../errors.ts';
import { isProvisionState } from '../../model/states.ts';
import type { Condition } from '../../store/store.ts';
import type { Row } from '../fields/field.ts';
import { type Answer, type ApiRequest, queryValue, type Services } from '../request.ts';
import { minimumVersion } from '../resource.ts';
import { toBoolean, toList, toUuid } from '../values.ts';
import { findNode, nodes } from './resource.ts';

const FAULTS = ['power failure', 'clean failure', 'rescue abort failure', 'service failure'];

/** Filters and the first version that takes each; 0 for those no version refuses. */
const FILTERS: Readonly<Record<string, number>> = {
  chassis_uuid: 0,
  instance_uuid: 0,
  associated: 0,
  maintenance: 0,
  provision_state: 9,
  driver: 16,
  resource_class: 21,
  fault: 42,
  conductor_group: 46,
  conductor: 49,
  owner: 50,
  lessee: 65,
  project: 0,
  description_contains: 0,
  retired: 0,
  shard: 82,
  sharded: 82,
  include_children: 83,
  parent_node: 83,
  instance_name: 104,
};
const FILTER_NAMES = new Set(Object.keys(FILTERS));

/** Lists nodes that meet the query and `fixed`; `path` is the list's own path, for the `next` link. */
export async function listNodes(
  request: ApiRequest,
  services: Services,
  { path = 'nodes', allFields = false, fixed = [] as readonly Condition[] } = {},
): Promise<Answer> {
  checkVersions(request);
  const page = nodes.page(request, services, { filters: FILTER_NAMES, allFields, detailSince: 43 });
  const where = [...fixed, ...(await conditions(request, services))];
  return await nodes.list(request, services, services.store.nodes, page, where, path, acceptor(request, services));
}

function checkVersions({ query, minor }: ApiRequest): void {
  for (const name of query.keys()) {
    const since = FILTERS[name] ?? 0;
    if (since <= minor) continue;
    if (name === 'instance_name') throw new NotAcceptable('instance_name is not acceptable in this API version');
    throw minimumVersion(since);
  }
}

async function conditions({ query, minor }: ApiRequest, services: Services): Promise<Condition[]> {
  const where: Condition[] = [];
  const text = (name: string): string | undefined => queryValue(query, name);
  const equals = (column: string, value: string | boolean | undefined): void => {
    if (value !== undefined) where.push({ column, op: '=', value });
  };
  const flag = (name: string): boolean | undefined => {
    const value = text(name);
    return value === undefined ? undefined : toBoolean(name, value);
  };
  const presence = (column: string, present: boolean | undefined): void => {
    if (present !== undefined) where.push({ column, op: present ? 'is not null' : 'is null' });
  };

  const chassis = text('chassis_uuid');
  if (chassis !== undefined) {
    if ((await services.store.chassis.find('uuid', toUuid('chassis_uuid', chassis))) === undefined) {
      throw new NotFound(`Chassis ${chassis} could not be found.`);
    }
    equals('chassis_uuid', chassis);
  }
  const instance = text('instance_uuid');
  if (instance !== undefined) equals('instance_uuid', toUuid('instance_uuid', instance));
  presence('instance_uuid', flag('associated'));
  equals('maintenance', flag('maintenance'));
  equals('retired', flag('retired'));
  equals('provision_state', provisionState(text('provision_state')));
  equals('fault', fault(text('fault')));
  equals('conductor_group', text('conductor_group')?.toLowerCase());
  for (const name of ['driver', 'resource_class', 'owner', 'lessee', 'instance_name']) equals(name, text(name));
  const part = text('description_contains');
  if (part !== undefined) where.push({ column: 'description', op: 'contains', value: part });
  const shards = query.get('shard');
  if (shards !== undefined) where.push({ column: 'shard', op: 'in', value: toList(shards) });
  presence('shard', flag('sharded'));
  const parent = text('parent_node');
  if (parent !== undefined) equals('parent_node', (await findNode(services, parent, minor)).uuid);
  else if (flag('include_children') !== true) presence('parent_node', false);
  return where;
}

function provisionState(state: string | undefined): string | undefined {
  if (state === undefined || isProvisionState(state)) return state;
  throw new InvalidParameterValue(`Provision state "${state.slice(0, 200)}" is not valid`);
}

function fault(value: string | undefined): string | undefined {
  if (value === undefined || FAULTS.includes(value)) return value;
  throw new InvalidParameterValue(
    `Unrecognized fault "${value.slice(0, 200)}" is specified, acceptable values are: ${FAULTS.join(', ')}`,
  );
}

/** Filters that are not about one column: the conductor a node maps to, and a project as owner or lessee. */
function acceptor(
  { query }: ApiRequest,
  { conductor }: Services,
): { needs: readonly string[]; test: (row: Row) => boolean } | undefined {
  const host = queryValue(query, 'conductor');
  const project = queryValue(query, 'project');
  if (host === undefined && project === undefined) return undefined;
  return {
    needs: ['uuid', 'driver', 'conductor_group', 'owner', 'lessee'],
    test: (row) =>
      (project === undefined || row.owner === project || row.lessee === project) &&
      (host === undefined ||
        conductor.conductorOf({
          uuid: String(row.uuid),
          driver: String(row.driver),
          conductor_group: String(row.conductor_group),
        }) === host),
  };
}

// SPDX-License-Identifier: Apache-2.0

/** Filters that lists of what belongs to nodes share: by node, and by what the node is. */

import { NotAcceptable } from '../errors.ts';
import type { Condition } from '../store/store.ts';
import { findNode } from './nodes/resource.ts';
import { type ApiRequest, queryValue, type Services } from './request.ts';
import { isUuid, toList, toUuid } from './values.ts';

/** Conditions on `node_uuid` from the parameters `node`, `node_uuid`, `shard` and `conductor_groups`. */
export async function nodeConditions({ query, minor }: ApiRequest, services: Services): Promise<Condition[]> {
  const where: Condition[] = [];
  const ident = queryValue(query, 'node');
  if (ident !== undefined) {
    if (minor < 5 && !isUuid(ident)) throw new NotAcceptable();
    where.push(ofNode(await findNode(services, ident, minor)));
  }
  const uuid = queryValue(query, 'node_uuid');
  if (uuid !== undefined) where.push(ofNode(await findNode(services, toUuid('node_uuid', uuid), minor)));
  const shards = query.get('shard');
  if (shards !== undefined) where.push(await ofNodes(services, 'shard', toList(shards)));
  const groups = query.get('conductor_groups');
  if (groups !== undefined) {
    const names = groups.flatMap((value) => value.split(',')).map((name) => name.trim().toLowerCase());
    where.push(await ofNodes(services, 'conductor_group', names));
  }
  return where;
}

/** What belongs to one node. */
export function ofNode(node: { readonly uuid: string }): Condition {
  return { column: 'node_uuid', op: '=', value: node.uuid };
}

async function ofNodes(services: Services, column: string, values: readonly string[]): Promise<Condition> {
  const rows = await services.store.nodes.list({ where: [{ column, op: 'in', value: values }], columns: ['uuid'] });
  return { column: 'node_uuid', op: 'in', value: rows.map((row) => row.uuid) };
}

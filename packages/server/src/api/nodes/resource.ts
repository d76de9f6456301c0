// SPDX-License-Identifier: Apache-2.0

import { type NodeRow, nodeColumns } from '../../model/resources.ts';
import { NODE_FIELDS } from '../fields/node.ts';
import { findByIdent } from '../find.ts';
import { type ApiRequest, param, type Services } from '../request.ts';
import { Resource } from '../resource.ts';

/** Nodes as the API knows them. */
export const nodes = new Resource({
  name: 'node',
  collection: 'nodes',
  columns: nodeColumns,
  fields: NODE_FIELDS,
  unknownFields: (names) => `Field ${names[0]} is not a valid field.`,
});

/** The node a path or argument names by UUID or, from 1.5, by name. */
export function findNode(services: Services, ident: string, minor: number): Promise<NodeRow> {
  return findByIdent(services.store.nodes, nodes, ident, minor, 5);
}

/** The node of the path parameter `node`. */
export function nodeOf(request: ApiRequest, services: Services): Promise<NodeRow> {
  return findNode(services, param(request, 'node'), request.minor);
}

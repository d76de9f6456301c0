// SPDX-License-Identifier: Apache-2.0

/** `/v1/conductors` (1.49): the processes that work on nodes. They are few, so lists are made in memory. */

import type { ConductorDescription } from '../conductor/commands.ts';
import { NotFound } from '../errors.ts';
import { conductorColumns } from '../model/resources.ts';
import type { ListQuery } from '../store/store.ts';
import { CONDUCTOR_FIELDS } from './fields/conductor.ts';
import type { Row } from './fields/field.ts';
import { type Answer, type ApiRequest, param, type Services } from './request.ts';
import { type Listable, Resource } from './resource.ts';
import { NOT_SUPPORTED, type Route } from './router.ts';

const conductors = new Resource({
  name: 'conductor',
  collection: 'conductors',
  identity: 'hostname',
  columns: conductorColumns,
  fields: CONDUCTOR_FIELDS,
});

const NOTHING: ReadonlySet<string> = new Set();

/** Routes of conductors. */
export function conductorRoutes(services: Services): Route[] {
  const since = { min: 49, below: NOT_SUPPORTED } as const;
  return [
    { method: 'GET', path: 'conductors', ...since, handler: (request) => listConductors(request, services) },
    { method: 'GET', path: 'conductors/:hostname', ...since, handler: (request) => showConductor(request, services) },
  ];
}

async function listConductors(request: ApiRequest, services: Services): Promise<Answer> {
  const page = conductors.page(request, services, { filters: NOTHING, detailSince: 49 });
  const rows = (await services.conductor.conductors()).map(rowOf);
  return await conductors.list(request, services, listable(rows), page, []);
}

async function showConductor(request: ApiRequest, services: Services): Promise<Answer> {
  const hostname = param(request, 'hostname');
  const found = (await services.conductor.conductors()).find((conductor) => conductor.hostname === hostname);
  if (found === undefined) throw conductors.notFound(hostname.slice(0, 300));
  return conductors.show(request, services, rowOf(found));
}

function rowOf(conductor: ConductorDescription): Row {
  return { ...conductor, alive: conductor.alive ? 1 : 0, drivers: JSON.stringify(conductor.drivers) };
}

/** Rows in the order they were registered, paged as a table would page them. */
function listable(rows: readonly Row[]): Listable {
  return {
    async list({ sortKey = 'id', sortDir = 'asc', limit, marker }: ListQuery): Promise<Row[]> {
      const sorted = sortKey === 'id' ? [...rows] : rows.toSorted((one, two) => compare(one[sortKey], two[sortKey]));
      if (sortDir === 'desc') sorted.reverse();
      const after = marker === undefined ? -1 : sorted.findIndex((row) => row.hostname === marker);
      if (marker !== undefined && after === -1) throw new NotFound(`Conductor ${marker} could not be found.`);
      return sorted.slice(after + 1, limit === undefined ? undefined : after + 1 + limit);
    },
  };
}

function compare(one: Row[string] | undefined, two: Row[string] | undefined): number {
  const [first, second] = [String(one ?? ''), String(two ?? '')];
  return first < second ? -1 : first > second ? 1 : 0;
}

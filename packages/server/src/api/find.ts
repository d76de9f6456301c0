// SPDX-License-Identifier: Apache-2.0

import type { Columns, RowOf } from '../model/columns.ts';
import type { Collection } from '../store/store.ts';
import { RoutingError } from './faults.ts';
import type { Resource } from './resource.ts';
import { isName, isUuid, toUuid } from './values.ts';

/**
 * Finds a row by what a path segment or argument says: a UUID, or a logical name from version `namesSince` on.
 * Neither: 400; no such row, or names not known to the version: 404.
 */
export async function findByIdent<T extends Columns>(
  table: Pick<Collection<T>, 'find'>,
  resource: Resource,
  ident: string,
  minor: number,
  namesSince: number,
): Promise<RowOf<T>> {
  const byUuid = isUuid(ident);
  if (!byUuid && !isName(ident)) {
    throw new RoutingError(
      400,
      `Expected UUID or name for ${resource.name}: ${encodeURIComponent(ident).slice(0, 300)}`,
    );
  }
  const row = byUuid || minor >= namesSince ? await table.find(byUuid ? 'uuid' : 'name', ident) : undefined;
  if (row === undefined) throw resource.notFound(ident);
  return row;
}

/** Finds a row by UUID only; anything else is 400 naming `argument`. */
export async function findByUuid<T extends Columns>(
  table: Pick<Collection<T>, 'find'>,
  resource: Resource,
  uuid: string,
  argument: string,
): Promise<RowOf<T>> {
  const row = await table.find('uuid', toUuid(argument, uuid));
  if (row === undefined) throw resource.notFound(uuid);
  return row;
}

// SPDX-License-Identifier: Apache-2.0

import { type Columns, decodeRow, type RecordOf, type RowOf } from '../model/columns.ts';
import type { JsonObject } from '../model/json.ts';
import type { Collection, Tables } from '../store/store.ts';
import type { PatchOperation } from './json-patch.ts';
import type { Services } from './request.ts';
import type { Resource } from './resource.ts';

/**
 * Applies a checked patch to a row that no conductor has to be asked about, in one transaction. A patch that changes
 * nothing writes nothing.
 *
 * @param amend adds to the changes or refuses them
 */
export async function patchStored<T extends Columns>(
  { store }: Services,
  resource: Resource,
  { columns, tableOf }: { readonly columns: T; readonly tableOf: (tables: Tables) => Collection<T> },
  uuid: string,
  operations: readonly PatchOperation[],
  amend: (changes: JsonObject, record: RecordOf<T>) => void = () => {},
): Promise<RowOf<T>> {
  return await store.transaction(async (tables) => {
    const table = tableOf(tables);
    const row = await table.find('uuid', uuid, { forUpdate: true });
    if (row === undefined) throw resource.notFound(uuid);
    const record = decodeRow(columns, row);
    const changes = resource.patch(operations, record as unknown as JsonObject);
    amend(changes, record);
    if (Object.keys(changes).length === 0) return row;
    const changed = await table.update(uuid, changes as unknown as Partial<RecordOf<T>>);
    if (changed === undefined) throw resource.notFound(uuid);
    return changed;
  });
}

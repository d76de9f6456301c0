// SPDX-License-Identifier: Apache-2.0

/** Volume connectors and targets: they change only while nobody works on their node and it is powered off. */

import { InvalidStateRequested, NotFound } from '../errors.ts';
import { type Columns, decodeRow, type RecordOf, type RowOf } from '../model/columns.ts';
import {
  type VolumeConnectorRecord,
  type VolumeConnectorRow,
  type VolumeTargetRecord,
  type VolumeTargetRow,
  volumeConnectorColumns,
  volumeTargetColumns,
} from '../model/resources.ts';
import type { Collection, Tables } from '../store/store.ts';
import type { Core } from './core.ts';
import { changeUnlocked } from './task.ts';

/** One of the two resources. */
interface Kind<T extends Columns> {
  readonly label: string;
  readonly columns: T;
  readonly tableOf: (tables: Tables) => Collection<T>;
}

const CONNECTOR: Kind<typeof volumeConnectorColumns> = {
  label: 'volume connector',
  columns: volumeConnectorColumns,
  tableOf: ({ volumeConnectors }) => volumeConnectors,
};
const TARGET: Kind<typeof volumeTargetColumns> = {
  label: 'volume target',
  columns: volumeTargetColumns,
  tableOf: ({ volumeTargets }) => volumeTargets,
};

export async function updateVolumeConnector(
  core: Core,
  uuid: string,
  edit: (connector: VolumeConnectorRecord) => Partial<VolumeConnectorRecord>,
): Promise<VolumeConnectorRow> {
  return await update(core, CONNECTOR, uuid, (record) => edit(record as VolumeConnectorRecord));
}

export async function destroyVolumeConnector(core: Core, uuid: string): Promise<void> {
  await destroy(core, CONNECTOR, uuid);
}

export async function updateVolumeTarget(
  core: Core,
  uuid: string,
  edit: (target: VolumeTargetRecord) => Partial<VolumeTargetRecord>,
): Promise<VolumeTargetRow> {
  return await update(core, TARGET, uuid, (record) => edit(record as VolumeTargetRecord));
}

export async function destroyVolumeTarget(core: Core, uuid: string): Promise<void> {
  await destroy(core, TARGET, uuid);
}

async function update<T extends Columns>(
  core: Core,
  kind: Kind<T>,
  uuid: string,
  edit: (record: RecordOf<T>) => Partial<RecordOf<T>>,
): Promise<RowOf<T>> {
  return await whilePoweredOff(core, kind, uuid, 'update', async (tables) => {
    const table = kind.tableOf(tables);
    const row = await table.find('uuid', uuid);
    if (row === undefined) throw notFound(kind, uuid);
    const changes = edit(decodeRow(kind.columns, row));
    if (Object.keys(changes).length === 0) return row;
    const changed = await table.update(uuid, changes);
    if (changed === undefined) throw notFound(kind, uuid);
    return changed;
  });
}

async function destroy<T extends Columns>(core: Core, kind: Kind<T>, uuid: string): Promise<void> {
  await whilePoweredOff(core, kind, uuid, 'deletion', async (tables) => {
    if (!(await kind.tableOf(tables).delete(uuid))) throw notFound(kind, uuid);
  });
}

/** Runs `body` in a transaction in which the node is neither locked nor powered on. */
async function whilePoweredOff<T extends Columns, R>(
  core: Core,
  kind: Kind<T>,
  uuid: string,
  action: 'update' | 'deletion',
  body: (tables: Tables) => Promise<R>,
): Promise<R> {
  const row = await kind.tableOf(core.store).find('uuid', uuid);
  if (row === undefined) throw notFound(kind, uuid);
  const owner = String((row as Readonly<Record<string, unknown>>).node_uuid);
  return await changeUnlocked(core, owner, async (tables, node) => {
    if (node.power_state !== 'power off') {
      throw new InvalidStateRequested(`${kind.label} ${action}`, node.uuid, node.power_state);
    }
    return await body(tables);
  });
}

function notFound<T extends Columns>({ label }: Kind<T>, uuid: string): NotFound {
  return new NotFound(`${label.charAt(0).toUpperCase()}${label.slice(1)} ${uuid} could not be found.`);
}

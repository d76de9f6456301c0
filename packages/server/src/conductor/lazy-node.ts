// SPDX-License-Identifier: Apache-2.0

import type { JsonObject } from '../model/json.ts';
import { type NodeRecord, type NodeRow, nodeColumns } from '../model/resources.ts';

/** Columns the power sync does not read: large, or of no use to a power interface. */
const LEFT_OUT: ReadonlySet<string> = new Set([
  'instance_info',
  'extra',
  'network_data',
  'raid_config',
  'target_raid_config',
  'clean_step',
  'deploy_step',
  'service_step',
  'traits',
  'description',
  'maintenance_reason',
  'protected_reason',
  'retired_reason',
]);

/** The columns `lazyNode` needs. */
export const SYNC_COLUMNS: readonly string[] = Object.keys(nodeColumns).filter((column) => !LEFT_OUT.has(column));

/**
 * A node over a row read with `SYNC_COLUMNS` whose JSON columns are parsed when they are first looked at: a look at ten
 * thousand machines must not parse what it does not use. Columns left out read as empty.
 */
export function lazyNode(row: NodeRow, instanceInfo: string | undefined): NodeRecord {
  return new LazyNode(row, instanceInfo) as unknown as NodeRecord;
}

class LazyNode {
  constructor(row: NodeRow, instanceInfo: string | undefined) {
    for (const name of PLAIN) (this as Record<string, unknown>)[name] = row[name as keyof NodeRow];
    for (const name of BOOLEANS) {
      const value = row[name as keyof NodeRow];
      (this as Record<string, unknown>)[name] = value === null ? null : Number(value) !== 0;
    }
    texts.set(this, { row, instanceInfo });
  }
}

const texts = new WeakMap<object, { row: NodeRow; instanceInfo: string | undefined }>();

const PLAIN = SYNC_COLUMNS.filter((name) => {
  const kind = nodeColumns[name as keyof typeof nodeColumns];
  return !kind.startsWith('json') && !kind.startsWith('boolean');
});
const BOOLEANS = SYNC_COLUMNS.filter((name) => nodeColumns[name as keyof typeof nodeColumns].startsWith('boolean'));

for (const [name, kind] of Object.entries(nodeColumns)) {
  if (!kind.startsWith('json')) {
    if (LEFT_OUT.has(name)) Object.defineProperty(LazyNode.prototype, name, { value: null, writable: true });
    continue;
  }
  Object.defineProperty(LazyNode.prototype, name, {
    configurable: true,
    get(this: object) {
      const source = texts.get(this);
      const text = name === 'instance_info' ? source?.instanceInfo : source?.row[name as keyof NodeRow];
      const value: unknown = typeof text === 'string' ? JSON.parse(text) : empty(name);
      Object.defineProperty(this, name, { value, writable: true, enumerable: true, configurable: true });
      return value;
    },
    set(this: object, value: unknown) {
      Object.defineProperty(this, name, { value, writable: true, enumerable: true, configurable: true });
    },
  });
}

function empty(name: string): JsonObject | never[] {
  return name === 'traits' ? [] : {};
}

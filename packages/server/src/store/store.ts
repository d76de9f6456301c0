// SPDX-License-Identifier: Apache-2.0

import type { Columns, RecordOf, RowOf } from '../model/columns.ts';
import type {
  allocationColumns,
  biosSettingColumns,
  chassisColumns,
  conductorColumns,
  deployTemplateColumns,
  firmwareComponentColumns,
  historyColumns,
  inspectionRuleColumns,
  inventoryColumns,
  nodeColumns,
  portColumns,
  portgroupColumns,
  runbookColumns,
  volumeConnectorColumns,
  volumeTargetColumns,
  workColumns,
} from '../model/resources.ts';

/** One condition on a column; a list of them is a conjunction. `contains` is a case-sensitive substring test. */
export type Condition =
  | {
      readonly column: string;
      readonly op: '=' | '!=' | '<' | '<=' | '>' | '>=';
      readonly value: string | number | boolean;
    }
  | { readonly column: string; readonly op: 'in' | 'not in'; readonly value: readonly (string | number)[] }
  | { readonly column: string; readonly op: 'contains'; readonly value: string }
  | { readonly column: string; readonly op: 'is null' | 'is not null' };

/** What to list. Rows come in the order of `sortKey` (default `id`), ties broken by `id`, nulls first when ascending. */
export interface ListQuery {
  readonly where?: readonly Condition[];
  readonly sortKey?: string;
  readonly sortDir?: 'asc' | 'desc';
  readonly limit?: number;
  /** The uuid of the last row of the previous page; unknown: NotFound. */
  readonly marker?: string;
  /** Columns to read; all when absent. `id` and `uuid` always come along. */
  readonly columns?: readonly string[];
}

/** Values for a new row: what is left out gets the column's default (see schema). */
export type InsertOf<T extends Columns> = Partial<RecordOf<T>>;

/** The rows of one table. Every write is one statement; a broken unique rule is `AlreadyExists` naming the column. */
export interface Collection<T extends Columns> {
  /** Inserts a row; `uuid` (v4) and `created_at` are made when absent. Returns the row as stored. */
  insert(values: InsertOf<T>): Promise<RowOf<T>>;
  /** The one row with this value in a unique column. `forUpdate` locks it inside a transaction (PostgreSQL; SQLite has one writer anyway). */
  find(column: string, value: string | number, options?: { forUpdate?: boolean }): Promise<RowOf<T> | undefined>;
  list(query?: ListQuery): Promise<RowOf<T>[]>;
  count(where?: readonly Condition[]): Promise<number>;
  /**
   * Changes the row with this uuid, provided it also meets `where`; returns the new row, or undefined when none matched.
   * `updated_at` is set. For nodes, a change that names `provision_state` also sets `provision_updated_at` unless given.
   */
  update(uuid: string, changes: Partial<RecordOf<T>>, where?: readonly Condition[]): Promise<RowOf<T> | undefined>;
  /** Changes every row that meets `where`; returns how many. */
  updateWhere(where: readonly Condition[], changes: Partial<RecordOf<T>>): Promise<number>;
  /** Deletes by uuid; what references the row goes with it. Returns whether there was one. */
  delete(uuid: string): Promise<boolean>;
  deleteWhere(where: readonly Condition[]): Promise<number>;
}

/** The tables of the service. */
export interface Tables {
  readonly nodes: Collection<typeof nodeColumns>;
  readonly ports: Collection<typeof portColumns>;
  readonly portgroups: Collection<typeof portgroupColumns>;
  readonly chassis: Collection<typeof chassisColumns>;
  readonly conductors: Collection<typeof conductorColumns>;
  readonly history: Collection<typeof historyColumns>;
  readonly biosSettings: Collection<typeof biosSettingColumns>;
  readonly firmwareComponents: Collection<typeof firmwareComponentColumns>;
  readonly inventories: Collection<typeof inventoryColumns>;
  readonly allocations: Collection<typeof allocationColumns>;
  readonly deployTemplates: Collection<typeof deployTemplateColumns>;
  readonly runbooks: Collection<typeof runbookColumns>;
  readonly inspectionRules: Collection<typeof inspectionRuleColumns>;
  readonly volumeConnectors: Collection<typeof volumeConnectorColumns>;
  readonly volumeTargets: Collection<typeof volumeTargetColumns>;
  readonly work: Collection<typeof workColumns>;
}

/** The database. `openStore` (open.ts) makes one from a connection URL and brings its schema up to date. */
export interface Store extends Tables {
  readonly dialect: 'sqlite' | 'postgres';
  /**
   * Runs `body` in one transaction, rolled back when it throws. Not nestable: use the given tables inside, the store's own
   * throw there. A failed statement rolls the transaction back even if `body` catches its error. Do not wait for anything
   * but the database inside: with SQLite everyone else waits too.
   */
  transaction<R>(body: (tables: Tables) => Promise<R>): Promise<R>;
  /** Node counts by shard name; nodes without one are counted under null. */
  countByShard(): Promise<{ shard: string | null; count: number }[]>;
  /**
   * Takes up to `limit` work rows whose lease has ended or is nobody's and whose `run_after` has passed, for `owner`
   * until now + `leaseSeconds`, atomically (PostgreSQL: FOR UPDATE SKIP LOCKED).
   */
  leaseWork(owner: string, leaseSeconds: number, limit: number): Promise<RowOf<typeof workColumns>[]>;
  close(): Promise<void>;
}

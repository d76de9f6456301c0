// SPDX-License-Identifier: Apache-2.0

import { randomUUID } from 'node:crypto';
import type { CompiledQuery, QueryResult } from 'kysely';
import { InvalidParameterValue, MissingParameterValue, NodeNotFound, NotFound } from '../errors.ts';
import { type Columns, encodeValues, type RecordOf, type RowOf, timestamp } from '../model/columns.ts';
import { BrokenReference, inUse, translate } from './errors.ts';
import type { Statements } from './statements.ts';
import type { Collection, Condition, InsertOf, ListQuery } from './store.ts';
import { type Stored, TABLES, type Table } from './tables.ts';

/** What runs statements: the database, or one open transaction of it. */
export interface Executor {
  executeQuery(query: CompiledQuery): Promise<QueryResult<unknown>>;
  /** Runs a query that finds out why a statement failed, where `executeQuery` would refuse after a failure. */
  diagnose?(query: CompiledQuery): Promise<QueryResult<unknown>>;
}

type Values = Record<string, Stored>;

const EVERYTHING: readonly Condition[] = [];

/** The rows of one table over an executor. */
export class SqlCollection<T extends Columns> implements Collection<T> {
  readonly #columns: T;
  readonly #statements: Statements;
  readonly #executor: Executor;

  constructor(columns: T, statements: Statements, executor: Executor) {
    this.#columns = columns;
    this.#statements = statements;
    this.#executor = executor;
  }

  async insert(values: InsertOf<T>): Promise<RowOf<T>> {
    const { table, insertColumns, insertDefaults } = this.#statements;
    const given = encode(this.#columns, values);
    given.uuid ??= randomUUID();
    given.created_at ??= timestamp();
    const row: Values = { id: 0 };
    const parameters: Stored[] = [];
    for (const [index, column] of insertColumns.entries()) {
      const value = given[column] ?? insertDefaults[index];
      if (value === undefined) throw new MissingParameterValue(`${table.label}: ${column} must be given.`);
      row[column] = value;
      parameters.push(value);
    }
    const [inserted] = await this.#rows(this.#statements.insert(parameters), row);
    row.id = inserted?.id ?? 0;
    return row as RowOf<T>;
  }

  async find(column: string, value: string | number, options?: { forUpdate?: boolean }): Promise<RowOf<T> | undefined> {
    const [row] = await this.#rows(this.#statements.find(column, value, options?.forUpdate ?? false));
    return row as RowOf<T> | undefined;
  }

  async list(query: ListQuery = {}): Promise<RowOf<T>[]> {
    const { where = EVERYTHING, sortKey = 'id', sortDir = 'asc', limit, marker, columns } = query;
    let after: { id: number; key: Stored } | undefined;
    if (marker !== undefined) {
      const [found] = await this.#rows(this.#statements.marker(sortKey, marker));
      if (found === undefined) throw notFound(this.#statements.table, marker);
      after = { id: Number(found.id), key: found.key ?? null };
    }
    const page = {
      where,
      sortKey,
      descending: sortDir === 'desc',
      limit,
      after,
      columns: columns && [...new Set(['id', 'uuid', ...columns])],
    };
    return (await this.#rows(this.#statements.page(page))) as RowOf<T>[];
  }

  async count(where: readonly Condition[] = EVERYTHING): Promise<number> {
    const [row] = await this.#rows(this.#statements.count(where));
    return Number(row?.count ?? 0);
  }

  async update(
    uuid: string,
    changes: Partial<RecordOf<T>>,
    where: readonly Condition[] = EVERYTHING,
  ): Promise<RowOf<T> | undefined> {
    const values = this.#changes(changes);
    const all: Condition[] = [{ column: 'uuid', op: '=', value: uuid }, ...where];
    const [row] = await this.#rows(this.#statements.update(values, all, { returning: true }), { uuid, ...values });
    return row as RowOf<T> | undefined;
  }

  async updateWhere(where: readonly Condition[], changes: Partial<RecordOf<T>>): Promise<number> {
    const values = this.#changes(changes);
    const { numAffectedRows } = await this.#run(this.#statements.update(values, where, { returning: false }), values);
    return Number(numAffectedRows ?? 0);
  }

  async delete(uuid: string): Promise<boolean> {
    const where: Condition[] = [{ column: 'uuid', op: '=', value: uuid }];
    const { numAffectedRows } = await this.#run(this.#statements.delete(where), { uuid });
    return Number(numAffectedRows ?? 0) > 0;
  }

  async deleteWhere(where: readonly Condition[]): Promise<number> {
    const { numAffectedRows } = await this.#run(this.#statements.delete(where));
    return Number(numAffectedRows ?? 0);
  }

  #changes(changes: Partial<RecordOf<T>>): Values {
    const values = encode(this.#columns, changes);
    const now = timestamp();
    values.updated_at ??= now;
    if (values.provision_state !== undefined && this.#statements.table === TABLES.nodes) {
      values.provision_updated_at ??= now;
    }
    return values;
  }

  async #rows(query: CompiledQuery, values: Values = {}): Promise<Values[]> {
    return (await this.#run(query, values)).rows as Values[];
  }

  /** `values` is what the statement writes, for the text of errors. */
  async #run(query: CompiledQuery, values: Values = {}): Promise<QueryResult<unknown>> {
    try {
      return await this.#executor.executeQuery(query);
    } catch (error) {
      const translated = translate(error, { table: this.#statements.table, values });
      throw translated instanceof BrokenReference ? await this.#unreferenced(translated, values) : translated;
    }
  }

  /** What to tell for a broken reference. SQLite does not say which one it was, so the values are looked up. */
  async #unreferenced(error: BrokenReference, values: Values): Promise<Error> {
    const { table } = this.#statements;
    const candidates = error.reference === undefined ? table.references : [error.reference];
    for (const { column, table: name } of candidates) {
      const value = values[column];
      const target = Object.values<Table>(TABLES).find((other) => other.name === name);
      if (typeof value !== 'string' || target === undefined) continue;
      if (error.reference !== undefined || !(await this.#exists(name, value))) {
        return new InvalidParameterValue(notFound(target, value).message, { cause: error });
      }
    }
    return inUse(table, values.uuid);
  }

  async #exists(table: string, uuid: string): Promise<boolean> {
    const query = this.#statements.exists(table, uuid);
    const executor = this.#executor;
    const { rows } = await (executor.diagnose?.(query) ?? executor.executeQuery(query));
    return rows.length > 0;
  }
}

/** Encodes values so that both databases store the same text: valid Unicode without U+0000. */
function encode<T extends Columns>(columns: T, values: Partial<RecordOf<T>>): Values {
  const encoded = encodeValues(columns, values);
  for (const [column, value] of Object.entries(encoded)) {
    if (typeof value !== 'string') continue;
    if (value.includes('\0')) throw new InvalidParameterValue(`${column} must not contain the character U+0000.`);
    if (!value.isWellFormed()) encoded[column] = value.toWellFormed();
  }
  return encoded;
}

function notFound(table: Table, uuid: string): NotFound {
  return table === TABLES.nodes ? new NodeNotFound(uuid) : new NotFound(`${table.label} ${uuid} could not be found.`);
}

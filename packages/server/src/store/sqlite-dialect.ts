// SPDX-License-Identifier: Apache-2.0

/** A Kysely dialect over the SQLite that comes with Node (`node:sqlite`). */

import { closeSync, openSync } from 'node:fs';
import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type CompiledQuery,
  type DatabaseConnection,
  type DatabaseIntrospector,
  type Dialect,
  type DialectAdapter,
  type Driver,
  type Kysely,
  type QueryCompiler,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely';
import { messageOf } from '../errors.ts';

/** Statements kept prepared; the least recently used goes first. */
const STATEMENTS = 500;
/** How long a statement waits for another process's write, ms. */
const BUSY_TIMEOUT = 5_000;

/**
 * With WAL, `normal` syncs at checkpoints: a crash of the process loses nothing, one of the machine perhaps the last
 * moments, and neither harms the file. The page cache is in KiB (negative) and grows only as it is used.
 */
const PRAGMAS = `
  pragma synchronous = normal;
  pragma foreign_keys = on;
  pragma temp_store = memory;
  pragma cache_size = -32768;`;

/**
 * SQLite through one connection. Kysely hands it to one user at a time (`supportsMultipleConnections` is false in its
 * SQLite adapter), so a statement outside a transaction waits until the open transaction has ended.
 */
export class SqliteDialect implements Dialect {
  readonly #file: string;

  /** `file` is a path, or `:memory:`. */
  constructor(file: string) {
    this.#file = file;
  }

  createDriver(): Driver {
    return new SqliteDriver(this.#file);
  }

  createQueryCompiler(): QueryCompiler {
    return new SqliteQueryCompiler();
  }

  createAdapter(): DialectAdapter {
    return new SqliteAdapter();
  }

  createIntrospector<T>(db: Kysely<T>): DatabaseIntrospector {
    return new SqliteIntrospector(db);
  }
}

class SqliteDriver implements Driver {
  readonly #file: string;
  #database: DatabaseSync | undefined;
  #connection: SqliteConnection | undefined;

  constructor(file: string) {
    this.#file = file;
  }

  async init(): Promise<void> {
    const { DatabaseSync } = loadSqlite();
    // The file holds the credentials of every BMC, so only its owner may read it; SQLite gives -wal and -shm its mode.
    if (this.#file !== ':memory:') closeSync(openSync(this.#file, 'a', 0o600));
    const database = new DatabaseSync(this.#file, { timeout: BUSY_TIMEOUT });
    try {
      await enterWal(database);
      database.exec(PRAGMAS);
    } catch (error) {
      database.close();
      throw new Error(`Cannot open the database ${this.#file}: ${messageOf(error)}`, { cause: error });
    }
    this.#database = database;
    this.#connection = new SqliteConnection(database);
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    return this.#open();
  }

  async beginTransaction(): Promise<void> {
    // A transaction that began by reading could not become a writer while another process writes.
    this.#open().exec('begin immediate');
  }

  async commitTransaction(): Promise<void> {
    this.#open().exec('commit');
  }

  async rollbackTransaction(): Promise<void> {
    // SQLite has rolled back by itself after some errors (disk full, out of memory).
    if (this.#database?.isTransaction) this.#open().exec('rollback');
  }

  async releaseConnection(): Promise<void> {}

  async destroy(): Promise<void> {
    this.#connection = undefined;
    this.#database?.close();
    this.#database = undefined;
  }

  #open(): SqliteConnection {
    if (this.#connection === undefined) throw new Error('The database is closed.');
    return this.#connection;
  }
}

interface Prepared {
  readonly statement: StatementSync;
  /** Makes a row of its values in column order; undefined for statements that answer none. */
  readonly toRow: ((values: readonly SQLOutputValue[]) => unknown) | undefined;
}

class SqliteConnection implements DatabaseConnection {
  readonly #database: DatabaseSync;
  readonly #prepared = new Map<string, Prepared>();

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  exec(sql: string): void {
    this.#database.exec(sql);
  }

  async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    const { statement, toRow } = this.#prepare(sql);
    const values = parameters as readonly SQLInputValue[];
    if (toRow !== undefined) {
      // With setReturnArrays(true) `all` answers arrays, which its type does not say.
      const rows = statement.all(...values) as unknown as SQLOutputValue[][];
      return { rows: rows.map(toRow) as R[] };
    }
    const { changes, lastInsertRowid } = statement.run(...values);
    return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) };
  }

  // biome-ignore lint/correctness/useYield: there is nothing to stream from a synchronous database
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error('Streaming is not supported: page through the rows instead.');
  }

  #prepare(sql: string): Prepared {
    let prepared = this.#prepared.get(sql);
    if (prepared !== undefined) {
      this.#prepared.delete(sql);
      this.#prepared.set(sql, prepared);
      return prepared;
    }
    const statement = this.#database.prepare(sql);
    const names = statement.columns().map((column) => column.name);
    if (names.length > 0) statement.setReturnArrays(true);
    prepared = { statement, toRow: names.length > 0 ? rowMaker(names) : undefined };
    // A statement that changes the schema may make `select *` of others answer other columns.
    if (/^\s*(create|alter|drop)\b/i.test(sql)) this.#prepared.clear();
    else {
      this.#prepared.set(sql, prepared);
      const [oldest] = this.#prepared.keys();
      if (this.#prepared.size > STATEMENTS && oldest !== undefined) this.#prepared.delete(oldest);
    }
    return prepared;
  }
}

/**
 * Makes the function that turns values into a row object. It is compiled from an object literal: such objects keep V8's
 * fast layout however many columns there are, and rendering a list from them is several times faster than from objects
 * filled in a loop.
 */
function rowMaker(names: readonly string[]): (values: readonly SQLOutputValue[]) => unknown {
  const fields = names.map((name, index) => `${JSON.stringify(name)}:v[${index}]`);
  return new Function('v', `return {${fields.join(',')}}`) as (values: readonly SQLOutputValue[]) => unknown;
}

/** Loads `node:sqlite` without its ExperimentalWarning; other warnings, and the same one of others, stay. */
export function loadSqlite(): typeof import('node:sqlite') {
  const emit = process.emitWarning;
  process.emitWarning = (() => undefined) as typeof process.emitWarning;
  try {
    return process.getBuiltinModule('node:sqlite');
  } finally {
    process.emitWarning = emit;
  }
}

/** Switching a new file to WAL takes a lock for which SQLite does not wait by itself. */
async function enterWal(database: DatabaseSync): Promise<void> {
  const end = Date.now() + BUSY_TIMEOUT;
  for (;;) {
    try {
      database.exec('pragma journal_mode = wal');
      return;
    } catch (error) {
      const busy = error instanceof Error && 'errcode' in error && (Number(error.errcode) & 0xff) === 5;
      if (!busy || Date.now() > end) throw error;
      await sleep(5 + Math.random() * 20);
    }
  }
}

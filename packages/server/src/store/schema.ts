// SPDX-License-Identifier: Apache-2.0

/** Makes the tables of `tables.ts` in a database. */

import {
  type ColumnBuilderCallback,
  type ColumnDataType,
  type CreateTableBuilder,
  type Kysely,
  type RawBuilder,
  sql,
} from 'kysely';
import type { ColumnKind } from '../model/columns.ts';
import { defaultOf, referenceName, type Stored, TABLES, type Table, uniqueName } from './tables.ts';

/** Tables and columns are data here, so Kysely sees them by name only. */
export type Database = Record<string, Record<string, Stored>>;

/** The two databases the service runs on. */
export type DialectName = 'sqlite' | 'postgres';

/** Makes every table with its defaults, unique rules and references. */
export async function createTables(db: Kysely<Database>, dialect: DialectName): Promise<void> {
  for (const table of Object.values(TABLES)) await createTable(db, dialect, table);
}

async function createTable(db: Kysely<Database>, dialect: DialectName, table: Table): Promise<void> {
  let statement: CreateTableBuilder<string, string> = db.schema.createTable(table.name);
  for (const [name, kind] of Object.entries(table.columns)) {
    if (name === 'id') {
      statement = statement.addColumn('id', dialect === 'sqlite' ? 'integer' : 'bigint', (column) =>
        dialect === 'sqlite' ? column.primaryKey() : column.primaryKey().generatedByDefaultAsIdentity(),
      );
      continue;
    }
    statement = statement.addColumn(name, typeOf(kind, dialect), definitionOf(table, name, kind));
  }
  for (const rule of table.unique)
    statement = statement.addUniqueConstraint(uniqueName(table, rule), [...rule.columns]);
  for (const reference of table.references) {
    statement = statement.addForeignKeyConstraint(
      referenceName(table, reference),
      [reference.column],
      reference.table,
      ['uuid'],
      (key) => key.onDelete(reference.onDelete === 'cascade' ? 'cascade' : 'no action'),
    );
  }
  // STRICT makes SQLite refuse values of the wrong type, as PostgreSQL does.
  await (dialect === 'sqlite' ? statement.modifyEnd(sql`strict`) : statement).execute();
}

/** Adds a column to a table that was made before the model had it. */
export async function addColumn(db: Kysely<Database>, dialect: DialectName, table: Table, name: string): Promise<void> {
  const kind = table.columns[name];
  if (kind === undefined) throw new RangeError(`The table ${table.name} has no column "${name}".`);
  await db.schema
    .alterTable(table.name)
    .addColumn(name, typeOf(kind, dialect), definitionOf(table, name, kind))
    .execute();
}

function definitionOf(table: Table, name: string, kind: ColumnKind): ColumnBuilderCallback {
  const value = defaultOf(table, name);
  return (column) => {
    const definition = kind.endsWith('?') ? column : column.notNull();
    return value === undefined || value === null ? definition : definition.defaultTo(value);
  };
}

/** Makes the indices. */
export async function createIndices(db: Kysely<Database>): Promise<void> {
  for (const table of Object.values(TABLES) as Table[]) {
    for (const { columns, present } of table.indices) {
      const statement = db.schema
        .createIndex(`${table.name}_${columns.join('_')}_index`)
        .on(table.name)
        .columns([...columns]);
      const [first] = columns;
      await (present && first !== undefined ? statement.where(first, 'is not', null) : statement).execute();
    }
  }
}

/**
 * PostgreSQL sorts text by the rules of its locale unless told otherwise; the "C" collation compares bytes, as SQLite
 * does. Integers are 64 bits wide in both.
 */
function typeOf(kind: ColumnKind, dialect: DialectName): ColumnDataType | RawBuilder<unknown> {
  switch (kind) {
    case 'boolean':
    case 'boolean?':
      return 'integer';
    case 'integer':
    case 'integer?':
      return dialect === 'sqlite' ? 'integer' : 'bigint';
    default:
      return dialect === 'sqlite' ? 'text' : sql`text collate "C"`;
  }
}

// SPDX-License-Identifier: Apache-2.0

/** Direct access to a test's database, around the store. */

import { DatabaseSync } from 'node:sqlite';
import pg from 'pg';
import { databaseTarget } from '../../src/config/database-url.ts';

/** Runs SQL (several statements at will) and returns the rows of a single query. */
export async function execute(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const target = databaseTarget(url);
  if (target.kind === 'sqlite') {
    const database = new DatabaseSync(target.file);
    try {
      if (/^\s*(select|pragma)/i.test(sql))
        return database
          .prepare(sql)
          .all()
          .map((row) => ({ ...row }));
      database.exec(sql);
      return [];
    } finally {
      database.close();
    }
  }
  const client = new pg.Client(target.url);
  await client.connect();
  try {
    return (await client.query(sql)).rows ?? [];
  } finally {
    await client.end();
  }
}

/** Tables, columns, constraints and indices as one line of text each, in an order that does not depend on their history. */
export async function catalogue(url: string): Promise<string[]> {
  const queries =
    databaseTarget(url).kind === 'sqlite'
      ? [
          `select t.name as "table", t.strict, c.name, c.type, c."notnull", c.dflt_value, c.pk
           from pragma_table_list t join pragma_table_info(t.name) c where t.schema = 'main'`,
          `select t.name as "table", f."from", f."table" as target, f."to", f.on_delete
           from pragma_table_list t join pragma_foreign_key_list(t.name) f where t.schema = 'main'`,
          `select t.name as "table", i.origin, i."unique", i.partial, group_concat(c.name) as columns,
                  (select sql from sqlite_master m where m.name = i.name) as sql
           from pragma_table_list t join pragma_index_list(t.name) i join pragma_index_info(i.name) c
           where t.schema = 'main' group by t.name, i.name`,
        ]
      : [
          `select table_name, column_name, data_type, collation_name, is_nullable, column_default, is_identity
           from information_schema.columns where table_schema = 'public'`,
          `select conrelid::regclass::text, conname, pg_get_constraintdef(oid) from pg_constraint
           where connamespace = 'public'::regnamespace`,
          `select indexdef from pg_indexes where schemaname = 'public'`,
        ];
  const lines: string[] = [];
  for (const query of queries) lines.push(...(await execute(url, query)).map((row) => JSON.stringify(row)));
  return lines.sort();
}

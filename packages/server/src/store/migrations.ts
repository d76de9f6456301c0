// SPDX-License-Identifier: Apache-2.0

/**
 * Brings a database to the schema of this program. An empty database gets today's tables at once; an older one goes
 * through the migrations it has not seen, in order, in one transaction. A test holds the two ways to the same result.
 */

import { type Kysely, sql, type Transaction } from 'kysely';
import type { Logger } from '../hardware/contracts.ts';
import { createIndices, createTables, type Database, type DialectName } from './schema.ts';

/** One step from the version before to `version`. Once released a migration never changes. */
interface Migration {
  readonly version: number;
  readonly summary: string;
  up(db: Kysely<Database>, dialect: DialectName): Promise<void>;
}

/** Version 1 is the first schema: tables with their unique rules and references. */
const MIGRATIONS: readonly Migration[] = [
  { version: 2, summary: 'Indices for the filters of lists and for the conductor', up: (db) => createIndices(db) },
];

/** The version of the schema that `createTables` and `createIndices` make. */
export const SCHEMA_VERSION: number = MIGRATIONS.at(-1)?.version ?? 1;

const VERSION_TABLE = 'schema_version';
/** Any number that nobody else uses for an advisory lock in the same database. */
const POSTGRES_LOCK = 0x57524f55;

/**
 * Brings the database up to date. Processes that start at once wait for each other.
 *
 * @throws Error when the database was made by a newer version of this program
 */
export async function migrate(db: Kysely<Database>, dialect: DialectName, log?: Logger): Promise<void> {
  if ((await readVersion(db, dialect)) === SCHEMA_VERSION) return;
  await db.transaction().execute(async (transaction) => {
    // SQLite transactions begin with the write lock, so only PostgreSQL needs one here.
    if (dialect === 'postgres') await sql`select pg_advisory_xact_lock(${sql.lit(POSTGRES_LOCK)})`.execute(transaction);
    const version = await readVersion(transaction, dialect);
    if (version === SCHEMA_VERSION) return;
    if (version > SCHEMA_VERSION) {
      throw new Error(
        `The database has schema version ${version}, but this program knows versions up to ${SCHEMA_VERSION}: ` +
          'it was used by a newer version of the program. Run that version, or restore a backup from before the upgrade.',
      );
    }
    if (version === 0) {
      await createAll(transaction, dialect);
      log?.info({ version: SCHEMA_VERSION }, 'Made the database schema');
      return;
    }
    for (const migration of MIGRATIONS) {
      if (migration.version <= version) continue;
      await migration.up(transaction, dialect);
      log?.info({ version: migration.version, summary: migration.summary }, 'Migrated the database');
    }
    await transaction.updateTable(VERSION_TABLE).set({ version: SCHEMA_VERSION }).execute();
  });
}

async function createAll(db: Transaction<Database>, dialect: DialectName): Promise<void> {
  await createTables(db, dialect);
  await createIndices(db);
  await db.schema
    .createTable(VERSION_TABLE)
    .addColumn('version', 'integer', (column) => column.notNull())
    .execute();
  await db.insertInto(VERSION_TABLE).values({ version: SCHEMA_VERSION }).execute();
}

/** The version of the database; 0 when it is empty. */
async function readVersion(db: Kysely<Database>, dialect: DialectName): Promise<number> {
  const found =
    dialect === 'sqlite'
      ? await sql`select 1 from sqlite_master where type = 'table' and name = ${VERSION_TABLE}`.execute(db)
      : await sql`select 1 where to_regclass(${VERSION_TABLE}) is not null`.execute(db);
  if (found.rows.length === 0) return 0;
  const row = await db.selectFrom(VERSION_TABLE).select('version').executeTakeFirst();
  return Number(row?.version ?? 0);
}

// SPDX-License-Identifier: Apache-2.0

/**
 * Brings a database to the schema of this program. An empty database gets today's tables at once; an older one goes
 * through the migrations it has not seen, in order, in one transaction. A test holds the two ways to the same result.
 */

import { type Kysely, sql, type Transaction } from 'kysely';
import type { Logger } from '../hardware/contracts.ts';
import { addColumn, createIndices, createTables, type Database, type DialectName } from './schema.ts';
import type { Table } from './tables.ts';

/** One step from the version before to `version`. Once released a migration never changes. */
interface Migration {
  readonly version: number;
  readonly summary: string;
  /** SQL both databases understand. */
  readonly statements?: readonly string[];
  /** Columns to add, as the model and `defaultOf` have them. */
  readonly columns?: readonly { readonly table: Table; readonly column: string }[];
}

/** An index as migration 2 made it. */
const index = (table: string, column: string, condition = ''): string =>
  `create index "${table}_${column}_index" on "${table}" ("${column}")${condition}`;
const PRESENT_NODES = [
  'reservation',
  'conductor_affinity',
  'chassis_uuid',
  'allocation_uuid',
  'parent_node',
  'resource_class',
  'owner',
  'lessee',
  'instance_name',
];

/**
 * Version 1 is the first schema: tables with their unique rules and references. To add a column: name it in the model,
 * then append a migration that lists it; the test of migrations fails until both are there.
 */
const MIGRATIONS: readonly Migration[] = [
  {
    version: 2,
    summary: 'Indices for the filters of lists and for the conductor',
    statements: [
      ...['provision_state', 'driver', 'shard'].map((column) => index('nodes', column)),
      ...PRESENT_NODES.map((column) => index('nodes', column, ` where "${column}" is not null`)),
      ...['ports', 'portgroups', 'node_history', 'volume_connectors'].map((table) => index(table, 'node_uuid')),
      index('ports', 'portgroup_uuid', ' where "portgroup_uuid" is not null'),
      index('allocations', 'node_uuid', ' where "node_uuid" is not null'),
      index('work', 'lease_owner', ' where "lease_owner" is not null'),
      index('work', 'run_after'),
    ],
  },
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
    if (dialect === 'postgres') {
      await sql`set local statement_timeout = 0`.execute(transaction);
      await sql`select pg_advisory_xact_lock(${sql.lit(POSTGRES_LOCK)})`.execute(transaction);
    }
    const version = await readVersion(transaction, dialect);
    if (version === SCHEMA_VERSION) return;
    if (version > SCHEMA_VERSION) {
      throw new Error(
        `The database has schema version ${version}, but this program knows versions up to ${SCHEMA_VERSION}: ` +
          'it was used by a newer version of the program. Run that version, or restore a backup from before the upgrade.',
      );
    }
    if (version === 0) {
      if (await hasTable(transaction, dialect, 'nodes')) {
        throw new Error('The database holds the tables of another program; give this one a database of its own.');
      }
      await createAll(transaction, dialect);
      log?.info({ version: SCHEMA_VERSION }, 'Made the database schema');
      return;
    }
    for (const migration of MIGRATIONS) {
      if (migration.version <= version) continue;
      for (const statement of migration.statements ?? []) await sql.raw(statement).execute(transaction);
      for (const { table, column } of migration.columns ?? []) await addColumn(transaction, dialect, table, column);
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
  if (!(await hasTable(db, dialect, VERSION_TABLE))) return 0;
  const row = await db.selectFrom(VERSION_TABLE).select('version').executeTakeFirst();
  return Number(row?.version ?? 0);
}

async function hasTable(db: Kysely<Database>, dialect: DialectName, table: string): Promise<boolean> {
  const found =
    dialect === 'sqlite'
      ? await sql`select 1 from sqlite_master where type = 'table' and name = ${table}`.execute(db)
      : await sql`select 1 where to_regclass(${table}) is not null`.execute(db);
  return found.rows.length > 0;
}

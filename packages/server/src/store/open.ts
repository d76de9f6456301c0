// SPDX-License-Identifier: Apache-2.0

import { type CompiledQuery, type Dialect, Kysely } from 'kysely';
import { databaseTarget } from '../config/database-url.ts';
import type { Logger } from '../hardware/contracts.ts';
import { type Executor, SqlCollection } from './collection.ts';
import { translate } from './errors.ts';
import { migrate } from './migrations.ts';
import { countByShard, leaseWork } from './queries.ts';
import type { Database, DialectName } from './schema.ts';
import { Statements } from './statements.ts';
import type { Store, Tables } from './store.ts';
import { TABLES, type Table } from './tables.ts';
import { refuseInTransaction, runTransaction } from './transaction.ts';

/**
 * Opens the database and brings its schema up to date.
 *
 * @param connection `sqlite:///FILE`, `sqlite:////ABSOLUTE/FILE`, `sqlite://` (in memory) or `postgresql://...`
 * @throws RangeError when it is none of these
 * @throws Error when the database cannot be opened, or is of a newer version than this program
 */
export async function openStore(connection: string, options: { log?: Logger } = {}): Promise<Store> {
  const target = databaseTarget(connection);
  const name: DialectName = target.kind === 'sqlite' ? 'sqlite' : 'postgres';
  const db = new Kysely<Database>({ dialect: await dialectOf(target, options.log) });
  try {
    await migrate(db, name, options.log);
  } catch (error) {
    await db.destroy();
    throw translate(error);
  }
  return makeStore(db, name, options.log);
}

async function dialectOf(target: ReturnType<typeof databaseTarget>, log: Logger | undefined): Promise<Dialect> {
  if (target.kind === 'sqlite') {
    const { SqliteDialect } = await import('./sqlite-dialect.ts');
    return new SqliteDialect(target.file);
  }
  const { postgresDialect } = await import('./postgres-dialect.ts');
  return await postgresDialect(target.url, log);
}

function makeStore(db: Kysely<Database>, dialect: DialectName, log: Logger | undefined): Store {
  const statements = new Map(
    Object.values<Table>(TABLES).map((table) => [table, new Statements(table, db, dialect)] as const),
  );
  const statementsOf = (table: Table): Statements => {
    const found = statements.get(table);
    if (found === undefined) throw new Error(`There is no table ${table.name}.`);
    return found;
  };
  const root: Executor = {
    async executeQuery(query: CompiledQuery) {
      refuseInTransaction(db);
      return await db.executeQuery(query);
    },
  };

  return {
    ...tablesOver(root, statementsOf),
    dialect,
    transaction: (body) => runTransaction(db, (executor) => body(tablesOver(executor, statementsOf)), log),
    countByShard: () => countByShard(root, db),
    leaseWork: (owner, leaseSeconds, limit) => leaseWork(root, db, dialect, { owner, leaseSeconds, limit }),
    close: () => db.destroy(),
  };
}

function tablesOver(executor: Executor, statementsOf: (table: Table) => Statements): Tables {
  const { chassis, nodes, ports, portgroups, conductors, history, allocations, runbooks, work, ...more } = TABLES;
  return {
    chassis: new SqlCollection(chassis.columns, statementsOf(chassis), executor),
    nodes: new SqlCollection(nodes.columns, statementsOf(nodes), executor),
    ports: new SqlCollection(ports.columns, statementsOf(ports), executor),
    portgroups: new SqlCollection(portgroups.columns, statementsOf(portgroups), executor),
    conductors: new SqlCollection(conductors.columns, statementsOf(conductors), executor),
    history: new SqlCollection(history.columns, statementsOf(history), executor),
    allocations: new SqlCollection(allocations.columns, statementsOf(allocations), executor),
    runbooks: new SqlCollection(runbooks.columns, statementsOf(runbooks), executor),
    work: new SqlCollection(work.columns, statementsOf(work), executor),
    biosSettings: new SqlCollection(more.biosSettings.columns, statementsOf(more.biosSettings), executor),
    firmwareComponents: new SqlCollection(
      more.firmwareComponents.columns,
      statementsOf(more.firmwareComponents),
      executor,
    ),
    inventories: new SqlCollection(more.inventories.columns, statementsOf(more.inventories), executor),
    deployTemplates: new SqlCollection(more.deployTemplates.columns, statementsOf(more.deployTemplates), executor),
    inspectionRules: new SqlCollection(more.inspectionRules.columns, statementsOf(more.inspectionRules), executor),
    volumeConnectors: new SqlCollection(more.volumeConnectors.columns, statementsOf(more.volumeConnectors), executor),
    volumeTargets: new SqlCollection(more.volumeTargets.columns, statementsOf(more.volumeTargets), executor),
  };
}

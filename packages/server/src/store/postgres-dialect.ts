// SPDX-License-Identifier: Apache-2.0

import type { Dialect } from 'kysely';
import type { Logger } from '../hardware/contracts.ts';

/** Connections one process opens at most. */
const CONNECTIONS = 10;
/** How long to wait for a connection, ms. */
const CONNECT_TIMEOUT = 10_000;
/** How long a statement may take, ms; migrations are exempt. */
const STATEMENT_TIMEOUT = 60_000;
/** How long a transaction may sit still before the server ends it with its locks, ms. */
const IDLE_TIMEOUT = 60_000;
/** The type `int8` in pg_type. */
const INT8 = 20;

/** A Kysely dialect over `pg`, which is loaded only now. 64-bit integers come as numbers, as in SQLite. */
export async function postgresDialect(url: string, log?: Logger): Promise<Dialect> {
  const [{ PostgresDialect }, { default: pg }] = await Promise.all([import('kysely'), import('pg')]);
  const pool = new pg.Pool({
    connectionString: url,
    max: CONNECTIONS,
    connectionTimeoutMillis: CONNECT_TIMEOUT,
    statement_timeout: STATEMENT_TIMEOUT,
    idle_in_transaction_session_timeout: IDLE_TIMEOUT,
    keepAlive: true,
    application_name: 'wrought',
    types: {
      getTypeParser: ((oid: number, format: 'text' | 'binary') =>
        oid === INT8 ? Number : pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser,
    },
  });
  // A connection the server closes (restart, failover) emits an error, which without a listener would end the process: the
  // pool listens to idle ones and passes it on, those inside a transaction need their own. The pool replaces either.
  pool.on('error', (error) => log?.warn({ err: error }, 'Lost an idle database connection'));
  pool.on('connect', (client) => {
    client.on('error', (error) => log?.debug({ err: error }, 'Lost a database connection'));
  });
  return new PostgresDialect({ pool });
}

// SPDX-License-Identifier: Apache-2.0

import { closeSync, openSync } from 'node:fs';
import { databaseTarget } from '../config/database-url.ts';
import { WroughtError } from '../errors.ts';

/** How long a process that is just ending may still hold its database, ms. */
const PATIENCE = 2_000;

/**
 * Makes this process the only service on a SQLite database, which is made for one: a second one would take the first one's
 * locks and running work for what a dead process left. The claim is a lock on the file beside the database, `FILE.lock`,
 * which the operating system drops with the process, however it ends. Databases in memory and on PostgreSQL need none.
 *
 * @returns gives the claim up
 * @throws WroughtError when another process has it, or the file cannot be made
 */
export async function claimDatabase(connection: string): Promise<() => void> {
  const target = databaseTarget(connection);
  if (target.kind !== 'sqlite' || target.file === ':memory:') return () => {};
  const { loadSqlite } = await import('./sqlite-dialect.ts');
  const { DatabaseSync } = loadSqlite();
  const file = `${target.file}.lock`;
  closeSync(openSync(file, 'a', 0o600));
  const lock = new DatabaseSync(file, { timeout: PATIENCE });
  try {
    lock.exec('begin exclusive');
  } catch (cause) {
    lock.close();
    throw new WroughtError(
      409,
      `Another process serves the database ${target.file} already. Stop it first, or use PostgreSQL for several processes.`,
      { cause },
    );
  }
  return () => lock.close();
}

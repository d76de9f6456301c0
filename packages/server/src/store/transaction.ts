// SPDX-License-Identifier: Apache-2.0

import { AsyncLocalStorage } from 'node:async_hooks';
import type { CompiledQuery, Kysely, QueryResult, Transaction } from 'kysely';
import type { Logger } from '../hardware/contracts.ts';
import type { Executor } from './collection.ts';
import { translate } from './errors.ts';
import type { Database } from './schema.ts';

/** Transactions open for longer than this are logged: they hold up all writers (SQLite) or those of their rows, ms. */
const LONG = 1000;

/** The transaction the running code is the body of. */
const current = new AsyncLocalStorage<TransactionExecutor>();

/**
 * Refuses to use the database from the body of an open transaction of it: with SQLite the two would wait for each other
 * forever, with PostgreSQL the statement would not be part of the transaction.
 */
export function refuseInTransaction(db: Kysely<Database>): void {
  if (current.getStore()?.isOpenOn(db)) {
    throw new Error('Inside a transaction use the tables it hands to its body, not those of the store.');
  }
}

/** Runs `body` in one transaction and commits it; rolls back when the body throws or any of its statements failed. */
export async function runTransaction<R>(
  db: Kysely<Database>,
  body: (executor: Executor) => Promise<R>,
  log: Logger | undefined,
): Promise<R> {
  refuseInTransaction(db);
  let begun: number | undefined;
  let thrown: { readonly error: unknown } | undefined;
  try {
    return await db.transaction().execute(async (transaction) => {
      begun = performance.now();
      const executor = new TransactionExecutor(db, transaction);
      try {
        const result = await current.run(executor, () => body(executor));
        await executor.end();
        return result;
      } catch (error) {
        thrown = { error };
        throw error;
      } finally {
        executor.close();
      }
    });
  } catch (error) {
    // What the body throws is the caller's own, and tells more than a rollback that failed after it.
    throw thrown === undefined ? translate(error) : thrown.error;
  } finally {
    const duration = begun === undefined ? 0 : Math.round(performance.now() - begun);
    if (duration > LONG) log?.warn({ duration_ms: duration }, 'A database transaction made others wait');
  }
}

/**
 * Runs the statements of one transaction one after the other. Once one has failed all further ones are refused and so is
 * the commit: PostgreSQL does so anyway, SQLite would go on.
 */
class TransactionExecutor implements Executor {
  readonly #db: Kysely<Database>;
  readonly #transaction: Transaction<Database>;
  #open = true;
  #failure: { readonly cause: unknown } | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(db: Kysely<Database>, transaction: Transaction<Database>) {
    this.#db = db;
    this.#transaction = transaction;
  }

  isOpenOn(db: Kysely<Database>): boolean {
    return this.#open && this.#db === db;
  }

  executeQuery(query: CompiledQuery): Promise<QueryResult<unknown>> {
    return this.#inTurn(async () => {
      this.#refuseAfterFailure();
      try {
        return await this.#transaction.executeQuery(query);
      } catch (cause) {
        this.#failure = { cause };
        throw cause;
      }
    });
  }

  diagnose(query: CompiledQuery): Promise<QueryResult<unknown>> {
    return this.#inTurn(() => this.#transaction.executeQuery(query));
  }

  /** Waits for statements the body did not wait for. */
  async end(): Promise<void> {
    await this.#last;
    this.#refuseAfterFailure();
  }

  close(): void {
    this.#open = false;
  }

  #refuseAfterFailure(): void {
    if (this.#failure !== undefined) {
      throw new Error('An earlier statement of the transaction failed, so it is rolled back.', this.#failure);
    }
  }

  #inTurn<R>(run: () => Promise<R>): Promise<R> {
    const turn = this.#last.then(() => {
      if (!this.#open) throw new Error('The transaction has ended.');
      return run();
    });
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}

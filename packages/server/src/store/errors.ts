// SPDX-License-Identifier: Apache-2.0

/** Turns what the databases throw into the errors of the service. */

import { AlreadyExists, Conflict, InvalidParameterValue, Unavailable } from '../errors.ts';
import { type Reference, referenceName, type Stored, type Table, type UniqueRule, uniqueName } from './tables.ts';

/** A value names a row that does not exist. `reference` is unknown where SQLite does not tell it. */
export class BrokenReference extends Error {
  readonly reference: Reference | undefined;

  constructor(reference: Reference | undefined, cause: unknown) {
    super('A reference names a row that does not exist, or a row that is referenced was to be deleted.', { cause });
    this.name = 'BrokenReference';
    this.reference = reference;
  }
}

type Values = Readonly<Record<string, Stored | undefined>>;

/** What the failed statement wrote, and where. */
interface Write {
  readonly table: Table;
  readonly values: Values;
}

/**
 * The error to throw for one the database failed with: AlreadyExists for a broken unique rule, BrokenReference for a
 * broken reference, InvalidParameterValue for a value the column cannot hold, Unavailable when the database cannot be
 * reached or is locked, else the error itself.
 */
export function translate(error: unknown, write?: Write): unknown {
  if (!(error instanceof Error)) return error;
  if ('errcode' in error) return fromSqlite(error, Number(error.errcode), write);
  if ('code' in error && typeof error.code === 'string') return fromPostgres(error, error.code, write);
  return LOST.test(error.message) ? unreachable(error) : error;
}

/** What `pg` says, without a code, when a connection breaks or none can be had in time. */
const LOST =
  /^(Connection terminated|Client has encountered a connection error|timeout exceeded when trying to connect|timeout expired)/;

/** Extended result codes: https://www.sqlite.org/rescode.html */
function fromSqlite(error: Error, code: number, write: Write | undefined): unknown {
  switch (code) {
    case 2067:
    case 1555: {
      // "UNIQUE constraint failed: nodes.name" or "... volume_targets.node_uuid, volume_targets.boot_index"
      const columns = [...error.message.matchAll(/\.(\w+)/g)].map((match) => match[1]).join();
      return taken(write, (rule) => rule.columns.join() === columns) ?? error;
    }
    case 787:
      return new BrokenReference(undefined, error);
    case 1299:
    case 3091:
      return unfit(error);
  }
  if ((code & 0xff) === 5) {
    return Object.assign(new Unavailable('The database is locked by another process.'), { cause: error });
  }
  return error;
}

/** SQLSTATE: https://www.postgresql.org/docs/15/errcodes-appendix.html */
function fromPostgres(error: Error, code: string, write: Write | undefined): unknown {
  const constraint = 'constraint' in error ? error.constraint : undefined;
  switch (code) {
    case '23505':
      return taken(write, (rule, table) => uniqueName(table, rule) === constraint) ?? error;
    case '23503':
      return new BrokenReference(
        write?.table.references.find((reference) => referenceName(write.table, reference) === constraint),
        error,
      );
    case '23502':
    case '22003':
    case '22021':
    case '22P02':
      return unfit(error);
    case '57P01':
    case '57P02':
    case '57P03':
    case '53300':
    case 'ECONNREFUSED':
    case 'ECONNRESET':
    case 'EPIPE':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'ENOENT':
    case 'ETIMEDOUT':
      return unreachable(error);
    default:
      return error;
  }
}

function taken(write: Write | undefined, is: (rule: UniqueRule, table: Table) => boolean): AlreadyExists | undefined {
  if (write === undefined) return undefined;
  const rule = write.table.unique.find((candidate) => is(candidate, write.table));
  return rule && new AlreadyExists(rule.columns.at(-1) ?? 'uuid', rule.taken(write.values));
}

function unfit(cause: Error): InvalidParameterValue {
  return new InvalidParameterValue(`A value does not fit its column: ${cause.message}.`, { cause });
}

function unreachable(cause: Error): Unavailable {
  return Object.assign(new Unavailable(`The database cannot be reached: ${cause.message}`), { cause });
}

/** 409: a row cannot be deleted while others refer to it. */
export function inUse(table: Table, uuid: Stored | undefined): Conflict {
  return new Conflict(`${table.label}${uuid ? ` ${uuid}` : ''} cannot be deleted while it is in use.`);
}

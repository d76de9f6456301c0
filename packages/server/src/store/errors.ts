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

/**
 * The error to throw for one a statement on `table` failed with: AlreadyExists for a broken unique rule, BrokenReference
 * for a broken reference, Unavailable when the database cannot be reached or is locked, else the error itself.
 */
export function translate(error: unknown, table: Table, values: Values): unknown {
  if (!(error instanceof Error)) return error;
  if ('errcode' in error) return fromSqlite(error, Number(error.errcode), table, values);
  if ('code' in error && typeof error.code === 'string') return fromPostgres(error, error.code, table, values);
  return error;
}

/** Extended result codes: https://www.sqlite.org/rescode.html */
function fromSqlite(error: Error, code: number, table: Table, values: Values): unknown {
  if (code === 2067 || code === 1555) {
    // "UNIQUE constraint failed: nodes.name" or "... volume_targets.node_uuid, volume_targets.boot_index"
    const columns = [...error.message.matchAll(/\.(\w+)/g)].map((match) => match[1]).join();
    return (
      broken(
        table.unique.find((rule) => rule.columns.join() === columns),
        values,
      ) ?? error
    );
  }
  if (code === 787) return new BrokenReference(undefined, error);
  if ((code & 0xff) === 5) return unavailable('The database is locked by another process.', error);
  return error;
}

/** SQLSTATE: https://www.postgresql.org/docs/15/errcodes-appendix.html */
function fromPostgres(error: Error, code: string, table: Table, values: Values): unknown {
  const constraint = 'constraint' in error ? error.constraint : undefined;
  switch (code) {
    case '23505':
      return (
        broken(
          table.unique.find((rule) => uniqueName(table, rule) === constraint),
          values,
        ) ?? error
      );
    case '23503':
      return new BrokenReference(
        table.references.find((reference) => referenceName(table, reference) === constraint),
        error,
      );
    case '22021':
      return new InvalidParameterValue('A text must not contain the character U+0000.', { cause: error });
    case '57P01':
    case '57P02':
    case '57P03':
    case 'ECONNREFUSED':
    case 'ECONNRESET':
    case 'ENOTFOUND':
    case 'ENOENT':
    case 'ETIMEDOUT':
      return unavailable(`The database cannot be reached: ${error.message}`, error);
    default:
      return error;
  }
}

function broken(rule: UniqueRule | undefined, values: Values): AlreadyExists | undefined {
  return rule && new AlreadyExists(rule.columns.at(-1) ?? 'uuid', rule.taken(values));
}

function unavailable(message: string, cause: Error): Unavailable {
  return Object.assign(new Unavailable(message), { cause });
}

/** 409: a row cannot be deleted while others refer to it. */
export function inUse(table: Table, uuid: string | undefined): Conflict {
  return new Conflict(`${table.label} ${uuid ?? ''} cannot be deleted while it is in use.`.replace('  ', ' '));
}

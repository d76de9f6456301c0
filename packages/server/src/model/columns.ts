// SPDX-License-Identifier: Apache-2.0

import type { Json } from './json.ts';

/**
 * How a column is stored, the same in every database dialect:
 * text as TEXT, json as TEXT holding JSON, boolean as INTEGER 0/1, timestamp as TEXT `YYYY-MM-DDTHH:MM:SS.ffffff+00:00`.
 * A trailing `?` allows null.
 */
export type ColumnKind =
  | 'text'
  | 'text?'
  | 'json'
  | 'json?'
  | 'boolean'
  | 'boolean?'
  | 'integer'
  | 'integer?'
  | 'timestamp'
  | 'timestamp?';

/** The columns of one table: name to kind. `id` (insertion order) and the timestamps are columns like others. */
export type Columns = Readonly<Record<string, ColumnKind>>;

type Decoded<K extends ColumnKind> = K extends `${infer B extends ColumnKind}?`
  ? Decoded<B> | null
  : K extends 'text' | 'timestamp'
    ? string
    : K extends 'boolean'
      ? boolean
      : K extends 'integer'
        ? number
        : Json;

type Stored<K extends ColumnKind> = K extends `${infer B extends ColumnKind}?`
  ? Stored<B> | null
  : K extends 'boolean' | 'integer'
    ? number
    : string;

/** A record as code works with it: JSON parsed, booleans as booleans. */
export type RecordOf<T extends Columns> = { -readonly [K in keyof T]: Decoded<T[K]> };

/** A row as the database holds it: JSON as text, booleans as 0/1. The API renders lists from rows without parsing. */
export type RowOf<T extends Columns> = { -readonly [K in keyof T]: Stored<T[K]> };

const bases = new Map<ColumnKind, string>();

function baseOf(kind: ColumnKind): string {
  let base = bases.get(kind);
  if (base === undefined) {
    base = kind.endsWith('?') ? kind.slice(0, -1) : kind;
    bases.set(kind, base);
  }
  return base;
}

/** Turns a stored row into a record. */
export function decodeRow<T extends Columns>(columns: T, row: RowOf<T>): RecordOf<T> {
  const record: Record<string, unknown> = {};
  const source = row as Record<string, unknown>;
  for (const name in columns) {
    const kind = columns[name];
    const value = source[name];
    if (kind === undefined || value === undefined) continue;
    if (value === null) record[name] = null;
    else {
      const base = baseOf(kind);
      record[name] = base === 'json' ? JSON.parse(value as string) : base === 'boolean' ? Number(value) !== 0 : value;
    }
  }
  return record as RecordOf<T>;
}

/** Turns (part of) a record into stored values, ready to be bound to a statement. */
export function encodeValues<T extends Columns>(
  columns: T,
  values: Partial<RecordOf<T>>,
): Record<string, string | number | null> {
  const encoded: Record<string, string | number | null> = {};
  for (const [name, value] of Object.entries(values)) {
    const kind = columns[name];
    if (kind === undefined || value === undefined) continue;
    const base = baseOf(kind);
    if (value === null) encoded[name] = base === 'json' && kind === 'json' ? 'null' : null;
    else
      encoded[name] =
        base === 'json' ? JSON.stringify(value) : base === 'boolean' ? (value ? 1 : 0) : (value as string | number);
  }
  return encoded;
}

/** The current time in the form the database and the API use (UTC, microsecond field). */
export function timestamp(date: Date = new Date()): string {
  return `${date.toISOString().slice(0, -1)}000+00:00`;
}

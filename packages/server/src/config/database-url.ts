// SPDX-License-Identifier: Apache-2.0

/** Where the data is kept: a SQLite file (`:memory:` for none), or a PostgreSQL server with its whole URL. */
export type DatabaseTarget =
  | { readonly kind: 'sqlite'; readonly file: string }
  | { readonly kind: 'postgresql'; readonly url: string };

/**
 * Reads `[database] connection`: `sqlite:///FILE` (relative) or `sqlite:////FILE` (absolute), `sqlite://` (memory),
 * `postgresql://...`; SQLAlchemy's spelling of these, without a driver name.
 *
 * @throws RangeError when it is none of them; the message does not repeat the URL
 */
export function databaseTarget(connection: string): DatabaseTarget {
  const wrong = checkConnection(connection);
  if (wrong !== undefined) throw new RangeError(wrong);
  if (connection.startsWith('postgresql:')) return { kind: 'postgresql', url: connection };
  const file = connection.slice('sqlite:///'.length);
  return { kind: 'sqlite', file: file === '' ? ':memory:' : file };
}

/** What is wrong with a connection URL, or `undefined`. */
export function checkConnection(connection: string): string | undefined {
  if (connection === 'sqlite://' || connection.startsWith('sqlite:///')) return undefined;
  if (connection.startsWith('postgresql://') && URL.canParse(connection)) return undefined;
  return 'must be sqlite:///FILE, sqlite:// (in memory) or postgresql://USER:PASSWORD@HOST:PORT/NAME';
}

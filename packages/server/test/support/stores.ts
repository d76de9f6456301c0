// SPDX-License-Identifier: Apache-2.0

/** Runs one suite over every database the store supports. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe } from 'node:test';
import { openStore } from '../../src/store/open.ts';
import type { Store } from '../../src/store/store.ts';
import { missingPostgres, type PostgresServer, startPostgres } from './postgres.ts';

/** What a suite gets. */
export interface Databases {
  /** Opens a store on a new, empty database; closed after the suite at the latest. */
  open(): Promise<Store>;
  /** The URL of a new, empty database; opened twice it is the same one (not for memory). */
  url(): Promise<string>;
}

export type DatabaseName = 'SQLite in a file' | 'SQLite in memory' | 'PostgreSQL';

/** Declares `suite` for each database; PostgreSQL is skipped by name where it is not installed. */
export function describeDatabases(
  title: string,
  names: readonly DatabaseName[],
  suite: (databases: Databases) => void,
): void {
  for (const name of names) {
    describe(`${title}: ${name}`, { skip: name === 'PostgreSQL' && missingPostgres() }, () => {
      let directory = '';
      const stores: Store[] = [];
      let server: PostgresServer | undefined;
      let count = 0;
      before(async () => {
        directory = mkdtempSync(join(tmpdir(), 'wrought-store-'));
        if (name === 'PostgreSQL') server = await startPostgres();
      });
      after(async () => {
        await Promise.all(stores.map((store) => store.close()));
        await server?.stop();
        rmSync(directory, { recursive: true, force: true });
      });
      const url = async (): Promise<string> => {
        if (name === 'SQLite in memory') return 'sqlite://';
        return server === undefined ? `sqlite:///${directory}/${++count}.db` : await server.createDatabase();
      };
      suite({
        url,
        open: async () => {
          const store = await openStore(await url());
          stores.push(store);
          return store;
        },
      });
    });
  }
}

/** Every database. */
export const ALL: readonly DatabaseName[] = ['SQLite in a file', 'SQLite in memory', 'PostgreSQL'];

/** Those that outlive a process. */
export const LASTING: readonly DatabaseName[] = ['SQLite in a file', 'PostgreSQL'];

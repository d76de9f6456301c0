// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Unavailable } from '../src/errors.ts';
import { openStore } from '../src/store/open.ts';
import { execute } from './support/raw-database.ts';
import { describeDatabases, LASTING } from './support/stores.ts';

const PROGRAM = fileURLToPath(import.meta.resolve('./support/store-process.ts'));

function start(t: TestContext, mode: string, url: string): ChildProcessByStdio<null, Readable, Readable> {
  const child = spawn(process.execPath, [PROGRAM, mode, url], { stdio: ['ignore', 'pipe', 'pipe'] });
  t.after(() => child.kill('SIGKILL'));
  return child;
}

describeDatabases('Several processes', LASTING, (databases) => {
  test('that open an empty database at once all come up, make one schema, and say nothing', async (t) => {
    const url = await databases.url();
    const outcomes = await Promise.all(
      Array.from({ length: 5 }, async () => {
        const child = start(t, 'once', url);
        const [stdout, stderr, [code]] = await Promise.all([
          text(child.stdout),
          text(child.stderr),
          once(child, 'exit'),
        ]);
        return { uuid: stdout.trim(), stderr, code };
      }),
    );
    assert.deepEqual(
      outcomes.map(({ code, stderr }) => [code, stderr]),
      outcomes.map(() => [0, '']),
    );
    const store = await openStore(url);
    const uuids = (await store.nodes.list()).map((row) => row.uuid);
    await store.close();
    assert.deepEqual(uuids.sort(), outcomes.map(({ uuid }) => uuid).sort());
  });

  test('killed while writing, one loses nothing it has acknowledged and leaves no half transaction', async (t) => {
    const url = await databases.url();
    const acknowledged: string[] = [];
    for (let round = 0; round < 3; round++) {
      const child = start(t, 'forever', url);
      let output = '';
      for await (const chunk of child.stdout) {
        output += String(chunk);
        if (output.length > 300 * 37) break;
      }
      child.kill('SIGKILL');
      if (child.signalCode === null && child.exitCode === null) await once(child, 'exit');
      acknowledged.push(...output.split('\n').slice(0, -1));
    }
    assert.ok(acknowledged.length >= 900);
    if (url.startsWith('sqlite:')) {
      assert.deepEqual(await execute(url, 'pragma integrity_check'), [{ integrity_check: 'ok' }]);
      assert.deepEqual(await execute(url, 'pragma foreign_key_check'), []);
    }
    const store = await openStore(url);
    const nodes = new Set((await store.nodes.list({ columns: [] })).map((row) => row.uuid));
    const works = new Set((await store.work.list()).map((row) => row.node_uuid));
    await store.close();
    assert.deepEqual(
      acknowledged.filter((uuid) => !nodes.has(uuid)),
      [],
    );
    assert.deepEqual(works, nodes);
  });
});

describeDatabases('A lost connection', ['PostgreSQL'], (databases) => {
  test('is replaced, and what it held is given up', async () => {
    const url = await databases.url();
    const store = await openStore(url);
    const { uuid } = await store.nodes.insert({ driver: 'x' });
    const drop = () =>
      execute(url, 'select pg_terminate_backend(pid) from pg_stat_activity where application_name = $$wrought$$');
    const interrupted = store.transaction(async (tables) => {
      await tables.nodes.update(uuid, { fault: 'inside' });
      await drop();
      await tables.nodes.update(uuid, { fault: 'never' });
    });
    await assert.rejects(interrupted, { status: 503 });
    assert.equal((await store.nodes.find('uuid', uuid))?.fault, null);
    await drop();
    for (;;) {
      const outcome = await store.nodes.count().catch((error: unknown) => error);
      if (outcome === 1) break;
      assert.ok(outcome instanceof Unavailable, String(outcome));
    }
    await store.close();
  });
});

test('a new SQLite file is readable by its owner only, for it holds passwords', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'wrought-store-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const store = await openStore(`sqlite:///${directory}/new.db`);
  for (const suffix of ['', '-wal', '-shm']) {
    assert.equal(statSync(join(directory, `new.db${suffix}`)).mode & 0o777, 0o600);
  }
  await store.close();
});

test('a file that is no database is told by name', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'wrought-store-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const file = join(directory, 'text.db');
  writeFileSync(file, 'this is not a database, '.repeat(100));
  await assert.rejects(openStore(`sqlite:///${file}`), (error) =>
    String(error).includes(`${file}: file is not a database`),
  );
});

test('a server that does not answer is 503, and a connection string that is none is refused without repeating it', async () => {
  await assert.rejects(openStore('postgresql://user:secret@127.0.0.1:1/x'), { status: 503, message: /ECONNREFUSED/ });
  await assert.rejects(openStore('mysql://user:secret@host/x'), (error) => {
    assert.ok(error instanceof RangeError);
    return !error.message.includes('secret');
  });
});

// SPDX-License-Identifier: Apache-2.0

/** The whole service in one process: what it refuses to start with, and what a refused start leaves alone. */

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { defaultConfig } from '../src/config/index.ts';
import { createService, type Service } from '../src/main.ts';
import { openStore } from '../src/store/open.ts';
import { memoryLog } from './support/api.ts';

const HOST = 'bm1.example';

async function stateDirectory(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'wrought-service-'));
  t.after(() => rm(path, { recursive: true, force: true, maxRetries: 5 }));
  return path;
}

function connectionIn(directory: string, name = 'wrought.sqlite'): string {
  return `sqlite:///${join(directory, name)}`;
}

type ApiSettings = NonNullable<NonNullable<Parameters<typeof defaultConfig>[0]>['api']>;

async function service(t: TestContext, connection: string, state: string, api: ApiSettings): Promise<Service> {
  const config = defaultConfig({
    DEFAULT: { state_path: state, host: HOST },
    database: { connection },
    api: { host_ip: '127.0.0.1', port: 0, ...api },
  });
  const made = await createService({ config, log: memoryLog() });
  t.after(() => made.stop());
  return made;
}

test('a second service on the same SQLite file is refused and takes no lock of the first', async (t) => {
  const state = await stateDirectory(t);
  const connection = connectionIn(state);
  const first = await service(t, connection, state, {});
  const url = await first.start();
  const store = await openStore(connection);
  t.after(() => store.close());
  const { uuid } = await store.nodes.insert({
    driver: 'fake-hardware',
    provision_state: 'deploying',
    reservation: HOST,
  });
  const second = await service(t, connection, state, {});
  await assert.rejects(second.start(), /Another process serves the database .*wrought\.sqlite already/);
  await second.stop();
  const node = await store.nodes.find('uuid', uuid);
  assert.equal(node?.reservation, HOST);
  assert.equal(node?.provision_state, 'deploying');
  assert.equal((await fetch(`${url}/v1/conductors/${HOST}`, { headers: V82 })).status, 200);
  await first.stop();
  await (await service(t, connection, state, {})).start();
});

const V82 = { 'X-OpenStack-Ironic-API-Version': '1.82' };

test('a service that cannot have its port repairs nothing and leaves the conductor of its name online', async (t) => {
  const state = await stateDirectory(t);
  const occupant = await service(t, connectionIn(state, 'other.sqlite'), state, {});
  const port = Number(new URL(await occupant.start()).port);
  const connection = connectionIn(state);
  const store = await openStore(connection);
  t.after(() => store.close());
  await store.conductors.insert({ hostname: HOST, online: true, drivers: ['fake-hardware'] });
  const { uuid } = await store.nodes.insert({
    driver: 'fake-hardware',
    provision_state: 'deploying',
    reservation: HOST,
  });
  const late = await service(t, connection, state, { port });
  await assert.rejects(late.start(), /EADDRINUSE/);
  await late.stop();
  assert.equal((await store.nodes.find('uuid', uuid))?.reservation, HOST);
  const [conductor] = await store.conductors.list({});
  assert.equal(Number(conductor?.online), 1);
});

test('a host name that only looks like loopback is refused without authentication', async (t) => {
  const state = await stateDirectory(t);
  const made = await service(t, connectionIn(state), state, { host_ip: '127.evil.example' });
  await assert.rejects(made.start(), /without authentication/);
});

test('a state directory that cannot be made is refused by its option name', async (t) => {
  const file = join(await stateDirectory(t), 'file');
  await writeFile(file, '');
  for (const state of [join(file, 'state'), '/proc/wrought-state']) {
    const made = await service(t, 'sqlite://', state, {});
    await assert.rejects(made.start(), /\[DEFAULT\]state_path = .* can not be made: E/);
  }
});

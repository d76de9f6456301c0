// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { SCHEMA_VERSION } from '../src/store/migrations.ts';
import { openStore } from '../src/store/open.ts';
import { catalogue, execute } from './support/raw-database.ts';
import { describeDatabases, LASTING } from './support/stores.ts';

const NODE = '11111111-2222-3333-4444-555555555555';
const DATA = `
  insert into nodes (uuid, created_at, driver, name, driver_info, maintenance)
    values ('${NODE}', '2026-01-01T00:00:00.000000+00:00', 'staging-amt', 'old', '{"amt_address":"192.0.2.1"}', 1);
  insert into ports (uuid, created_at, node_uuid, address)
    values ('22222222-2222-3333-4444-555555555555', '2026-01-01T00:00:00.000000+00:00', '${NODE}', '52:54:00:00:00:01');`;

describeDatabases('Migrations', LASTING, (databases) => {
  const version1 = async (url: string) => {
    const dialect = url.startsWith('sqlite:') ? 'sqlite' : 'postgres';
    await execute(url, await readFile(new URL(`support/schema-1-${dialect}.sql`, import.meta.url), 'utf8'));
    await execute(url, DATA);
  };

  test('a database of version 1 with data in it becomes what a new database is', async () => {
    const [old, fresh] = [await databases.url(), await databases.url()];
    await version1(old);
    await (await openStore(fresh)).close();
    const store = await openStore(old);
    const node = await store.nodes.find('name', 'old');
    assert.deepEqual(
      [node?.uuid, node?.driver_info, node?.maintenance, node?.provision_state],
      [NODE, '{"amt_address":"192.0.2.1"}', 1, 'enroll'],
    );
    assert.equal(await store.ports.count(), 1);
    assert.ok((await store.nodes.insert({ driver: 'x' })).id > (node?.id ?? Infinity));
    await store.nodes.delete(NODE);
    assert.equal(await store.ports.count(), 0);
    await store.close();
    assert.deepEqual(await catalogue(old), await catalogue(fresh));
    assert.deepEqual(await execute(old, 'select version from schema_version'), [{ version: SCHEMA_VERSION }]);
  });

  test('opening again changes nothing', async () => {
    const url = await databases.url();
    const store = await openStore(url);
    await store.nodes.insert({ driver: 'x', name: 'kept' });
    await store.close();
    const before = await catalogue(url);
    const again = await openStore(url);
    assert.equal((await again.nodes.find('name', 'kept'))?.driver, 'x');
    await again.close();
    assert.deepEqual(await catalogue(url), before);
  });

  test('a database of a newer version is refused and left as it is', async () => {
    const url = await databases.url();
    await (await openStore(url)).close();
    await execute(url, `update schema_version set version = ${SCHEMA_VERSION + 1}`);
    await assert.rejects(openStore(url), new RegExp(`version ${SCHEMA_VERSION + 1}.*up to ${SCHEMA_VERSION}.*newer`));
    assert.deepEqual(await execute(url, 'select version from schema_version'), [{ version: SCHEMA_VERSION + 1 }]);
  });

  test('a database of another program is refused', async () => {
    const url = await databases.url();
    await execute(url, 'create table nodes (id integer)');
    await assert.rejects(openStore(url), /another program/);
    assert.deepEqual(await execute(url, 'select * from nodes'), []);
  });

  test('a migration that fails half way leaves the version before', async () => {
    const url = await databases.url();
    await version1(url);
    await execute(url, 'create index work_run_after_index on work (run_after)');
    await assert.rejects(openStore(url), /work_run_after_index/);
    assert.deepEqual(await execute(url, 'select version from schema_version'), [{ version: 1 }]);
    await execute(url, 'drop index work_run_after_index');
    const store = await openStore(url);
    assert.equal((await store.nodes.find('uuid', NODE))?.name, 'old');
    await store.close();
  });
});

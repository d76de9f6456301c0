// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import type { Logger } from '../src/hardware/contracts.ts';
import { timestamp } from '../src/model/columns.ts';
import { openStore } from '../src/store/open.ts';
import type { Store, Tables } from '../src/store/store.ts';
import { ALL, describeDatabases } from './support/stores.ts';

/** Lets everything that can run without I/O run. */
const turns = async (count: number) => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
};

describeDatabases('Transactions and leases', ALL, (databases) => {
  let store: Store;
  before(async () => {
    store = await databases.open();
  });
  const node = () => store.nodes.insert({ driver: 'fake-hardware' });

  test('a transaction keeps all of its writes', async () => {
    const { uuid } = await node();
    const result = await store.transaction(async (tables) => {
      const locked = await tables.nodes.find('uuid', uuid, { forUpdate: true });
      await tables.nodes.update(uuid, { provision_state: 'deploying' });
      await tables.work.insert({ node_uuid: uuid, workflow: 'deploy', step: 'prepare' });
      return locked?.provision_state;
    });
    assert.equal(result, 'enroll');
    assert.equal((await store.nodes.find('uuid', uuid))?.provision_state, 'deploying');
    assert.equal(await store.work.count([{ column: 'node_uuid', op: '=', value: uuid }]), 1);
  });

  test('a transaction whose body throws leaves nothing behind, and the error comes through as it was', async () => {
    const { uuid } = await node();
    const reason = Object.assign(new Error('no'), { code: 'ECONNREFUSED' });
    const failing = store.transaction(async (tables) => {
      await tables.nodes.update(uuid, { provision_state: 'deploying' });
      await tables.history.insert({ node_uuid: uuid, event: 'x' });
      throw reason;
    });
    await assert.rejects(failing, (error) => error === reason);
    assert.equal((await store.nodes.find('uuid', uuid))?.provision_state, 'enroll');
    assert.equal(await store.history.count([{ column: 'node_uuid', op: '=', value: uuid }]), 0);
  });

  test('a broken unique rule inside a transaction rolls it back and is told as ever', async () => {
    const failing = store.transaction(async (tables) => {
      await tables.nodes.insert({ driver: 'x', name: 'twice' });
      await tables.nodes.insert({ driver: 'x', name: 'twice' });
    });
    await assert.rejects(failing, { status: 409, field: 'name' });
    assert.equal(await store.nodes.find('name', 'twice'), undefined);
  });

  test('a body that catches the error of a statement does not save its transaction', async () => {
    const { uuid } = await node();
    await node();
    const failing = store.transaction(async (tables) => {
      await tables.nodes.update(uuid, { fault: 'inside' });
      await assert.rejects(tables.ports.insert({ node_uuid: 'nowhere', address: 'm' }), {
        status: 400,
        message: 'Node nowhere could not be found.',
      });
      await assert.rejects(tables.nodes.count(), /earlier statement/);
    });
    await assert.rejects(failing, /earlier statement/);
    assert.equal((await store.nodes.find('uuid', uuid))?.fault, null);
  });

  test('statements of one transaction may be started together, and are part of it even when not waited for', async () => {
    const warnings: Error[] = [];
    const collect = (warning: Error) => void warnings.push(warning);
    process.on('warning', collect);
    const { uuid } = await node();
    const other = await node();
    await store.transaction(async (tables) => {
      await Promise.all(['a', 'b', 'c'].map((event) => tables.history.insert({ node_uuid: uuid, event })));
      tables.nodes.update(other.uuid, { fault: 'late' }).catch(assert.fail);
    });
    const events = await store.history.list({ where: [{ column: 'node_uuid', op: '=', value: uuid }] });
    assert.deepEqual(
      events.map((row) => row.event),
      ['a', 'b', 'c'],
    );
    assert.equal((await store.nodes.find('uuid', other.uuid))?.fault, 'late');
    await turns(2);
    process.off('warning', collect);
    assert.deepEqual(warnings, []);
  });

  test('a statement of others does not slip into an open transaction', async () => {
    const { uuid } = await node();
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    const { promise: may, resolve: end } = Promise.withResolvers<void>();
    const failing = store.transaction(async (tables) => {
      await tables.nodes.update(uuid, { fault: 'inside' });
      begin();
      await may;
      throw new Error('rolled back');
    });
    await begun;
    const other = store.nodes.insert({ driver: 'x', name: 'outside' });
    const seen = store.nodes.find('uuid', uuid);
    await turns(20);
    end();
    await assert.rejects(failing, /rolled back/);
    await other;
    assert.equal((await seen)?.fault, null);
    assert.notEqual(await store.nodes.find('name', 'outside'), undefined);
  });

  test('transactions that read, wait and write do not lose each other’s writes', async () => {
    const { uuid } = await node();
    const add = () =>
      store.transaction(async (tables) => {
        const row = await tables.nodes.find('uuid', uuid, { forUpdate: true });
        await turns(2);
        const count = Number(JSON.parse(row?.extra ?? '{}').count ?? 0);
        await tables.nodes.update(uuid, { extra: { count: count + 1 } });
      });
    await Promise.all(Array.from({ length: 25 }, add));
    assert.equal((await store.nodes.find('uuid', uuid))?.extra, '{"count":25}');
  });

  test('the store itself inside a transaction is refused instead of waiting forever', async () => {
    await assert.rejects(
      store.transaction(() => store.nodes.count()),
      /use the tables/,
    );
    await assert.rejects(
      store.transaction(() => store.transaction(async () => 1)),
      /use the tables/,
    );
    assert.equal(typeof (await store.nodes.count()), 'number');
  });

  test('the tables of a transaction are of no use after it', async () => {
    const { promise, resolve } = Promise.withResolvers<Tables>();
    await store.transaction(async (tables) => resolve(tables));
    const tables = await promise;
    await assert.rejects(tables.nodes.count(), /has ended/);
  });

  test('work that was started inside a transaction may use the store once that has ended', async () => {
    const later = await store.transaction(async () => {
      const counting = (async () => {
        await turns(5);
        return await store.nodes.count();
      })();
      return { counting };
    });
    assert.equal(typeof (await later.counting), 'number');
  });

  test('a transaction that stays open for long is logged', async () => {
    const warnings: object[] = [];
    const silent = () => undefined;
    const log: Logger = {
      debug: silent,
      info: silent,
      error: silent,
      warn: (fields) => void warnings.push(fields),
      child: () => log,
    };
    const slow = await openStore(await databases.url(), { log });
    const clock = performance.now;
    let ahead = 0;
    performance.now = () => clock.call(performance) + ahead;
    try {
      await slow.transaction((tables) => tables.nodes.count());
      assert.deepEqual(warnings, []);
      await slow.transaction(async (tables) => {
        ahead = 5000;
        return await tables.nodes.count();
      });
    } finally {
      performance.now = clock;
      await slow.close();
    }
    assert.equal(warnings.length, 1);
  });

  test('due work is leased once, oldest first, and again when the lease has ended', async () => {
    const fresh = await databases.open();
    const past = timestamp(new Date(Date.now() - 60_000));
    const future = timestamp(new Date(Date.now() + 3_600_000));
    const make = async (values: Parameters<Store['work']['insert']>[0]) => {
      const { uuid } = await fresh.nodes.insert({ driver: 'x' });
      return (await fresh.work.insert({ node_uuid: uuid, workflow: 'w', step: 's', ...values })).uuid;
    };
    const fresh1 = await make({});
    const old = await make({ run_after: past });
    await make({ run_after: future });
    await make({ lease_owner: 'other', lease_until: future });
    const ended = await make({ lease_owner: 'other', lease_until: past });
    const first = await fresh.leaseWork('me', 60, 1);
    assert.deepEqual(
      first.map((row) => [row.uuid, row.lease_owner]),
      [[old, 'me']],
    );
    const rest = await fresh.leaseWork('me', 0, 10);
    assert.deepEqual(
      rest.map((row) => row.uuid),
      [fresh1, ended],
    );
    const [stored] = await fresh.work.list({ where: [{ column: 'uuid', op: '=', value: ended }] });
    assert.deepEqual(stored, rest[1]);
    const again = await fresh.leaseWork('you', 60, 10);
    assert.deepEqual(
      again.map((row) => row.uuid),
      [fresh1, ended],
    );
    assert.deepEqual(await fresh.leaseWork('you', 60, 10), []);
  });

  test('work leased by many at once goes to one owner each', async () => {
    const fresh = await databases.open();
    for (let i = 0; i < 60; i++) {
      const { uuid } = await fresh.nodes.insert({ driver: 'x' });
      await fresh.work.insert({ node_uuid: uuid, workflow: 'w', step: 's' });
    }
    const calls = Array.from({ length: 12 }, (_, index) => fresh.leaseWork(`owner-${index}`, 60, 7));
    const leases = await Promise.all(calls);
    assert.ok(leases.every((rows) => rows.length <= 7));
    let rows = leases.flat();
    for (;;) {
      const more = await fresh.leaseWork('last', 60, 7);
      if (more.length === 0) break;
      rows = [...rows, ...more];
    }
    assert.equal(rows.length, 60);
    assert.equal(new Set(rows.map((row) => row.uuid)).size, 60);
  });
});

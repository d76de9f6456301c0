// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WroughtError } from '../src/errors.ts';
import { openStore } from '../src/store/open.ts';
import type { Store } from '../src/store/store.ts';
import { CONTEXT, makeBench } from './conductor-support.ts';
import { describeDatabases } from './support/stores.ts';

/** A connection each, as two processes have; two to one SQLite file would only wait for each other inside one process. */
async function openTwice(connection: string): Promise<readonly [Store, Store]> {
  const store = await openStore(connection);
  return [store, connection.startsWith('sqlite') ? store : await openStore(connection)];
}

const VERBS = ['manage', 'provide', 'active', 'deleted'] as const;

describeDatabases('conductors on one database', ['SQLite in a file', 'PostgreSQL'], ({ url }) => {
  test('a cycle ends as it does on a database in memory', async () => {
    const store = await openStore(await url());
    {
      await using bench = await makeBench({ store });
      const { uuid } = await bench.insert();
      for (const [verb, state] of [
        ['manage', 'manageable'],
        ['provide', 'available'],
        ['active', 'active'],
        ['deleted', 'available'],
      ] as const) {
        await bench.verb(uuid, verb);
        assert.equal((await bench.settled(uuid)).provision_state, state);
      }
      assert.equal(await store.work.count(), 0);
    }
    await store.close();
  });

  test('two of them never work on the same node at the same time', async () => {
    const connection = await url();
    const stores = await openTwice(connection);
    {
      await using one = await makeBench({ store: stores[0], host: 'one' });
      await using two = await makeBench({ store: stores[1], host: 'two' });
      const busy = new Set<string>();
      for (const bench of [one, two]) {
        for (const method of ['power.getPowerState', 'deploy.prepare', 'deploy.tearDown'] as const) {
          bench.script.on[method] = (async (task: { node: { uuid: string } }) => {
            const { uuid } = task.node;
            assert.equal(busy.has(uuid), false, `${method} while another conductor works on the node`);
            busy.add(uuid);
            await new Promise((resolve) => setTimeout(resolve, 3));
            busy.delete(uuid);
            return 'power on';
          }) as never;
        }
      }
      const nodes = await Promise.all(Array.from({ length: 6 }, () => one.insert()));
      const outcomes = { accepted: 0, refused: 0 };
      const client = async (bench: typeof one, uuid: string) => {
        for (let turn = 0; turn < 10; turn += 1) {
          for (const verb of VERBS) {
            try {
              await bench.verb(uuid, verb);
              outcomes.accepted += 1;
            } catch (error) {
              assert.ok(error instanceof WroughtError && [400, 409].includes(error.status), String(error));
              outcomes.refused += 1;
              await new Promise((resolve) => setTimeout(resolve, 5));
            }
          }
        }
      };
      await Promise.all(nodes.flatMap(({ uuid }) => [client(one, uuid), client(two, uuid)]));
      for (const { uuid } of nodes) {
        const node = await one.settled(uuid);
        assert.equal(node.last_error, null);
      }
      assert.ok(outcomes.accepted > 12, JSON.stringify(outcomes));
      assert.equal(await stores[0].work.count(), 0);
    }
    await Promise.all([...new Set(stores)].map((store) => store.close()));
  });

  test('what one leaves when it dies, the other finishes', async () => {
    const connection = await url();
    const stores = await openTwice(connection);
    {
      await using one = await makeBench({ store: stores[0], host: 'one' });
      await using two = await makeBench({ store: stores[1], host: 'two' });
      one.script.on['deploy.prepare'] = ((task: { signal: AbortSignal }) =>
        new Promise((_resolve, reject) => {
          task.signal.addEventListener('abort', () => reject(task.signal.reason));
        })) as never;
      const { uuid } = await one.insert({ provision_state: 'available' });
      await one.conductor.provision(CONTEXT, uuid, { target: 'active' });
      assert.equal((await two.node(uuid)).reservation, 'one');
      await two.conductor.runJob('take-over');
      assert.equal((await two.node(uuid)).reservation, 'one');
      await one.conductor.stop(10);
      await stores[1].work.updateWhere([], { lease_until: '2020-01-01T00:00:00.000000+00:00' });
      await two.conductor.runJob('take-over');
      const node = await two.settled(uuid);
      assert.equal(node.provision_state, 'active');
      assert.equal(node.conductor_affinity, 'two');
    }
    await Promise.all([...new Set(stores)].map((store) => store.close()));
  });
});

// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NodeRecord } from '../src/model/resources.ts';
import { INTERRUPTED } from '../src/model/states.ts';
import { type Bench, CONTEXT, gate, makeBench } from './conductor-support.ts';

const LONG_AGO = '2020-01-01T00:00:00.000000+00:00';

/** A node as a killed process leaves it while a step runs. */
async function interrupted(
  bench: Bench,
  node: Partial<NodeRecord>,
  work?: { workflow: string; step: string; attempt?: number },
): Promise<string> {
  const { uuid } = await bench.insert({ reservation: 'host-1', ...node });
  if (work !== undefined) {
    await bench.store.work.insert({
      node_uuid: uuid,
      attempt: 1,
      lease_owner: 'host-1',
      lease_until: '2999-01-01T00:00:00.000000+00:00',
      data: {},
      ...work,
    });
  }
  return uuid;
}

test('all interrupted nodes without work to resume fail, however many there are', async () => {
  await using bench = await makeBench({ start: false });
  const nodes: [string, string][] = [];
  for (const state of Object.keys(INTERRUPTED)) {
    for (let count = 0; count < 12; count += 1) {
      nodes.push([await interrupted(bench, { provision_state: state, target_provision_state: 'active' }), state]);
    }
  }
  await bench.conductor.start();
  for (const [uuid, state] of nodes) {
    const node = await bench.node(uuid);
    assert.equal(node.provision_state, INTERRUPTED[state]);
    assert.equal(node.reservation, null);
    assert.equal(node.last_error, `The ${state} state can't be resumed by conductor host-1. Moving to fail state.`);
  }
});

test('a manual clean that cannot be resumed keeps its target', async () => {
  await using bench = await makeBench({ start: false });
  const node = { provision_state: 'cleaning', target_provision_state: 'manageable' };
  const bare = await interrupted(bench, node);
  const step = await interrupted(
    bench,
    { ...node, clean_step: { interface: 'raid', step: 'create' } },
    { workflow: 'clean', step: 'step' },
  );
  await bench.conductor.start();
  for (const uuid of [bare, step]) {
    const failed = await bench.settled(uuid);
    assert.equal(failed.provision_state, 'clean failed');
    assert.equal(failed.target_provision_state, 'manageable');
    assert.match(failed.last_error ?? '', /^The cleaning state can't be resumed/);
  }
  assert.equal(await bench.store.work.count(), 0);
});

test('work whose step may be repeated is taken up again and completes', async () => {
  await using bench = await makeBench({ start: false, config: { conductor: { automated_clean: false } } });
  const verifying = await interrupted(
    bench,
    { provision_state: 'verifying', target_provision_state: 'manageable' },
    { workflow: 'verify', step: 'verify' },
  );
  const deploying = await interrupted(
    bench,
    { provision_state: 'deploying', target_provision_state: 'active' },
    { workflow: 'deploy', step: 'prepare' },
  );
  const deleting = await interrupted(
    bench,
    { provision_state: 'deleting', target_provision_state: 'available', target_power_state: 'power off' },
    { workflow: 'tear-down', step: 'tearDown' },
  );
  await bench.conductor.start();
  const expected = { [verifying]: 'manageable', [deploying]: 'active', [deleting]: 'available' };
  for (const [uuid, state] of Object.entries(expected)) {
    const node = await settledAs(bench, uuid, state);
    assert.equal(node.last_error, null);
    assert.equal(node.target_power_state, null);
  }
  assert.equal(await bench.store.work.count(), 0);
});

async function settledAs(bench: Bench, uuid: string, state: string): Promise<NodeRecord> {
  for (let tries = 0; tries < 500; tries += 1) {
    const node = await bench.node(uuid);
    if (node.provision_state === state && node.reservation === null) return node;
    await new Promise((resolve) => setTimeout(resolve, 4));
  }
  throw new Error(`node ${uuid} does not become ${state}: ${JSON.stringify(await bench.node(uuid))}`);
}

test('work that was begun too often is given up', async () => {
  await using bench = await makeBench({ start: false });
  const uuid = await interrupted(
    bench,
    { provision_state: 'verifying', target_provision_state: 'manageable' },
    { workflow: 'verify', step: 'verify', attempt: 3 },
  );
  await bench.conductor.start();
  const node = await settledAs(bench, uuid, 'enroll');
  assert.match(node.last_error ?? '', /^The verifying state can't be resumed by conductor host-1/);
});

test('a pending power change is cleared with its reason; waiting and held nodes stay as they are', async () => {
  await using bench = await makeBench({ start: false, host: 'Host-1' });
  const power = await interrupted(bench, { provision_state: 'active', target_power_state: 'power off' });
  const waiting = await bench.insert({ provision_state: 'clean wait', target_provision_state: 'available' });
  await bench.store.work.insert({
    node_uuid: waiting.uuid,
    workflow: 'clean',
    step: 'list',
    attempt: 1,
    run_after: '9999-12-31T23:59:59.000000+00:00',
    data: {},
  });
  const foreign = await bench.insert({ provision_state: 'active', reservation: 'host-2' });
  await bench.conductor.start();
  const node = await bench.node(power);
  assert.equal(node.target_power_state, null);
  assert.equal(node.reservation, null);
  assert.equal(node.last_error, 'Pending power operation was aborted due to conductor restart');
  assert.equal((await bench.node(waiting.uuid)).provision_state, 'clean wait');
  assert.equal((await bench.node(foreign.uuid)).reservation, 'host-2');
  assert.equal(await bench.conductor.continueNode(waiting.uuid, CONTEXT), true);
  assert.equal((await bench.settled(waiting.uuid)).provision_state, 'available');
});

test('a shutdown that cannot wait leaves the work for the next start', async () => {
  await using bench = await makeBench();
  const { promise, open } = gate();
  bench.script.on['deploy.prepare'] = (async (task: { signal: AbortSignal }) => {
    await Promise.race([
      promise,
      new Promise((_resolve, reject) => task.signal.addEventListener('abort', () => reject(task.signal.reason))),
    ]);
  }) as never;
  const { uuid } = await bench.insert({ provision_state: 'available' });
  await bench.verb(uuid, 'active');
  await bench.conductor.stop(20);
  const left = await bench.node(uuid);
  assert.equal(left.provision_state, 'deploying');
  assert.equal(left.last_error, null);
  open();
  await bench.restart();
  const node = await settledAs(bench, uuid, 'active');
  assert.equal(node.last_error, null);
});

test('the work and locks of a dead conductor are taken over', async () => {
  await using bench = await makeBench();
  await bench.store.conductors.insert({ hostname: 'dead', online: true, drivers: [], created_at: LONG_AGO });
  await bench.store.conductors.insert({ hostname: 'alive', online: true, drivers: ['scripted'] });
  const resumed = await bench.insert({
    provision_state: 'verifying',
    target_provision_state: 'manageable',
    reservation: 'dead',
  });
  await bench.store.work.insert({
    node_uuid: resumed.uuid,
    workflow: 'verify',
    step: 'verify',
    attempt: 1,
    lease_owner: 'dead',
    lease_until: LONG_AGO,
    data: {},
  });
  const power = await bench.insert({
    provision_state: 'active',
    reservation: 'dead',
    target_power_state: 'power on',
  });
  const busy = await bench.insert({ provision_state: 'active', reservation: 'alive', target_power_state: 'power on' });
  await bench.conductor.runJob('take-over');
  assert.equal((await settledAs(bench, resumed.uuid, 'manageable')).last_error, null);
  const freed = await bench.node(power.uuid);
  assert.equal(freed.reservation, null);
  assert.equal(freed.last_error, 'Pending power operation was aborted due to conductor take over');
  assert.equal((await bench.node(busy.uuid)).reservation, 'alive');
});

test('nodes are shared among live conductors and come back when one dies', async () => {
  await using bench = await makeBench();
  const { uuid } = await bench.conductor.createNode(CONTEXT, { driver: 'fake-hardware' });
  const nodes = Array.from({ length: 200 }, (_, index) => ({
    uuid: `${uuid.slice(0, -3)}${String(index).padStart(3, '0')}`,
    driver: 'fake-hardware',
    conductor_group: '',
  }));
  assert.ok(nodes.every((node) => bench.conductor.conductorOf(node) === 'host-1'));
  const second = await bench.restart('host-2');
  await bench.conductor.runJob('heartbeat');
  const owners = nodes.map((node) => bench.conductor.conductorOf(node));
  const own = owners.filter((owner) => owner === 'host-1').length;
  assert.ok(own > 50 && own < 150, `${own} of 200`);
  assert.deepEqual(
    owners,
    nodes.map((node) => second.conductorOf(node)),
  );
  assert.deepEqual(
    (await bench.conductor.conductors()).map(({ hostname, alive }) => [hostname, alive]),
    [
      ['host-1', true],
      ['host-2', true],
    ],
  );
  await second.stop(100);
  await bench.conductor.runJob('heartbeat');
  assert.ok(nodes.every((node) => bench.conductor.conductorOf(node) === 'host-1'));
  assert.equal(bench.conductor.conductorOf({ uuid, driver: 'nope', conductor_group: '' }), null);
  assert.equal(bench.conductor.conductorOf({ uuid, driver: 'fake-hardware', conductor_group: 'far' }), null);
});

test('work that a broken database interrupted is taken up by the same process', async () => {
  await using bench = await makeBench({ config: { conductor: { heartbeat_timeout: 0 } } });
  const { promise, open } = gate<'power on'>();
  bench.script.on['power.getPowerState'] = () => promise;
  const { uuid } = await bench.insert();
  await bench.verb(uuid, 'manage');
  const { transaction } = bench.store;
  Object.assign(bench.store, { transaction: () => Promise.reject(new Error('the database is gone')) });
  open('power on');
  for (let tries = 0; tries < 200 && !bench.log.lines.some((line) => /could not be recorded/.test(line.message)); ) {
    tries += 1;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  Object.assign(bench.store, { transaction });
  assert.equal((await bench.node(uuid)).reservation, 'host-1');
  await bench.conductor.runJob('take-over');
  assert.equal((await bench.node(uuid)).reservation, 'host-1', 'a fresh reservation is left alone');
  await bench.store.nodes.update(uuid, { updated_at: LONG_AGO });
  await bench.conductor.runJob('take-over');
  const node = await settledAs(bench, uuid, 'manageable');
  assert.equal(node.last_error, null);
});

test('a result that cannot be stored fails the node instead of leaving it in its working state', async () => {
  await using bench = await makeBench();
  const { transaction } = bench.store;
  let broken = true;
  Object.assign(bench.store, {
    transaction: (body: Parameters<typeof transaction>[0]) =>
      transaction.call(bench.store, async (tables) => {
        const remove = async (uuid: string) => {
          if (!broken) return await tables.work.delete(uuid);
          broken = false;
          throw new Error('the disk is full');
        };
        const work = Object.assign(Object.create(null), {
          insert: tables.work.insert.bind(tables.work),
          update: tables.work.update.bind(tables.work),
          deleteWhere: tables.work.deleteWhere.bind(tables.work),
          delete: remove,
        });
        return await body({ ...tables, work });
      }),
  });
  const { uuid } = await bench.insert();
  await bench.verb(uuid, 'manage');
  const node = await bench.settled(uuid);
  assert.equal(node.provision_state, 'enroll');
  assert.equal(node.last_error, 'Async execution of verify failed with error: the disk is full');
  assert.equal(await bench.store.work.count(), 0);
});

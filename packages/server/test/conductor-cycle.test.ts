// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CONTEXT, makeBench } from './conductor-support.ts';

test('a fake node goes from enroll through active back to available', async () => {
  await using bench = await makeBench({ config: { conductor: { automated_clean: false } } });
  const { uuid } = await bench.conductor.createNode(CONTEXT, { driver: 'fake-hardware' });
  assert.equal((await bench.node(uuid)).provision_state, 'enroll');
  for (const [verb, state] of [
    ['manage', 'manageable'],
    ['provide', 'available'],
    ['active', 'active'],
    ['deleted', 'available'],
  ] as const) {
    await bench.verb(uuid, verb);
    const node = await bench.settled(uuid);
    assert.equal(node.provision_state, state);
    assert.equal(node.target_provision_state, null);
    assert.equal(node.last_error, null);
  }
  assert.equal(await bench.store.work.count(), 0);
});

test('automated cleaning of a fake node runs and ends in available', async () => {
  await using bench = await makeBench();
  const { uuid } = await bench.conductor.createNode(CONTEXT, { driver: 'fake-hardware' });
  await bench.verb(uuid, 'manage');
  await bench.settled(uuid);
  await bench.verb(uuid, 'provide');
  const accepted = await bench.node(uuid);
  assert.equal(accepted.target_provision_state, 'available');
  const node = await bench.settled(uuid);
  assert.equal(node.provision_state, 'available');
  assert.deepEqual(node.clean_step, {});
  assert.deepEqual(node.driver_internal_info, {});
});

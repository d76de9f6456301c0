// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NodeRecord } from '../src/model/resources.ts';
import { makeBench } from './conductor-support.ts';

const LONG_AGO = '2020-01-01T00:00:00.000000+00:00';

const CASES: readonly {
  state: string;
  target: string;
  job: string;
  ends: string;
  text: RegExp;
  called: string;
}[] = [
  {
    state: 'wait call-back',
    target: 'active',
    job: 'check-provision-state',
    ends: 'deploy failed',
    text: /^Timeout reached while waiting for callback for node /,
    called: 'deploy.cleanUp',
  },
  {
    state: 'clean wait',
    target: 'manageable',
    job: 'check-provision-state',
    ends: 'clean failed',
    text: /^Timeout reached while cleaning the node\. Please check .* Failed on step \{\}\.$/,
    called: 'deploy.tearDownCleaning',
  },
  {
    state: 'service wait',
    target: 'active',
    job: 'check-provision-state',
    ends: 'service failed',
    text: /^Timeout reached while servicing the node\. /,
    called: 'deploy.tearDownService',
  },
  {
    state: 'inspect wait',
    target: 'manageable',
    job: 'check-provision-state',
    ends: 'inspect failed',
    text: /^Timeout reached while inspecting the node\. /,
    called: 'inspect.abort',
  },
  {
    state: 'rescue wait',
    target: 'rescue',
    job: 'check-rescue-state',
    ends: 'rescue failed',
    text: /^Timeout reached while waiting for rescue ramdisk callback for node/,
    called: 'rescue.cleanUp',
  },
];

for (const { state, target, job, ends, text, called } of CASES) {
  test(`a node silent in ${state} ends in ${ends}`, async () => {
    await using bench = await makeBench();
    const values: Partial<NodeRecord> = {
      provision_state: state,
      target_provision_state: target,
      provision_updated_at: LONG_AGO,
      inspection_started_at: LONG_AGO,
      driver_internal_info: { ramdisk_used: true },
    };
    const { uuid } = await bench.insert(values);
    const recent = await bench.insert({
      ...values,
      provision_updated_at: new Date().toISOString(),
      inspection_started_at: new Date().toISOString(),
    });
    const maintained = await bench.insert({ ...values, maintenance: true });
    await bench.conductor.runJob(job);
    const node = await bench.settled(uuid);
    assert.equal(node.provision_state, ends);
    assert.equal(node.target_provision_state, target);
    assert.match(node.last_error ?? '', text);
    assert.equal(node.maintenance, false);
    assert.ok(bench.script.calls.includes(called), bench.script.calls.join());
    assert.equal((await bench.node(recent.uuid)).provision_state, state);
    assert.equal((await bench.node(maintained.uuid)).provision_state, state);
  });
}

test('a timeout while a clean step runs puts the node into maintenance', async () => {
  await using bench = await makeBench();
  const { uuid } = await bench.insert({
    provision_state: 'clean wait',
    target_provision_state: 'available',
    provision_updated_at: LONG_AGO,
    clean_step: { interface: 'deploy', step: 'erase_devices' },
  });
  await bench.conductor.runJob('check-provision-state');
  const node = await bench.settled(uuid);
  assert.equal(node.fault, 'clean failure');
  assert.match(node.last_error ?? '', /Failed on step \{'interface': 'deploy', 'step': 'erase_devices'\}\.$/);
});

test('one pass fails at most as many nodes of a state as periodic_max_workers', async () => {
  await using bench = await makeBench({ config: { conductor: { periodic_max_workers: 2 } } });
  for (let index = 0; index < 5; index += 1) {
    await bench.insert({
      provision_state: 'wait call-back',
      target_provision_state: 'active',
      provision_updated_at: LONG_AGO,
    });
  }
  await bench.conductor.runJob('check-provision-state');
  const failed = () => bench.store.nodes.count([{ column: 'provision_state', op: '=', value: 'deploy failed' }]);
  assert.equal(await failed(), 2);
  await bench.conductor.runJob('check-provision-state');
  assert.equal(await failed(), 4);
});

test('a timeout of 0 never comes', async () => {
  await using bench = await makeBench({ config: { conductor: { deploy_callback_timeout: 0 } } });
  const { uuid } = await bench.insert({
    provision_state: 'wait call-back',
    target_provision_state: 'active',
    provision_updated_at: LONG_AGO,
  });
  await bench.conductor.runJob('check-provision-state');
  assert.equal((await bench.node(uuid)).provision_state, 'wait call-back');
});

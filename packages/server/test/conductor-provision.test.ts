// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InvalidParameterValue, WroughtError } from '../src/errors.ts';
import type { StepDeclaration } from '../src/hardware/contracts.ts';
import type { NodeRecord } from '../src/model/resources.ts';
import { type Bench, CONTEXT, gate, makeBench } from './conductor-support.ts';

/** A step that notes when it runs. */
function noted(
  bench: Bench,
  step: string,
  more: Partial<StepDeclaration> = {},
  result?: () => Promise<'wait' | undefined>,
): StepDeclaration {
  return {
    step,
    kinds: ['clean', 'service', 'deploy'],
    priority: 0,
    requiresRamdisk: false,
    ...more,
    run: async (task, args) => {
      bench.script.calls.push(`step ${step}`);
      return (await more.run?.(task, args)) ?? (await result?.());
    },
  };
}

const ran = (bench: Bench) =>
  bench.script.calls.filter((call) => call.startsWith('step ')).map((call) => call.slice(5));

const status = (code: number, text?: RegExp) => (error: unknown) => {
  assert.ok(error instanceof WroughtError, String(error));
  assert.equal(error.status, code, error.message);
  if (text !== undefined) assert.match(error.message, text);
  return true;
};

test('a verb shows its state, target and no error as soon as it is accepted', async () => {
  await using bench = await makeBench();
  const { promise, open } = gate<'power on'>();
  bench.script.on['power.getPowerState'] = () => promise;
  const { uuid } = await bench.insert({ last_error: 'old' });
  await bench.verb(uuid, 'manage');
  const node = await bench.node(uuid);
  assert.equal(node.provision_state, 'verifying');
  assert.equal(node.target_provision_state, 'manageable');
  assert.equal(node.last_error, null);
  assert.equal(node.reservation, 'host-1');
  open('power on');
  const managed = await bench.settled(uuid);
  assert.equal(managed.provision_state, 'manageable');
  assert.equal(managed.power_state, 'power on');
});

test('a failed verification leads back to enroll and says why', async () => {
  await using bench = await makeBench();
  bench.script.on['power.validate'] = () => {
    throw new InvalidParameterValue('no address');
  };
  const { uuid } = await bench.insert();
  await bench.verb(uuid, 'manage');
  const node = await bench.settled(uuid);
  assert.equal(node.provision_state, 'enroll');
  assert.equal(node.target_provision_state, null);
  assert.equal(node.last_error, `Failed to validate power driver interface for node ${uuid}. Error: no address`);
  assert.equal(bench.script.calls.includes('power.getPowerState'), false);
  const [entry] = await bench.store.history.list();
  assert.equal(entry?.severity, 'ERROR');
  assert.equal(entry?.event, node.last_error);
});

test('an illegal verb is 400, on a locked node 409 at once, an unknown one says so', async () => {
  await using bench = await makeBench();
  const { uuid } = await bench.insert({ provision_state: 'manageable' });
  await assert.rejects(
    bench.verb(uuid, 'active'),
    status(400, /can not be performed on node ".+" while it is in state/),
  );
  await assert.rejects(bench.verb(uuid, 'nonsense'), status(400, /can not be performed/));
  await bench.store.nodes.update(uuid, { reservation: 'other' });
  const begun = performance.now();
  await assert.rejects(bench.verb(uuid, 'active'), status(409, /is locked by host other/));
  assert.ok(performance.now() - begun < 500);
  await bench.store.nodes.update(uuid, { reservation: null, provision_state: 'active' });
  await assert.rejects(bench.verb(uuid, 'delete'), status(400, /could not be understood/));
  await bench.store.nodes.update(uuid, { provision_state: 'cleaning', target_provision_state: 'available' });
  await assert.rejects(bench.verb(uuid, 'manage'), status(400));
});

test('a legal verb on a locked node waits for the lock, then gives up with 409', async () => {
  await using bench = await makeBench();
  const { uuid } = await bench.insert({ reservation: 'other' });
  await assert.rejects(bench.verb(uuid, 'manage'), status(409));
  setTimeout(() => void bench.store.nodes.update(uuid, { reservation: null }), 12);
  await bench.verb(uuid, 'manage');
  assert.equal((await bench.settled(uuid)).provision_state, 'manageable');
});

test('a full worker pool answers 503 and leaves the node as it was', async () => {
  await using bench = await makeBench({ config: { conductor: { workers_pool_size: 3 } } });
  const { promise, open } = gate<'power on'>();
  bench.script.on['power.getPowerState'] = () => promise;
  const nodes = await Promise.all([1, 2, 3, 4].map(() => bench.insert()));
  for (const node of nodes.slice(0, 3)) await bench.verb(node.uuid, 'manage');
  const last = nodes[3]?.uuid ?? '';
  await assert.rejects(bench.verb(last, 'manage'), status(503, /lack of free conductor workers/));
  const node = await bench.node(last);
  assert.equal(node.provision_state, 'enroll');
  assert.equal(node.target_provision_state, null);
  assert.equal(node.reservation, null);
  assert.equal(node.last_error, 'No free conductor workers available');
  open('power on');
  for (const one of nodes.slice(0, 3)) await bench.settled(one.uuid);
  await bench.verb(last, 'manage');
  assert.equal((await bench.settled(last)).last_error, null);
});

test('two verbs at the same time: one is accepted, the other is refused', async () => {
  await using bench = await makeBench();
  const { promise, open } = gate<'power on'>();
  bench.script.on['power.getPowerState'] = () => promise;
  const { uuid } = await bench.insert();
  const results = await Promise.allSettled([bench.verb(uuid, 'manage'), bench.verb(uuid, 'manage')]);
  assert.deepEqual(results.map((result) => result.status).sort(), ['fulfilled', 'rejected']);
  open('power on');
  await bench.settled(uuid);
});

test('manual cleaning runs exactly the steps given, in order, and ends in manageable', async () => {
  await using bench = await makeBench();
  bench.script.steps.raid = [noted(bench, 'b'), noted(bench, 'a', { priority: 50 })];
  const { uuid } = await bench.insert({ provision_state: 'manageable' });
  await bench.verb(uuid, 'clean', {
    cleanSteps: [
      { interface: 'raid', step: 'b' },
      { interface: 'raid', step: 'a' },
    ],
  });
  assert.equal((await bench.node(uuid)).target_provision_state, 'manageable');
  const node = await bench.settled(uuid);
  assert.equal(node.provision_state, 'manageable');
  assert.deepEqual(ran(bench), ['b', 'a']);
  assert.equal(bench.script.calls.includes('deploy.prepareCleaning'), false);
  assert.deepEqual(node.driver_internal_info, {});
});

test('automated cleaning runs steps by priority and leaves out those of priority 0', async () => {
  await using bench = await makeBench({
    config: { conductor: { clean_step_priority_override: { 'raid.late': '5', 'raid.gone': '0' } } },
  });
  bench.script.steps.raid = [
    noted(bench, 'late'),
    noted(bench, 'gone', { priority: 70 }),
    noted(bench, 'first', { priority: 90 }),
    noted(bench, 'tie', { priority: 20 }),
  ];
  bench.script.steps.management = [noted(bench, 'tie-management', { priority: 20 })];
  const { uuid } = await bench.insert({ provision_state: 'manageable' });
  await bench.verb(uuid, 'provide');
  assert.equal((await bench.settled(uuid)).provision_state, 'available');
  assert.deepEqual(ran(bench), ['first', 'tie-management', 'tie', 'late']);
  assert.ok(bench.script.calls.includes('deploy.prepareCleaning'));
  assert.ok(bench.script.calls.includes('deploy.tearDownCleaning'));
});

test('a clean step that does not exist fails the clean, without maintenance', async () => {
  await using bench = await makeBench();
  const { uuid } = await bench.insert({ provision_state: 'manageable' });
  await bench.verb(uuid, 'clean', { cleanSteps: [{ interface: 'deploy', step: 'nope' }] });
  const node = await bench.settled(uuid);
  assert.equal(node.provision_state, 'clean failed');
  assert.equal(node.target_provision_state, 'manageable');
  assert.equal(
    node.last_error,
    `Cannot clean node ${uuid}: node does not support this clean step: {'interface': 'deploy', 'step': 'nope'}`,
  );
  assert.equal(node.maintenance, false);
  await bench.verb(uuid, 'manage');
  const managed = await bench.node(uuid);
  assert.equal(managed.provision_state, 'manageable');
  assert.equal(managed.target_provision_state, null);
  assert.equal(managed.last_error, node.last_error);
});

test('a clean step that fails while running puts the node into maintenance with a fault', async () => {
  await using bench = await makeBench();
  bench.script.steps.raid = [
    noted(bench, 'boom', { argsinfo: { x: { description: 'an x', required: true } } }, async () => {
      throw new Error('disk on fire, password=hunter2');
    }),
  ];
  const { uuid } = await bench.insert({ provision_state: 'manageable' });
  await bench.verb(uuid, 'clean', { cleanSteps: [{ interface: 'raid', step: 'boom', args: { x: 1 } }] });
  const node = await bench.settled(uuid);
  assert.equal(node.provision_state, 'clean failed');
  assert.equal(node.fault, 'clean failure');
  assert.equal(node.maintenance, true);
  assert.match(node.last_error ?? '', /^Clean step raid.boom failed: disk on fire/);
  assert.doesNotMatch(node.last_error ?? '', /hunter2/);
  assert.deepEqual(node.clean_step, {});
});

test('wrong arguments of a step are told together', async () => {
  await using bench = await makeBench();
  bench.script.steps.raid = [noted(bench, 'x', { argsinfo: { need: { description: 'needed', required: true } } })];
  const { uuid } = await bench.insert({ provision_state: 'manageable' });
  await bench.verb(uuid, 'clean', { cleanSteps: [{ interface: 'raid', step: 'x', args: { b: 1, a: 2 } }] });
  const { last_error } = await bench.settled(uuid);
  assert.match(
    last_error ?? '',
    /has these unexpected arguments: a, b; clean step .* is missing these required arguments: need \(needed\)/,
  );
});

test('an asynchronous clean step waits unlocked and goes on when the node is continued', async () => {
  await using bench = await makeBench();
  bench.script.steps.raid = [noted(bench, 'async', {}, async () => 'wait'), noted(bench, 'then')];
  const { uuid } = await bench.insert({ provision_state: 'manageable' });
  const steps = ['async', 'then'].map((step) => ({ interface: 'raid', step }));
  await bench.verb(uuid, 'clean', { cleanSteps: steps });
  const waiting = await bench.settled(uuid);
  assert.equal(waiting.provision_state, 'clean wait');
  assert.equal(waiting.target_provision_state, 'manageable');
  assert.equal(waiting.clean_step.step, 'async');
  assert.equal(await bench.conductor.continueNode(uuid, CONTEXT), true);
  assert.equal((await bench.settled(uuid)).provision_state, 'manageable');
  assert.deepEqual(ran(bench), ['async', 'then']);
  assert.equal(await bench.conductor.continueNode(uuid, CONTEXT), false);
});

test('hold stops a manual clean until unhold and the target stays manageable', async () => {
  await using bench = await makeBench();
  bench.script.steps.raid = [noted(bench, 'a'), noted(bench, 'b')];
  const { uuid } = await bench.insert({ provision_state: 'manageable' });
  await bench.verb(uuid, 'clean', {
    cleanSteps: [
      { interface: 'raid', step: 'a' },
      { interface: 'deploy', step: 'hold' },
      { interface: 'power', step: 'power_on' },
      { interface: 'deploy', step: 'wait', args: { seconds: 0 } },
      { interface: 'raid', step: 'b' },
    ],
  });
  const held = await bench.settled(uuid);
  assert.equal(held.provision_state, 'clean hold');
  assert.equal(held.target_provision_state, 'manageable');
  assert.deepEqual(ran(bench), ['a']);
  await bench.verb(uuid, 'unhold');
  const node = await bench.settled(uuid);
  assert.equal(node.provision_state, 'manageable');
  assert.equal(node.power_state, 'power on');
  assert.deepEqual(ran(bench), ['a', 'b']);
});

test('abort of a waiting clean fails it at once and says it was aborted', async () => {
  await using bench = await makeBench();
  bench.script.on['deploy.prepareCleaning'] = () => 'wait';
  const { uuid } = await bench.insert({ provision_state: 'manageable' });
  await bench.verb(uuid, 'provide');
  assert.equal((await bench.settled(uuid)).provision_state, 'clean wait');
  await bench.verb(uuid, 'abort');
  const accepted = await bench.node(uuid);
  assert.equal(accepted.provision_state, 'clean failed');
  assert.equal(accepted.last_error, 'By request, the clean operation was aborted');
  const node = await bench.settled(uuid);
  assert.equal(node.target_provision_state, 'available');
  assert.equal(node.maintenance, false);
  assert.ok(bench.script.calls.includes('deploy.tearDownCleaning'));
  assert.deepEqual(node.driver_internal_info, {});
  assert.equal(await bench.store.work.count(), 0);
});

test('abort of a step that must not be interrupted takes effect when it ends', async () => {
  await using bench = await makeBench();
  bench.script.steps.raid = [noted(bench, 'long', {}, async () => 'wait'), noted(bench, 'never')];
  const { uuid } = await bench.insert({ provision_state: 'manageable' });
  await bench.verb(uuid, 'clean', { cleanSteps: ['long', 'never'].map((step) => ({ interface: 'raid', step })) });
  await bench.settled(uuid);
  await bench.verb(uuid, 'abort');
  const marked = await bench.node(uuid);
  assert.equal(marked.provision_state, 'clean wait');
  assert.equal(marked.clean_step.abort_after, true);
  await bench.conductor.continueNode(uuid, CONTEXT);
  const node = await bench.settled(uuid);
  assert.equal(node.provision_state, 'clean failed');
  assert.equal(node.target_provision_state, 'manageable');
  assert.equal(
    node.last_error,
    'By request, the clean operation was aborted during or after the completion of step "raid.long"',
  );
  assert.equal(node.maintenance, false);
  assert.deepEqual(ran(bench), ['long']);
});

test('deploy runs driver, template and request steps by priority; the request wins, priority 0 removes', async () => {
  await using bench = await makeBench();
  bench.script.steps.deploy = [
    noted(bench, 'deploy', { priority: 100 }),
    noted(bench, 'write', { priority: 80 }),
    noted(bench, 'finish', { priority: 20 }),
  ];
  bench.script.steps.raid = [noted(bench, 'apply'), noted(bench, 'extra')];
  await bench.store.deployTemplates.insert({
    name: 'CUSTOM_RAID',
    steps: [
      { interface: 'raid', step: 'apply', args: {}, priority: 90 },
      { interface: 'raid', step: 'extra', args: {}, priority: 85 },
    ],
  });
  const { uuid } = await bench.insert({
    provision_state: 'available',
    traits: ['CUSTOM_RAID'],
    instance_info: { traits: ['CUSTOM_RAID'] },
  });
  await bench.verb(uuid, 'active', {
    configdrive: { meta_data: { name: 'n' } },
    deploySteps: [
      { interface: 'raid', step: 'apply', args: {}, priority: 10 },
      { interface: 'deploy', step: 'finish', args: {}, priority: 0 },
    ],
  });
  assert.deepEqual((await bench.node(uuid)).instance_info.configdrive, { meta_data: { name: 'n' } });
  const node = await bench.settled(uuid);
  assert.equal(node.provision_state, 'active', node.last_error ?? '');
  assert.deepEqual(
    ran(bench),
    ['deploy', 'extra' /* 85 */, 'write', 'apply'].toSorted((a, b) => order(a) - order(b)),
  );
  assert.equal(node.conductor_affinity, 'host-1');
  assert.deepEqual(node.deploy_step, {});
});

function order(step: string): number {
  return ['deploy', 'extra', 'write', 'apply'].indexOf(step);
}

test('a deployment that fails says why, cleans up, and can be tried again', async () => {
  await using bench = await makeBench();
  let fails = true;
  bench.script.steps.deploy = [
    noted(bench, 'deploy', { priority: 100 }, async () => {
      if (fails) throw new Error('no image');
      return undefined;
    }),
  ];
  const { uuid } = await bench.insert({ provision_state: 'available' });
  await bench.verb(uuid, 'active');
  const failed = await bench.settled(uuid);
  assert.equal(failed.provision_state, 'deploy failed');
  assert.equal(failed.target_provision_state, 'active');
  assert.equal(failed.last_error, 'Deploy step deploy.deploy failed: no image');
  assert.ok(bench.script.calls.includes('deploy.cleanUp'));
  fails = false;
  await bench.verb(uuid, 'active');
  const node = await bench.settled(uuid);
  assert.equal(node.provision_state, 'active');
  assert.equal(node.last_error, null);
});

test('deploy refuses what cannot work before it changes anything', async () => {
  await using bench = await makeBench({ config: { conductor: { max_concurrent_deploy: 1 } } });
  const { uuid } = await bench.insert({ provision_state: 'available', instance_info: { traits: ['CUSTOM_A'] } });
  await assert.rejects(bench.verb(uuid, 'active'), status(400, /^Failed to validate deploy or power info for node/));
  await bench.store.nodes.update(uuid, { instance_info: {}, maintenance: true });
  await assert.rejects(bench.verb(uuid, 'active'), status(400, /maintenance mode/));
  await bench.store.nodes.update(uuid, { maintenance: false });
  await bench.insert({ provision_state: 'wait call-back', target_provision_state: 'active' });
  await assert.rejects(bench.verb(uuid, 'active'), status(503, /concurrent process limit/));
  assert.equal((await bench.node(uuid)).provision_state, 'available');
});

test('hold in a deployment is released by unhold, or aborted without touching the instance data', async () => {
  await using bench = await makeBench();
  const { uuid } = await bench.insert({ provision_state: 'available', instance_info: { a: 1 } });
  const deploySteps = [{ interface: 'deploy', step: 'hold', args: {}, priority: 150 }];
  await bench.verb(uuid, 'active', { deploySteps });
  assert.equal((await bench.settled(uuid)).provision_state, 'deploy hold');
  await bench.verb(uuid, 'unhold');
  assert.equal((await bench.settled(uuid)).provision_state, 'active');
  await bench.verb(uuid, 'rebuild', { deploySteps });
  assert.equal((await bench.settled(uuid)).provision_state, 'deploy hold');
  await bench.verb(uuid, 'abort');
  const node = await bench.settled(uuid);
  assert.equal(node.provision_state, 'deploy failed');
  assert.equal(node.last_error, 'By request, the deploy operation was aborted');
  assert.deepEqual(node.instance_info, { a: 1 });
});

test('tear-down forgets the instance, even when it fails', async () => {
  await using bench = await makeBench();
  const instance: Partial<NodeRecord> = {
    provision_state: 'active',
    instance_uuid: '2e0a4aa4-1a6f-4a3e-9f6f-000000000001',
    instance_info: { image_source: 'x' },
    lessee: 'l',
    driver_internal_info: { automatic_lessee: true },
  };
  const { uuid } = await bench.insert(instance);
  bench.script.on['deploy.tearDown'] = () => {
    throw new Error('stuck');
  };
  await bench.verb(uuid, 'deleted');
  assert.equal((await bench.node(uuid)).target_provision_state, 'available');
  const failed = await bench.settled(uuid);
  assert.equal(failed.provision_state, 'error');
  assert.equal(failed.target_provision_state, null);
  assert.equal(failed.last_error, 'Failed to tear down: stuck');
  assert.equal(failed.instance_uuid, null);
  delete bench.script.on['deploy.tearDown'];
  await bench.verb(uuid, 'deleted');
  const node = await bench.settled(uuid);
  assert.equal(node.provision_state, 'available');
  assert.deepEqual(node.instance_info, {});
  assert.equal(node.lessee, null);
  assert.equal(node.last_error, null);
});

test('what a failed preparation has begun is undone', async () => {
  await using bench = await makeBench();
  const fails = () => {
    throw new Error('half-way');
  };
  bench.script.on['deploy.prepareCleaning'] = fails;
  bench.script.on['deploy.prepare'] = fails;
  const { uuid } = await bench.insert({ provision_state: 'manageable' });
  await bench.verb(uuid, 'provide');
  const failed = await bench.settled(uuid);
  assert.equal(failed.provision_state, 'clean failed');
  assert.equal(failed.last_error, `Failed to prepare node ${uuid} for cleaning: half-way`);
  assert.equal(failed.maintenance, false);
  assert.deepEqual(failed.driver_internal_info, {});
  assert.ok(bench.script.calls.includes('deploy.tearDownCleaning'));
  const other = await bench.insert({ provision_state: 'available' });
  await bench.verb(other.uuid, 'active');
  assert.equal((await bench.settled(other.uuid)).last_error, 'Failed to prepare to deploy: half-way');
  assert.ok(bench.script.calls.includes('deploy.cleanUp'));
});

test('a protected node is neither deleted nor rebuilt; a retired one ends in manageable', async () => {
  await using bench = await makeBench();
  const { uuid } = await bench.insert({ provision_state: 'active', protected: true });
  await assert.rejects(bench.verb(uuid, 'deleted'), status(403));
  await assert.rejects(bench.verb(uuid, 'rebuild'), status(403));
  await bench.store.nodes.update(uuid, { protected: false, retired: true });
  await bench.verb(uuid, 'deleted');
  assert.equal((await bench.settled(uuid)).provision_state, 'manageable');
  await assert.rejects(bench.verb(uuid, 'provide'), status(400, /retired/));
});

test('wrong power settings refuse a delete as a client error', async () => {
  await using bench = await makeBench();
  bench.script.on['power.validate'] = () => {
    throw new InvalidParameterValue('no address');
  };
  const { uuid } = await bench.insert({ provision_state: 'active' });
  await assert.rejects(
    bench.verb(uuid, 'deleted'),
    status(400, /^Failed to validate power driver interface. Can not delete instance. Error: no address/),
  );
});

test('inspection can finish at once, wait, be aborted, and fail', async () => {
  await using bench = await makeBench();
  const { uuid } = await bench.insert({ provision_state: 'manageable' });
  await bench.verb(uuid, 'inspect');
  assert.equal((await bench.settled(uuid)).provision_state, 'manageable');
  bench.script.on['inspect.inspectHardware'] = () => 'wait';
  await bench.verb(uuid, 'inspect');
  assert.equal((await bench.settled(uuid)).provision_state, 'inspect wait');
  await bench.verb(uuid, 'abort');
  const aborted = await bench.node(uuid);
  assert.equal(aborted.provision_state, 'inspect failed');
  assert.equal(aborted.last_error, 'Inspection was aborted by request.');
  assert.equal(aborted.reservation, null);
  bench.script.on['inspect.inspectHardware'] = () => {
    throw new Error('blind');
  };
  await bench.verb(uuid, 'inspect');
  const failed = await bench.settled(uuid);
  assert.equal(failed.provision_state, 'inspect failed');
  assert.match(failed.last_error ?? '', /blind/);
  assert.equal(await bench.store.work.count(), 0);
});

test('rescue keeps the password only while it is needed, as text and as hash', async () => {
  await using bench = await makeBench();
  let seen: NodeRecord['instance_info'] = {};
  bench.script.on['rescue.rescue'] = ((task: { node: NodeRecord }) => {
    seen = task.node.instance_info;
    return 'wait';
  }) as never;
  const { uuid } = await bench.insert({ provision_state: 'active' });
  await assert.rejects(bench.verb(uuid, 'rescue', { rescuePassword: ' ' }), status(400, /non-empty "rescue_password"/));
  await bench.verb(uuid, 'rescue', { rescuePassword: 'geheim' });
  assert.equal((await bench.settled(uuid)).provision_state, 'rescue wait');
  assert.equal(seen.rescue_password, 'geheim');
  assert.match(String(seen.hashed_rescue_password), /^\$5\$/);
  await bench.conductor.continueNode(uuid, CONTEXT);
  const rescued = await bench.settled(uuid);
  assert.equal(rescued.provision_state, 'rescue');
  assert.deepEqual(rescued.instance_info, {});
  await bench.verb(uuid, 'unrescue');
  assert.equal((await bench.settled(uuid)).provision_state, 'active');
});

test('abort while waiting for the rescue ramdisk cleans up; trouble with that is a fault', async () => {
  await using bench = await makeBench();
  bench.script.on['rescue.rescue'] = () => 'wait';
  bench.script.on['rescue.cleanUp'] = () => {
    throw new Error('no');
  };
  const { uuid } = await bench.insert({ provision_state: 'active' });
  await bench.verb(uuid, 'rescue', { rescuePassword: 'x' });
  await bench.settled(uuid);
  await bench.verb(uuid, 'abort');
  const node = await bench.settled(uuid);
  assert.equal(node.provision_state, 'rescue failed');
  assert.equal(node.fault, 'rescue abort failure');
  assert.equal(node.last_error, 'By request, the rescue operation was aborted. Cleaning up failed: no');
});

test('service runs its steps and returns to active; abort from a failure returns to active too', async () => {
  await using bench = await makeBench();
  bench.script.steps.management = [noted(bench, 'tune')];
  const { uuid } = await bench.insert({ provision_state: 'active' });
  await bench.verb(uuid, 'service', { serviceSteps: [{ interface: 'management', step: 'tune' }] });
  assert.equal((await bench.settled(uuid)).provision_state, 'active');
  assert.deepEqual(ran(bench), ['tune']);
  await bench.verb(uuid, 'service', { serviceSteps: [{ interface: 'deploy', step: 'hold' }] });
  assert.equal((await bench.settled(uuid)).provision_state, 'service hold');
  await bench.verb(uuid, 'unhold');
  assert.equal((await bench.settled(uuid)).provision_state, 'active');
  await bench.verb(uuid, 'service', { serviceSteps: [{ interface: 'management', step: 'nope' }] });
  assert.equal((await bench.settled(uuid)).provision_state, 'service failed');
  await bench.verb(uuid, 'abort');
  const node = await bench.settled(uuid);
  assert.equal(node.provision_state, 'active');
  assert.equal(node.target_provision_state, null);
  assert.match(node.last_error ?? '', /aborted/);
});

test('adopt takes a running machine over without touching its power', async () => {
  await using bench = await makeBench();
  const { uuid } = await bench.insert({ provision_state: 'manageable', power_state: 'power on' });
  await bench.verb(uuid, 'adopt');
  const node = await bench.settled(uuid);
  assert.equal(node.provision_state, 'active');
  assert.equal(node.conductor_affinity, 'host-1');
  assert.deepEqual(
    bench.script.calls.filter((call) => call.startsWith('power.') || call.startsWith('management.')),
    [],
  );
});

test('delete from a waiting deployment replaces its work', async () => {
  await using bench = await makeBench();
  bench.script.steps.deploy = [noted(bench, 'deploy', { kinds: ['deploy'], priority: 100 }, async () => 'wait')];
  const { uuid } = await bench.insert({ provision_state: 'available' });
  await bench.verb(uuid, 'active');
  assert.equal((await bench.settled(uuid)).provision_state, 'wait call-back');
  await bench.verb(uuid, 'deleted');
  assert.equal((await bench.settled(uuid)).provision_state, 'available');
  assert.equal(await bench.store.work.count(), 0);
});

test('steps on child nodes run under the children’s locks', async () => {
  await using bench = await makeBench();
  const seen: string[] = [];
  bench.script.steps.management = [
    {
      step: 'child',
      kinds: ['clean'],
      priority: 0,
      requiresRamdisk: false,
      run: async (task) => {
        seen.push(`${task.node.uuid} ${task.node.reservation}`);
        return undefined;
      },
    },
  ];
  const { uuid } = await bench.insert({ provision_state: 'manageable' });
  const child = await bench.insert({ provision_state: 'manageable', parent_node: uuid });
  await bench.verb(uuid, 'clean', {
    cleanSteps: [{ interface: 'management', step: 'child', execute_on_child_nodes: true }],
  });
  assert.equal((await bench.settled(uuid)).provision_state, 'manageable');
  assert.deepEqual(seen, [`${child.uuid} host-1`]);
  assert.equal((await bench.node(child.uuid)).reservation, null);
});

test('the history tells errors and arrivals', async () => {
  await using bench = await makeBench();
  const { uuid } = await bench.insert();
  await bench.verb(uuid, 'manage');
  await bench.settled(uuid);
  const rows = await bench.store.history.list();
  assert.deepEqual(
    rows.map((row) => [row.severity, row.event_type, row.state, row.user, row.conductor]),
    [['INFO', 'transition', 'manageable', 'tester', 'host-1']],
  );
});

// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PowerInterface, PowerReading, PowerState, Task } from '../src/hardware/contracts.ts';
import { type Bench, makeBench } from './conductor-support.ts';

const sync = (bench: Bench) => bench.conductor.runJob('power-sync');

async function machine(bench: Bench, recorded: PowerReading, actual: PowerReading, more: object = {}) {
  bench.script.power = actual;
  return (await bench.insert({ provision_state: 'active', power_state: recorded, ...more })).uuid;
}

test('a node switched off behind our back is switched on again', async () => {
  await using bench = await makeBench();
  const uuid = await machine(bench, 'power on', 'power off');
  await sync(bench);
  assert.equal(bench.script.power, 'power on');
  const node = await bench.node(uuid);
  assert.equal(node.power_state, 'power on');
  assert.equal(node.reservation, null);
});

test('the reading is taken over where nothing was known, enforcement is off, or hardware cannot be enforced', async () => {
  await using unknown = await makeBench();
  assert.equal((await unknown.node(await machineSynced(unknown, null))).power_state, 'power off');
  await using lenient = await makeBench({ config: { conductor: { force_power_state_during_sync: false } } });
  assert.equal((await lenient.node(await machineSynced(lenient, 'power on'))).power_state, 'power off');
  await using wol = await makeBench();
  wol.script.on['power.supportsPowerSync'] = () => false;
  assert.equal((await wol.node(await machineSynced(wol, 'power on'))).power_state, 'power off');
  await using kept = await makeBench();
  const uuid = await machineSynced(kept, 'power on', { disable_power_off: true });
  assert.equal((await kept.node(uuid)).power_state, 'power off');
  for (const bench of [unknown, lenient, wol, kept]) {
    assert.equal(bench.script.calls.includes('power.setPowerState'), false);
  }
});

async function machineSynced(bench: Bench, recorded: PowerReading, more: object = {}): Promise<string> {
  const uuid = await machine(bench, recorded, 'power off', more);
  await sync(bench);
  return uuid;
}

test('nodes somebody works on or that wait for their machine are left alone', async () => {
  await using bench = await makeBench();
  bench.script.power = 'power off';
  for (const more of [
    { provision_state: 'clean wait' },
    { provision_state: 'wait call-back' },
    { provision_state: 'enroll' },
    { provision_state: 'adopt failed' },
    { maintenance: true },
    { reservation: 'other' },
    { target_power_state: 'power on' },
  ]) {
    await machine(bench, 'power on', 'power off', more);
  }
  await sync(bench);
  assert.deepEqual(bench.script.calls, []);
});

test('a machine that cannot be read goes into maintenance after the retries and comes back by itself', async () => {
  await using bench = await makeBench({ config: { conductor: { power_state_sync_max_retries: 2 } } });
  const uuid = await machine(bench, 'power on', 'power on');
  bench.script.on['power.getPowerState'] = () => {
    throw new Error('no route to host, password=hunter2');
  };
  await sync(bench);
  await sync(bench);
  assert.equal((await bench.node(uuid)).maintenance, false);
  await sync(bench);
  const lost = await bench.node(uuid);
  assert.equal(lost.maintenance, true);
  assert.equal(lost.fault, 'power failure');
  assert.equal(lost.power_state, null);
  assert.match(
    lost.last_error ?? '',
    /^During sync_power_state, max retries exceeded for node .*Error: no route to host/,
  );
  assert.equal(lost.maintenance_reason, lost.last_error);
  assert.doesNotMatch(lost.last_error ?? '', /hunter2/);
  const [entry] = await bench.store.history.list();
  assert.equal(entry?.event_type, 'monitoring');
  await bench.conductor.runJob('power-failure-recovery');
  assert.equal((await bench.node(uuid)).maintenance, true);
  delete bench.script.on['power.getPowerState'];
  await bench.conductor.runJob('power-failure-recovery');
  const back = await bench.node(uuid);
  assert.equal(back.maintenance, false);
  assert.equal(back.fault, null);
  assert.equal(back.maintenance_reason, null);
  assert.equal(back.power_state, 'power on');
  assert.equal(back.last_error, null);
});

test('maintenance set by people is never left by the recovery', async () => {
  await using bench = await makeBench();
  const uuid = await machine(bench, 'power on', 'power on', { maintenance: true, fault: null });
  await bench.conductor.runJob('power-failure-recovery');
  assert.equal((await bench.node(uuid)).maintenance, true);
});

test('a machine that does not stay in its state is given up after the retries', async () => {
  await using bench = await makeBench({ config: { conductor: { power_state_sync_max_retries: 1 } } });
  const uuid = await machine(bench, 'power on', 'power off');
  bench.script.on['power.setPowerState'] = () => undefined;
  await sync(bench);
  await sync(bench);
  const node = await bench.node(uuid);
  assert.equal(node.maintenance, true);
  assert.equal(node.power_state, 'power off');
});

test('a node whose power was never configured is not counted as failing', async () => {
  await using bench = await makeBench({ config: { conductor: { power_state_sync_max_retries: 0 } } });
  const uuid = await machine(bench, null, 'error', { provision_state: 'available' });
  bench.script.on['power.validate'] = () => {
    throw new Error('nothing configured');
  };
  await sync(bench);
  assert.equal((await bench.node(uuid)).maintenance, false);
});

/** Gives the scripted power interface more abilities. */
function extend(bench: Bench, more: Partial<PowerInterface>): void {
  Object.assign(bench.power, more);
}

test('power interfaces that can read many machines at once are asked once', async () => {
  await using bench = await makeBench();
  const asked: number[] = [];
  extend(bench, {
    getPowerStates: async (tasks: readonly Task[]) => {
      asked.push(tasks.length);
      return new Map(
        tasks.map((task, index) => {
          assert.equal(task.ports.length, 1);
          return [task.node.uuid, index === 0 ? new Error('gone') : ('power on' as const)];
        }),
      );
    },
  });
  for (let index = 0; index < 25; index += 1) {
    const { uuid } = await bench.insert({ provision_state: 'active', power_state: 'power on', driver_info: { a: 1 } });
    await bench.store.ports.insert({ node_uuid: uuid, address: `52:54:00:00:00:${index + 10}` });
  }
  await sync(bench);
  assert.deepEqual(asked, [25]);
  assert.deepEqual(bench.script.calls, []);
});

test('an event of a device changes the record under the rules of the sync', async () => {
  await using bench = await makeBench({
    start: false,
    config: { conductor: { force_power_state_during_sync: false } },
  });
  let tell: (uuid: string, state: PowerState) => void = () => undefined;
  let ended = false;
  extend(bench, {
    watchPowerStates: (listener) => {
      tell = listener;
      return () => {
        ended = true;
      };
    },
  });
  await bench.conductor.start();
  const uuid = await machine(bench, 'power on', 'power off');
  const waiting = await machine(bench, 'power on', 'power off', { provision_state: 'clean wait' });
  tell(uuid, 'power off');
  tell(waiting, 'power off');
  for (let tries = 0; tries < 200 && (await bench.node(uuid)).power_state !== 'power off'; tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  assert.equal((await bench.node(uuid)).power_state, 'power off');
  assert.equal((await bench.node(waiting)).power_state, 'power on');
  await bench.conductor.stop(100);
  assert.equal(ended, true);
});

test('interfaces chosen by instance_info count in the sync', async () => {
  await using bench = await makeBench();
  const uuid = await machine(bench, 'power on', 'power off', {
    driver: 'fake-hardware',
    instance_info: { power_interface: 'scripted' },
  });
  await sync(bench);
  assert.equal((await bench.node(uuid)).power_state, 'power on');
  assert.ok(bench.script.calls.includes('power.setPowerState'));
});

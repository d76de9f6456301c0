// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitForPowerState } from '../src/conductor/index.ts';
import { defaultConfig } from '../src/config/index.ts';
import { InvalidParameterValue, PowerStateFailure, WroughtError } from '../src/errors.ts';
import type { PowerReading, PowerTarget, Task } from '../src/hardware/contracts.ts';
import { CONTEXT, gate, makeBench } from './conductor-support.ts';

const status = (code: number, text?: RegExp) => (error: unknown) => {
  assert.ok(error instanceof WroughtError, String(error));
  assert.equal(error.status, code, error.message);
  if (text !== undefined) assert.match(error.message, text);
  return true;
};

test('a power request shows its target at once and its result at the end', async () => {
  for (const [target, shown] of [
    ['power on', 'power on'],
    ['soft rebooting', 'power on'],
    ['rebooting', 'power on'],
    ['soft power off', 'power off'],
    ['power off', 'power off'],
  ] as const) {
    await using bench = await makeBench();
    bench.script.power = shown === 'power off' ? 'power on' : 'power off';
    const { promise, open } = gate();
    const set = bench.script.on;
    set[target === 'rebooting' ? 'power.reboot' : 'power.setPowerState'] = async () => {
      await promise;
      bench.script.power = shown;
    };
    const { uuid } = await bench.insert({ provision_state: 'active', last_error: 'old' });
    await bench.conductor.changePower(CONTEXT, uuid, target, null);
    const accepted = await bench.node(uuid);
    assert.equal(accepted.target_power_state, shown);
    assert.equal(accepted.last_error, null);
    assert.equal(accepted.reservation, 'host-1');
    open();
    const node = await bench.settled(uuid);
    assert.equal(node.power_state, shown);
    assert.equal(node.target_power_state, null);
  }
});

test('what the machine is already is not done again, except a reboot', async () => {
  await using bench = await makeBench();
  bench.script.power = 'power on';
  const { uuid } = await bench.insert({ provision_state: 'manageable' });
  await bench.conductor.changePower(CONTEXT, uuid, 'power on', null);
  assert.equal((await bench.settled(uuid)).power_state, 'power on');
  assert.equal(bench.script.calls.includes('power.setPowerState'), false);
  await bench.conductor.changePower(CONTEXT, uuid, 'rebooting', null);
  await bench.settled(uuid);
  assert.ok(bench.script.calls.includes('power.reboot'));
});

test('power requests are refused in the order and with the codes clients know', async () => {
  await using bench = await makeBench();
  const { uuid } = await bench.insert({ provision_state: 'cleaning', target_provision_state: 'available' });
  const ask = (target: string, timeout: number | null = null) =>
    bench.conductor.changePower(CONTEXT, uuid, target as PowerTarget, timeout);
  await assert.rejects(ask('power on'), status(400, /in state "cleaning"/));
  await assert.rejects(ask('foo'), status(400, /"foo" can not be performed on node ".*" while it is in state "None"/));
  await assert.rejects(ask('power on', 0), status(400, /timeout has to be positive integer/));
  await bench.store.nodes.update(uuid, { provision_state: 'active', disable_power_off: true });
  await assert.rejects(ask('soft power off'), status(409, /^Failed to set node power state to power off\./));
  await bench.store.nodes.update(uuid, { reservation: 'other' });
  await assert.rejects(ask('power on'), status(409, /locked/));
  await bench.store.nodes.update(uuid, { reservation: null });
  bench.script.on['power.validate'] = () => {
    throw new InvalidParameterValue('no address');
  };
  await assert.rejects(ask('power on'), status(400, /no address/));
  await assert.rejects(
    bench.conductor.changePower(CONTEXT, '00000000-0000-0000-0000-000000000000', 'power on', null),
    status(404),
  );
});

test('a failed power change says what failed and keeps the state last known', async () => {
  await using bench = await makeBench();
  bench.script.on['power.setPowerState'] = () => {
    throw new PowerStateFailure('power on');
  };
  const { uuid } = await bench.insert({ provision_state: 'manageable', power_state: 'power off' });
  await bench.conductor.changePower(CONTEXT, uuid, 'power on', null);
  const node = await bench.settled(uuid);
  assert.equal(node.power_state, 'power off');
  assert.equal(node.target_power_state, null);
  assert.match(
    node.last_error ?? '',
    /^Failed to change power state to 'power on' by 'power on': Failed to set node power state to power on/,
  );
  bench.script.on['power.getPowerState'] = () => {
    throw new Error('no route to host');
  };
  await bench.conductor.changePower(CONTEXT, uuid, 'power off', null);
  assert.equal((await bench.settled(uuid)).last_error, "Failed to change power state to 'power off': no route to host");
});

test('everything that stops the machine makes it forget its agent', async () => {
  await using bench = await makeBench();
  bench.script.power = 'power on';
  const info = { agent_url: 'http://x', agent_secret_token: 't', agent_cached_clean_steps: {}, keep: 1 };
  const { uuid } = await bench.insert({ provision_state: 'manageable', driver_internal_info: info });
  await bench.conductor.changePower(CONTEXT, uuid, 'rebooting', null);
  const node = await bench.settled(uuid);
  assert.deepEqual(Object.keys(node.driver_internal_info).sort(), ['keep', 'last_power_state_change']);
  const pregenerated = { agent_url: 'http://x', agent_secret_token: 't', agent_secret_token_pregenerated: true };
  await bench.store.nodes.update(uuid, { driver_internal_info: pregenerated });
  await bench.conductor.changePower(CONTEXT, uuid, 'power off', null);
  assert.equal((await bench.settled(uuid)).driver_internal_info.agent_secret_token, 't');
});

test('a child needs its parent on; a parent takes its children off with it', async () => {
  await using bench = await makeBench();
  const parent = await bench.insert({ provision_state: 'active', driver: 'fake-hardware', power_state: 'power off' });
  const child = await bench.insert({
    provision_state: 'active',
    driver: 'fake-hardware',
    power_state: 'power off',
    parent_node: parent.uuid,
  });
  await bench.conductor.changePower(CONTEXT, child.uuid, 'power on', null);
  assert.equal((await bench.settled(child.uuid)).power_state, 'power on');
  assert.equal((await bench.node(parent.uuid)).power_state, 'power on');
  await bench.conductor.changePower(CONTEXT, parent.uuid, 'power off', null);
  await bench.settled(parent.uuid);
  assert.equal((await bench.node(child.uuid)).power_state, 'power off');
  await bench.store.nodes.update(parent.uuid, { reservation: 'other' });
  await bench.conductor.changePower(CONTEXT, child.uuid, 'power on', null);
  assert.match((await bench.settled(child.uuid)).last_error ?? '', /Parent node .* is locked/);
});

test('waiting for a power state tolerates failed readings and ends with the timeout', async () => {
  const config = defaultConfig();
  const readings: (PowerReading | Error)[] = ['power off', new Error('busy'), 'power on'];
  const task = (next: () => PowerReading | Error) =>
    ({
      config,
      signal: new AbortController().signal,
      hardware: {
        power: {
          getPowerState: async () => {
            const reading = next();
            if (reading instanceof Error) throw reading;
            return reading;
          },
        },
      },
    }) as unknown as Task;
  await waitForPowerState(
    task(() => readings.shift() ?? 'power on'),
    'power on',
    2,
  );
  assert.equal(readings.length, 0);
  await assert.rejects(
    waitForPowerState(
      task(() => new Error('no route')),
      'power on',
      0.05,
    ),
    /^PowerStateFailure: Failed to set node power state to power on\. The last reading failed: no route/,
  );
});

// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { defaultConfig } from '../src/config/index.ts';
import { InvalidParameterValue, MissingParameterValue } from '../src/errors.ts';
import { HardwareRegistry, requireInterface, VALIDATED_INTERFACES } from '../src/hardware/composition.ts';
import type { StepDeclaration, Task } from '../src/hardware/contracts.ts';
import { makeDelay, triangular } from '../src/hardware/fake/delay.ts';
import { makeFamilies } from '../src/hardware/families.ts';
import type { NodeRecord } from '../src/model/resources.ts';
import { makeNode, makeTask, silentLog } from './hardware-helpers.ts';

function setup(values: Partial<NodeRecord> = {}, extra: Partial<Parameters<typeof makeTask>[1]> = {}) {
  const config = defaultConfig();
  const registry = new HardwareRegistry(makeFamilies({ config, log: silentLog }), config);
  const node = makeNode(values);
  const hardware = registry.compose(node);
  return { registry, node, hardware, task: makeTask(node, { hardware, config, ...extra }) };
}

function stepOf(task: Task, kind: 'bios' | 'deploy' | 'firmware' | 'raid' | 'vendor', name: string): StepDeclaration {
  const step = requireInterface(task.hardware, kind).steps?.find((candidate) => candidate.step === name);
  assert.ok(step, `${kind}.${name}`);
  return step;
}

test('the power state is the recorded one, and unknown stays unknown', async () => {
  const { hardware, node, task } = setup();
  assert.equal(await hardware.power.getPowerState(task), null);
  await hardware.power.setPowerState(task, 'power on', null);
  assert.equal(await hardware.power.getPowerState(task), 'power on');
  await hardware.power.setPowerState(task, 'soft power off', 5);
  assert.equal(node.power_state, 'power off');
  await hardware.power.setPowerState(task, 'soft rebooting', null);
  assert.equal(node.power_state, 'power on');
  await hardware.power.reboot(task, null);
  assert.equal(await hardware.power.getPowerState(task), 'power on');
});

test('all five power targets are supported', () => {
  const { hardware, task } = setup();
  assert.deepEqual([...hardware.power.supportedPowerStates(task)].sort(), [
    'power off',
    'power on',
    'rebooting',
    'soft power off',
    'soft rebooting',
  ]);
});

test('the only boot device is pxe', async () => {
  const { hardware, task } = setup();
  assert.deepEqual(hardware.management.supportedBootDevices(task), ['pxe']);
  await hardware.management.setBootDevice(task, 'pxe', true);
  assert.deepEqual(await hardware.management.getBootDevice(task), { boot_device: 'pxe', persistent: false });
  await assert.rejects(
    hardware.management.setBootDevice(task, 'disk', false),
    new InvalidParameterValue('Invalid boot device disk specified.'),
  );
});

test('indicators are a lamp to read and a lamp to set', async () => {
  const { management } = setup().hardware;
  const { task } = setup();
  const all = management.supportedIndicators?.(task);
  assert.deepEqual(Object.keys(all ?? {}), ['chassis', 'system']);
  assert.deepEqual(Object.keys(management.supportedIndicators?.(task, 'system') ?? {}), ['system']);
  assert.deepEqual(management.supportedIndicators?.(task, 'constructor'), {});
  assert.equal(await management.getIndicator?.(task, 'system', 'led'), 'on');
  await management.setIndicator?.(task, 'system', 'led', 'blinking');
  await assert.rejects(async () => management.setIndicator?.(task, 'chassis', 'led-0', 'off'), InvalidParameterValue);
  await assert.rejects(async () => management.setIndicator?.(task, 'system', 'led', 'unknown'), InvalidParameterValue);
  await assert.rejects(async () => management.getIndicator?.(task, 'system', 'toString'), InvalidParameterValue);
});

test('everything validates', async () => {
  const { registry, task } = setup();
  for (const kind of VALIDATED_INTERFACES) {
    assert.deepEqual(await registry.validateInterface(task, kind), { result: true }, kind);
  }
});

test('a deploy is one step that ends at once', async () => {
  const { hardware, task } = setup();
  const step = stepOf(task, 'deploy', 'deploy');
  assert.equal(step.priority, 100);
  assert.equal(await step.run(task, {}), undefined);
  assert.equal(await hardware.deploy.prepareCleaning(task), undefined);
});

test('vendor methods tell whether bar is the expected word and ask for it when it is missing', async () => {
  const { task } = setup();
  const { methods } = requireInterface(task.hardware, 'vendor');
  for (const [name, word] of [
    ['second_method', 'kazoo'],
    ['third_method_sync', 'meow'],
    ['fourth_method_shared_lock', 'woof'],
  ] as const) {
    const method = methods[name];
    assert.ok(method);
    assert.deepEqual(method.httpMethods, ['POST']);
    assert.equal(await method.run(task, { bar: word, http_method: 'POST' }), true);
    assert.equal(await method.run(task, { bar: 'other', http_method: 'POST' }), false);
    await assert.rejects(
      async () => method.validate?.(task, {}),
      new MissingParameterValue(`Parameter 'bar' not passed to method '${name}'.`),
    );
  }
  assert.equal(methods.second_method?.async, undefined);
  assert.equal(methods.third_method_sync?.async, false);
  assert.equal(methods.fourth_method_shared_lock?.requireExclusiveLock, false);
});

test('log_passthrough logs the names of what it was given, never the values', async () => {
  const lines: object[] = [];
  const log = { ...silentLog, info: (fields: object) => void lines.push(fields) };
  const { task } = setup({}, { log });
  await requireInterface(task.hardware, 'vendor').methods.log_passthrough?.run(task, { secret: 'hunter2' });
  assert.equal(lines.length, 1);
  assert.doesNotMatch(JSON.stringify(lines), /hunter2/);
});

test('trigger_servicewait leaves the node waiting', async () => {
  const { task } = setup();
  assert.equal(await stepOf(task, 'vendor', 'trigger_servicewait').run(task, {}), 'wait');
});

test('BIOS settings are kept as given, forgotten by a factory reset, and refused when they are no settings', async () => {
  let stored: readonly { name: string; value: string | null }[] = [];
  const biosSettings = {
    replace: async (settings: typeof stored) => {
      stored = settings;
    },
  };
  const { task } = setup({}, { biosSettings });
  const apply = stepOf(task, 'bios', 'apply_configuration');
  assert.equal(apply.priority, 0);
  assert.equal(apply.argsinfo?.settings?.required, true);
  await apply.run(task, {
    settings: [
      { name: 'hyperthreading', value: 'on' },
      { name: 'cores', value: 4 },
    ],
  });
  assert.deepEqual(stored, [
    { name: 'hyperthreading', value: 'on' },
    { name: 'cores', value: '4' },
  ]);
  for (const settings of ['on', [1], [{ value: 'x' }], [{ name: '' }]]) {
    await assert.rejects(apply.run(task, { settings }), InvalidParameterValue);
  }
  await stepOf(task, 'bios', 'factory_reset').run(task, {});
  assert.deepEqual(stored, []);
});

test('RAID and firmware steps are offered and do nothing', async () => {
  const { task } = setup();
  await stepOf(task, 'raid', 'create_configuration').run(task, {});
  await stepOf(task, 'raid', 'delete_configuration').run(task, {});
  await stepOf(task, 'firmware', 'update').run(task, { settings: [] });
});

test('a delay lasts from its first number to its second and is most often near the first', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 100, noNaN: true }),
      fc.double({ min: 0, max: 100, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (mode, width, share) => {
        const seconds = triangular(mode, mode + width, share);
        assert.ok(seconds >= mode - 1e-9 && seconds <= mode + width + 1e-9);
      },
    ),
  );
  assert.equal(triangular(5, 5, 0.3), 5);
  assert.ok(triangular(0, 10, 0.5) < 3, 'half of all delays fall into the first 30 %');
});

test('a delay ends early when the work is given up', async () => {
  const controller = new AbortController();
  const waiting = makeDelay('3600')(controller.signal);
  controller.abort();
  await assert.rejects(waiting, { name: 'AbortError' });
});

test('without a delay no timer is made', async () => {
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const before = timers();
  const pending = makeDelay('0')(new AbortController().signal);
  assert.equal(timers(), before);
  await pending;
});

// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigError, type ConfigValues, defaultConfig } from '../src/config/index.ts';
import { DriverNotFound, InvalidParameterValue, NotFound, UnsupportedDriverExtension } from '../src/errors.ts';
import { HardwareRegistry, requireInterface, VALIDATED_INTERFACES } from '../src/hardware/composition.ts';
import type { HardwareFamily, PowerInterface } from '../src/hardware/contracts.ts';
import { makeFamilies } from '../src/hardware/families.ts';
import { GENERIC_INTERFACES } from '../src/hardware/generic/index.ts';
import { INTERFACE_TYPES } from '../src/model/resources.ts';
import { makeNode, makeTask, silentLog } from './hardware-helpers.ts';

const power: PowerInterface = {
  properties: {
    box_address: { description: 'Address of the box.', required: true },
    box_port: { description: 'Port of the box.' },
  },
  validate: () => undefined,
  getPowerState: async () => null,
  setPowerState: async () => undefined,
  reboot: async () => undefined,
  supportedPowerStates: () => [],
};

/** A hardware type `box` and a classic driver `pxe_box` beside the real families. */
const boxFamily: HardwareFamily = {
  hardwareTypes: [
    {
      name: 'box',
      classic: false,
      supported: { ...GENERIC_INTERFACES, power: ['box', 'fake'], management: ['noop', 'fake'] },
    },
    {
      name: 'pxe_box',
      classic: true,
      supported: {
        ...GENERIC_INTERFACES,
        power: ['box'],
        management: [],
        boot: [],
        deploy: ['fake'],
        bios: [],
        console: [],
        firmware: [],
        inspect: [],
        raid: [],
        rescue: [],
        vendor: ['fake'],
      },
    },
  ],
  implementations: { power: { box: power } },
};

function registry(values: Partial<ConfigValues['DEFAULT']> = {}): HardwareRegistry {
  const config = defaultConfig({ DEFAULT: values });
  return new HardwareRegistry([...makeFamilies({ config, log: silentLog }), boxFamily], config);
}

test('every hardware type of the service composes with an empty configuration', () => {
  const all = registry();
  for (const driver of all.drivers()) {
    const hardware = all.compose(makeNode({ driver: driver.name }));
    assert.equal(hardware.driver, driver.name);
    for (const kind of ['boot', 'deploy', 'management', 'network', 'power'] as const) assert.ok(hardware[kind]);
    assert.ok(Object.keys(all.properties(driver.name)).length > 0, `${driver.name} lists properties`);
  }
});

test('an interface name that does not exist is refused with the list of valid ones', () => {
  const all = registry({ enabled_power_interfaces: ['fake', 'box'], enabled_hardware_types: ['box', 'fake-hardware'] });
  assert.throws(
    () => all.checkInterface('box', 'power', 'nope'),
    new InvalidParameterValue(
      "Could not find the following interface in the 'ironic.hardware.interfaces.power' entrypoint: nope. Valid interfaces are ['box', 'fake'].",
    ),
  );
});

test('an interface that the hardware type does not support is refused, except with fake-hardware', () => {
  const all = registry();
  assert.throws(
    () => all.checkInterface('box', 'boot', 'fake'),
    new InvalidParameterValue(
      "boot interface implementation 'fake' is not supported by hardware type box. It supports ['noop'].",
    ),
  );
  all.checkInterface('fake-hardware', 'power', 'box');
  assert.equal(all.compose(makeNode({ power_interface: 'box' })).power, power);
});

test('the configured default beats the order of the hardware type', () => {
  const all = registry({
    default_power_interface: 'fake',
    enabled_drivers: ['pxe_box'],
    enabled_hardware_types: ['box'],
  });
  assert.equal(all.defaultInterfaces('box').power, 'fake');
  assert.equal(registry().defaultInterfaces('box').power, 'box');
});

test('without names the defaults are the first enabled of the supported', () => {
  const all = registry({
    enabled_hardware_types: ['box', 'fake-hardware'],
    enabled_management_interfaces: ['fake'],
  });
  assert.equal(all.defaultInterfaces('box').management, 'fake');
  assert.deepEqual(all.defaultInterfaces('fake-hardware'), {
    bios: 'fake',
    boot: 'fake',
    console: 'fake',
    deploy: 'fake',
    firmware: 'fake',
    inspect: 'fake',
    management: 'fake',
    network: 'noop',
    power: 'fake',
    raid: 'fake',
    rescue: 'fake',
    storage: 'noop',
    vendor: 'fake',
  });
});

test('an enabled hardware type or interface that does not exist stops the start, all of them told at once', () => {
  assert.throws(
    () => registry({ enabled_hardware_types: ['box', 'nope'], enabled_boot_interfaces: ['noop', 'fake', 'floppy'] }),
    (error) => {
      assert.ok(error instanceof ConfigError);
      assert.equal(error.problems.length, 2);
      assert.match(error.message, /ironic\.hardware\.interfaces\.boot' entrypoint: floppy\./);
      assert.match(error.message, /enabled_hardware_types: .*: nope\. Valid are \['box', 'fake-hardware'/);
      return true;
    },
  );
});

test('an enabled hardware type without a possible default stops the start', () => {
  assert.throws(
    () => registry({ enabled_hardware_types: ['box'], enabled_management_interfaces: ['no-such', 'fake'] }),
    /entrypoint: no-such\./,
  );
  for (const values of [
    { enabled_hardware_types: ['fake-hardware'], enabled_power_interfaces: ['box'] },
    { enabled_hardware_types: ['fake-hardware'], default_power_interface: 'nope' },
  ]) {
    assert.throws(
      () => registry(values),
      /For hardware type 'fake-hardware', no default value found for power interface could be determined\./,
    );
  }
});

test('instance_info overrides an interface of the node for the life of the instance', () => {
  const all = registry();
  const node = makeNode({ deploy_interface: 'fake', instance_info: { deploy_interface: 'noop' } });
  assert.equal(all.compose(node).deploy, all.compose(makeNode({ deploy_interface: 'noop' })).deploy);
  assert.throws(() => all.compose(makeNode({ instance_info: { deploy_interface: 'nope' } })), InvalidParameterValue);
});

test('nodes with the same names share one composed object', () => {
  const all = registry();
  assert.equal(all.compose(makeNode()), all.compose(makeNode()));
  assert.notEqual(all.compose(makeNode()), all.compose(makeNode({ boot_interface: 'noop' })));
});

test('a node may go without optional interfaces and asking for one says so', () => {
  const hardware = registry().compose(makeNode({ raid_interface: 'no-raid' }));
  assert.equal(hardware.raid, undefined);
  assert.throws(() => requireInterface(hardware, 'raid'), new UnsupportedDriverExtension('fake-hardware', 'raid'));
  assert.ok(requireInterface(hardware, 'power'));
});

test('an unknown driver is not found', () => {
  const all = registry({ enabled_hardware_types: ['box'], enabled_drivers: ['pxe_box'] });
  assert.equal(all.hasDriver('fake-hardware'), false);
  for (const call of [
    () => all.compose(makeNode()),
    () => all.defaultInterfaces('fake-hardware'),
    () => all.properties('nope'),
    () => all.checkInterface('nope', 'power', 'fake'),
    () => all.raidProperties('nope'),
    () => all.vendorOf('nope'),
  ]) {
    assert.throws(call, DriverNotFound);
  }
});

test('drivers are listed sorted, with their defaults and what is enabled for them', () => {
  const drivers = registry().drivers();
  const names = drivers.map(({ name }) => name);
  assert.deepEqual(names, [...names].sort());
  const box = drivers.find(({ name }) => name === 'box');
  assert.equal(box?.type, 'dynamic');
  assert.equal(box?.defaults?.power, 'box');
  assert.deepEqual(box?.enabled?.power, ['box', 'fake']);
  assert.deepEqual(box?.enabled?.raid, ['no-raid']);
});

test('a classic driver is listed without defaults and its nodes choose network and storage only', () => {
  const all = registry();
  assert.deepEqual(
    all.drivers().find(({ name }) => name === 'pxe_box'),
    { name: 'pxe_box', type: 'classic', defaults: null, enabled: null },
  );
  const defaults = all.defaultInterfaces('pxe_box');
  for (const kind of INTERFACE_TYPES) {
    assert.equal(defaults[kind], kind === 'network' || kind === 'storage' ? 'noop' : null, kind);
  }
  all.checkInterface('pxe_box', 'network', 'noop');
  assert.throws(() => all.checkInterface('pxe_box', 'boot', 'fake'), /classic driver pxe_box is fixed/);
});

test('validate tells of the interfaces a classic driver lacks that they are not supported', async () => {
  const all = registry();
  const node = makeNode({ driver: 'pxe_box', power_interface: 'fake' });
  const hardware = all.compose(node);
  assert.equal(hardware.power, power, 'what the node names is not looked at');
  await hardware.boot.prepareInstance(makeTask(node, { hardware }));
  const task = makeTask(node, { hardware });
  const results = await Promise.all(VALIDATED_INTERFACES.map((kind) => all.validateInterface(task, kind)));
  const present = VALIDATED_INTERFACES.filter((_kind, index) => results[index]?.result === true);
  assert.deepEqual(present, ['deploy', 'network', 'power', 'storage']);
  assert.deepEqual(results[0], { result: null, reason: 'not supported' });
});

test('validate tells of a missing interface of a hardware type, and of what its validation throws', async () => {
  const all = registry();
  const node = makeNode({ driver: 'box' });
  const hardware = all.compose(node);
  const validate = (kind: 'raid' | 'power' | 'boot', override = hardware) =>
    all.validateInterface(makeTask(node, { hardware: override }), kind);
  assert.deepEqual(await validate('raid'), {
    result: false,
    reason: 'Driver box does not support raid (disabled or not implemented).',
  });
  const failing = (error: Error) => ({
    ...hardware,
    power: {
      ...power,
      validate: () => {
        throw error;
      },
    },
  });
  assert.deepEqual(await validate('power', failing(new InvalidParameterValue('box_port is bad'))), {
    result: false,
    reason: 'box_port is bad',
  });
  assert.match(
    (await validate('power', failing(new Error('boom')))).reason ?? '',
    /^Unexpected exception, traceback saved into log by ironic conductor service that is running on .*: boom$/,
  );
  assert.deepEqual(await validate('boot'), { result: true });
});

test('properties are those of the default interfaces and tell which are required', () => {
  assert.deepEqual(registry().properties('box'), {
    box_address: 'Address of the box. Required.',
    box_port: 'Port of the box. Optional.',
  });
});

test('RAID properties are told by drivers that have RAID and not found for others', () => {
  const all = registry();
  assert.ok('size_gb' in all.raidProperties('fake-hardware'));
  assert.throws(() => all.raidProperties('box'), NotFound);
});

test('driver passthru reaches the default vendor interface', () => {
  const all = registry();
  assert.ok(all.vendorOf('fake-hardware')?.methods.second_method);
  assert.ok(all.vendorOf('pxe_box'));
  assert.equal(all.vendorOf('box'), undefined);
});

test('closing ends every implementation once and reports what failed', async () => {
  let closed = 0;
  const config = defaultConfig();
  const family: HardwareFamily = {
    hardwareTypes: [],
    implementations: {
      power: {
        one: {
          ...power,
          close: async () => {
            closed += 1;
          },
        },
        two: {
          ...power,
          close: async () => {
            throw new Error('stuck');
          },
        },
      },
    },
  };
  const all = new HardwareRegistry([...makeFamilies({ config, log: silentLog }), family], config);
  assert.deepEqual(
    all
      .powerInterfaces()
      .map(({ name }) => name)
      .filter((name) => name === 'one' || name === 'two'),
    ['one', 'two'],
  );
  await assert.rejects(all.close(), (error: AggregateError) => error.errors.length === 1);
  assert.equal(closed, 1);
});

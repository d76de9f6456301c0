// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import { purgeHistory } from '../src/conductor/history.ts';
import { hashRescuePassword } from '../src/conductor/rescue-password.ts';
import { pythonRepr } from '../src/conductor/workflows/python-repr.ts';
import { WroughtError } from '../src/errors.ts';
import { CONTEXT, makeBench } from './conductor-support.ts';

const status = (code: number, text?: RegExp | string) => (error: unknown) => {
  assert.ok(error instanceof WroughtError, String(error));
  assert.equal(error.status, code, error.message);
  if (typeof text === 'string') assert.equal(error.message, text);
  else if (text !== undefined) assert.match(error.message, text);
  return true;
};

test('the boot device can be asked for while the node is locked, but not set', async () => {
  await using bench = await makeBench();
  const { uuid } = await bench.insert({ reservation: 'other' });
  assert.deepEqual(await bench.conductor.getBootDevice(CONTEXT, uuid), { boot_device: 'pxe', persistent: false });
  await assert.rejects(bench.conductor.setBootDevice(CONTEXT, uuid, 'pxe', false), status(409));
  await bench.store.nodes.update(uuid, { reservation: null });
  await assert.rejects(
    bench.conductor.setBootDevice(CONTEXT, uuid, 'foo', false),
    status(400, 'Invalid boot device foo specified.'),
  );
  await bench.conductor.setBootDevice(CONTEXT, uuid, 'disk', true);
  assert.ok(bench.script.calls.includes('management.setBootDevice'));
  assert.equal((await bench.node(uuid)).reservation, null);
});

test('boot mode and secure boot are changed by a worker; not in transient states', async () => {
  await using bench = await makeBench();
  const { uuid } = await bench.insert({ provision_state: 'manageable' });
  await bench.conductor.setBootMode(CONTEXT, uuid, 'uefi');
  assert.equal((await bench.settled(uuid)).boot_mode, 'uefi');
  await bench.conductor.setSecureBoot(CONTEXT, uuid, true);
  assert.equal((await bench.settled(uuid)).secure_boot, true);
  bench.script.on['management.setBootMode'] = () => {
    throw new Error('not now');
  };
  await bench.conductor.setBootMode(CONTEXT, uuid, 'bios');
  assert.match((await bench.settled(uuid)).last_error ?? '', /not now/);
  await bench.store.nodes.update(uuid, { provision_state: 'clean wait', target_provision_state: 'available' });
  await assert.rejects(bench.conductor.setBootMode(CONTEXT, uuid, 'bios'), status(409));
  assert.equal((await bench.node(uuid)).reservation, null);
});

test('what a driver cannot do is said so', async () => {
  await using bench = await makeBench();
  const { uuid } = await bench.insert();
  await assert.rejects(
    bench.conductor.injectNmi(CONTEXT, uuid),
    status(400, 'Driver scripted does not support inject_nmi (disabled or not implemented).'),
  );
  await assert.rejects(bench.conductor.getVirtualMedia(CONTEXT, uuid), status(400));
  await assert.rejects(bench.conductor.attachVirtualMedia(CONTEXT, uuid, 'cdrom', 'http://x', 'http'), status(400));
  await assert.rejects(bench.conductor.listIndicators(CONTEXT, uuid), status(400));
  const noop = await bench.insert({
    driver: 'fake-hardware',
    raid_interface: 'no-raid',
    console_interface: 'no-console',
  });
  await assert.rejects(
    bench.conductor.setRaidConfig(CONTEXT, noop.uuid, {}),
    status(404, 'Driver fake-hardware does not support raid (disabled or not implemented).'),
  );
  await assert.rejects(bench.conductor.setConsole(CONTEXT, noop.uuid, true), status(400));
  assert.equal((await bench.node(uuid)).reservation, null);
});

test('indicators of fake hardware are listed, read and set', async () => {
  await using bench = await makeBench();
  const { uuid } = await bench.insert({ driver: 'fake-hardware' });
  const all = await bench.conductor.listIndicators(CONTEXT, uuid);
  assert.deepEqual(Object.keys(all), ['chassis', 'system']);
  assert.equal(await bench.conductor.getIndicator(CONTEXT, uuid, 'system', 'led'), 'on');
  await bench.conductor.setIndicator(CONTEXT, uuid, 'system', 'led', 'off');
  await assert.rejects(bench.conductor.getIndicator(CONTEXT, uuid, 'system', 'nope'), status(404));
});

test('a console is started and stopped by a worker and started again after a restart', async () => {
  await using bench = await makeBench();
  const { uuid } = await bench.insert({ provision_state: 'manageable' });
  assert.deepEqual(await bench.conductor.getConsole(CONTEXT, uuid), { console_enabled: false, console_info: null });
  await bench.conductor.setConsole(CONTEXT, uuid, true);
  assert.equal((await bench.settled(uuid)).console_enabled, true);
  assert.equal((await bench.conductor.getConsole(CONTEXT, uuid)).console_info?.type, 'socat');
  await bench.conductor.stop(100);
  bench.script.on['console.startConsole'] = () => {
    throw new Error('no port');
  };
  const next = await bench.restart();
  for (let tries = 0; tries < 200 && (await bench.node(uuid)).console_enabled; tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  const node = await bench.settled(uuid);
  assert.equal(node.console_enabled, false);
  assert.match(node.last_error ?? '', /no port/);
  await next.setConsole(CONTEXT, uuid, false);
});

test('vendor methods are checked, run at once or later, and listed', async () => {
  await using bench = await makeBench();
  const { uuid } = await bench.insert({ driver: 'fake-hardware' });
  const call = (method: string, http: string, args = {}) =>
    bench.conductor.callNodeVendor(CONTEXT, uuid, method, http, args);
  await assert.rejects(call('nope', 'POST'), status(400, 'No handler for method nope'));
  await assert.rejects(call('second_method', 'GET'), status(400, 'The method second_method does not support HTTP GET'));
  await assert.rejects(
    call('second_method', 'POST'),
    status(400, "Parameter 'bar' not passed to method 'second_method'."),
  );
  assert.equal((await bench.node(uuid)).reservation, null);
  assert.deepEqual(await call('third_method_sync', 'POST', { bar: 'meow' }), {
    async: false,
    attach: false,
    value: true,
  });
  assert.deepEqual(await call('second_method', 'POST', { bar: 'kazoo' }), { async: true });
  await bench.settled(uuid);
  await bench.store.nodes.update(uuid, { reservation: 'other' });
  await assert.rejects(call('second_method', 'POST', { bar: 'kazoo' }), status(409));
  assert.deepEqual(await call('fourth_method_shared_lock', 'POST', { bar: 'woof' }), { async: true });
  const methods = await bench.conductor.nodeVendorMethods(CONTEXT, uuid);
  assert.equal(methods.fourth_method_shared_lock?.require_exclusive_lock, false);
  assert.deepEqual(methods.second_method?.http_methods, ['POST']);
  assert.deepEqual(bench.conductor.driverVendorMethods('scripted'), {});
  await assert.rejects(bench.conductor.callDriverVendor(CONTEXT, 'scripted', 'x', 'GET', {}), status(400));
  assert.throws(() => bench.conductor.driverVendorMethods('nope'), status(404));
});

test('validate tells every interface, works on locked nodes, and covers traits', async () => {
  await using bench = await makeBench();
  const { uuid } = await bench.insert({
    driver: 'fake-hardware',
    reservation: 'other',
    instance_info: { traits: ['CUSTOM_A'] },
    rescue_interface: 'no-rescue',
  });
  const results = await bench.conductor.validate(CONTEXT, uuid);
  assert.deepEqual(Object.keys(results), [
    'boot',
    'deploy',
    'management',
    'network',
    'power',
    'bios',
    'console',
    'firmware',
    'inspect',
    'raid',
    'rescue',
    'storage',
  ]);
  assert.deepEqual(results.power, { result: true });
  assert.equal(results.rescue?.result, false);
  assert.match(results.deploy?.reason ?? '', /CUSTOM_A/);
});

test('drivers are listed with their hosts and properties', async () => {
  await using bench = await makeBench();
  const fake = bench.conductor.drivers().find((driver) => driver.name === 'fake-hardware');
  assert.deepEqual(fake?.hosts, ['host-1']);
  assert.ok(Object.keys(bench.conductor.driverProperties('fake-hardware')).length > 0);
  assert.throws(() => bench.conductor.driverProperties('nope'), status(404));
});

test('metrics are computed when scraped', async () => {
  await using bench = await makeBench();
  const register = new Registry();
  await bench.conductor.registerMetrics(register);
  const { uuid } = await bench.insert();
  await bench.verb(uuid, 'manage');
  await bench.settled(uuid);
  await bench.conductor.runJob('power-sync');
  const text = await register.metrics();
  assert.match(text, /wrought_nodes\{provision_state="manageable"\} 1/);
  assert.match(text, /wrought_power_sync_nodes 1/);
  assert.match(text, /wrought_transitions_total\{state="manageable"\} 1/);
  assert.match(text, /wrought_workers_busy 0/);
});

test('the history is kept to its bounds', async () => {
  await using bench = await makeBench({
    config: { conductor: { node_history_max_entries: 3, node_history_cleanup_batch_count: 5 } },
  });
  const nodes = [await bench.insert(), await bench.insert()];
  for (let index = 0; index < 10; index += 1) {
    for (const { uuid } of nodes) {
      await bench.store.history.insert({ node_uuid: uuid, severity: 'ERROR', event: `e${index}` });
    }
  }
  const core = { config: bench.config, store: bench.store, signal: new AbortController().signal };
  const purge = () => purgeHistory(core as never);
  assert.deepEqual([await purge(), await purge(), await purge(), await purge()], [5, 5, 4, 0]);
  const left = await bench.store.history.list();
  assert.deepEqual(
    left.map((row) => row.event),
    ['e7', 'e7', 'e8', 'e8', 'e9', 'e9'],
  );
});

test('rescue passwords are hashed as crypt(3) does', () => {
  // Vectors of "Unix crypt using SHA-256 and SHA-512", and of glibc for a password longer than a digest.
  assert.equal(
    hashRescuePassword('Hello world!', 'sha256', 'saltstring'),
    '$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5',
  );
  assert.equal(
    hashRescuePassword('Hello world!', 'sha512', 'saltstring'),
    '$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1',
  );
});

test('JSON is printed as Python prints it', () => {
  assert.equal(pythonRepr({ a: [1, true, null, "it's", 'x'] }), `{'a': [1, True, None, "it's", 'x']}`);
  assert.equal(pythonRepr({}), '{}');
});

// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { UnsupportedDriverExtension } from '../src/errors.ts';
import type { NodeRecord } from '../src/model/resources.ts';
import { STATES, TRANSITIONS, VERBS, verbAllowed } from '../src/model/states.ts';
import { apiHarness, type Harness, insertNode } from './support/api.ts';

let api: Harness;
beforeEach(async () => {
  api = await apiHarness();
});
afterEach(() => api.close());

async function provision(state: Partial<NodeRecord>, body: object, version = '1.115') {
  const uuid = await insertNode(api.store, state);
  const before = api.conductor.calls.length;
  const reply = await api.call('PUT', `/v1/nodes/${uuid}/states/provision`, body, { version });
  const call = api.conductor.calls.slice(before).find(([name]) => name === 'provision');
  return { ...reply, uuid, request: call?.[3] as Record<string, unknown> | undefined };
}

test('the states of a node are shown by version', async () => {
  const uuid = await insertNode(api.store, { provision_state: 'inspect wait', power_state: 'power on' });
  const at = async (version: string) =>
    (await api.call('GET', `/v1/nodes/${uuid}/states`, undefined, { version })).body;
  assert.deepEqual(Object.keys(await at('1.11')).length, 7);
  assert.equal((await at('1.38')).provision_state, 'inspecting');
  assert.equal((await at('1.39')).provision_state, 'inspect wait');
  assert.deepEqual((await at('1.75')).raid_config, {});
  assert.equal((await at('1.75')).boot_mode, null);
});

test('a power request is accepted with an empty body and the Location of the states', async () => {
  const uuid = await insertNode(api.store, { name: 'n1' });
  const { status, text, headers } = await api.call('PUT', '/v1/nodes/n1/states/power', {
    target: 'soft power off',
    timeout: 5,
  });
  assert.deepEqual(
    [status, text, headers['content-length'], headers['content-type'], headers.location],
    [202, '', '0', undefined, `http://bm.example:6385/v1/nodes/${uuid}/states`],
  );
  assert.deepEqual(api.conductor.calls.at(-1)?.slice(2), [uuid, 'soft power off', 5]);
});

test('named arguments come from the query as well as from the body', async () => {
  await insertNode(api.store, { name: 'n1' });
  assert.equal((await api.call('PUT', '/v1/nodes/n1/states/power?target=power%20off')).status, 202);
  assert.equal((await api.call('PUT', '/v1/nodes/n1/states/power?timeout=5', { target: 'power off' })).status, 202);
  const unknown = await api.call('PUT', '/v1/nodes/n1/states/power?foo=1', { target: 'power off' });
  assert.deepEqual([unknown.status, unknown.fault], [400, 'Unexpected arguments: foo']);
  const missing = await api.call('PUT', '/v1/nodes/n1/states/power');
  assert.deepEqual([missing.status, missing.fault], [400, 'Missing mandatory parameter: target']);
});

test('power requests are refused by target, timeout, version and state', async () => {
  const uuid = await insertNode(api.store, { name: 'n1' });
  const power = async (body: object, version = '1.95', ident = 'n1') => {
    const { status, fault } = await api.call('PUT', `/v1/nodes/${ident}/states/power`, body, { version });
    return [status, fault];
  };
  assert.deepEqual(await power({ target: 'foo' }), [
    400,
    `The requested action "foo" can not be performed on node "${uuid}" while it is in state "None".`,
  ]);
  assert.deepEqual(await power({ target: 'power on', timeout: 0 }), [400, 'timeout has to be positive integer']);
  assert.equal((await power({ target: 'soft rebooting' }, '1.26'))[0], 406);
  assert.equal((await power({ target: 'power on', timeout: 3 }, '1.26'))[0], 406);
  assert.equal((await power({ target: 5 }))[0], 400);
  await insertNode(api.store, { name: 'cleaning', provision_state: 'clean wait' });
  assert.equal((await power({ target: 'power on' }, '1.95', 'cleaning'))[0], 400);
  await insertNode(api.store, { name: 'always-on', disable_power_off: true });
  assert.deepEqual(await power({ target: 'power off' }, '1.95', 'always-on'), [
    409,
    'Failed to set node power state to power off.',
  ]);
  assert.equal((await power({ target: 'rebooting' }, '1.95', 'always-on'))[0], 202);
});

test('every verb is accepted in exactly the states of the transition table', async () => {
  const extras: Record<string, object> = {
    clean: { clean_steps: [{ interface: 'deploy', step: 'x' }] },
    service: { service_steps: [{ interface: 'deploy', step: 'x' }] },
    rescue: { rescue_password: 'secret' },
  };
  for (const state of Object.keys(STATES)) {
    for (const verb of Object.keys(VERBS)) {
      const { status, fault, uuid } = await provision({ provision_state: state }, { target: verb, ...extras[verb] });
      const allowed = verbAllowed(state, verb);
      assert.equal(status, allowed ? 202 : 400, `${verb} in ${state}`);
      if (!allowed) {
        assert.equal(
          fault,
          `The requested action "${verb}" can not be performed on node "${uuid}" while it is in state "${state}".`,
        );
      }
    }
  }
  assert.ok(TRANSITIONS.length > 0);
});

test('a verb newer than the version is 406, before or after the state check as clients know it', async () => {
  for (const [verb, { minMinor }] of Object.entries(VERBS)) {
    if (minMinor === 1 || verb === 'unhold' || verb === 'service') continue;
    assert.equal(
      (await provision({ provision_state: 'verifying' }, { target: verb }, `1.${minMinor - 1}`)).status,
      406,
      verb,
    );
  }
  assert.equal((await provision({ provision_state: 'verifying' }, { target: 'unhold' }, '1.84')).status, 400);
  assert.equal((await provision({ provision_state: 'clean hold' }, { target: 'unhold' }, '1.84')).status, 406);
  assert.equal((await provision({ provision_state: 'active' }, { target: 'service' }, '1.86')).status, 406);
  assert.equal((await provision({ provision_state: 'inspect wait' }, { target: 'abort' }, '1.40')).status, 406);
  assert.equal((await provision({ provision_state: 'wait call-back' }, { target: 'abort' }, '1.109')).status, 406);
  assert.equal((await provision({ provision_state: 'clean wait' }, { target: 'abort' }, '1.13')).status, 202);
  assert.equal((await provision({ provision_state: 'active' }, { target: 'undeploy' }, '1.1')).status, 202);
});

test('a wrong verb on a locked node is 409, an unknown one in itself 400', async () => {
  const locked = await provision({ provision_state: 'deploying', reservation: 'bm1' }, { target: 'active' });
  assert.equal(locked.status, 409);
  assert.match(locked.fault, /is locked by host bm1, please retry after/);
  assert.equal((await provision({ provision_state: 'active' }, { target: 'done' })).status, 400);
  assert.equal((await provision({ provision_state: 'active' }, { target: 'constructor' })).status, 400);
  assert.equal((await provision({ provision_state: 'active' }, {})).fault, 'Missing mandatory parameter: target');
});

test('maintenance refuses a deployment before the state is looked at', async () => {
  const { status, fault, uuid } = await provision(
    { provision_state: 'manageable', maintenance: true },
    { target: 'active' },
  );
  assert.deepEqual(
    [status, fault],
    [400, `The provisioning operation can't be performed on node ${uuid} because it's in maintenance mode.`],
  );
});

test('a config drive goes with active and rebuild only, by its versions, in its forms', async () => {
  const drive = async (configdrive: unknown, target = 'active', version = '1.115', state = 'available') =>
    await provision({ provision_state: state }, { target, configdrive }, version);
  assert.deepEqual((await drive({ meta_data: { hostname: 'h' }, user_data: 'x' })).request?.configdrive, {
    meta_data: { hostname: 'h' },
    user_data: 'x',
  });
  assert.equal((await drive('http://host/drive')).status, 202);
  assert.equal((await drive('H4sIAAAA+/=\n')).status, 202);
  assert.equal((await drive('')).request?.configdrive, undefined);
  for (const [value, target, version, state] of [
    [{ meta_data: {} }, 'deploy', '1.115', 'available'],
    ['http://x/', 'manage', '1.115', 'available'],
    ['http://x/', 'rebuild', '1.34', 'active'],
    [{ meta_data: {} }, 'active', '1.55', 'available'],
    [{ vendor_data: {} }, 'active', '1.58', 'available'],
    [{ other: 1 }, 'active', '1.115', 'available'],
    [{ meta_data: 'x' }, 'active', '1.115', 'available'],
    ['not base64!', 'active', '1.115', 'available'],
    [5, 'active', '1.115', 'available'],
  ] as const) {
    assert.equal((await drive(value, target, version, state)).status, 400, JSON.stringify([value, target, version]));
  }
  assert.equal(
    (await provision({ provision_state: 'available' }, { target: 'active', configdrive: 'A'.repeat(3_000_000) }))
      .status,
    202,
  );
});

test('steps are demanded, checked and refused with the verb they belong to', async () => {
  const step = { interface: 'deploy', step: 'erase_devices_metadata', args: {} };
  const clean = (body: object, version?: string) =>
    provision({ provision_state: 'manageable' }, { target: 'clean', ...body }, version);
  assert.deepEqual((await clean({ clean_steps: [step] })).request?.cleanSteps, [step]);
  assert.match((await clean({})).fault, /^"clean_steps" is required when setting target provision state to clean$/);
  for (const steps of [
    [],
    {},
    [1],
    [{ step: 'x' }],
    [{ interface: 'x', step: 'y' }],
    [{ interface: 'deploy', step: 'x', other: 1 }],
    [{ interface: 'deploy', step: 'x', args: [] }],
  ]) {
    assert.equal((await clean({ clean_steps: steps })).status, 400, JSON.stringify(steps));
  }
  assert.match((await clean({ clean_steps: [{ interface: 'vendor', step: 'send_raw' }] })).fault, /not allowed/);
  assert.equal(
    (await provision({ provision_state: 'manageable' }, { target: 'provide', clean_steps: [step] })).status,
    400,
  );
  const deploy = { ...step, priority: 99 };
  const active = (body: object, target = 'active', version = '1.115') =>
    provision({ provision_state: 'available' }, { target, ...body }, version);
  assert.deepEqual((await active({ deploy_steps: [deploy] })).request?.deploySteps, [deploy]);
  assert.equal((await active({ deploy_steps: [deploy] }, 'active', '1.68')).status, 406);
  assert.equal((await active({ deploy_steps: [deploy] }, 'deploy')).status, 400);
  assert.equal((await active({ deploy_steps: [step] })).status, 400);
  assert.equal(
    (await provision({ provision_state: 'active' }, { target: 'rescue' })).fault,
    'A non-empty "rescue_password" is required when setting target provision state to rescue',
  );
  assert.equal(
    (await provision({ provision_state: 'active' }, { target: 'deleted', rescue_password: 'x' })).status,
    400,
  );
  assert.equal((await clean({ clean_steps: [step], disable_ramdisk: 'true' })).request?.disableRamdisk, true);
  assert.equal((await clean({ clean_steps: [step], disable_ramdisk: true }, '1.69')).status, 406);
  assert.equal((await active({ disable_ramdisk: true })).status, 400);
});

test('a runbook stands for steps when the node shares a trait with it, or below 1.112 carries its name', async () => {
  const steps = [
    { interface: 'bios', step: 'two', order: 2, args: {} },
    { interface: 'bios', step: 'one', order: 1, args: {} },
  ];
  await api.store.runbooks.insert({ name: 'CUSTOM_BOOK', steps, traits: ['CUSTOM_T'], disable_ramdisk: true });
  await api.store.runbooks.insert({ name: 'CUSTOM_BARE', steps });
  const clean = (runbook: string, traits: string[], version = '1.112', more = {}) =>
    provision({ provision_state: 'manageable', traits }, { target: 'clean', runbook, ...more }, version);
  const used = await clean('CUSTOM_BOOK', ['CUSTOM_T']);
  assert.equal(used.status, 202);
  assert.deepEqual(
    ((used.request?.cleanSteps ?? []) as { step: string }[]).map(({ step }) => step),
    ['one', 'two'],
  );
  assert.equal(used.request?.disableRamdisk, true);
  assert.equal((await clean('CUSTOM_BOOK', ['CUSTOM_BOOK'], '1.111')).status, 202);
  assert.equal((await clean('CUSTOM_BOOK', ['CUSTOM_BOOK'])).status, 400);
  assert.match((await clean('CUSTOM_BARE', ['CUSTOM_T'])).fault, /has no traits configured/);
  assert.equal((await clean('CUSTOM_BOOK', ['CUSTOM_T'], '1.91')).status, 406);
  assert.equal((await clean('nosuch', ['CUSTOM_T'])).status, 404);
  assert.equal((await clean('CUSTOM_BOOK', ['CUSTOM_T'], '1.112', { clean_steps: steps })).status, 400);
});

test('RAID, console, boot mode and secure boot answer as clients expect', async () => {
  const uuid = await insertNode(api.store, { name: 'n1' });
  const put = (path: string, body: object, version = '1.82') =>
    api.call('PUT', `/v1/nodes/n1/states/${path}`, body, { version });
  assert.equal(
    (await put('raid', { logical_disks: [{ size_gb: 'MAX', raid_level: '1', is_root_volume: true }] })).status,
    204,
  );
  assert.equal((await put('raid', {})).status, 204);
  assert.equal(
    (await put('raid', { logical_disks: [] })).fault,
    'RAID config validation error: [] should be non-empty',
  );
  for (const config of [
    { logical_disks: [{ size_gb: 1 }] },
    { logical_disks: [{ size_gb: 1, raid_level: '9' }] },
    { other: 1 },
    { logical_disks: [{ size_gb: 1, raid_level: '1', physical_disks: ['a'] }] },
  ]) {
    assert.equal((await put('raid', config)).status, 400, JSON.stringify(config));
  }
  assert.equal((await put('raid', {}, '1.11')).status, 406);
  for (const path of ['n1/states/console', `states/console/${uuid}`]) {
    assert.equal((await api.call('GET', `/v1/nodes/${path}`)).status, 200, path);
    const [name, , ident] = api.conductor.calls.at(-1) ?? [];
    assert.deepEqual([name, ident], ['getConsole', uuid], path);
  }
  assert.equal((await api.call('GET', '/v1/nodes/states/console/nosuch')).status, 404);
  const console = await put('console', { enabled: 'true' });
  assert.deepEqual(
    [console.status, console.headers.location],
    [202, `http://bm.example:6385/v1/nodes/${uuid}/states/console`],
  );
  assert.equal((await put('console', {})).fault, 'Missing mandatory parameter: enabled');
  assert.equal((await put('console', { enabled: 'maybe' })).status, 400);
  assert.equal((await put('boot_mode', { target: 'uefi' })).status, 202);
  assert.equal(
    (await put('boot_mode', { target: 'x' })).fault,
    'Invalid boot mode x requested for node. Allowed boot modes are: bios, uefi',
  );
  const old = await put('boot_mode', { target: 'uefi' }, '1.75');
  assert.deepEqual(
    [old.status, old.inner.faultstring],
    [404, 'This endpoint is supported starting with the API version 1.76'],
  );
  assert.equal((await put('secure_boot', { target: 'on' })).status, 202);
  assert.deepEqual(api.conductor.calls.at(-1)?.slice(2), [uuid, true]);
  await insertNode(api.store, { name: 'busy', provision_state: 'deploying' });
  assert.equal((await api.call('PUT', '/v1/nodes/busy/states/boot_mode', { target: 'uefi' })).status, 409);
});

test('a driver without RAID is 404 at states/raid', async () => {
  const without = await apiHarness({
    conductor: {
      setRaidConfig: async () => {
        throw new UnsupportedDriverExtension('fake-hardware', 'raid');
      },
    },
  });
  try {
    await insertNode(without.store, { name: 'n1' });
    assert.equal((await without.call('PUT', '/v1/nodes/n1/states/raid', {})).status, 404);
  } finally {
    await without.close();
  }
});

test('maintenance is entered and left with 202 and an empty body', async () => {
  await insertNode(api.store, { name: 'n1' });
  const put = await api.call('PUT', '/v1/nodes/n1/maintenance', { reason: 'fan' });
  assert.deepEqual([put.status, put.headers['content-length']], [202, '0']);
  assert.equal((await api.call('GET', '/v1/nodes/n1')).body.maintenance_reason, 'fan');
  assert.equal((await api.call('DELETE', '/v1/nodes/n1/maintenance')).status, 202);
  assert.equal((await api.call('PUT', '/v1/nodes/n1/maintenance', { reason: 5 })).status, 400);
  assert.equal((await api.call('PUT', '/v1/nodes/n1/maintenance')).status, 202);
});

test('validation is asked for by path, by name and by UUID', async () => {
  const checked = await apiHarness({
    conductor: { validate: async () => ({ power: { result: false, reason: 'r' } }) },
  });
  try {
    const uuid = await insertNode(checked.store, { name: 'n1' });
    for (const url of ['/v1/nodes/n1/validate', '/v1/nodes/validate?node=n1', `/v1/nodes/validate?node_uuid=${uuid}`]) {
      assert.deepEqual((await checked.call('GET', url)).body, { power: { result: false, reason: 'r' } }, url);
    }
    assert.equal((await checked.call('GET', '/v1/nodes/validate?node=n1', undefined, { version: '1.4' })).status, 406);
    assert.equal((await checked.call('GET', '/v1/nodes/validate')).status, 400);
  } finally {
    await checked.close();
  }
});

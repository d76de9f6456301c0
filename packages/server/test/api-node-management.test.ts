// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { apiHarness, type Harness, insertNode } from './support/api.ts';

let api: Harness;
let uuid: string;
beforeEach(async () => {
  api = await apiHarness({
    conductor: {
      getBootDevice: async () => ({ boot_device: 'pxe', persistent: false }),
      supportedBootDevices: async () => ['pxe', 'disk'],
      listIndicators: async () => ({ system: { led: { readonly: false, states: ['on', 'off'] } } }),
      getIndicator: async () => 'on',
      getVirtualMedia: async () => [{ media_types: ['CD'], inserted: false, image: '' }],
      getConsole: async () => ({ console_enabled: false, console_info: null }),
      listVifs: async () => [{ id: 'v1' }],
      nodeVendorMethods: async () => ({ m: { http_methods: ['POST'], async: true, attach: false, description: 'd' } }),
      callNodeVendor: async (_context, _node, method) => {
        if (method === 'sync') return { async: false, attach: false, value: true };
        if (method === 'file') return { async: false, attach: true, value: new Uint8Array([1, 2, 3]) };
        return { async: true };
      },
    },
  });
  uuid = await insertNode(api.store, { name: 'n1' });
});
afterEach(() => api.close());

const last = () => api.conductor.calls.at(-1)?.slice(2);

test('the boot device is set from body or query and read back', async () => {
  assert.equal(
    (await api.call('PUT', '/v1/nodes/n1/management/boot_device', { boot_device: 'pxe', persistent: 'true' })).status,
    204,
  );
  assert.deepEqual(last(), [uuid, 'pxe', true]);
  assert.equal((await api.call('PUT', '/v1/nodes/n1/management/boot_device?boot_device=disk')).status, 204);
  assert.deepEqual(last(), [uuid, 'disk', false]);
  assert.deepEqual((await api.call('GET', '/v1/nodes/n1/management/boot_device')).body, {
    boot_device: 'pxe',
    persistent: false,
  });
  assert.deepEqual((await api.call('GET', '/v1/nodes/n1/management/boot_device/supported')).body, {
    supported_boot_devices: ['pxe', 'disk'],
  });
});

test('an NMI is injected with an empty body or none, from 1.29', async () => {
  assert.equal((await api.call('PUT', '/v1/nodes/n1/management/inject_nmi', {})).status, 204);
  assert.equal((await api.call('PUT', '/v1/nodes/n1/management/inject_nmi')).status, 204);
  const old = await api.call('PUT', '/v1/nodes/n1/management/inject_nmi', {}, { version: '1.28' });
  assert.deepEqual([old.status, old.inner.faultstring], [404, 'Resource could not be found.']);
});

test('indicators are served under both path forms', async () => {
  const { body } = await api.call('GET', '/v1/nodes/n1/management/indicators');
  assert.deepEqual(body.indicators, [
    {
      name: 'led@system',
      component: 'system',
      readonly: false,
      states: ['on', 'off'],
      links: [
        { href: `http://bm.example:6385/v1/nodes/${uuid}/management/indicators/led@system`, rel: 'self' },
        { href: `http://bm.example:6385/nodes/${uuid}/management/indicators/led@system`, rel: 'bookmark' },
      ],
    },
  ]);
  for (const name of ['led@system', 'system/led', 'led%40system']) {
    assert.deepEqual((await api.call('GET', `/v1/nodes/n1/management/indicators/${name}`)).body, { state: 'on' });
    assert.equal((await api.call('PUT', `/v1/nodes/n1/management/indicators/${name}`, { state: 'off' })).status, 204);
    assert.deepEqual(last(), [uuid, 'system', 'led', 'off']);
  }
  assert.match((await api.call('GET', '/v1/nodes/n1/management/indicators/led')).fault, /^Malformed indicator name/);
  assert.equal((await api.call('PUT', '/v1/nodes/n1/management/indicators/led@system', { state: 'x' })).status, 400);
});

test('virtual media are attached, listed and detached', async () => {
  const version = { version: '1.93' };
  const attach = (body: object) => api.call('POST', '/v1/nodes/n1/vmedia', body, version);
  assert.equal((await attach({ device_type: 'cdrom', image_url: 'http://h/i.iso' })).status, 204);
  assert.deepEqual(last(), [uuid, 'cdrom', 'http://h/i.iso', 'local']);
  assert.equal(
    (await attach({ device_type: 'cdrom', image_url: 'file:///etc/passwd' })).fault,
    'Unsupported or missing URL scheme: file',
  );
  assert.equal((await attach({ device_type: 'tape', image_url: 'http://h/i.iso' })).status, 400);
  assert.equal((await attach({ device_type: 'cdrom', image_url: 'http://h/i', other: 1 })).status, 400);
  assert.equal((await api.call('GET', '/v1/nodes/n1/vmedia', undefined, version)).body.length, 1);
  assert.equal(
    (await api.call('GET', '/v1/nodes/n1/vmedia', undefined, { version: '1.92' })).inner.faultstring,
    'The resource could not be found.',
  );
  assert.equal(
    (await api.call('DELETE', '/v1/nodes/n1/vmedia?device_types=CDROM,disk', undefined, version)).status,
    204,
  );
  assert.deepEqual(last(), [uuid, ['cdrom', 'disk']]);
  assert.equal((await api.call('DELETE', '/v1/nodes/n1/vmedia', undefined, version)).status, 204);
  assert.deepEqual(last(), [uuid, null]);
  assert.equal((await api.call('POST', '/v1/nodes/n1/vmedia', {}, { version: '1.88' })).inner.code, 404);
});

test('vendor methods are called by path and by query with every verb, body included', async () => {
  assert.deepEqual(Object.keys((await api.call('GET', '/v1/nodes/n1/vendor_passthru/methods')).body), ['m']);
  for (const url of ['/v1/nodes/n1/vendor_passthru/m', '/v1/nodes/n1/vendor_passthru?method=m']) {
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']) {
      const { status, text } = await api.call(method, url, { bar: 'kazoo' });
      assert.deepEqual([status, text], [202, ''], `${method} ${url}`);
      assert.deepEqual(last(), [uuid, 'm', method, { bar: 'kazoo' }]);
    }
  }
  const sync = await api.call('POST', '/v1/nodes/n1/vendor_passthru/sync', {});
  assert.deepEqual([sync.status, sync.text, sync.headers['content-type']], [200, 'true', 'application/json']);
  const file = await api.call('GET', '/v1/nodes/n1/vendor_passthru/file');
  assert.deepEqual(
    [file.status, file.text, file.headers['content-type']],
    [200, '\x01\x02\x03', 'application/octet-stream'],
  );
  assert.equal(
    (await api.call('POST', '/v1/nodes/n1/vendor_passthru', {})).fault,
    'Missing mandatory parameter: method',
  );
  assert.equal((await api.call('POST', '/v1/nodes/n1/vendor_passthru/m?x=1', {})).fault, 'Unexpected arguments: x');
});

test('traits are replaced, added and removed within their rules', async () => {
  const call = (method: string, path = '', body?: unknown, version = '1.82') =>
    api.call(method, `/v1/nodes/n1/traits${path}`, body, { version });
  assert.equal((await call('PUT', '', { traits: ['CUSTOM_A', 'HW_CPU_X86_VMX', 'CUSTOM_A'] })).status, 204);
  assert.deepEqual((await call('GET')).body, { traits: ['CUSTOM_A', 'HW_CPU_X86_VMX'] });
  const added = await call('PUT', '/CUSTOM_B');
  assert.deepEqual(
    [added.status, added.headers.location],
    [204, `http://bm.example:6385/v1/nodes/${uuid}/traits/CUSTOM_B`],
  );
  assert.equal((await call('PUT', '/CUSTOM_B')).status, 204);
  assert.equal((await call('PUT', '/CUSTOM_B', { a: 1 })).status, 400);
  assert.equal((await call('DELETE', '/CUSTOM_B')).status, 204);
  const gone = await call('DELETE', '/CUSTOM_B');
  assert.deepEqual([gone.status, gone.fault], [404, `Node ${uuid} doesn't have a trait 'CUSTOM_B'`]);
  for (const trait of ['custom_a', 'CUSTOM_', 'HW_NOSUCH', `CUSTOM_${'A'.repeat(249)}`, 'CUSTOM_É']) {
    assert.equal((await call('PUT', `/${encodeURIComponent(trait)}`)).status, 400, trait);
    assert.equal((await call('PUT', '', { traits: [trait] })).status, 400, trait);
  }
  assert.equal((await call('PUT', `/CUSTOM_${'A'.repeat(248)}`)).status, 204);
  const many = Array.from({ length: 51 }, (_, index) => `CUSTOM_${index}`);
  assert.match(
    (await call('PUT', '', { traits: many })).fault,
    /exceed the maximum number of traits per node \(51 vs\. 50\)/,
  );
  assert.equal((await call('PUT', '', { traits: many.slice(1) })).status, 204);
  assert.equal((await call('PUT', '/CUSTOM_MORE')).status, 400);
  assert.equal((await call('PUT', '', {})).fault, 'Missing mandatory parameter: traits');
  assert.equal((await call('DELETE')).status, 204);
  assert.deepEqual((await call('GET')).body, { traits: [] });
  const old = [
    await call('GET', '', undefined, '1.36'),
    await call('PUT', '', {}, '1.36'),
    await call('DELETE', '', undefined, '1.36'),
  ];
  assert.deepEqual(
    old.map((reply) => reply.status),
    [406, 405, 404],
  );
  assert.deepEqual(
    old.map((reply) => Object.keys(reply.inner)[0]),
    ['faultcode', 'code', 'faultcode'],
  );
});

test('VIFs are listed, attached with whatever else they carry, and detached', async () => {
  const vif = '1974dcfa-836f-41b2-b541-686c100900e5';
  assert.deepEqual((await api.call('GET', '/v1/nodes/n1/vifs')).body, { vifs: [{ id: 'v1' }] });
  assert.equal((await api.call('POST', '/v1/nodes/n1/vifs', { id: vif, extra_key: 1 })).status, 204);
  assert.deepEqual(last(), [uuid, { id: vif, extra_key: 1 }]);
  assert.equal((await api.call('POST', '/v1/nodes/n1/vifs', {})).fault, 'Missing mandatory parameter: id');
  assert.equal(
    (await api.call('POST', '/v1/nodes/n1/vifs', { id: vif, port_uuid: vif, portgroup_uuid: vif })).status,
    400,
  );
  assert.equal(
    (await api.call('POST', '/v1/nodes/n1/vifs', { id: vif, port_uuid: vif }, { version: '1.66' })).status,
    406,
  );
  assert.equal((await api.call('DELETE', `/v1/nodes/n1/vifs/${vif}`)).status, 204);
  assert.equal((await api.call('GET', '/v1/nodes/n1/vifs', undefined, { version: '1.27' })).status, 404);
});

test('BIOS settings list shortly, in detail and one by one', async () => {
  await api.store.biosSettings.insert({
    node_uuid: uuid,
    name: 'LogicalProc',
    value: 'Enabled',
    attribute_type: 'Enumeration',
    allowable_values: ['Enabled', 'Disabled'],
  });
  await api.store.biosSettings.insert({ node_uuid: uuid, name: 'Admin', value: 'pw', attribute_type: 'Password' });
  const list = (await api.call('GET', '/v1/nodes/n1/bios')).body.bios;
  assert.deepEqual(Object.keys(list[0]).sort(), ['created_at', 'links', 'name', 'updated_at', 'value']);
  assert.equal(list[0].links[0].href, `http://bm.example:6385/v1/nodes/${uuid}/bios/LogicalProc`);
  assert.equal(list[1].value, '******');
  const detail = (await api.call('GET', '/v1/nodes/n1/bios?detail=true')).body.bios;
  assert.deepEqual(detail[0].allowable_values, ['Enabled', 'Disabled']);
  const one = (await api.call('GET', '/v1/nodes/n1/bios/LogicalProc')).body;
  assert.equal(one.LogicalProc.attribute_type, 'Enumeration');
  const missing = await api.call('GET', '/v1/nodes/n1/bios/a');
  assert.deepEqual([missing.status, missing.fault], [404, `Node ${uuid} doesn't have a BIOS setting 'a'`]);
});

test('firmware components show what their version knows', async () => {
  await api.store.firmwareComponents.insert({
    node_uuid: uuid,
    component: 'bmc',
    initial_version: '1.0',
    current_version: '1.2',
    model: 'iLO 4',
  });
  const at = async (version: string) =>
    (await api.call('GET', '/v1/nodes/n1/firmware', undefined, { version })).body.firmware[0];
  assert.equal(Object.keys(await at('1.86')).length, 6);
  assert.equal((await at('1.114')).model, 'iLO 4');
});

test('history cuts long events in the short list, shows all in detail and alone', async () => {
  const event = 'x'.repeat(300);
  const { uuid: id } = await api.store.history.insert({
    node_uuid: uuid,
    severity: 'ERROR',
    event,
    event_type: 'provisioning',
    duration_seconds: 3,
  });
  const [short] = (await api.call('GET', '/v1/nodes/n1/history')).body.history;
  assert.deepEqual(Object.keys(short).sort(), ['created_at', 'event', 'links', 'severity', 'uuid']);
  assert.equal(short.event.length, 254);
  assert.deepEqual(short.links, [{ href: `http://bm.example:6385/v1/nodes/${uuid}/history/${id}`, rel: 'self' }]);
  const [long] = (await api.call('GET', '/v1/nodes/n1/history?detail=true', undefined, { version: '1.115' })).body
    .history;
  assert.deepEqual(
    [long.event, long.event_type, long.duration_seconds, long.project],
    [event, 'provisioning', 3, null],
  );
  assert.equal((await api.call('GET', `/v1/nodes/n1/history/${id}`)).body.event, event);
  assert.equal((await api.call('GET', '/v1/nodes/n1/history/nosuch')).status, 404);
  const paged = await api.call('GET', '/v1/nodes/n1/history?limit=1&detail=false');
  assert.match(paged.body.next, new RegExp(`/v1/nodes/${uuid}/history\\?.*marker=${id}`));
});

test('inventory comes as it was stored, children and shards are counted', async () => {
  const none = await api.call('GET', '/v1/nodes/n1/inventory');
  assert.equal(none.status, 404);
  assert.match(none.fault, /^Node inventory record for node \d+ could not be found\.$/);
  await api.store.inventories.insert({ node_uuid: uuid, inventory: { cpu: { count: 2 } }, plugin_data: {} });
  assert.deepEqual((await api.call('GET', '/v1/nodes/n1/inventory')).body, {
    inventory: { cpu: { count: 2 } },
    plugin_data: {},
  });
  const child = await insertNode(api.store, { parent_node: uuid, shard: 's1' });
  const { body } = await api.call('GET', '/v1/nodes/n1/children', undefined, { version: '1.83' });
  assert.deepEqual(body.children, [child]);
  assert.equal((await api.call('GET', '/v1/nodes/n1/children')).status, 404);
  assert.deepEqual(
    (await api.call('GET', '/v1/shards')).body.shards.toSorted((a: { name: string }, b: { name: string }) =>
      a.name < b.name ? -1 : 1,
    ),
    [
      { name: 'None', count: 1 },
      { name: 's1', count: 1 },
    ],
  );
  assert.equal(
    (await api.call('GET', '/v1/shards', undefined, { version: '1.81' })).inner.faultstring,
    'The API version does not allow shards',
  );
});

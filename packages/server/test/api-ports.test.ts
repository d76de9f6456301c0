// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import fc from 'fast-check';
import { defaultConfig } from '../src/config/index.ts';
import { type Harness, insertNode, type Reply } from './support/api.ts';
import {
  anyVersion,
  assertBelow,
  assertKeysAtEveryVersion,
  assertMeant,
  nearly,
  nearlyPatch,
  nearlyQuery,
  realApi,
  type Sweep,
} from './support/real-api.ts';

let api: Harness;
let node: string;
beforeEach(async () => {
  api = await realApi({
    config: defaultConfig({
      conductor: { sync_power_state_interval: 0, node_locked_retry_interval: 0, automated_clean: false },
    }),
  });
  node = await insertNode(api.store, { name: 'desk-1' });
});
afterEach(() => api.close());

const BASE = 'http://bm.example:6385';
const UNKNOWN = '99999999-9999-4999-8999-999999999999';
let macs = 0;
const nextMac = (): string =>
  `52:54:00:aa:${(macs >> 8).toString(16).padStart(2, '0')}:${(macs++ & 255).toString(16).padStart(2, '0')}`;
const addPort = async (values: object = {}, version = '1.115'): Promise<Reply> =>
  await api.call('POST', '/v1/ports', { node_uuid: node, address: nextMac(), ...values }, { version });
const addGroup = async (values: object = {}, version = '1.115'): Promise<Reply> =>
  await api.call('POST', '/v1/portgroups', { node_uuid: node, ...values }, { version });
const addresses = (reply: Reply): string[] => reply.body.ports.map((port: { address: string }) => port.address);

const PORT: Sweep = {
  1: ['uuid', 'created_at', 'updated_at', 'address', 'node_uuid', 'extra', 'links'],
  18: ['internal_info'],
  19: ['local_link_connection', 'pxe_enabled'],
  24: ['portgroup_uuid'],
  34: ['physical_network'],
  53: ['is_smartnic'],
  88: ['name'],
  97: ['description'],
  100: ['vendor'],
  101: ['category'],
  111: ['available_for_dynamic_portgroup'],
};
const GROUP: Sweep = {
  23: [
    'uuid',
    'created_at',
    'updated_at',
    'address',
    'name',
    'node_uuid',
    'extra',
    'internal_info',
    'standalone_ports_supported',
    'links',
    'ports',
  ],
  26: ['mode', 'properties'],
  102: ['physical_network'],
  103: ['category'],
  111: ['dynamic_portgroup'],
};

test('a port is created with its defaults, its address and switch id lower-cased', async () => {
  const { status, headers, body } = await api.call('POST', '/v1/ports', {
    node_uuid: node,
    address: '52:54:00:AA:0F:01',
    local_link_connection: { switch_id: '0A:1B:2C:3D:4E:5F', port_id: 'Ethernet3/1', switch_info: 'sw1' },
  });
  assert.equal(status, 201);
  assert.equal(headers.location, `${BASE}/v1/ports/${body.uuid}`);
  const { created_at, ...rest } = body;
  assert.match(created_at, /\+00:00$/);
  assert.deepEqual(rest, {
    uuid: body.uuid,
    updated_at: null,
    address: '52:54:00:aa:0f:01',
    extra: {},
    internal_info: {},
    is_smartnic: false,
    local_link_connection: { switch_id: '0a:1b:2c:3d:4e:5f', port_id: 'Ethernet3/1', switch_info: 'sw1' },
    physical_network: null,
    pxe_enabled: true,
    node_uuid: node,
    portgroup_uuid: null,
    links: [
      { href: `${BASE}/v1/ports/${body.uuid}`, rel: 'self' },
      { href: `${BASE}/ports/${body.uuid}`, rel: 'bookmark' },
    ],
  });
});

test('ports and port groups show exactly the fields of each version', async () => {
  const group = (await addGroup({ name: 'bond0' })).body.uuid;
  const port = (await addPort({ portgroup_uuid: group })).body.uuid;
  await assertKeysAtEveryVersion(api, `/v1/ports/${port}`, PORT);
  await assertKeysAtEveryVersion(api, '/v1/ports/detail', PORT, { pick: (body) => body.ports[0] });
  await assertKeysAtEveryVersion(api, `/v1/nodes/${node}/ports/detail`, PORT, { pick: (body) => body.ports[0] });
  await assertKeysAtEveryVersion(
    api,
    '/v1/ports',
    { 1: ['uuid', 'address', 'links'] },
    { pick: (body) => body.ports[0] },
  );
  const from23 = { min: 23 };
  await assertKeysAtEveryVersion(api, '/v1/portgroups/bond0', GROUP, from23);
  const pick = (body: Reply['body']): object => body.portgroups[0];
  await assertKeysAtEveryVersion(api, '/v1/portgroups/detail', GROUP, { ...from23, pick });
  await assertKeysAtEveryVersion(
    api,
    '/v1/portgroups',
    { 1: ['uuid', 'address', 'name', 'links'] },
    { ...from23, pick },
  );
});

test('fields newer than the version are refused in bodies, patches, selections and sort keys', async () => {
  const { uuid } = (await addPort()).body;
  const values: Record<string, unknown> = {
    pxe_enabled: false,
    portgroup_uuid: UNKNOWN,
    physical_network: 'a',
    is_smartnic: true,
    name: 'n',
    description: 'd',
    vendor: 'v',
    category: 'c',
    available_for_dynamic_portgroup: true,
  };
  for (const [since, names] of Object.entries(PORT)) {
    for (const name of names) {
      if (!(name in values)) continue;
      const version = `1.${Number(since) - 1}`;
      assert.equal((await addPort({ [name]: values[name] }, version)).status, 406, name);
      assert.equal((await addPort({ [name]: null }, version)).status, 201, name);
      const patch = (op: string) =>
        api.call('PATCH', `/v1/ports/${uuid}`, [{ op, path: `/${name}`, value: values[name] }], { version });
      assert.equal((await patch('add')).status, 406, name);
      assert.equal((await patch('remove')).status, 200, name);
      assert.equal((await api.call('GET', `/v1/ports?fields=${name}`, undefined, { version })).status, 406, name);
      assert.equal((await api.call('GET', `/v1/ports?sort_key=${name}`, undefined, { version })).status, 406, name);
    }
  }
  assert.equal((await addPort({ node_uuid: undefined, node_ident: 'desk-1' }, '1.93')).status, 406);
  assert.equal((await addGroup({ mode: '802.3ad' }, '1.25')).status, 406);
  assert.equal((await addGroup({ category: 'x' }, '1.102')).status, 406);
});

test('a port names its node by UUID, or from 1.94 by either', async () => {
  const refused = async (body: object) => {
    const { status, fault } = await api.call('POST', '/v1/ports', { address: nextMac(), ...body }, { version: '1.94' });
    return [status, fault];
  };
  assert.equal((await addPort({ node_uuid: undefined, node_ident: 'desk-1' })).body.node_uuid, node);
  assert.equal((await addPort({ node_uuid: undefined, node_ident: node })).body.node_uuid, node);
  assert.deepEqual(await refused({}), [400, "Schema error for port: 'node_uuid' is a required property"]);
  assert.deepEqual(await refused({ node_uuid: 'desk-1' }), [400, 'Expected UUID for node_uuid: desk-1']);
  assert.deepEqual(await refused({ node_uuid: UNKNOWN }), [400, `Node ${UNKNOWN} could not be found.`]);
  assert.deepEqual(await refused({ node_ident: 'nosuch' }), [400, 'Node nosuch could not be found.']);
  assert.equal((await refused({ node_ident: 'desk-1', node_uuid: node }))[0], 400);
  assert.equal((await refused({ node_ident: 5 }))[0], 400);
  assert.equal((await refused({ node_ident: 'a/b' }))[0], 400);
});

test('wrong ports are refused in their own words', async () => {
  const refused = async (values: object, version = '1.115') => {
    const { status, fault } = await addPort(values, version);
    return [status, fault];
  };
  const taken = (await addPort()).body.address;
  assert.deepEqual(await refused({ address: undefined }), [
    400,
    "Schema error for port: 'address' is a required property",
  ]);
  assert.deepEqual(await refused({ address: '52-54-00-aa-00-02' }), [
    400,
    'Expected valid MAC address for address: 52-54-00-aa-00-02',
  ]);
  assert.deepEqual(await refused({ address: taken.toUpperCase() }), [
    409,
    `A port with MAC address ${taken} already exists.`,
  ]);
  assert.deepEqual(await refused({ uuid: 'zz' }), [400, 'Expected UUID for uuid: zz']);
  assert.deepEqual(await refused({ portgroup_uuid: 'bond0' }), [400, 'Expected UUID for portgroup_uuid: bond0']);
  assert.deepEqual(await refused({ portgroup_uuid: UNKNOWN }), [400, `Portgroup ${UNKNOWN} could not be found.`]);
  assert.deepEqual(await refused({ internal_info: {} }), [
    400,
    "Schema error for port: Additional properties are not allowed ('internal_info' was unexpected)",
  ]);
  for (const values of [
    { physical_network: '' },
    { physical_network: 'x'.repeat(65) },
    { vendor: 'x'.repeat(33) },
    { name: 'a b' },
    { available_for_dynamic_portgroup: 'true' },
    { pxe_enabled: 'zzz' },
    { extra: [] },
  ]) {
    assert.equal((await refused(values))[0], 400, JSON.stringify(values));
  }
  assert.equal((await addPort({ name: 'eth0' })).status, 201);
  assert.equal((await refused({ name: 'eth0' }))[0], 409);
  assert.equal((await addPort({ pxe_enabled: 'False' })).body.pxe_enabled, false);
});

test('a local link connection is complete, of known keys, and of its version', async () => {
  const status = async (local_link_connection: unknown, version = '1.89') =>
    (await addPort({ local_link_connection }, version)).status;
  const vtep = { port_id: '1', 'vtep-logical-switch': 'l', 'vtep-physical-switch': 'p' };
  for (const good of [
    {},
    null,
    { port_id: '1', switch_id: '00000A1B2C3D4E5F' },
    { port_id: '1', hostname: 'h', switch_info: 'x' },
    { network_type: 'unmanaged' },
    { network_type: 'managed', port_id: '1', switch_id: '0a:1b:2c:3d:4e:5f' },
  ]) {
    assert.equal(await status(good), 201, JSON.stringify(good));
  }
  for (const bad of [
    { port_id: '1' },
    { switch_id: '0a:1b:2c:3d:4e:5f' },
    { network_type: 'managed' },
    { network_type: 'other' },
    { port_id: 1, switch_id: '0a:1b:2c:3d:4e:5f' },
    { port_id: '1', hostname: 'h', foo: 'x' },
    { switch_info: 'x' },
    'text',
  ]) {
    assert.equal(await status(bad), 400, JSON.stringify(bad));
  }
  const { fault } = await addPort({ local_link_connection: { switch_id: 'zz', port_id: '1' } });
  assert.equal(fault, 'Expected a MAC address or OpenFlow datapath ID but received zz.');
  assert.equal(await status({ network_type: 'unmanaged' }, '1.63'), 406);
  assert.deepEqual(
    await Promise.all(['1.89', '1.90', '1.104', '1.105'].map((version) => status(vtep, version))),
    [406, 201, 201, 406],
  );
});

test('a port is found by UUID, by name from 1.88, and deleted by UUID only', async () => {
  const { uuid } = (await addPort({ name: 'eth0' })).body;
  const get = (ident: string, version: string) => api.call('GET', `/v1/ports/${ident}`, undefined, { version });
  assert.equal((await get('eth0', '1.88')).body.uuid, uuid);
  assert.equal((await get('eth0', '1.87')).fault, 'Expected UUID for port_uuid: eth0');
  assert.equal((await get('nosuch', '1.88')).fault, 'Port nosuch could not be found.');
  assert.equal((await get('a%2Fb', '1.88')).status, 400);
  assert.deepEqual(Object.keys((await get('eth0?fields=address', '1.88')).body).sort(), ['address', 'links']);
  assert.equal((await get(`${uuid}?fields=address`, '1.7')).status, 406);
  assert.equal((await get(`${uuid}?fields=node_ident`, '1.115')).fault, 'Field(s) "node_ident" are not valid');
  assert.equal(
    (await api.call('DELETE', '/v1/ports/eth0', undefined, { version: '1.115' })).fault,
    'Expected UUID for port_uuid: eth0',
  );
  assert.equal((await api.call('DELETE', `/v1/ports/${uuid}`)).status, 204);
  assert.equal((await api.call('DELETE', `/v1/ports/${uuid}`)).fault, `Port ${uuid} could not be found.`);
  assert.equal((await api.call('DELETE', '/v1/ports')).fault, 'Missing mandatory parameter: port_uuid');
});

test('a list of ports narrows by node, address, port group, shard, conductor group and description', async () => {
  const group = (await addGroup({ name: 'bond0' })).body.uuid;
  const one = (await addPort({ portgroup_uuid: group, description: 'left slot' })).body.address;
  const other = await insertNode(api.store, { name: 'desk-2', shard: 's1', conductor_group: 'rack1' });
  const two = (await addPort({ node_uuid: other })).body.address;
  const list = async (query: string) =>
    addresses(await api.call('GET', `/v1/ports?${query}`, undefined, { version: '1.115' }));
  assert.deepEqual(await list(''), [one, two]);
  assert.deepEqual(await list('node=desk-1'), [one]);
  assert.deepEqual(await list(`node_uuid=${other}`), [two]);
  assert.deepEqual(await list(`address=${one.toUpperCase()}`), [one]);
  assert.deepEqual(await list(`address=${one}&node=desk-2`), []);
  assert.deepEqual(await list('portgroup=bond0'), [one]);
  assert.deepEqual(await list(`portgroup=${group}`), [one]);
  assert.deepEqual(await list('shard=s0,s1'), [two]);
  assert.deepEqual(await list('conductor_groups=RACK1,'), [one, two]);
  assert.deepEqual(await list('conductor_groups=Rack1'), [two]);
  assert.deepEqual(await list('description_contains=left'), [one]);
});

test('filters of ports are refused when they do not go together, are unknown, or too new', async () => {
  await addGroup({ name: 'bond0' });
  const refused = async (query: string, version = '1.115') => {
    const { status, fault } = await api.call('GET', `/v1/ports?${query}`, undefined, { version });
    return [status, fault];
  };
  assert.deepEqual(await refused('node=desk-1&portgroup=bond0'), [403, 'Operation not permitted.']);
  assert.deepEqual(await refused('shard=a&node_uuid=x'), [403, 'Operation not permitted.']);
  for (const query of ['node=desk-1', 'portgroup=bond0', 'address=52:54:00:aa:00:00']) {
    assert.equal((await refused(`conductor_groups=a&${query}`))[0], 400, query);
  }
  assert.deepEqual(await refused('node=nosuch'), [404, 'Node nosuch could not be found.']);
  assert.deepEqual(await refused(`node_uuid=${UNKNOWN}`), [404, `Node ${UNKNOWN} could not be found.`]);
  assert.deepEqual(await refused('node_uuid=desk-1'), [400, 'Expected UUID for node_uuid: desk-1']);
  assert.deepEqual(await refused('portgroup=nosuch'), [404, 'Portgroup nosuch could not be found.']);
  assert.deepEqual(await refused('address=zz'), [400, 'Expected valid MAC address for address: zz']);
  assert.deepEqual(await refused('node=desk-1', '1.4'), [406, 'Request not acceptable.']);
  assert.deepEqual(await refused('portgroup=bond0', '1.23'), [406, 'Request not acceptable.']);
  assert.deepEqual(await refused('shard=a', '1.81'), [
    406,
    'Request not acceptable. The minimal required API version should be 1.82',
  ]);
  assert.equal((await refused('conductor_groups=a', '1.98'))[0], 406);
  assert.deepEqual(await refused('detail=true', '1.42'), [400, 'Invalid query parameter ?detail=true received.']);
  assert.deepEqual(await refused('fields=foo'), [400, 'Field(s) "foo" are not valid']);
  assert.deepEqual(await refused('sort_key=extra'), [
    400,
    'The sort_key value "extra" is an invalid field for sorting',
  ]);
});

test('the ports of a node are listed by its UUID and by its name, next staying under the path', async () => {
  const group = (await addGroup({ name: 'bond0' })).body.uuid;
  const first = (await addPort({ portgroup_uuid: group })).body.address;
  const second = (await addPort()).body.address;
  await addPort({ node_uuid: await insertNode(api.store, {}) });
  for (const ident of [node, 'desk-1']) {
    const page = await api.call('GET', `/v1/nodes/${ident}/ports?limit=1`);
    assert.deepEqual(addresses(page), [first]);
    assert.ok(page.body.next.startsWith(`${BASE}/v1/nodes/${node}/ports?`), page.body.next);
    assert.deepEqual(addresses(await api.call('GET', page.body.next.slice(BASE.length))), [second]);
    assert.deepEqual(addresses(await api.call('GET', `/v1/nodes/${ident}/ports?address=${second}`)), [second]);
    assert.deepEqual(Object.keys((await api.call('GET', `/v1/nodes/${ident}/ports?fields=uuid`)).body.ports[0]), [
      'uuid',
      'links',
    ]);
  }
  for (const ident of [group, 'bond0']) {
    assert.deepEqual(addresses(await api.call('GET', `/v1/portgroups/${ident}/ports`)), [first]);
    assert.deepEqual((await api.call('GET', `/v1/portgroups/${ident}/ports/detail`)).body.ports[0].node_uuid, node);
    assert.equal((await api.call('GET', `/v1/portgroups/${ident}/ports?node=desk-1`)).status, 403);
  }
  assert.equal((await api.call('GET', '/v1/nodes/nosuch/ports')).status, 404);
  for (const [method, path] of [
    ['POST', ''],
    ['GET', `/${group}`],
    ['PATCH', `/${group}`],
    ['DELETE', `/${group}`],
  ] as const) {
    for (const below of [`nodes/${node}/ports`, `nodes/${node}/portgroups`, `portgroups/${group}/ports`]) {
      const { status, fault } = await api.call(method, `/v1/${below}${path}`, method === 'GET' ? undefined : {});
      assert.deepEqual([status, fault], [400, 'Malformed request URI'], `${method} ${below}`);
    }
  }
});

test('PATCH changes a port, gives removed fields their empty value and refuses what it must', async () => {
  const { uuid } = (await addPort({ pxe_enabled: false, physical_network: 'a', extra: { a: 1 }, name: 'eth0' })).body;
  const patch = async (operations: unknown, version = '1.115') =>
    await api.call('PATCH', `/v1/ports/${uuid}`, operations, { version });
  const { status, body } = await patch([
    { op: 'replace', path: '/address', value: '52:54:00:AB:00:01' },
    { op: 'add', path: '/local_link_connection', value: { switch_id: 'AA:AA:AA:AA:AA:AA', port_id: '1' } },
    { op: 'add', path: '/extra/b', value: 2 },
    { op: 'remove', path: '/pxe_enabled' },
    { op: 'remove', path: '/physical_network' },
    { op: 'remove', path: '/description' },
  ]);
  assert.equal(status, 200);
  assert.deepEqual(
    [body.address, body.local_link_connection, body.extra, body.pxe_enabled, body.physical_network],
    ['52:54:00:ab:00:01', { switch_id: 'aa:aa:aa:aa:aa:aa', port_id: '1' }, { a: 1, b: 2 }, true, null],
  );
  assert.ok(body.updated_at !== null);
  assert.equal((await patch([])).status, 200);
  assert.equal(
    (await patch([{ op: 'replace', path: '/uuid', value: UNKNOWN }], '1.82')).fault,
    'Cannot patch /uuid. Only the following can be updated: address, extra, is_smartnic, local_link_connection, node_uuid, physical_network, portgroup_uuid, pxe_enabled',
  );
  for (const operation of [
    { op: 'remove', path: '/address' },
    { op: 'add', path: '/address', value: null },
    { op: 'remove', path: '/node_uuid' },
    { op: 'replace', path: '/node_uuid', value: 'desk-1' },
    { op: 'replace', path: '/node_uuid', value: UNKNOWN },
    { op: 'replace', path: '/portgroup_uuid', value: UNKNOWN },
    { op: 'remove', path: '/local_link_connection/port_id' },
    { op: 'add', path: '/node_ident', value: 'desk-1' },
    { op: 'add', path: '/internal_info', value: {} },
  ]) {
    assert.equal((await patch([operation])).status, 400, JSON.stringify(operation));
  }
});

test('ports of a node that is active or locked change only as far as its state lets them', async () => {
  const { uuid } = (await addPort()).body;
  const patch = (path: string, value: unknown) =>
    api.call('PATCH', `/v1/ports/${uuid}`, [{ op: 'add', path, value }], { version: '1.115' });
  await api.store.nodes.update(node, { provision_state: 'active' });
  assert.equal((await patch('/address', nextMac())).status, 409);
  assert.equal((await patch('/physical_network', 'x')).status, 409);
  assert.equal((await patch('/extra', { a: 1 })).status, 200);
  await api.store.nodes.update(node, { maintenance: true });
  assert.equal((await patch('/address', nextMac())).status, 200);
  await api.store.nodes.update(node, { reservation: 'elsewhere' });
  const { status, fault } = await api.call('DELETE', `/v1/ports/${uuid}`);
  assert.deepEqual(
    [status, fault],
    [409, `Node ${node} is locked by host elsewhere, please retry after the current operation is completed.`],
  );
});

test('a port group is created, changed and deleted, with ports only after they left', async () => {
  const { status, headers, body } = await addGroup(
    { name: 'bond0', address: '52:54:00:AA:00:0F', mode: '802.3ad', properties: { miimon: '100' } },
    '1.26',
  );
  assert.equal(status, 201);
  assert.equal(headers.location, `${BASE}/v1/portgroups/${body.uuid}`);
  assert.deepEqual(
    [body.address, body.mode, body.properties, body.standalone_ports_supported],
    ['52:54:00:aa:00:0f', '802.3ad', { miimon: '100' }, true],
  );
  assert.equal(body.ports[0].href, `${BASE}/v1/portgroups/${body.uuid}/ports`);
  assert.equal((await addGroup({ mode: null })).body.mode, 'active-backup');
  assert.equal((await addGroup({ name: 'bond0' })).status, 409);
  assert.equal((await addGroup({ address: '52:54:00:aa:00:0f' })).status, 409);
  assert.equal((await addGroup({ name: 'a b' })).status, 400);
  assert.equal((await addGroup({ node_uuid: UNKNOWN })).fault, `Node ${UNKNOWN} could not be found.`);
  assert.equal(
    (await addGroup({ node_uuid: undefined })).fault,
    "Schema error for portgroup: 'node_uuid' is a required property",
  );
  const patched = await api.call('PATCH', '/v1/portgroups/bond0', [
    { op: 'remove', path: '/mode' },
    { op: 'remove', path: '/address' },
    { op: 'replace', path: '/standalone_ports_supported', value: 'False' },
    { op: 'add', path: '/properties/miimon', value: '50' },
    { op: 'replace', path: '/name', value: 'bond1' },
  ]);
  assert.deepEqual(
    [patched.body.mode, patched.body.address, patched.body.standalone_ports_supported, patched.body.properties],
    ['active-backup', null, false, { miimon: '50' }],
  );
  const { uuid } = (await addPort({ portgroup_uuid: body.uuid, pxe_enabled: false })).body;
  assert.equal((await addPort({ portgroup_uuid: body.uuid })).status, 409);
  const refused = await api.call('DELETE', '/v1/portgroups/bond1');
  assert.deepEqual([refused.status, refused.fault.includes('contains ports')], [400, true]);
  await api.call('DELETE', `/v1/ports/${uuid}`);
  assert.equal((await api.call('DELETE', '/v1/portgroups/bond1')).status, 204);
  assert.equal((await api.call('GET', '/v1/portgroups/bond1')).fault, 'Portgroup bond1 could not be found.');
});

test('a list of port groups applies every filter it is given', async () => {
  const mac = '52:54:00:bb:00:01';
  await addGroup({ name: 'bond0', address: mac });
  await addGroup({ name: 'bond1' });
  const other = await insertNode(api.store, { name: 'desk-2', shard: 's1', conductor_group: 'rack1' });
  await addGroup({ node_uuid: other, name: 'bond2' });
  const list = async (query: string, path = '/v1/portgroups') => {
    const { body } = await api.call('GET', `${path}?${query}`, undefined, { version: '1.106' });
    return body.portgroups.map((group: { name: string }) => group.name);
  };
  assert.deepEqual(await list('node=desk-1'), ['bond0', 'bond1']);
  assert.deepEqual(await list(`node=desk-1&address=${mac}`), ['bond0']);
  assert.deepEqual(await list(`node=desk-2&address=${mac}`), []);
  assert.deepEqual(await list('shard=s1&node=desk-2&conductor_groups=RACK1'), ['bond2']);
  assert.deepEqual(await list('', '/v1/nodes/desk-1/portgroups'), ['bond0', 'bond1']);
  const status = async (query: string, version: string) =>
    (await api.call('GET', `/v1/portgroups?${query}`, undefined, { version })).status;
  assert.equal(await status('shard=a', '1.105'), 406);
  assert.equal(await status('conductor_groups=a', '1.98'), 406);
  assert.equal(await status('node=nosuch', '1.106'), 404);
  assert.equal(await status('address=zz', '1.106'), 400);
  assert.equal(await status('detail=true', '1.42'), 400);
  assert.equal(await status('portgroup=x', '1.106'), 400);
});

test('port groups answer one version too early as their endpoints do', async () => {
  const group = (await addGroup({ name: 'bond0' })).body.uuid;
  const unsupported = [404, 'The API is not supported for this version'] as const;
  for (const method of ['GET', 'POST']) await assertBelow(api, method, '/v1/portgroups', 22, unsupported);
  await assertBelow(api, 'GET', '/v1/portgroups/detail', 22, unsupported);
  for (const method of ['GET', 'PATCH', 'DELETE']) {
    await assertBelow(api, method, `/v1/portgroups/${group}`, 22, unsupported);
  }
  for (const path of [`nodes/${node}/portgroups`, `portgroups/${group}/ports`]) {
    await assertBelow(api, 'GET', `/v1/${path}`, 23, [404, null]);
  }
});

test('whatever is sent to ports and port groups, the answer is a meant one', async () => {
  const group = (await addGroup({ name: 'bond0' })).body.uuid;
  const port = (await addPort({ name: 'eth0', portgroup_uuid: group })).body;
  const likely = [node, group, port.uuid, port.address, nextMac(), 'bond0', '', true, 'false', {}, [], null, 7];
  const fields = [...Object.values(PORT).flat(), ...Object.values(GROUP).flat(), 'node_ident'];
  const filters = ['node', 'node_uuid', 'address', 'portgroup', 'shard', 'conductor_groups', 'description_contains'];
  const collection = fc.constantFrom('ports', 'portgroups');
  const query = nearlyQuery(filters, [...fields, ...likely.map(String), 'desk-1', '%00', 'a,b']);
  const lists = fc.constantFrom(
    'ports',
    'ports/detail',
    'portgroups',
    'portgroups/detail',
    'nodes/desk-1/ports',
    'nodes/desk-1/portgroups',
    'portgroups/bond0/ports',
    'ports/eth0',
    'portgroups/bond0',
  );
  await fc.assert(
    fc.asyncProperty(lists, query, anyVersion, async (path, text, version) => {
      await assertMeant(api, 'GET', `/v1/${path}?${text}`, undefined, version);
    }),
    { numRuns: 300 },
  );
  await fc.assert(
    fc.asyncProperty(collection, nearly(fields, likely), anyVersion, async (path, body, version) => {
      await assertMeant(api, 'POST', `/v1/${path}`, body, version);
    }),
    { numRuns: 200 },
  );
  await fc.assert(
    fc.asyncProperty(collection, nearlyPatch(fields, likely), anyVersion, async (path, body, version) => {
      await assertMeant(api, 'PATCH', `/v1/${path}/${path === 'ports' ? port.uuid : group}`, body, version);
    }),
    { numRuns: 200 },
  );
});

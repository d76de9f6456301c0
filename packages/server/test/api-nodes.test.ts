// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { defaultConfig } from '../src/config/index.ts';
import { apiHarness, type Harness, insertNode } from './support/api.ts';

let api: Harness;
beforeEach(async () => {
  api = await apiHarness();
});
afterEach(() => api.close());

const names = (reply: { body: { nodes: { name: string }[] } }): string[] => reply.body.nodes.map((node) => node.name);

test('creating a node answers 201 with the whole node, secrets masked, and its Location', async () => {
  const { status, body, headers } = await api.call('POST', '/v1/nodes', {
    driver: 'staging-amt',
    name: 'desk-07',
    driver_info: { amt_address: '192.0.2.20', amt_username: 'admin', amt_password: 'S3cret!' },
    properties: { cpu_arch: 'x86_64', cpus: 4 },
    resource_class: 'desktop',
  });
  assert.equal(status, 201);
  assert.equal(headers.location, `http://bm.example:6385/v1/nodes/${body.uuid}`);
  assert.deepEqual(body.driver_info, { amt_address: '192.0.2.20', amt_username: 'admin', amt_password: '******' });
  assert.deepEqual(
    [body.provision_state, body.resource_class, body.conductor_group, body.conductor, body.maintenance, body.traits],
    ['enroll', 'desktop', '', 'bm1.example', false, []],
  );
  assert.match(body.created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$/);
  assert.deepEqual(body.links, [
    { href: `http://bm.example:6385/v1/nodes/${body.uuid}`, rel: 'self' },
    { href: `http://bm.example:6385/nodes/${body.uuid}`, rel: 'bookmark' },
  ]);
  assert.equal(body.states[0].href, `http://bm.example:6385/v1/nodes/${body.uuid}/states`);
});

test('new nodes are available below 1.11, shown as null at 1.1', async () => {
  assert.equal(
    (await api.call('POST', '/v1/nodes', { driver: 'x' }, { version: '1.10' })).body.provision_state,
    'available',
  );
  assert.equal((await api.call('POST', '/v1/nodes', { driver: 'x' }, { version: null })).body.provision_state, null);
});

test('what create does not take is 400, what is newer than the version 406', async () => {
  const post = (body: unknown, version?: string) => api.call('POST', '/v1/nodes', body, version ? { version } : {});
  const traits = await post({ driver: 'x', traits: [] });
  assert.equal(traits.status, 400);
  assert.match(traits.fault, /Additional properties are not allowed \('traits' was unexpected\)/);
  for (const body of [
    { driver: 'x', provision_state: 'active' },
    { driver: 'x', protected: true },
    { name: 'no-driver' },
    { driver: null },
    { driver: 'x', uuid: 'x' },
    { driver: 'x', extra: [] },
    { driver: 'x', extra: 'y' },
    { driver: 'x', maintenance: 'zzz' },
    { driver: 'x', name: 'a b' },
    { driver: 'x', name: 'states' },
    { driver: 'x', resource_class: 'x'.repeat(81) },
    { driver: 'x', conductor_group: 'a/b' },
    [],
    'text',
  ]) {
    assert.equal((await post(body)).status, 400, JSON.stringify(body));
  }
  assert.equal((await post({ driver: 'x', owner: 'me' }, '1.49')).status, 406);
  assert.equal((await post({ driver: 'x', owner: null }, '1.49')).status, 201);
  const early = await post({ driver: 'x', name: 'a~b' }, '1.9');
  assert.deepEqual([early.status, early.fault], [400, "Cannot create node with invalid name 'a~b'"]);
});

test('booleans may be strings, conductor groups are lower-cased, owner is accepted without authentication', async () => {
  const { body } = await api.call('POST', '/v1/nodes', {
    driver: 'x',
    maintenance: 'True',
    conductor_group: 'RackA',
    owner: 'p1',
  });
  assert.deepEqual([body.maintenance, body.conductor_group, body.owner], [true, 'racka', 'p1']);
});

test('a taken uuid or name is 409', async () => {
  const first = await api.call('POST', '/v1/nodes', { driver: 'x', name: 'ex0' });
  assert.equal((await api.call('POST', '/v1/nodes', { driver: 'x', name: 'ex0' })).status, 409);
  assert.equal((await api.call('POST', '/v1/nodes', { driver: 'x', uuid: first.body.uuid })).status, 409);
});

test('a node is found by UUID at every version and by name from 1.5', async () => {
  const uuid = await insertNode(api.store, { name: 'n~1' });
  assert.equal((await api.call('GET', `/v1/nodes/${uuid}`, undefined, { version: null })).body.uuid, uuid);
  assert.equal((await api.call('GET', '/v1/nodes/n~1')).body.uuid, uuid);
  assert.equal((await api.call('GET', '/v1/nodes/n~1', undefined, { version: '1.4' })).status, 404);
  const missing = await api.call('GET', '/v1/nodes/nosuch');
  assert.deepEqual(
    [missing.status, missing.inner.faultstring, missing.inner.debuginfo],
    [404, 'Node nosuch could not be found.', null],
  );
  const bad = await api.call('GET', '/v1/nodes/a%2Fb');
  assert.deepEqual([bad.status, bad.inner.description], [400, 'Expected UUID or name for node: a%2Fb']);
  assert.equal((await api.call('GET', '/v1/nodes/%zz')).status, 400);
});

test('fields selects, always with links; unknown ones are 400, newer ones 406', async () => {
  await insertNode(api.store, { name: 'n1', shard: 's' });
  const get = (url: string, version = '1.82') => api.call('GET', url, undefined, { version });
  const { body } = await get('/v1/nodes/n1?fields=name,shard&fields=extra');
  assert.deepEqual(Object.keys(body).sort(), ['extra', 'links', 'name', 'shard']);
  assert.equal((await get('/v1/nodes/n1?fields=shard', '1.81')).status, 406);
  assert.equal((await get('/v1/nodes/n1?fields=name', '1.7')).status, 406);
  for (const name of ['foo', 'created_at', 'links', 'ports', 'states']) {
    assert.equal((await get(`/v1/nodes/n1?fields=${name}`)).status, 400, name);
    assert.equal((await get(`/v1/nodes?fields=${name}`)).status, 400, name);
  }
  assert.equal((await get('/v1/nodes?fields=name&detail=true')).status, 400);
  assert.equal((await get('/v1/nodes?detail=true', '1.42')).status, 400);
  assert.equal((await get('/v1/nodes/detail?fields=name')).fault, 'Unexpected arguments: fields');
  assert.equal((await get('/v1/nodes?foo=1')).fault, 'Unexpected arguments: foo');
});

test('a list pages by marker and limit, next keeping every filter, and the last full page still has a next', async () => {
  for (let index = 0; index < 4; index += 1)
    await insertNode(api.store, { name: `n${index}`, resource_class: index < 3 ? 'a' : 'b' });
  const first = await api.call('GET', '/v1/nodes?limit=2&resource_class=a&fields=uuid,name');
  assert.deepEqual(names(first), ['n0', 'n1']);
  assert.match(first.body.next, /^http:\/\/bm\.example:6385\/v1\/nodes\?sort_key=id&sort_dir=asc&/);
  assert.match(first.body.next, /fields=uuid,name/);
  const second = await api.call('GET', first.body.next.slice('http://bm.example:6385'.length));
  assert.deepEqual(names(second), ['n2']);
  assert.equal(second.body.next, undefined);
  const exact = await api.call('GET', '/v1/nodes?limit=4');
  const empty = await api.call('GET', exact.body.next.slice('http://bm.example:6385'.length));
  assert.deepEqual(empty.body, { nodes: [] });
});

test('wrong paging arguments are refused in their own words', async () => {
  const fault = async (query: string) => {
    const { status, fault: text } = await api.call('GET', `/v1/nodes?${query}`);
    return [status, text];
  };
  assert.deepEqual(await fault('limit=0'), [400, 'Limit must be positive']);
  assert.deepEqual(await fault('limit=abc'), [400, 'Expected an integer for limit: abc']);
  assert.deepEqual(await fault('marker=abc'), [400, 'Expected UUID for marker: abc']);
  const unknown = '99999999-9999-4999-8999-999999999999';
  assert.deepEqual(await fault(`marker=${unknown}`), [404, `Node ${unknown} could not be found.`]);
  for (const key of ['zzz', 'extra', 'links', 'conductor', 'conductor_affinity', 'id;drop']) {
    assert.deepEqual(await fault(`sort_key=${encodeURIComponent(key)}`), [
      400,
      `The sort_key value "${key}" is an invalid field for sorting`,
    ]);
  }
  assert.deepEqual(await fault('sort_dir=up'), [
    400,
    "Invalid sort direction: up. Acceptable values are 'asc' or 'desc'",
  ]);
});

test('lists are capped at max_limit and sorted as asked', async () => {
  const small = await apiHarness({ config: defaultConfig({ api: { max_limit: 2 } }) });
  try {
    for (const name of ['b', 'c', 'a']) await insertNode(small.store, { name });
    assert.deepEqual(names(await small.call('GET', '/v1/nodes?limit=100')), ['b', 'c']);
    assert.deepEqual(names(await small.call('GET', '/v1/nodes?sort_key=name&sort_dir=desc')), ['c', 'b']);
  } finally {
    await small.close();
  }
});

test('every filter narrows the list, from its version on', async () => {
  const chassis = await api.store.chassis.insert({});
  const instance = '11111111-2222-4333-8444-555555555555';
  const full = await insertNode(api.store, {
    name: 'full',
    chassis_uuid: chassis.uuid,
    instance_uuid: instance,
    maintenance: true,
    provision_state: 'active',
    driver: 'ipmi',
    resource_class: 'gold',
    fault: 'power failure',
    conductor_group: 'rack1',
    owner: 'o1',
    lessee: 'l1',
    description: 'in the corner',
    retired: true,
    shard: 's1',
    instance_name: 'vm',
  });
  await insertNode(api.store, { name: 'bare' });
  const child = await insertNode(api.store, { name: 'child', parent_node: full });
  const list = async (query: string, version = '1.115') =>
    names(await api.call('GET', `/v1/nodes?${query}`, undefined, { version }));
  for (const query of [
    `chassis_uuid=${chassis.uuid}`,
    `instance_uuid=${instance}`,
    'associated=True',
    'maintenance=yes',
    'provision_state=active',
    'driver=ipmi',
    'resource_class=gold',
    'fault=power%20failure',
    'conductor_group=RACK1',
    'owner=o1',
    'lessee=l1',
    'project=l1',
    'description_contains=corner',
    'retired=true',
    'shard=s0,s1',
    'sharded=true',
    'instance_name=vm',
  ]) {
    assert.deepEqual(await list(query), ['full'], query);
  }
  assert.deepEqual(await list('associated=false&conductor=bm1.example'), ['bare']);
  assert.deepEqual(await list('conductor=elsewhere'), []);
  assert.deepEqual(await list('include_children=true'), ['full', 'bare', 'child']);
  assert.deepEqual(await list(`parent_node=full`), ['child']);
  assert.deepEqual(await list('', '1.1').then((all) => all.length), 2);
  assert.equal((await api.call('GET', '/v1/nodes?driver=ipmi', undefined, { version: '1.15' })).status, 406);
  assert.equal((await api.call('GET', '/v1/nodes?provision_state=zzz')).status, 400);
  assert.equal((await api.call('GET', '/v1/nodes?fault=zzz')).status, 400);
  assert.equal((await api.call('GET', `/v1/nodes?chassis_uuid=${child}`)).status, 404);
});

test('a filter that columns cannot express still fills its pages', async () => {
  for (let index = 0; index < 7; index += 1)
    await insertNode(api.store, { name: `n${index}`, owner: index % 3 === 0 ? 'p' : 'q' });
  const first = await api.call('GET', '/v1/nodes?project=p&limit=2');
  assert.deepEqual(names(first), ['n0', 'n3']);
  assert.deepEqual(names(await api.call('GET', first.body.next.slice('http://bm.example:6385'.length))), ['n6']);
});

test('PATCH adds, replaces and removes, answering the whole node', async () => {
  await insertNode(api.store, { name: 'n1', driver_info: { amt_password: 'old', keep: 1 }, extra: { list: [1, 2] } });
  const { status, body } = await api.call('PATCH', '/v1/nodes/n1', [
    { op: 'add', path: '/driver_info/amt_address', value: '192.0.2.20' },
    { op: 'replace', path: '/driver_info/amt_password', value: 'S3cret!' },
    { op: 'remove', path: '/driver_info/keep' },
    { op: 'add', path: '/extra/list/-', value: 3 },
    { op: 'add', path: '/description', value: 'x' },
    { op: 'remove', path: '/resource_class' },
    { op: 'add', path: '/maintenance', value: 'True' },
  ]);
  assert.equal(status, 200);
  assert.deepEqual(body.driver_info, { amt_password: '******', amt_address: '192.0.2.20' });
  assert.deepEqual([body.extra, body.description, body.maintenance], [{ list: [1, 2, 3] }, 'x', true]);
  const row = await api.store.nodes.find('name', 'n1');
  assert.deepEqual(JSON.parse(row?.driver_info ?? ''), { amt_password: 'S3cret!', amt_address: '192.0.2.20' });
});

test('PATCH refuses what the rules refuse, and then changes nothing', async () => {
  await insertNode(api.store, { name: 'n1', extra: { a: 1 } });
  const patch = async (operations: unknown, version?: string) => {
    const { status, fault } = await api.call('PATCH', '/v1/nodes/n1', operations, version ? { version } : {});
    return [status, fault] as const;
  };
  assert.match(
    (await patch([{ op: 'test', path: '/extra', value: 1 }]))[1],
    /'test' is not one of \['add', 'replace', 'remove'\]/,
  );
  assert.match(
    (await patch([{ op: 'add', path: '/uuid', value: 1 }]))[1],
    /^Cannot patch \/uuid\. Only the following can be updated: automated_clean, bios_interface/,
  );
  assert.match(
    (await patch([{ op: 'remove', path: '/extra/zzz' }]))[1],
    /Reason: can't remove a non-existent object 'zzz'/,
  );
  assert.match((await patch([{ op: 'add', path: '/extra/x/y', value: 1 }]))[1], /member 'x' not found/);
  assert.equal(
    (await patch([{ op: 'remove', path: '/driver' }]))[1],
    "Schema error for patch: 'driver' is a required property",
  );
  for (const operations of [
    {},
    'x',
    [1],
    [{ op: 'add' }],
    [{ op: 'add', path: '/extra/a.b', value: 1 }],
    [{ op: 'add', path: 'extra', value: 1 }],
    [{ op: 'add', path: '/extra/a', value: 1, from: '/x' }],
    [
      { op: 'add', path: '/extra/b', value: 2 },
      { op: 'replace', path: '/extra/zzz', value: 2 },
    ],
    [{ op: 'add', path: '/extra', value: 'text' }],
    [{ op: 'add', path: '/name', value: 'a b' }],
    [{ op: 'add', path: '/name', value: 'states' }],
    [{ op: 'add', path: '/conductor', value: 'x' }],
    [{ op: 'add', path: '/nosuch', value: 'x' }],
  ]) {
    assert.equal((await patch(operations))[0], 400, JSON.stringify(operations));
  }
  assert.equal((await patch([{ op: 'add', path: '/owner', value: 'x' }], '1.49'))[0], 406);
  assert.equal((await patch([{ op: 'remove', path: '/owner' }], '1.49'))[0], 200);
  assert.equal((await patch([{ op: 'remove', path: '/chassis_uuid' }], '1.24'))[0], 200);
  assert.equal((await patch([]))[0], 200);
  const row = await api.store.nodes.find('name', 'n1');
  assert.deepEqual(JSON.parse(row?.extra ?? ''), { a: 1 });
});

test('removing a root gives it its empty value, null or not', async () => {
  await insertNode(api.store, {
    name: 'n1',
    extra: { a: 1 },
    automated_clean: true,
    conductor_group: 'g',
    power_interface: 'fake',
    properties: { a: 1 },
  });
  const { status, body } = await api.call('PATCH', '/v1/nodes/n1', [
    { op: 'remove', path: '/extra' },
    { op: 'remove', path: '/automated_clean' },
    { op: 'remove', path: '/conductor_group' },
    { op: 'remove', path: '/power_interface' },
    { op: 'remove', path: '/instance_uuid' },
    { op: 'add', path: '/properties', value: null },
  ]);
  assert.equal(status, 200);
  assert.deepEqual(
    [body.extra, body.automated_clean, body.conductor_group, body.power_interface, body.instance_uuid, body.properties],
    [{}, null, '', null, null, {}],
  );
});

test('reset_interfaces goes with a change of driver, from 1.45', async () => {
  await insertNode(api.store, { name: 'n1' });
  const url = '/v1/nodes/n1?reset_interfaces=True';
  const driver = [{ op: 'replace', path: '/driver', value: 'ipmi' }];
  assert.equal((await api.call('PATCH', url, driver)).status, 200);
  assert.equal((await api.call('PATCH', url, driver, { version: '1.44' })).status, 406);
  assert.match((await api.call('PATCH', url, [])).fault, /can only be used when changing the node's driver/);
});

test('a key named __proto__ is data, not a prototype', async () => {
  const { status, body } = await api.call(
    'POST',
    '/v1/nodes',
    '{"driver":"x","name":"p","extra":{"__proto__":{"a":1}}}',
  );
  assert.equal(status, 201);
  assert.deepEqual(Object.keys(body.extra), ['__proto__']);
  const patched = await api.call('PATCH', '/v1/nodes/p', [{ op: 'add', path: '/extra/__proto__/b', value: 2 }]);
  assert.match(patched.text, /"extra":\{"__proto__":\{"a":1,"b":2\}\}/);
  assert.equal(({} as { b?: number }).b, undefined);
});

test('deleting a node is 204, again 404; deleting the collection is 400', async () => {
  const uuid = await insertNode(api.store, {});
  const { status, headers, text } = await api.call('DELETE', `/v1/nodes/${uuid}`);
  assert.deepEqual([status, text, headers['content-type']], [204, '', undefined]);
  assert.equal((await api.call('DELETE', `/v1/nodes/${uuid}`)).status, 404);
  assert.equal((await api.call('DELETE', '/v1/nodes')).status, 400);
});

test('secrets are masked by name and by value at any depth in show and detail', async () => {
  await insertNode(api.store, {
    name: 'n1',
    driver_info: {
      ipmi_password: 'p',
      deep: [{ api_token: { a: 1 } }],
      snmp_auth_key: 'k',
      key: 'shown',
      args: '--password hunter2 -v',
    },
    driver_internal_info: { agent_secret_token: 't', agent_url: 'https://u:pw@host/' },
    instance_info: {
      configdrive: { meta_data: {} },
      image_url: 'http://x/sig',
      image_source: 'http://x/i',
      display_name: 'd',
    },
  });
  const shown = (await api.call('GET', '/v1/nodes/n1')).body;
  const [listed] = (await api.call('GET', '/v1/nodes/detail')).body.nodes;
  for (const node of [shown, listed]) {
    assert.deepEqual(node.driver_info, {
      ipmi_password: '******',
      deep: [{ api_token: '******' }],
      snmp_auth_key: '******',
      key: 'shown',
      args: '--password ****** -v',
    });
    assert.deepEqual(node.driver_internal_info, { agent_secret_token: '******', agent_url: 'https://u:******@host/' });
    assert.deepEqual(node.instance_info, {
      configdrive: '******',
      image_url: '******',
      image_source: 'http://x/i',
      display_name: 'd',
    });
  }
});

test('static network data must have the shape of network_data.json', async () => {
  const create = async (network_data: unknown) =>
    (await api.call('POST', '/v1/nodes', { driver: 'x', network_data })).status;
  const link = { id: 'l', type: 'phy', ethernet_mac_address: '52:54:00:aa:00:01' };
  const network = {
    id: 'n',
    link: 'l',
    network_id: 'x',
    type: 'ipv4',
    ip_address: '192.0.2.9',
    netmask: '255.255.255.0',
    routes: [],
  };
  assert.equal(await create({}), 201);
  assert.equal(
    await create({ links: [link], networks: [network], services: [{ type: 'dns', address: '192.0.2.1' }] }),
    201,
  );
  for (const data of [
    { links: [] },
    { links: 5, networks: [], services: [] },
    { links: [{ ...link, type: 'x' }], networks: [], services: [] },
    { links: [{ ...link, ethernet_mac_address: 'x' }], networks: [], services: [] },
    { links: [{ ...link, type: 'bond' }], networks: [], services: [] },
    { links: [], networks: [{ ...network, type: 'x' }], services: [] },
    { links: [], networks: [{ ...network, routes: [1] }], services: [] },
    { links: [], networks: [], services: [{}] },
  ]) {
    assert.equal(await create(data), 400, JSON.stringify(data));
  }
});

// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { apiHarness, type Harness, insertNode } from './support/api.ts';

let api: Harness;
before(async () => {
  api = await apiHarness();
});
after(() => api.close());

test('the root document names v1 with its version range', async () => {
  const { status, body, headers } = await api.call('GET', '/', undefined, { version: null });
  assert.equal(status, 200);
  assert.equal(body.default_version.id, 'v1');
  assert.deepEqual(
    body.versions.map((entry: { id: string; min_version: string; version: string }) => [
      entry.id,
      entry.min_version,
      entry.version,
    ]),
    [['v1', '1.1', '1.115']],
  );
  assert.equal(headers['x-openstack-ironic-api-maximum-version'], '1.115');
});

test('POST, PUT and DELETE of the root answer with the root document', async () => {
  for (const method of ['POST', 'PUT', 'DELETE']) {
    const { status, body } = await api.call(method, '/');
    assert.deepEqual([status, body.versions.length], [200, 1], method);
  }
});

test('the v1 document grows with the version and media_types is an object', async () => {
  const oldest = await api.call('GET', '/v1', undefined, { version: null });
  assert.deepEqual(Object.keys(oldest.body).sort(), [
    'chassis',
    'drivers',
    'id',
    'links',
    'media_types',
    'nodes',
    'ports',
    'version',
  ]);
  assert.equal(oldest.body.version.version, '1.115');
  assert.equal(typeof oldest.body.media_types.base, 'string');
  const newest = await api.call('GET', '/v1/', undefined, { version: 'latest' });
  assert.equal(Object.keys(newest.body).length, 20);
  assert.equal(newest.headers['x-openstack-ironic-api-version'], '1.115');
  assert.deepEqual(newest.body.nodes, [
    { href: 'http://bm.example:6385/v1/nodes/', rel: 'self' },
    { href: 'http://bm.example:6385/nodes/', rel: 'bookmark' },
  ]);
});

test('the version of a request follows the headers, the common one winning', async () => {
  const ask = async (headers: Record<string, string>) =>
    (await api.call('GET', '/v1', undefined, { version: null, headers })).headers['x-openstack-ironic-api-version'];
  assert.equal(await ask({}), '1.1');
  assert.equal(await ask({ 'x-openstack-ironic-api-version': '' }), '1.1');
  assert.equal(await ask({ 'x-openstack-ironic-api-version': ' 1.05 ' }), '1.5');
  assert.equal(await ask({ 'x-openstack-ironic-api-version': 'LATEST' }), '1.115');
  assert.equal(
    await ask({ 'x-openstack-ironic-api-version': '1.5', 'openstack-api-version': 'baremetal 1.90' }),
    '1.90',
  );
  assert.equal(await ask({ 'openstack-api-version': 'compute 2.1, baremetal latest' }), '1.115');
  assert.equal(await ask({ 'x-openstack-ironic-api-version': '1.5', 'openstack-api-version': 'compute 2.1' }), '1.5');
  assert.equal(await ask({ 'openstack-api-version': 'baremetal' }), '1.1');
});

test('a version out of range is 406 with the range in headers and text, on the root and below', async () => {
  for (const [url, version, key] of [
    ['/v1/nodes', '1.116', 'description'],
    ['/v1/nodes', '1.0', 'description'],
    ['/v1', '2.1', 'description'],
    ['/', '1.116', 'faultstring'],
  ] as const) {
    const { status, headers, inner } = await api.call('GET', url, undefined, { version });
    assert.equal(status, 406);
    assert.match(inner[key], /supported version range is: \[1\.1, 1\.115\]/);
    assert.equal(headers['x-openstack-ironic-api-minimum-version'], '1.1');
    assert.equal(headers['x-openstack-ironic-api-maximum-version'], '1.115');
    assert.equal(headers['x-openstack-ironic-api-version'], undefined);
  }
  const garbled = await api.call('GET', '/v1/nodes', undefined, { version: 'abc' });
  assert.equal(garbled.status, 406);
  assert.equal(garbled.fault, 'Invalid value for X-OpenStack-Ironic-API-Version header');
  assert.equal(garbled.headers['x-openstack-ironic-api-minimum-version'], undefined);
});

test('an unknown path is 404 in code style without version headers', async () => {
  const { status, inner, headers } = await api.call('GET', '/v1/nosuch/thing');
  assert.equal(status, 404);
  assert.deepEqual(inner, { code: 404, title: 'Not Found', description: '' });
  assert.equal(headers['x-openstack-ironic-api-version'], undefined);
  assert.match(String(headers['openstack-request-id']), /^req-[0-9a-f-]{36}$/);
});

test('a known path with another method is 405, OPTIONS is 200', async () => {
  for (const [method, url] of [
    ['HEAD', '/v1/nodes'],
    ['PUT', '/v1/nodes'],
    ['POST', '/v1'],
    ['DELETE', '/v1'],
  ] as const) {
    const { status, headers } = await api.call(method, url);
    assert.equal(status, 405, `${method} ${url}`);
    assert.equal(headers['x-openstack-ironic-api-version'], '1.82');
  }
  assert.equal((await api.call('OPTIONS', '/v1/nodes')).status, 200);
});

test('paths work with and without v1 and with trailing slashes', async () => {
  for (const url of ['/v1/nodes', '/v1/nodes/', '/nodes', '/nodes//', '/v1/nodes/detail/']) {
    assert.equal((await api.call('GET', url)).status, 200, url);
  }
  assert.equal((await api.call('GET', '/v1/nodes/detail/x')).status, 404);
});

test('every answer carries one request id twice', async () => {
  const { headers } = await api.call('GET', '/v1/nodes');
  assert.match(String(headers['openstack-request-id']), /^req-/);
  assert.equal(headers['openstack-request-id'], headers['x-openstack-request-id']);
});

test('an Accept that excludes JSON is 406 before anything happens', async () => {
  const before = await api.store.nodes.count();
  const { status, body } = await api.call('POST', '/v1/nodes', { driver: 'x' }, { headers: { accept: 'text/plain' } });
  assert.equal(status, 406);
  assert.equal(typeof body.error_message, 'string');
  assert.equal(await api.store.nodes.count(), before);
  assert.equal(
    (await api.call('GET', '/v1/nodes', undefined, { headers: { accept: 'text/html, */*;q=0.1' } })).status,
    200,
  );
});

test('malformed JSON is 400, an empty body is an empty object, any content type is read as JSON', async () => {
  assert.equal((await api.call('POST', '/v1/nodes', '{"driver": ')).status, 400);
  assert.equal((await api.call('POST', '/v1/nodes')).status, 400);
  for (const type of ['text/plain', 'application/octet-stream', 'nonsense', '']) {
    const reply = await api.call('POST', '/v1/nodes', '{"driver":"fake-hardware"}', {
      headers: { 'content-type': type },
    });
    assert.equal(reply.status, 201, type);
  }
});

test('nesting deeper than 25 is refused with a flat fault, also 10000 levels, brackets in strings not counting', async () => {
  const nested = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`;
  for (const levels of [26, 10_000]) {
    const { status, body } = await api.call('POST', '/v1/nodes', nested(levels));
    assert.equal(status, 400);
    assert.equal(body.faultcode, 'Client');
    assert.match(body.faultstring, /nested too deeply/);
  }
  const deepText = { driver: 'fake-hardware', extra: { a: `"\\${'['.repeat(100)}` } };
  assert.equal((await api.call('POST', '/v1/nodes', deepText)).status, 201);
});

test('a body beyond the limit of its operation is 413 with a flat fault', async () => {
  const { status, body } = await api.call(
    'POST',
    '/v1/nodes',
    JSON.stringify({ driver: 'x', extra: { a: 'x'.repeat(1024 * 1024) } }),
  );
  assert.equal(status, 413);
  assert.match(body.faultstring, /^Request body is too large\./);
});

test('the .json suffix is dropped below 1.91 with the legacy header only', async () => {
  const plain = await insertNode(api.store, { name: 'n1' });
  const suffixed = await insertNode(api.store, { name: 'n2.json' });
  const get = (url: string, version: string | null, headers = {}) =>
    api.call('GET', url, undefined, { version, headers });
  assert.equal((await get('/v1/nodes/n1.json', '1.90')).body.uuid, plain);
  assert.equal((await get('/v1/nodes/n2.json', '1.90')).body.uuid, suffixed);
  assert.equal((await get('/v1/nodes/n2.json', '1.91')).body.uuid, suffixed);
  assert.equal((await get('/v1/nodes/n1.json', '1.91')).status, 404);
  assert.equal((await get('/v1/nodes/n1.json', 'latest')).status, 404);
  assert.equal((await get('/v1/nodes/n1.json', null, { 'openstack-api-version': 'baremetal 1.50' })).status, 404);
  assert.equal((await get('/v1/nodes.json', '1.50')).status, 200);
  assert.equal((await get('/v1.json', '1.50')).status, 200);
  assert.equal(
    (await api.call('PATCH', '/v1/nodes/n2.json', [{ op: 'add', path: '/extra/a', value: 1 }])).body.extra.a,
    1,
  );
});

test('until the service is ready every answer is 503', async () => {
  let ready = false;
  const starting = await apiHarness({ isReady: () => ready });
  try {
    assert.equal((await starting.call('GET', '/')).status, 503);
    assert.equal((await starting.call('GET', '/v1')).status, 503);
    ready = true;
    assert.equal((await starting.call('GET', '/v1')).status, 200);
  } finally {
    await starting.close();
  }
});

test('one line is logged per request, with id, route and status', async () => {
  const { headers } = await api.call('GET', '/v1/nodes/detail?limit=1');
  const line = api.log.lines.at(-1)?.fields as Record<string, unknown>;
  assert.equal(line.request_id, headers['openstack-request-id']);
  assert.deepEqual([line.method, line.route, line.status], ['GET', '/v1/nodes/detail', 200]);
});

test('/metrics counts requests by route pattern', async () => {
  await api.call('GET', '/v1/nodes/n1', undefined);
  const { status, text } = await api.call('GET', '/metrics');
  assert.equal(status, 200);
  assert.match(
    text,
    /wrought_api_request_duration_seconds_count\{method="GET",route="\/v1\/nodes\/:node",status="200"\} \d+/,
  );
  assert.match(text, /process_cpu_user_seconds_total/);
});

test('an unexpected failure is 500, logged, and tells the client nothing of its cause', async () => {
  const failing = await apiHarness({
    conductor: {
      createNode: async () => {
        throw new Error('secret internals');
      },
    },
  });
  try {
    const { status, inner } = await failing.call('POST', '/v1/nodes', { driver: 'fake-hardware' });
    assert.equal(status, 500);
    assert.equal(inner.faultcode, 'Server');
    assert.doesNotMatch(inner.faultstring, /internals/);
    assert.equal(
      failing.log.lines.some((line) => line.level === 'error'),
      true,
    );
  } finally {
    await failing.close();
  }
});

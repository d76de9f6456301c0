// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import fc from 'fast-check';
import { apiHarness, type Harness, insertNode } from './support/api.ts';
import {
  anyVersion,
  assertKeysAtEveryVersion,
  assertMeant,
  nearly,
  nearlyPatch,
  nearlyQuery,
  type Sweep,
} from './support/real-api.ts';

let api: Harness;
beforeEach(async () => {
  api = await apiHarness();
});
afterEach(() => api.close());

const BASE = 'http://bm.example:6385';
const UNKNOWN = '99999999-9999-4999-8999-999999999999';
const CHASSIS: Sweep = { 1: ['uuid', 'created_at', 'updated_at', 'description', 'extra', 'nodes', 'links'] };
const add = async (values: object = {}): Promise<string> => (await api.call('POST', '/v1/chassis', values)).body.uuid;

test('a chassis is created from an empty body or a full one', async () => {
  const empty = await api.call('POST', '/v1/chassis');
  assert.equal(empty.status, 201);
  assert.deepEqual([empty.body.description, empty.body.extra, empty.body.updated_at], [null, {}, null]);
  const full = await api.call('POST', '/v1/chassis', { uuid: UNKNOWN, description: 'rack 3', extra: { row: 4 } });
  assert.equal(full.headers.location, `${BASE}/v1/chassis/${UNKNOWN}`);
  assert.deepEqual([full.body.uuid, full.body.description, full.body.extra], [UNKNOWN, 'rack 3', { row: 4 }]);
  assert.deepEqual(full.body.nodes, [
    [
      { href: `${BASE}/v1/chassis/${UNKNOWN}/nodes`, rel: 'self' },
      { href: `${BASE}/chassis/${UNKNOWN}/nodes`, rel: 'bookmark' },
    ],
  ]);
  const again = await api.call('POST', '/v1/chassis', { uuid: UNKNOWN });
  assert.deepEqual([again.status, again.fault], [409, `A chassis with UUID ${UNKNOWN} already exists.`]);
  for (const bad of [{ foo: 1 }, { description: 1 }, [], { uuid: 'zz' }, { description: 'x'.repeat(256) }]) {
    assert.equal((await api.call('POST', '/v1/chassis', bad)).status, 400, JSON.stringify(bad));
  }
});

test('chassis show exactly the fields of each version', async () => {
  const uuid = await add();
  await assertKeysAtEveryVersion(api, `/v1/chassis/${uuid}`, CHASSIS);
  await assertKeysAtEveryVersion(api, '/v1/chassis/detail', CHASSIS, { pick: (body) => body.chassis[0] });
  const short = { 1: ['uuid', 'description', 'links'] };
  await assertKeysAtEveryVersion(api, '/v1/chassis', short, { pick: (body) => body.chassis[0] });
  const chosen = await api.call('GET', '/v1/chassis?fields=nodes,created_at');
  assert.deepEqual(Object.keys(chosen.body.chassis[0]).sort(), ['created_at', 'links', 'nodes']);
});

test('a chassis is addressed by UUID only', async () => {
  for (const method of ['GET', 'DELETE']) {
    const bad = await api.call(method, '/v1/chassis/abc');
    assert.deepEqual([bad.status, bad.fault], [400, 'Expected UUID for chassis_uuid: abc']);
    const unknown = await api.call(method, `/v1/chassis/${UNKNOWN}`);
    assert.deepEqual([unknown.status, unknown.fault], [404, `Chassis ${UNKNOWN} could not be found.`]);
  }
  assert.equal((await api.call('DELETE', '/v1/chassis')).fault, 'Missing mandatory parameter: chassis_uuid');
});

test('description and extra of a chassis can be patched, nothing else', async () => {
  const uuid = await add({ description: 'x' });
  const patch = (operations: unknown) => api.call('PATCH', `/v1/chassis/${uuid}`, operations);
  const changed = await patch([
    { op: 'remove', path: '/description' },
    { op: 'add', path: '/extra/a', value: [1] },
  ]);
  assert.deepEqual([changed.status, changed.body.description, changed.body.extra], [200, null, { a: [1] }]);
  assert.deepEqual((await patch([])).body.updated_at, changed.body.updated_at);
  assert.equal(
    (await patch([{ op: 'add', path: '/nodes', value: 'x' }])).fault,
    'Cannot patch /nodes. Only the following can be updated: description, extra',
  );
  assert.equal((await patch([{ op: 'remove', path: '/extra/zzz' }])).status, 400);
  assert.equal((await api.call('PATCH', `/v1/chassis/${UNKNOWN}`, [])).status, 404);
});

test('the nodes of a chassis are a node list with its filters', async () => {
  const uuid = await add();
  await insertNode(api.store, { name: 'n1', chassis_uuid: uuid, driver: 'ipmi' });
  await insertNode(api.store, { name: 'n2', chassis_uuid: uuid });
  await insertNode(api.store, { name: 'n3' });
  const list = async (query: string, version = '1.82') => {
    const { body } = await api.call('GET', `/v1/chassis/${uuid}/nodes${query}`, undefined, { version });
    return body.nodes.map((node: { name: string }) => node.name);
  };
  assert.deepEqual(await list(''), ['n1', 'n2']);
  assert.deepEqual(await list('?driver=ipmi'), ['n1']);
  assert.deepEqual(await list('/detail'), ['n1', 'n2']);
  assert.deepEqual(await list(`?chassis_uuid=${uuid}&maintenance=true`), []);
  const page = await api.call('GET', `/v1/chassis/${uuid}/nodes?limit=1`);
  assert.ok(page.body.next.startsWith(`${BASE}/v1/chassis/${uuid}/nodes?`));
  const refused = await api.call('GET', `/v1/chassis/${uuid}/nodes?driver=x`, undefined, { version: '1.15' });
  assert.equal(refused.status, 406);
  assert.equal((await api.call('GET', `/v1/chassis/${UNKNOWN}/nodes`)).status, 404);
});

test('a chassis with nodes is not deleted', async () => {
  const uuid = await add();
  const node = await insertNode(api.store, { chassis_uuid: uuid });
  const { status, fault } = await api.call('DELETE', `/v1/chassis/${uuid}`);
  assert.deepEqual(
    [status, fault],
    [400, `Cannot complete the requested action because chassis ${uuid} contains nodes.`],
  );
  await api.store.nodes.delete(node);
  assert.equal((await api.call('DELETE', `/v1/chassis/${uuid}`)).status, 204);
});

test('whatever is sent to chassis, the answer is a meant one', async () => {
  const uuid = await add();
  const fields = Object.values(CHASSIS).flat();
  const likely = [uuid, 'rack', '', {}, [], null, true];
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('chassis', 'chassis/detail', `chassis/${uuid}`, `chassis/${uuid}/nodes`),
      nearlyQuery(['driver', 'provision_state', 'shard'], [...fields, uuid, 'active']),
      anyVersion,
      async (path, query, version) => {
        await assertMeant(api, 'GET', `/v1/${path}?${query}`, undefined, version);
      },
    ),
    { numRuns: 150 },
  );
  await fc.assert(
    fc.asyncProperty(nearly(fields, likely), nearlyPatch(fields, likely), anyVersion, async (body, patch, version) => {
      await assertMeant(api, 'POST', '/v1/chassis', body, version);
      await assertMeant(api, 'PATCH', `/v1/chassis/${uuid}`, patch, version);
    }),
    { numRuns: 150 },
  );
});

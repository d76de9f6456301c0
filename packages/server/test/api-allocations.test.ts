// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { createConductor } from '../src/conductor/index.ts';
import { defaultConfig } from '../src/config/index.ts';
import { HardwareRegistry } from '../src/hardware/composition.ts';
import { FAMILIES } from '../src/hardware/families.ts';
import type { AllocationRecord, NodeRecord, NodeRow } from '../src/model/resources.ts';
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

const config = defaultConfig({
  conductor: { sync_power_state_interval: 0, check_allocations_interval: 0, node_locked_retry_interval: 0.01 },
});
let api: Harness;
beforeEach(async () => {
  api = await realApi({ config });
});
afterEach(() => api.close());

const BASE = 'http://bm.example:6385';
const UNKNOWN = '99999999-9999-4999-8999-999999999999';
const ALLOCATION: Sweep = {
  52: [
    'uuid',
    'created_at',
    'updated_at',
    'name',
    'state',
    'resource_class',
    'traits',
    'candidate_nodes',
    'extra',
    'node_uuid',
    'last_error',
    'links',
  ],
  60: ['owner'],
};
const call = (method: string, path: string, body?: unknown, version = '1.82'): Promise<Reply> =>
  api.call(method, `/v1/${path}`, body, { version });
const allocate = (values: object = {}, version?: string): Promise<Reply> =>
  call('POST', 'allocations', { resource_class: 'desktop', ...values }, version);
const free = (values: Partial<NodeRecord> = {}): Promise<string> =>
  insertNode(api.store, {
    provision_state: 'available',
    power_state: 'power off',
    resource_class: 'desktop',
    ...values,
  });

/** Waits until the claim is no longer being worked on. */
async function settled(uuid: string): Promise<Reply['body']> {
  for (;;) {
    const { body } = await call('GET', `allocations/${uuid}`);
    if (body.state !== 'allocating') return body;
    await sleep(2);
  }
}

async function nodeOf(uuid: string): Promise<NodeRow> {
  const row = await api.store.nodes.find('uuid', uuid);
  assert.ok(row);
  return row;
}

test('a claim is answered at once and gets a node that fits', async () => {
  const node = await free({ name: 'desk-7', traits: ['CUSTOM_SSD', 'CUSTOM_GPU'], instance_info: { keep: 1 } });
  const { status, headers, body } = await allocate({
    name: 'lab-1',
    traits: ['CUSTOM_SSD'],
    candidate_nodes: ['desk-7'],
    extra: { a: 1 },
  });
  assert.equal(status, 201);
  assert.equal(headers.location, `${BASE}/v1/allocations/${body.uuid}`);
  assert.deepEqual(
    [body.state, body.node_uuid, body.candidate_nodes, body.traits, body.last_error, body.extra],
    ['allocating', null, [node], ['CUSTOM_SSD'], null, { a: 1 }],
  );
  const { state, node_uuid } = await settled(body.uuid);
  assert.deepEqual([state, node_uuid], ['active', node]);
  const row = await nodeOf(node);
  assert.deepEqual([row.instance_uuid, row.allocation_uuid], [body.uuid, body.uuid]);
  assert.deepEqual(JSON.parse(row.instance_info), { keep: 1, traits: ['CUSTOM_SSD'] });
  assert.equal((await call('GET', 'nodes/desk-7/allocation')).body.uuid, body.uuid);
  assert.equal((await call('GET', 'nodes/desk-7')).body.allocation_uuid, body.uuid);
});

test('the node named like the claim comes first', async () => {
  for (let index = 0; index < 5; index += 1) await free({ name: `other-${index}` });
  const node = await free({ name: 'lab-1' });
  assert.equal((await settled((await allocate({ name: 'lab-1' })).body.uuid)).node_uuid, node);
});

test('nodes that do not fit are passed over, and the claim says why none was left', async () => {
  const fails = async (values: object = {}): Promise<string> => {
    const { body } = await allocate(values);
    const { state, last_error } = await settled(body.uuid);
    assert.equal(state, 'error');
    const prefix = `Failed to process allocation ${body.uuid}: `;
    assert.ok(last_error.startsWith(prefix), last_error);
    return last_error.slice(prefix.length);
  };
  const none = 'no available nodes match the resource class desktop.';
  await free({ provision_state: 'manageable' });
  await free({ maintenance: true });
  await free({ power_state: null });
  await free({ instance_uuid: UNKNOWN });
  await free({ resource_class: 'server' });
  assert.equal(await fails(), none);
  const plain = await free({ traits: ['CUSTOM_A'], lessee: 'p1' });
  assert.match(await fails({ traits: ['CUSTOM_A', 'CUSTOM_B'] }), /^no suitable nodes have the requested traits/);
  assert.match(await fails({ candidate_nodes: [await free({ maintenance: true })] }), /^none of the requested nodes/);
  assert.equal(await fails({ owner: 'p2' }), none);
  await api.store.nodes.update(plain, { reservation: 'elsewhere' });
  assert.equal(await fails(), 'could not reserve any of 1 suitable nodes');
  await api.store.nodes.update(plain, { reservation: null });
  assert.equal((await settled((await allocate({ owner: 'p1' })).body.uuid)).node_uuid, plain);
});

test('thirty claims at once share the nodes without one given twice', async () => {
  const nodes = await Promise.all(Array.from({ length: 20 }, () => free()));
  const claims = await Promise.all(Array.from({ length: 30 }, () => allocate()));
  const ends = await Promise.all(claims.map(({ body }) => settled(body.uuid)));
  const given = ends.filter((end) => end.state === 'active').map((end) => end.node_uuid);
  assert.deepEqual([...given].sort(), [...nodes].sort());
  assert.equal(ends.filter((end) => end.state === 'error').length, 10);
});

test('wrong claims are refused', async () => {
  const refused = async (values: object, version?: string) => {
    const { status, fault } = await allocate(values, version);
    return [status, fault];
  };
  assert.deepEqual(await refused({ resource_class: undefined }), [
    400,
    'The resource_class field is mandatory when not backfilling',
  ]);
  assert.deepEqual(await refused({ candidate_nodes: ['nosuch', UNKNOWN] }), [
    400,
    `Nodes cannot be found: nosuch, ${UNKNOWN}`,
  ]);
  for (const bad of [
    { uuid: 'zz' },
    { name: 'a b' },
    { resource_class: 'x'.repeat(81) },
    { traits: ['nope'] },
    { traits: 'x' },
    { candidate_nodes: 'x' },
    { candidate_nodes: [5] },
    { node: 'nosuch' },
    { node: 5 },
    { state: 'active' },
    { foo: 1 },
  ]) {
    assert.equal((await refused(bad))[0], 400, JSON.stringify(bad));
  }
  assert.equal((await refused({ owner: 'x' }, '1.59'))[0], 406);
  assert.equal((await refused({ node: 'x' }, '1.57'))[0], 406);
  assert.equal((await allocate({ name: 'lab-1' })).status, 201);
  assert.equal((await refused({ name: 'lab-1' }))[0], 409);
});

test('a node in use gets its claim at once, if the two agree', async () => {
  const node = await free({ name: 'desk-7', provision_state: 'active', traits: ['CUSTOM_A'] });
  const backfill = (values: object = {}) => call('POST', 'allocations', { node: 'desk-7', ...values });
  for (const values of [
    { resource_class: 'server' },
    { traits: ['CUSTOM_B'] },
    { candidate_nodes: [await free({ provision_state: 'enroll' })] },
  ]) {
    const { status, fault } = await backfill(values);
    assert.equal(status, 409);
    assert.match(fault, /^Failed to process allocation .*: Cannot backfill an allocation for node/);
  }
  const { status, body } = await backfill({ uuid: UNKNOWN, traits: ['CUSTOM_A'] });
  assert.deepEqual(
    [status, body.uuid, body.state, body.node_uuid, body.resource_class],
    [201, UNKNOWN, 'active', node, 'desktop'],
  );
  assert.equal((await nodeOf(node)).instance_uuid, UNKNOWN);
  assert.equal((await backfill()).status, 409);
  await free({ name: 'desk-8' });
  assert.match((await backfill({ node: 'desk-8' })).fault, /Node must be in the "active" state/);
});

test('claims show exactly the fields of each version and are found by UUID and name', async () => {
  const { uuid } = (await allocate({ name: 'lab-1' })).body;
  await settled(uuid);
  const pick = (body: Reply['body']): object => body.allocations[0];
  await assertKeysAtEveryVersion(api, '/v1/allocations/lab-1', ALLOCATION, { min: 52 });
  await assertKeysAtEveryVersion(api, '/v1/allocations', ALLOCATION, { min: 52, pick });
  assert.deepEqual(Object.keys((await call('GET', `allocations/${uuid}?fields=state`)).body).sort(), [
    'links',
    'state',
  ]);
  assert.equal((await call('GET', 'allocations/nosuch')).fault, 'Allocation nosuch could not be found.');
  assert.equal((await call('GET', 'allocations?detail=true')).fault, 'Unexpected arguments: detail');
});

test('a list of claims narrows by node, resource class, state and owner', async () => {
  const node = await free({ name: 'desk-7' });
  const first = (await allocate()).body.uuid;
  await settled(first);
  const second = (await allocate({ resource_class: 'server', owner: 'p1' })).body.uuid;
  await settled(second);
  const list = async (query: string) =>
    (await call('GET', `allocations?${query}`)).body.allocations.map((row: { uuid: string }) => row.uuid);
  assert.deepEqual(await list(''), [first, second]);
  assert.deepEqual(await list('node=desk-7'), [first]);
  assert.deepEqual(await list(`node=${node}&state=error`), []);
  assert.deepEqual(await list('state=error'), [second]);
  assert.deepEqual(await list('resource_class=server'), [second]);
  assert.deepEqual(await list('owner=p1'), [second]);
  assert.equal((await call('GET', 'allocations?owner=p1', undefined, '1.59')).status, 406);
  assert.equal((await call('GET', 'allocations?node=nosuch')).status, 400);
});

test('only name and extra of a claim can be patched, from 1.57', async () => {
  const { uuid } = (await allocate({ name: 'lab-1' })).body;
  await settled(uuid);
  const patched = await call('PATCH', 'allocations/lab-1', [
    { op: 'replace', path: '/name', value: 'lab-2' },
    { op: 'add', path: '/extra/a', value: 1 },
  ]);
  assert.deepEqual([patched.status, patched.body.name, patched.body.extra], [200, 'lab-2', { a: 1 }]);
  const { status, fault } = await call('PATCH', `allocations/${uuid}`, [
    { op: 'replace', path: '/resource_class', value: 'x' },
  ]);
  assert.deepEqual(
    [status, fault],
    [400, 'Cannot patch /resource_class. Only the following can be updated: extra, name'],
  );
});

test('the claim of an unknown node is a wrong argument to read and not found to delete', async () => {
  assert.equal((await call('GET', 'nodes/nosuch/allocation')).status, 400);
  assert.equal((await call('DELETE', 'nodes/nosuch/allocation')).status, 404);
});

test('deleting a claim frees its node, unless the node is in use', async () => {
  const node = await free({ name: 'desk-7' });
  const { uuid } = (await allocate()).body;
  await settled(uuid);
  await api.store.nodes.update(node, { provision_state: 'active' });
  const { status, fault } = await call('DELETE', `allocations/${uuid}`);
  assert.equal(status, 409);
  assert.match(fault, /^Cannot remove allocation .* because the node is in state active/);
  await api.store.nodes.update(node, { provision_state: 'deploying', target_provision_state: 'active' });
  assert.equal((await call('DELETE', 'nodes/desk-7/allocation')).status, 409);
  await api.store.nodes.update(node, { maintenance: true });
  assert.equal((await call('DELETE', 'nodes/desk-7/allocation')).status, 204);
  const row = await nodeOf(node);
  assert.deepEqual([row.instance_uuid, row.allocation_uuid], [null, null]);
  assert.equal((await call('GET', `allocations/${uuid}`)).status, 404);
  assert.equal((await call('GET', 'nodes/desk-7/allocation')).status, 404);
  const failed = (await allocate()).body.uuid;
  await settled(failed);
  assert.equal((await call('DELETE', `allocations/${failed}`)).status, 204);
  assert.equal((await call('DELETE', `allocations/${failed}`)).status, 404);
});

test('what a process was looking for when it died is found after its restart, or by another', async () => {
  const looking = (host: string | null): Promise<{ uuid: string }> =>
    api.store.allocations.insert({
      resource_class: 'desktop',
      state: 'allocating',
      conductor_affinity: host,
    } as Partial<AllocationRecord>);
  await Promise.all([free(), free()]);
  const mine = await looking('bm2.example');
  const orphan = await looking('dead.example');
  const hardware = new HardwareRegistry(
    FAMILIES.map((family) => family({ config, log: api.log })),
    config,
  );
  const other = createConductor({ config, store: api.store, hardware, log: api.log, host: 'bm2.example' });
  await other.start();
  try {
    assert.equal((await settled(mine.uuid)).state, 'active');
    assert.equal((await call('GET', `allocations/${orphan.uuid}`)).body.state, 'allocating');
    await other.runJob('orphan-allocations');
    assert.equal((await settled(orphan.uuid)).state, 'active');
  } finally {
    await other.stop(5000);
    await hardware.close();
  }
});

test('one version too early claims answer as their endpoints do', async () => {
  const text = 'The API version does not allow allocations';
  const one = `/v1/allocations/${UNKNOWN}`;
  for (const url of ['/v1/allocations', one]) await assertBelow(api, 'GET', url, 51, [404, text]);
  await assertBelow(api, 'POST', '/v1/allocations', 51, [405, text]);
  await assertBelow(api, 'DELETE', one, 51, [405, text]);
  await assertBelow(api, 'PATCH', one, 56, [405, 'The API version does not allow updating allocations']);
  const node = await free();
  for (const method of ['GET', 'DELETE'])
    await assertBelow(api, method, `/v1/nodes/${node}/allocation`, 51, [404, null]);
});

test('whatever is sent to them, the answer is a meant one', async () => {
  const node = await free({ name: 'desk-7' });
  const { uuid } = (await allocate({ name: 'lab-1' })).body;
  const fields = [...Object.values(ALLOCATION).flat(), 'node'];
  const likely = [node, 'desk-7', uuid, 'lab-1', 'desktop', ['CUSTOM_A'], [node], [UNKNOWN], {}, [], null, ''];
  await fc.assert(
    fc.asyncProperty(
      nearlyQuery(['node', 'state', 'owner', 'resource_class'], [...fields, node, 'active']),
      nearly(fields, likely),
      nearlyPatch(fields, likely),
      anyVersion,
      async (query, body, patch, version) => {
        await assertMeant(api, 'GET', `/v1/allocations?${query}`, undefined, version);
        await assertMeant(api, 'GET', `/v1/nodes/desk-7/allocation?${query}`, undefined, version);
        await assertMeant(api, 'POST', '/v1/allocations', body, version);
        await assertMeant(api, 'PATCH', `/v1/allocations/${uuid}`, patch, version);
      },
    ),
    { numRuns: 200 },
  );
});

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
    config: defaultConfig({ conductor: { sync_power_state_interval: 0, node_locked_retry_interval: 0 } }),
  });
  node = await insertNode(api.store, { name: 'desk-1', power_state: 'power off' });
});
afterEach(() => api.close());

const BASE = 'http://bm.example:6385';
const UNKNOWN = '99999999-9999-4999-8999-999999999999';
const IQN = 'iqn.2016-04.com.example:desk-1';
const CONNECTOR: Sweep = {
  32: ['uuid', 'created_at', 'updated_at', 'node_uuid', 'type', 'connector_id', 'extra', 'links'],
};
const TARGET: Sweep = {
  32: [
    'uuid',
    'created_at',
    'updated_at',
    'node_uuid',
    'volume_type',
    'volume_id',
    'boot_index',
    'properties',
    'extra',
    'links',
  ],
};
const addConnector = (values: object = {}): Promise<Reply> =>
  api.call('POST', '/v1/volume/connectors', { node_uuid: node, type: 'iqn', connector_id: IQN, ...values });
const addTarget = (values: object = {}): Promise<Reply> =>
  api.call('POST', '/v1/volume/targets', {
    node_uuid: node,
    volume_type: 'iscsi',
    volume_id: '04452bed',
    boot_index: 0,
    ...values,
  });

test('the root tells where connectors and targets are, for all and for a node', async () => {
  for (const [path, shown] of [
    ['volume', 'volume'],
    ['nodes/desk-1/volume', `nodes/${node}/volume`],
  ] as const) {
    const { body } = await api.call('GET', `/v1/${path}`);
    const to = (below: string) => [
      { href: `${BASE}/v1/${shown}/${below}`, rel: 'self' },
      { href: `${BASE}/${shown}/${below}`, rel: 'bookmark' },
    ];
    assert.deepEqual(body, { links: to(''), connectors: to('connectors'), targets: to('targets') });
    await assertBelow(api, 'GET', `/v1/${path}`, 31, [404, 'The API is not supported for this version']);
  }
});

test('connectors and targets are created, shown and listed', async () => {
  const connector = await addConnector();
  assert.deepEqual(
    [connector.status, connector.headers.location],
    [201, `${BASE}/v1/volume/connectors/${connector.body.uuid}`],
  );
  const target = await addTarget({ boot_index: '1', properties: { target_portal: 'a:3260', auth_password: 'x' } });
  assert.deepEqual(
    [target.status, target.body.boot_index, target.body.properties],
    [201, 1, { target_portal: 'a:3260', auth_password: '******' }],
  );
  for (const [collection, { body }, sweep, short] of [
    ['connectors', connector, CONNECTOR, ['uuid', 'node_uuid', 'type', 'connector_id', 'links']],
    ['targets', target, TARGET, ['uuid', 'node_uuid', 'volume_type', 'boot_index', 'volume_id', 'links']],
  ] as const) {
    const url = `/v1/volume/${collection}`;
    const pick = (list: Reply['body']): object => list[collection][0];
    await assertKeysAtEveryVersion(api, `${url}/${body.uuid}`, sweep, { min: 32 });
    await assertKeysAtEveryVersion(api, `${url}?detail=True`, sweep, { min: 32, pick });
    await assertKeysAtEveryVersion(api, `${url}?node=desk-1`, { 32: short }, { min: 32, pick });
    await assertKeysAtEveryVersion(api, `/v1/nodes/desk-1/volume/${collection}`, { 32: short }, { min: 32, pick });
    const other = await insertNode(api.store, { name: `other-${collection}` });
    assert.deepEqual((await api.call('GET', `${url}?node=${other}`)).body, { [collection]: [] });
    assert.deepEqual((await api.call('GET', `/v1/nodes/${other}/volume/${collection}`)).body, { [collection]: [] });
    assert.equal((await api.call('GET', `${url}?node=nosuch`)).status, 404);
    assert.equal((await api.call('GET', `/v1/nodes/${node}/volume/${collection}/${body.uuid}`)).status, 400);
    assert.equal((await api.call('POST', `/v1/nodes/${node}/volume/${collection}`, {})).status, 400);
    assert.equal((await api.call('GET', `${url}/abc`)).status, 400);
  }
  const { fault } = await api.call('GET', `/v1/volume/connectors/${UNKNOWN}`);
  assert.equal(fault, `Volume connector ${UNKNOWN} could not be found.`);
});

test('a taken connector or boot index is 409, an incomplete one 400', async () => {
  await addConnector();
  await addTarget();
  assert.equal((await addConnector()).status, 409);
  assert.equal((await addTarget({ volume_id: 'other' })).status, 409);
  assert.equal((await addTarget({ boot_index: 1 })).status, 201);
  assert.equal(
    (await addConnector({ node_uuid: UNKNOWN, connector_id: 'x' })).fault,
    `Node ${UNKNOWN} could not be found.`,
  );
  assert.equal((await addConnector({ node_uuid: 'desk-1' })).fault, 'Expected UUID for node_uuid: desk-1');
  for (const key of ['node_uuid', 'type', 'connector_id']) {
    assert.equal((await addConnector({ [key]: undefined })).status, 400, key);
    assert.equal((await addConnector({ [key]: null })).status, 400, key);
  }
  for (const key of ['node_uuid', 'volume_type', 'volume_id', 'boot_index']) {
    assert.equal((await addTarget({ [key]: undefined })).status, 400, key);
  }
  for (const bad of [{ boot_index: 'x' }, { boot_index: 1e300 }, { properties: [] }, { foo: 1 }, { volume_id: 5 }]) {
    assert.equal((await addTarget(bad)).status, 400, JSON.stringify(bad));
  }
});

test('they change and go only while their node is powered off and nobody works on it', async () => {
  for (const [collection, label, uuid] of [
    ['connectors', 'connector', (await addConnector()).body.uuid],
    ['targets', 'target', (await addTarget()).body.uuid],
  ] as const) {
    const url = `/v1/volume/${collection}/${uuid}`;
    const patch = [{ op: 'add', path: '/extra/a', value: 1 }];
    await api.store.nodes.update(node, { power_state: 'power on' });
    const state = `on node "${node}" while it is in state "power on".`;
    const refused = async (method: string, body?: unknown) => {
      const { status, fault } = await api.call(method, url, body);
      return [status, fault];
    };
    assert.deepEqual(await refused('PATCH', patch), [
      400,
      `The requested action "volume ${label} update" can not be performed ${state}`,
    ]);
    assert.deepEqual(await refused('DELETE'), [
      400,
      `The requested action "volume ${label} deletion" can not be performed ${state}`,
    ]);
    await api.store.nodes.update(node, { power_state: 'power off', reservation: 'elsewhere' });
    assert.equal((await refused('PATCH', patch))[0], 409);
    assert.equal((await refused('DELETE'))[0], 409);
    await api.store.nodes.update(node, { reservation: null });
    const changed = await api.call('PATCH', url, patch);
    assert.deepEqual([changed.status, changed.body.extra], [200, { a: 1 }]);
    assert.equal((await api.call('PATCH', url, [])).body.updated_at, changed.body.updated_at);
    assert.equal((await refused('PATCH', [{ op: 'replace', path: '/node_uuid', value: UNKNOWN }]))[0], 400);
    assert.equal((await refused('PATCH', [{ op: 'remove', path: '/node_uuid' }]))[0], 400);
    assert.equal((await api.call('DELETE', url)).status, 204);
    assert.equal((await refused('DELETE'))[0], 404);
    assert.equal((await refused('PATCH', []))[0], 404);
  }
});

test('a patch reaches the secrets of a target without showing them', async () => {
  const { uuid } = (await addTarget({ properties: { auth_password: 'x', keep: 1 } })).body;
  const { body } = await api.call('PATCH', `/v1/volume/targets/${uuid}`, [
    { op: 'replace', path: '/properties/auth_password', value: 'new' },
    { op: 'replace', path: '/boot_index', value: 3 },
  ]);
  assert.deepEqual([body.properties, body.boot_index], [{ auth_password: '******', keep: 1 }, 3]);
  const row = await api.store.volumeTargets.find('uuid', uuid);
  assert.deepEqual(JSON.parse(row?.properties ?? ''), { auth_password: 'new', keep: 1 });
});

test('one version too early they answer as their endpoints do', async () => {
  for (const collection of ['connectors', 'targets']) {
    const url = `/v1/volume/${collection}`;
    for (const method of ['GET', 'POST']) await assertBelow(api, method, url, 31, [404, null]);
    for (const method of ['GET', 'PATCH', 'DELETE']) {
      await assertBelow(api, method, `${url}/${UNKNOWN}`, 31, [404, null]);
    }
    await assertBelow(api, 'GET', `/v1/nodes/${node}/volume/${collection}`, 31, [404, null]);
  }
});

test('whatever is sent to them, the answer is a meant one', async () => {
  const uuids = { connectors: (await addConnector()).body.uuid, targets: (await addTarget()).body.uuid };
  const fields = [...new Set([...Object.values(CONNECTOR).flat(), ...Object.values(TARGET).flat()])];
  const likely = [node, UNKNOWN, IQN, 'iqn', 'iscsi', 0, 1, '7', 2 ** 40, {}, [], null, ''];
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('connectors' as const, 'targets' as const),
      nearlyQuery(['node'], [...fields, node, 'desk-1']),
      nearly(fields, likely),
      nearlyPatch(fields, likely),
      anyVersion,
      async (collection, query, body, patch, version) => {
        const url = `/v1/volume/${collection}`;
        await assertMeant(api, 'GET', `${url}?${query}`, undefined, version);
        await assertMeant(api, 'GET', `/v1/nodes/desk-1/volume/${collection}?${query}`, undefined, version);
        await assertMeant(api, 'POST', url, body, version);
        await assertMeant(api, 'PATCH', `${url}/${uuids[collection]}`, patch, version);
      },
    ),
    { numRuns: 200 },
  );
});

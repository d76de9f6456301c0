// SPDX-License-Identifier: Apache-2.0

/** Whatever clients send, the service answers in the right class of status and goes on. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { apiHarness, type Harness, insertNode } from './support/api.ts';

let api: Harness;
let uuid: string;
before(async () => {
  api = await apiHarness();
  uuid = await insertNode(api.store, { name: 'n1', extra: { a: { b: [1] } } });
});
after(() => api.close());

const version = fc.integer({ min: 1, max: 115 }).map((minor) => `1.${minor}`);
const roots = [
  'extra',
  'driver_info',
  'description',
  'maintenance',
  'conductor_group',
  'traits',
  'uuid',
  'network_data',
  'automated_clean',
  'instance_uuid',
  'zzz',
];
const path = fc
  .tuple(fc.constantFrom(...roots), fc.array(fc.constantFrom('a', 'b', '0', '-', '__proto__'), { maxLength: 3 }))
  .map(([root, below]) => `/${[root, ...below].join('/')}`);
const patch = fc.array(
  fc.oneof(
    fc.record({ op: fc.constantFrom('add', 'replace', 'remove'), path, value: fc.jsonValue() }),
    fc.record({ op: fc.string(), path: fc.string(), value: fc.jsonValue() }, { requiredKeys: [] }),
    fc.jsonValue(),
  ),
  { maxLength: 5 },
);

async function neverFails(method: string, url: string, body: unknown, at: string): Promise<void> {
  const { status, text } = await api.call(method, url, body, { version: at });
  assert.ok(status < 500, `${method} ${url} ${JSON.stringify(body)} at ${at}: ${status} ${text}`);
}

test('no patch document gives 500', async () => {
  await fc.assert(
    fc.asyncProperty(patch, version, (body, at) => neverFails('PATCH', `/v1/nodes/${uuid}`, body, at)),
    { numRuns: 300 },
  );
});

test('no query string gives 500', async () => {
  const names = [
    'limit',
    'marker',
    'sort_key',
    'sort_dir',
    'fields',
    'detail',
    'driver',
    'maintenance',
    'associated',
    'provision_state',
    'fault',
    'chassis_uuid',
    'instance_uuid',
    'conductor',
    'shard',
    'sharded',
    'parent_node',
    'include_children',
    'project',
    'description_contains',
    'node',
    'zz',
  ];
  const values = fc.oneof(
    fc.constantFrom('1', 'true', 'uuid', 'name,extra', 'asc', 'n1', '%', "' OR 1=1 --", '1e309', '-1', ' '),
    fc.string({ unit: 'binary', maxLength: 20 }),
  );
  const query = fc
    .array(fc.tuple(fc.constantFrom(...names), values), { maxLength: 4 })
    .map((pairs) =>
      new URLSearchParams(pairs.map(([name, value]): [string, string] => [name, value.toWellFormed()])).toString(),
    );
  const url = fc.constantFrom(
    '/v1/nodes',
    '/v1/nodes/detail',
    '/v1/nodes/n1',
    '/v1/nodes/n1/history',
    '/v1/nodes/n1/bios',
    '/v1/nodes/validate',
    '/v1/shards',
  );
  await fc.assert(
    fc.asyncProperty(url, query, version, (base, text, at) => neverFails('GET', `${base}?${text}`, undefined, at)),
    { numRuns: 500 },
  );
});

test('no body of a create or a named-argument operation gives 500', async () => {
  const keys = fc.constantFrom(
    'driver',
    'name',
    'uuid',
    'extra',
    'target',
    'timeout',
    'configdrive',
    'clean_steps',
    'enabled',
    'traits',
    'reason',
    'boot_device',
    'id',
    'zzz',
  );
  const body = fc.oneof(fc.dictionary(keys, fc.jsonValue(), { maxKeys: 4 }), fc.jsonValue());
  const target = fc.constantFrom(
    ['POST', '/v1/nodes'],
    ['PUT', '/v1/nodes/n1/states/power'],
    ['PUT', '/v1/nodes/n1/states/provision'],
    ['PUT', '/v1/nodes/n1/states/raid'],
    ['PUT', '/v1/nodes/n1/states/console'],
    ['PUT', '/v1/nodes/n1/maintenance'],
    ['PUT', '/v1/nodes/n1/traits'],
    ['PUT', '/v1/nodes/n1/management/boot_device'],
    ['POST', '/v1/nodes/n1/vifs'],
    ['POST', '/v1/nodes/n1/vmedia'],
  );
  await fc.assert(
    fc.asyncProperty(target, body, version, ([method = '', url = ''], value, at) => neverFails(method, url, value, at)),
    { numRuns: 500 },
  );
});

test('no path gives 500', async () => {
  const segment = fc.oneof(
    fc.constantFrom(
      'nodes',
      'v1',
      'n1',
      'states',
      'detail',
      '..',
      '%2e',
      '%',
      '%zz',
      'traits',
      '.json',
      'management',
      'indicators',
      '%00',
      'é',
    ),
    fc.string({ maxLength: 8 }).map((text) => encodeURIComponent(text.toWellFormed())),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'),
      fc.array(segment, { maxLength: 6 }).map((segments) => `/${segments.join('/')}`),
      version,
      async (method, url, at) => {
        const { statusCode } = await api.app.inject({
          method: method as 'GET',
          url,
          headers: { 'x-openstack-ironic-api-version': at },
        });
        assert.ok(statusCode < 500, `${method} ${url}: ${statusCode}`);
      },
    ),
    { numRuns: 500 },
  );
  assert.equal((await api.call('GET', '/v1/nodes')).status, 200);
});

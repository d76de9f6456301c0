// SPDX-License-Identifier: Apache-2.0

/** Every minor version: what it shows, what it gates and how it refuses. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { apiHarness, type Harness, insertNode } from './support/api.ts';

/** Node fields by the version that brought them. */
const NODE_FIELDS_SINCE: Readonly<Record<number, string>> = {
  1: 'uuid driver driver_info properties extra instance_info instance_uuid chassis_uuid power_state target_power_state provision_state target_provision_state provision_updated_at maintenance maintenance_reason console_enabled last_error reservation created_at updated_at links ports',
  3: 'driver_internal_info',
  5: 'name',
  6: 'inspection_started_at inspection_finished_at',
  7: 'clean_step',
  12: 'raid_config target_raid_config',
  14: 'states',
  20: 'network_interface',
  21: 'resource_class',
  24: 'portgroups',
  31: 'boot_interface console_interface deploy_interface inspect_interface management_interface power_interface raid_interface vendor_interface',
  32: 'volume',
  33: 'storage_interface',
  37: 'traits',
  38: 'rescue_interface',
  40: 'bios_interface',
  42: 'fault',
  44: 'deploy_step',
  46: 'conductor_group',
  47: 'automated_clean',
  48: 'protected protected_reason',
  49: 'conductor',
  50: 'owner',
  51: 'description',
  52: 'allocation_uuid',
  61: 'retired retired_reason',
  65: 'lessee',
  66: 'network_data',
  75: 'boot_mode secure_boot',
  82: 'shard',
  83: 'parent_node',
  86: 'firmware_interface',
  87: 'service_step',
  95: 'disable_power_off',
  104: 'instance_name',
  109: 'health',
};

/** Fields a client may set, by version, with a value each takes. */
const SETTABLE: readonly (readonly [number, string, unknown])[] = [
  [5, 'name', 'n1'],
  [20, 'network_interface', 'noop'],
  [21, 'resource_class', 'x'],
  [31, 'boot_interface', 'fake'],
  [33, 'storage_interface', 'noop'],
  [38, 'rescue_interface', 'fake'],
  [40, 'bios_interface', 'fake'],
  [46, 'conductor_group', 'g'],
  [47, 'automated_clean', true],
  [50, 'owner', 'o'],
  [51, 'description', 'd'],
  [61, 'retired', false],
  [65, 'lessee', 'l'],
  [66, 'network_data', { links: [], networks: [], services: [] }],
  [82, 'shard', 's'],
  [86, 'firmware_interface', 'fake'],
  [95, 'disable_power_off', true],
  [104, 'instance_name', 'i'],
];

const FAULT = 'faultcode';
const CODE = 'code';
/** Endpoints that came later: first version, method, path, and the answer one version below. */
const GATED: readonly (readonly [number, string, string, number, string, string?])[] = [
  [12, 'PUT', 'states/raid', 406, FAULT, 'Request not acceptable.'],
  [28, 'GET', 'vifs', 404, CODE],
  [28, 'POST', 'vifs', 404, CODE],
  [28, 'DELETE', 'vifs/x', 404, CODE],
  [29, 'PUT', 'management/inject_nmi', 404, FAULT, 'Resource could not be found.'],
  [37, 'GET', 'traits', 406, FAULT, 'Request not acceptable.'],
  [37, 'PUT', 'traits', 405, CODE],
  [37, 'PUT', 'traits/CUSTOM_X', 405, CODE],
  [37, 'DELETE', 'traits', 404, FAULT, 'Resource could not be found.'],
  [37, 'DELETE', 'traits/CUSTOM_X', 404, FAULT, 'Resource could not be found.'],
  [40, 'GET', 'bios', 404, CODE],
  [40, 'GET', 'bios/x', 404, CODE],
  [76, 'PUT', 'states/boot_mode', 404, FAULT, 'This endpoint is supported starting with the API version 1.76'],
  [76, 'PUT', 'states/secure_boot', 404, FAULT, 'This endpoint is supported starting with the API version 1.76'],
  [78, 'GET', 'history', 404, CODE],
  [78, 'GET', 'history/x', 404, CODE],
  [81, 'GET', 'inventory', 404, CODE],
  [83, 'GET', 'children', 404, CODE],
  [86, 'GET', 'firmware', 404, CODE],
  [89, 'POST', 'vmedia', 404, CODE],
  [89, 'PUT', 'vmedia', 404, CODE],
  [89, 'DELETE', 'vmedia', 404, CODE],
  [93, 'GET', 'vmedia', 404, FAULT, 'The resource could not be found.'],
];

let api: Harness;
let uuid: string;
before(async () => {
  api = await apiHarness();
  uuid = await insertNode(api.store, { driver: 'fake-hardware' });
});
after(() => api.close());

function fieldsAt(minor: number): string[] {
  return Object.entries(NODE_FIELDS_SINCE)
    .filter(([since]) => Number(since) <= minor)
    .flatMap(([, names]) => names.split(' '))
    .sort();
}

test('a node shows exactly the fields of the version, alone, in detail and in the list', async () => {
  for (let minor = 1; minor <= 115; minor += 1) {
    const version = `1.${minor}`;
    const get = async (url: string) => (await api.call('GET', url, undefined, { version })).body;
    const expected = fieldsAt(minor);
    assert.deepEqual(Object.keys(await get(`/v1/nodes/${uuid}`)).sort(), expected, `show at ${version}`);
    assert.deepEqual(Object.keys((await get('/v1/nodes/detail')).nodes[0]).sort(), expected, `detail at ${version}`);
    const listed = [
      'instance_uuid',
      'links',
      'maintenance',
      ...(minor >= 5 ? ['name'] : []),
      'power_state',
      'provision_state',
      'uuid',
    ];
    assert.deepEqual(Object.keys((await get('/v1/nodes')).nodes[0]).sort(), listed, `list at ${version}`);
  }
});

test('every selectable field can be chosen alone from its version on and is 406 before', async () => {
  const unselectable = new Set(['created_at', 'updated_at', 'links', 'ports', 'portgroups', 'states', 'volume']);
  for (const [since, names] of Object.entries(NODE_FIELDS_SINCE)) {
    for (const name of names.split(' ')) {
      if (unselectable.has(name)) continue;
      const first = Math.max(Number(since), 8);
      for (const url of [`/v1/nodes/${uuid}?fields=${name}`, `/v1/nodes?fields=${name}`]) {
        assert.equal(
          (await api.call('GET', url, undefined, { version: `1.${first}` })).status,
          200,
          `${url} at 1.${first}`,
        );
        assert.equal(
          (await api.call('GET', url, undefined, { version: `1.${first - 1}` })).status,
          406,
          `${url} at 1.${first - 1}`,
        );
      }
    }
  }
});

test('a field newer than the version is refused in create and patch, an older one taken', async () => {
  for (const [since, name, value] of SETTABLE) {
    const create = (minor: number) =>
      api.call('POST', '/v1/nodes', { driver: 'x', [name]: value }, { version: `1.${minor}` });
    assert.equal((await create(since - 1)).status, 406, `create with ${name} at 1.${since - 1}`);
    const made = await create(since);
    assert.equal(made.status, 201, `create with ${name} at 1.${since}`);
    const patch = (minor: number) =>
      api.call('PATCH', `/v1/nodes/${made.body.uuid}`, [{ op: 'add', path: `/${name}`, value }], {
        version: `1.${minor}`,
      });
    assert.equal((await patch(since - 1)).status, 406, `patch of ${name} at 1.${since - 1}`);
    assert.equal((await patch(since)).status, 200, `patch of ${name} at 1.${since}`);
    await api.store.nodes.delete(made.body.uuid);
  }
});

test('a method that a path does not know is 405 from the version on that knows the path', async () => {
  for (const [version, path, status] of [
    ['1.88', `nodes/${uuid}/vmedia`, 404],
    ['1.89', `nodes/${uuid}/vmedia`, 405],
    ['1.54', 'deploy_templates', 405],
    ['1.81', 'shards', 405],
  ] as const) {
    assert.equal((await api.call('PUT', `/v1/${path}`, {}, { version })).status, status, `${path} at ${version}`);
  }
});

test('an endpoint one version below its first answers with the status and body style clients know', async () => {
  for (const [since, method, path, status, style, text] of GATED) {
    const reply = await api.call(method, `/v1/nodes/${uuid}/${path}`, method === 'GET' ? undefined : {}, {
      version: `1.${since - 1}`,
    });
    const where = `${method} ${path} at 1.${since - 1}`;
    assert.equal(reply.status, status, where);
    assert.equal(Object.keys(reply.inner)[0], style, where);
    if (text !== undefined) assert.equal(reply.inner.faultstring, text, where);
    assert.equal(reply.headers['x-openstack-ironic-api-version'], `1.${since - 1}`, where);
  }
});

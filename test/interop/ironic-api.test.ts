// SPDX-License-Identifier: Apache-2.0
// The same requests to Debian's Ironic and to this service: statuses, error styles and key sets must agree.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type RunningService, startService, temporaryDirectory } from '../support/service.ts';
import { type Reference, startReference } from './ironic-reference.ts';
import { missingPeers } from './peers.ts';

const skip = missingPeers('ironic', 'ironic-dbsync');

const UUID = '11111111-2222-3333-4444-555555555555';
const OTHER = '21111111-2222-3333-4444-555555555555';
const NODE = `/v1/nodes/${UUID}`;

type Request = readonly [method: string, path: string, body?: unknown, version?: string];

/** What clients can tell apart. */
interface Observed {
  readonly status: number;
  readonly type: string;
  readonly location: string;
  /** First key of the inner error, or nothing. */
  readonly style: string;
  readonly keys: string;
}

describe('the API beside Ironic', { skip, timeout: 300_000 }, () => {
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  let ironic: Reference;
  let service: RunningService;

  before(async () => {
    directory = await temporaryDirectory();
    ironic = await startReference(directory.path);
    service = await startService(directory.path, '[conductor]\nautomated_clean = false\n');
  });

  after(async () => {
    await ironic?.stop();
    await service?.stop();
    await directory?.remove();
  });

  async function observe(base: string, [method, path, body, version = '1.82']: Request): Promise<Observed> {
    const response = await fetch(`${base}${path}`, {
      method,
      headers: { 'X-OpenStack-Ironic-API-Version': version, 'Content-Type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const json = text === '' ? undefined : JSON.parse(text);
    const message = json?.error_message;
    const inner = typeof message === 'string' && message.startsWith('{') ? JSON.parse(message) : undefined;
    return {
      status: response.status,
      type: response.headers.get('content-type')?.split(';')[0] ?? '',
      location: response.headers.get('location')?.replace(base, '') ?? '',
      style: inner === undefined ? '' : (Object.keys(inner)[0] ?? ''),
      keys: typeof json === 'object' && json !== null ? Object.keys(json).sort().join() : typeof json,
    };
  }

  /** Where Ironic fails with 500, a client error is the better answer. */
  async function agree(...requests: Request[]): Promise<void> {
    for (const request of requests) {
      const [theirs, ours] = [await observe(ironic.url, request), await observe(service.url, request)];
      if (theirs.status === 500)
        assert.ok(ours.status >= 400 && ours.status < 500, `${ours.status} ${JSON.stringify(request)}`);
      else assert.deepEqual(ours, theirs, JSON.stringify(request));
    }
  }

  it('creates nodes alike, and refuses alike', async () => {
    const bad = (body: object): Request => ['POST', '/v1/nodes', { driver: 'fake-hardware', ...body }];
    await agree(
      bad({ uuid: UUID, name: 'n0', driver_info: { a_password: 'x' } }),
      bad({ uuid: UUID }),
      bad({ name: 'n0' }),
      bad({ driver: 'nosuch' }),
      bad({ driver: null }),
      bad({ traits: [] }),
      bad({ provision_state: 'x' }),
      bad({ protected: true }),
      bad({ uuid: 'x' }),
      bad({ name: 'a b' }),
      bad({ name: 'states' }),
      bad({ extra: 'x' }),
      bad({ maintenance: 'zzz' }),
      bad({ chassis_uuid: OTHER }),
      bad({ deploy_interface: 'nosuch' }),
      bad({ conductor_group: 'nosuch' }),
      bad({ resource_class: 'x'.repeat(81) }),
      bad({ network_data: { links: [] } }),
      ['POST', '/v1/nodes', {}],
      ['POST', '/v1/nodes', []],
      ['POST', '/v1/nodes', { driver: 'fake-hardware', owner: 'x' }, '1.49'],
      ['POST', '/v1/nodes', { driver: 'fake-hardware', name: 'a~b' }, '1.9'],
      ['POST', '/v1/nodes', { driver: 'fake-hardware', uuid: OTHER }, '1.10'],
    );
  });

  it('shows the same keys at every version both know', async () => {
    for (let minor = 1; minor <= 82; minor += 1) {
      for (const path of [NODE, `${NODE}/states`, '/v1', '/v1/nodes', '/v1/nodes/detail']) {
        await agree(['GET', path, undefined, `1.${minor}`]);
      }
      const first = async (base: string, path: string) => {
        const headers = { 'X-OpenStack-Ironic-API-Version': `1.${minor}` };
        const body = (await (await fetch(`${base}${path}`, { headers })).json()) as { nodes: object[] };
        return Object.keys(body.nodes[0] ?? {}).sort();
      };
      for (const path of ['/v1/nodes', '/v1/nodes/detail']) {
        assert.deepEqual(await first(service.url, path), await first(ironic.url, path), `${path} at 1.${minor}`);
      }
    }
  });

  it('answers gated endpoints and parameters one version below alike', async () => {
    const below = (first: number, method: string, path: string): Request => [
      method,
      `${NODE}/${path}`,
      method === 'GET' ? undefined : {},
      `1.${first - 1}`,
    ];
    await agree(
      below(12, 'PUT', 'states/raid'),
      below(28, 'GET', 'vifs'),
      below(28, 'POST', 'vifs'),
      below(29, 'PUT', 'management/inject_nmi'),
      below(37, 'GET', 'traits'),
      below(37, 'PUT', 'traits'),
      below(37, 'PUT', 'traits/CUSTOM_X'),
      below(37, 'DELETE', 'traits'),
      below(37, 'DELETE', 'traits/CUSTOM_X'),
      below(40, 'GET', 'bios'),
      below(40, 'GET', 'bios/x'),
      below(78, 'GET', 'history'),
      below(78, 'GET', 'history/x'),
      below(81, 'GET', 'inventory'),
      ...(
        [
          ['driver=x', 15],
          ['resource_class=x', 20],
          ['fault=power%20failure', 41],
          ['conductor_group=x', 45],
          ['conductor=x', 48],
          ['owner=x', 49],
          ['lessee=x', 64],
          ['shard=x', 81],
          ['sharded=true', 81],
          ['detail=true', 42],
          ['fields=uuid', 7],
          ['provision_state=active', 8],
          ['description_contains=x', 50],
          ['retired=true', 60],
        ] as const
      ).map(([query, minor]): Request => ['GET', `/v1/nodes?${query}`, undefined, `1.${minor}`]),
    );
  });

  it('lists, pages and filters alike', async () => {
    const unknown = '99999999-9999-4999-8999-999999999999';
    const queries = [
      ...['limit=0', 'limit=-1', 'limit=abc', 'limit=1', 'marker=abc', `marker=${unknown}`, 'detail=true'],
      ...[
        'sort_key=zzz',
        'sort_key=extra',
        'sort_key=name',
        'sort_key=links',
        'sort_key=created_at',
        'sort_key=traits',
      ],
      ...['sort_dir=up', 'sort_dir=desc', 'detail=true&fields=name', 'foo=1', 'maintenance=zzz', 'maintenance=True'],
      ...['associated=1', 'provision_state=zzz', 'provision_state=enroll', 'fault=zz', 'driver=fake-hardware'],
      ...[
        'instance_uuid=x',
        'chassis_uuid=x',
        `chassis_uuid=${OTHER}`,
        'shard=a,b',
        'sharded=x',
        'retired=1',
        'project=x',
      ],
    ];
    await agree(
      ...queries.map((query): Request => ['GET', `/v1/nodes?${query}`]),
      ['GET', '/v1/nodes/detail?fields=name'],
      ['GET', '/v1/nodes/detail?detail=true'],
      ['GET', '/v1/nodes/detail?limit=1'],
      ['GET', `${NODE}?fields=name,uuid`],
      ['GET', `${NODE}?fields=foo`],
      ['GET', `${NODE}?fields=links`],
      ['GET', '/v1/nodes/nosuch'],
    );
  });

  it('patches alike, and refuses alike', async () => {
    const patch = (...operations: unknown[]): Request => ['PATCH', NODE, operations];
    const add = (path: string, value: unknown): Request => patch({ op: 'add', path, value });
    await agree(
      patch(),
      patch(1),
      patch({ op: 'add' }),
      patch({ op: 'test', path: '/extra', value: 1 }),
      patch({ op: 'remove', path: '/extra/zz' }),
      patch({ op: 'replace', path: '/extra/zz', value: 1 }),
      patch({ op: 'remove', path: '/driver' }),
      patch({ op: 'remove', path: '/extra' }),
      patch({ op: 'remove', path: '/instance_uuid' }),
      patch({ op: 'remove', path: '/power_interface' }),
      patch({ op: 'add', path: '/extra/a', value: 1, from: 'x' }),
      add('/uuid', 'x'),
      add('/nosuch', 'x'),
      add('/extra/a', 1),
      add('/extra/p/q', 1),
      add('/extra/a.b', 1),
      add('/properties', null),
      add('/name', 'a b'),
      add('/name', 'states'),
      add('/maintenance', 'True'),
      add('/maintenance', 'zz'),
      add('/maintenance', false),
      add('/protected', true),
      add('/protected_reason', 'x'),
      add('/retired_reason', 'x'),
      add('/chassis_uuid', OTHER),
      add('/deploy_interface', 'nosuch'),
      add('/driver', 'nosuch'),
      add('/extra', 'x'),
      add('/owner', 'o'),
      add('/network_data', { links: 5 }),
      add('/conductor_group', 'nosuch'),
      ['PATCH', NODE, {}],
      ['PATCH', '/v1/nodes', []],
      ['PATCH', `${NODE}?reset_interfaces=true`, []],
      ['PATCH', `${NODE}?reset_interfaces=true`, [], '1.44'],
      ['PATCH', NODE, [{ op: 'add', path: '/owner', value: 'x' }], '1.49'],
      ['PATCH', NODE, [{ op: 'remove', path: '/owner' }], '1.49'],
    );
  });

  it('takes and refuses actions alike', async () => {
    const put = (path: string, body: unknown, version?: string): Request =>
      version === undefined ? ['PUT', `${NODE}/${path}`, body] : ['PUT', `${NODE}/${path}`, body, version];
    await agree(
      put('states/power', {}),
      put('states/power', { target: 'foo' }),
      put('states/power', { target: 'power on', timeout: 0 }),
      put('states/power', { target: 'power on', timeout: 'x' }),
      put('states/power', { target: 'power on', foo: 1 }),
      put('states/power', { target: 'soft power off' }, '1.26'),
      put('states/power', { target: 'power on', timeout: 5 }, '1.26'),
      put('states/provision', {}),
      put('states/provision', { target: 'foo' }),
      put('states/provision', { target: 'active' }),
      put('states/provision', { target: 'abort' }, '1.12'),
      put('states/provision', { target: 'manage', configdrive: 'x' }),
      put('states/provision', { target: 'manage', rescue_password: 'x' }),
      put('states/provision', { target: 'manage', disable_ramdisk: true }),
      put('states/provision', { target: 'manage', foo: 1 }),
      put('states/raid', {}),
      put('states/raid', { logical_disks: [] }),
      put('states/raid', { logical_disks: [{ size_gb: 100, raid_level: '1' }] }),
      put('states/console', {}),
      put('states/console', { enabled: 'x' }),
      put('states/boot_mode', { target: 'x' }),
      put('states/secure_boot', { target: 'x' }),
      put('maintenance', { reason: 'x' }),
      put('maintenance', { foo: 1 }),
      ['DELETE', `${NODE}/maintenance`],
      put('management/boot_device', {}),
      put('management/boot_device', { boot_device: 'foo' }),
      put('management/boot_device', { boot_device: 'pxe', persistent: 'x' }),
      put('management/boot_device', { boot_device: 'pxe' }),
      ['GET', `${NODE}/management/boot_device`],
      ['GET', `${NODE}/management/boot_device/supported`],
      put('traits', { traits: ['x'] }),
      put('traits', { traits: ['CUSTOM_A'] }),
      put('traits/CUSTOM_B', undefined),
      put('traits/CUSTOM_B', { a: 1 }),
      ['GET', `${NODE}/traits`],
      ['DELETE', `${NODE}/traits/CUSTOM_NOPE`],
      ['DELETE', `${NODE}/traits`],
      ['GET', `${NODE}/vifs`],
      ['POST', `${NODE}/vifs`, {}],
      ['POST', `${NODE}/vifs`, { id: 'a b' }],
      ['POST', `${NODE}/vifs`, { id: OTHER }],
      ['DELETE', `${NODE}/vifs/${OTHER}`],
      ['GET', `${NODE}/bios/a`],
      ['GET', `${NODE}/history`],
      ['GET', `${NODE}/inventory`],
      ['POST', `${NODE}/vendor_passthru`, {}],
      ['POST', `${NODE}/vendor_passthru/nosuch`, {}],
      ['GET', `${NODE}/vendor_passthru/first_method`],
      ['POST', `${NODE}/vendor_passthru/second_method`, {}],
      ['POST', `${NODE}/vendor_passthru?method=third_method_sync`, { bar: 'meow' }],
      ['POST', `${NODE}/vendor_passthru/third_method_sync?x=1`, { bar: 'meow' }],
      ['DELETE', `/v1/nodes/${OTHER}`],
      ['DELETE', `/v1/nodes/${OTHER}`],
    );
  });
});

// SPDX-License-Identifier: Apache-2.0

/** The same requests to Ironic itself (Debian's packages, fake hardware) and to Wrought: same answers, same states, same errors. */

import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { call, startService, temporaryDirectory } from '../support/service.ts';
import { missingPeers } from './peers.ts';

const TYPES = ['bios', 'boot', 'console', 'deploy', 'inspect', 'management', 'power', 'raid', 'rescue', 'vendor'];
const OPTIONAL = new Set(['bios', 'console', 'inspect', 'raid', 'rescue', 'vendor']);

interface Api {
  readonly url: string;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** Ironic's combined process in a directory of its own. */
async function startIronic(directory: string): Promise<Api & { stop(): Promise<void> }> {
  const port = await freePort();
  const file = join(directory, 'ironic.conf');
  await mkdir(join(directory, 'lock'));
  await writeFile(
    file,
    `[DEFAULT]
auth_strategy = noauth
rpc_transport = none
host = peer
my_ip = 127.0.0.1
state_path = ${directory}
enabled_hardware_types = fake-hardware
${TYPES.map((type) => `enabled_${type}_interfaces = fake${OPTIONAL.has(type) ? `,no-${type}` : ''}`).join('\n')}
enabled_network_interfaces = noop
enabled_storage_interfaces = noop
[api]
host_ip = 127.0.0.1
port = ${port}
[conductor]
sync_power_state_interval = 0
[dhcp]
dhcp_provider = none
[service_catalog]
auth_type = none
endpoint_override = http://127.0.0.1:${port}
[database]
connection = sqlite:///${directory}/ironic.sqlite
[oslo_concurrency]
lock_path = ${directory}/lock
`,
  );
  execFileSync('ironic-dbsync', ['--config-file', file, 'create_schema'], { stdio: 'ignore' });
  const child = spawn('ironic', ['--config-file', file], { stdio: 'ignore' });
  const url = `http://127.0.0.1:${port}`;
  for (let tries = 0; ; tries += 1) {
    const ready = await fetch(`${url}/v1`).then(
      (response) => response.ok,
      () => false,
    );
    if (ready) break;
    if (tries > 600 || child.exitCode !== null) {
      await end(child);
      throw new Error('ironic does not start');
    }
    await sleep(100);
  }
  return { url, stop: () => end(child) };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 15_000);
  await gone;
  clearTimeout(timer);
}

/** One step of a scenario. `{}` in paths stands for the node. */
type Request = readonly [method: string, path: string, body?: unknown];

const NODE_FIELDS = [
  'provision_state',
  'target_provision_state',
  'power_state',
  'target_power_state',
  'last_error',
  'maintenance',
  'maintenance_reason',
  'fault',
  'instance_uuid',
  'instance_info',
  'clean_step',
  'deploy_step',
  'protected',
  'retired',
] as const;

const provision = (target: string, more: object = {}): Request => [
  'PUT',
  '/v1/nodes/{}/states/provision',
  { target, ...more },
];
const power = (target: string): Request => ['PUT', '/v1/nodes/{}/states/power', { target }];
const patch = (...operations: object[]): Request => ['PATCH', '/v1/nodes/{}', operations];
const set = (path: string, value: unknown) => ({ op: 'add', path, value });

const portUuid = (id: string) => `7b0c7c1c-2b0d-4b52-8a55-0000000000${id}`;
const port = (id: string, more: object): Request => [
  'POST',
  '/v1/ports',
  { node_uuid: '{}-node', uuid: portUuid(id), address: `52:54:00:99:00:${id}`, ...more },
];
const GROUP = '0d4ef5a1-91b6-4ac7-8b7e-1a4f0b5a5a01';
const INSTANCE = '5a3c58a6-0f52-4a50-9f63-7d2f2a0d0f01';

/** Scenarios: each begins with a new node. */
const SCENARIOS: Readonly<Record<string, readonly Request[]>> = {
  'the life of a node': [
    provision('manage'),
    provision('provide'),
    provision('active', { configdrive: { meta_data: { name: 'n' } } }),
    provision('rebuild'),
    provision('deleted'),
    provision('manage'),
    provision('inspect'),
    provision('provide'),
  ],
  'verbs in the wrong state': [
    ...['active', 'rebuild', 'deleted', 'provide', 'inspect', 'abort', 'adopt', 'unrescue', 'bogus', 'done'].map(
      (verb) => provision(verb),
    ),
    provision('rescue', { rescue_password: 'x' }),
    provision('clean', { clean_steps: [{ interface: 'raid', step: 'create_configuration' }] }),
    provision('manage'),
    ...['manage', 'active', 'rebuild', 'deleted', 'abort', 'unrescue', 'done'].map((verb) => provision(verb)),
    provision('provide'),
    ...['provide', 'rebuild', 'deleted', 'abort', 'inspect', 'adopt'].map((verb) => provision(verb)),
    provision('active'),
    ...['active', 'manage', 'provide', 'abort', 'unrescue', 'delete', 'done'].map((verb) => provision(verb)),
  ],
  'rescue and back': [
    provision('manage'),
    provision('provide'),
    provision('active'),
    provision('rescue'),
    provision('rescue', { rescue_password: '' }),
    provision('rescue', { rescue_password: 'geheim' }),
    provision('unrescue'),
    provision('rescue', { rescue_password: 'geheim' }),
    provision('deleted'),
  ],
  'adopting a machine': [provision('manage'), provision('adopt'), provision('deleted')],
  'manual cleaning': [
    provision('manage'),
    provision('clean'),
    provision('clean', { clean_steps: [{ interface: 'deploy', step: 'nope' }] }),
    provision('manage'),
    provision('clean', { clean_steps: [{ interface: 'bios', step: 'factory_reset' }] }),
    provision('clean', { clean_steps: [{ interface: 'bios', step: 'apply_configuration' }] }),
    provision('manage'),
    provision('clean', { clean_steps: [{ interface: 'bios', step: 'factory_reset', args: { a: 2 } }] }),
    provision('manage'),
  ],
  maintenance: [
    provision('manage'),
    provision('provide'),
    ['PUT', '/v1/nodes/{}/maintenance', { reason: 'fan' }],
    provision('active'),
    power('power on'),
    provision('manage'),
    provision('clean', { clean_steps: [{ interface: 'bios', step: 'factory_reset' }] }),
    provision('inspect'),
    provision('provide'),
    ['DELETE', '/v1/nodes/{}/maintenance'],
    provision('active'),
    ['PUT', '/v1/nodes/{}/maintenance', {}],
    provision('rebuild'),
    provision('rescue', { rescue_password: 'x' }),
    provision('deleted'),
  ],
  'protected and retired nodes': [
    patch(set('/protected', true)),
    patch(set('/protected_reason', 'x')),
    patch(set('/retired_reason', 'x')),
    provision('manage'),
    provision('provide'),
    patch(set('/retired', true)),
    provision('active'),
    patch(set('/protected', true), set('/protected_reason', 'mine')),
    provision('deleted'),
    provision('rebuild'),
    ['DELETE', '/v1/nodes/{}'],
    patch(set('/protected', false)),
    patch(set('/retired', true)),
    provision('deleted'),
    provision('provide'),
  ],
  'what may be changed when': [
    patch(set('/instance_uuid', INSTANCE)),
    patch(set('/instance_uuid', '5a3c58a6-0f52-4a50-9f63-7d2f2a0d0f02')),
    patch({ op: 'remove', path: '/instance_uuid' }),
    patch(set('/resource_class', 'a')),
    patch(set('/driver', 'nope')),
    patch(set('/conductor_group', 'far')),
    provision('manage'),
    provision('provide'),
    provision('active'),
    patch(set('/resource_class', 'b')),
    patch(set('/raid_interface', 'no-raid')),
    ['DELETE', '/v1/nodes/{}'],
    patch(set('/instance_uuid', INSTANCE)),
    provision('deleted'),
    patch(set('/instance_uuid', INSTANCE)),
    ['DELETE', '/v1/nodes/{}'],
    patch({ op: 'remove', path: '/instance_uuid' }),
    ['DELETE', '/v1/nodes/{}'],
  ],
  power: [
    power('power on'),
    power('power on'),
    power('power off'),
    power('rebooting'),
    power('soft power off'),
    power('soft rebooting'),
    power('bogus'),
    ['PUT', '/v1/nodes/{}/states/power', { target: 'power on', timeout: 0 }],
    ['PUT', '/v1/nodes/{}/states/power', { target: 'power off', timeout: 5 }],
  ],
  'vendor methods': [
    ['POST', '/v1/nodes/{}/vendor_passthru/third_method_sync', { bar: 'meow' }],
    ['POST', '/v1/nodes/{}/vendor_passthru/second_method', { bar: 'kazoo' }],
    ['POST', '/v1/nodes/{}/vendor_passthru/second_method', {}],
    ['POST', '/v1/nodes/{}/vendor_passthru/nope', {}],
    ['GET', '/v1/nodes/{}/vendor_passthru/second_method'],
  ],
  ports: [
    port('11', {}),
    port('15', { address: '52:54:00:99:00:11' }),
    port('12', { address: 'nonsense' }),
    ['POST', '/v1/portgroups', { node_uuid: '{}-node', uuid: GROUP, name: 'bond0' }],
    port('13', { portgroup_uuid: GROUP, physical_network: 'a' }),
    port('14', { portgroup_uuid: GROUP, physical_network: 'b' }),
    ['DELETE', `/v1/portgroups/${GROUP}`],
    ['PATCH', `/v1/ports/${portUuid('11')}`, [set('/pxe_enabled', false)]],
    provision('manage'),
    provision('provide'),
    ['PATCH', `/v1/ports/${portUuid('11')}`, [set('/pxe_enabled', true)]],
    ['PATCH', `/v1/ports/${portUuid('11')}`, [set('/extra', { a: 1 })]],
    provision('active'),
    ['PATCH', `/v1/ports/${portUuid('11')}`, [set('/address', '52:54:00:99:00:99')]],
    ['PATCH', `/v1/ports/${portUuid('11')}`, [set('/physical_network', 'c')]],
    ['PUT', '/v1/nodes/{}/maintenance', {}],
    ['PATCH', `/v1/ports/${portUuid('11')}`, [set('/physical_network', 'c')]],
    ['DELETE', `/v1/ports/${portUuid('11')}`],
    ['DELETE', `/v1/ports/${portUuid('11')}`],
  ],
  'management calls': [
    ['GET', '/v1/nodes/{}/management/boot_device'],
    ['PUT', '/v1/nodes/{}/management/boot_device', { boot_device: 'pxe' }],
    ['PUT', '/v1/nodes/{}/management/boot_device', { boot_device: 'disk' }],
    ['PUT', '/v1/nodes/{}/management/inject_nmi', {}],
    ['GET', '/v1/nodes/{}/states/console'],
    ['GET', '/v1/nodes/{}/validate'],
    ['PUT', '/v1/nodes/{}/states/raid', { logical_disks: [] }],
  ],
};

/** Where Wrought answers differently on purpose, as `scenario #request`: why. */
const DIFFERENT: Readonly<Record<string, string>> = {
  'verbs in the wrong state #33': 'an event that is no verb is refused like any other word',
  'rescue and back #5': 'the rescue password is forgotten when it has been used',
  'rescue and back #6': 'the same',
  'rescue and back #7': 'the same',
  'manual cleaning #5': 'the argument is described in our words',
  'manual cleaning #6': 'the same',
  'ports #6': 'a full port group cannot be deleted: 400, where 21.4 has a server error',
  'ports #10': 'our text names what the request would change',
  'ports #14': 'the same',
  'management calls #5': 'the firmware interface is newer than 21.4',
  'management calls #6': 'the text of the schema check is that of newer releases',
};

interface Seen {
  readonly request: string;
  readonly status: number;
  readonly fault: string | null;
  readonly value: unknown;
  readonly node: Record<string, unknown> | number;
}

async function play(api: Api, requests: readonly Request[]): Promise<Seen[]> {
  const created = await call(api, 'POST', '/v1/nodes', { driver: 'fake-hardware' });
  assert.equal(created.status, 201, JSON.stringify(created.body));
  const { uuid } = created.body as { uuid: string };
  const seen: Seen[] = [];
  for (const [method, path, body] of requests) {
    const filled = body === undefined ? undefined : JSON.parse(JSON.stringify(body).replaceAll('{}-node', uuid));
    const answer = await call(api, method, path.replace('{}', uuid), filled);
    const node = await settled(api, uuid);
    seen.push({
      request: `${method} ${path} ${JSON.stringify(body) ?? ''}`,
      status: answer.status,
      fault: anonymous(faultOf(answer.body), uuid),
      value: method === 'PATCH' || path.startsWith('/v1/port') || answer.status >= 400 ? null : (answer.body ?? null),
      node: typeof node === 'number' ? node : JSON.parse(anonymous(JSON.stringify(node), uuid) ?? ''),
    });
  }
  return seen;
}

/** What differs, one line each. */
function compare(where: string, ours: unknown, theirs: unknown): string[] {
  if (typeof ours === 'object' && ours !== null && typeof theirs === 'object' && theirs !== null) {
    const keys = new Set([...Object.keys(ours), ...Object.keys(theirs)]);
    return [...keys].flatMap((key) =>
      compare(`${where} ${key}`, (ours as Record<string, unknown>)[key], (theirs as Record<string, unknown>)[key]),
    );
  }
  if (ours === theirs) return [];
  return [`${where}: ours ${JSON.stringify(ours)}, theirs ${JSON.stringify(theirs)}`];
}

/** The node's fields once nobody works on it. */
async function settled(api: Api, uuid: string): Promise<Record<string, unknown> | number> {
  for (let tries = 0; tries < 600; tries += 1) {
    const { status, body } = await call(api, 'GET', `/v1/nodes/${uuid}`);
    if (status !== 200) return status;
    const node = body as Record<string, unknown>;
    if (node.reservation === null && !/ing$/.test(String(node.provision_state)) && node.target_power_state === null) {
      return Object.fromEntries(NODE_FIELDS.map((field) => [field, node[field]]));
    }
    await sleep(20);
  }
  throw new Error(`node ${uuid} does not settle`);
}

function faultOf(body: unknown): string | null {
  const message = (body as { error_message?: unknown } | undefined)?.error_message;
  if (message === undefined) return null;
  const fault = typeof message === 'string' ? (JSON.parse(message) as unknown) : message;
  return String((fault as { faultstring?: unknown }).faultstring);
}

function anonymous(text: string | null, uuid: string): string | null {
  return text?.replaceAll(uuid, 'UUID').replaceAll(/<ironic[^>]+>/g, 'OBJECT') ?? null;
}

test('fake nodes go through their lives as in Ironic', { skip: missingPeers('ironic', 'ironic-dbsync') }, async (t) => {
  const [ours, theirs] = await Promise.all([temporaryDirectory(), temporaryDirectory()]);
  t.after(() => Promise.all([ours.remove(), theirs.remove()]));
  const peer = await startIronic(theirs.path);
  t.after(() => peer.stop());
  const wrought = await startService(ours.path, '[conductor]\nsync_power_state_interval = 0\n');
  t.after(() => wrought.stop());
  for (const [name, requests] of Object.entries(SCENARIOS)) {
    await t.test(name, async () => {
      const [expected, actual] = await Promise.all([play(peer, requests), play(wrought, requests)]);
      const differences = actual.flatMap((answer, index) =>
        `${name} #${index}` in DIFFERENT ? [] : compare(`#${index} ${answer.request}`, answer, expected[index]),
      );
      assert.deepEqual(differences, []);
    });
  }
});

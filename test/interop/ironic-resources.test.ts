// SPDX-License-Identifier: Apache-2.0
// The resources around nodes, asked of Debian's Ironic and of this service: whole answers must agree.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { inspect, isDeepStrictEqual } from 'node:util';
import { isJsonObject } from '../../packages/server/src/model/json.ts';
import { type RunningService, startService, temporaryDirectory } from '../support/service.ts';
import { type Reference, startReference } from './ironic-reference.ts';
import { missingPeers } from './peers.ts';

const skip = missingPeers('ironic', 'ironic-dbsync');

/** The newest version Ironic 21.4 serves. */
const NEWEST = 82;
/** Versions that changed one of these resources, and those just before. */
const CHANGES = [
  1, 4, 5, 7, 8, 13, 14, 17, 18, 19, 22, 23, 24, 25, 26, 29, 30, 31, 32, 33, 34, 37, 38, 39, 40, 48, 49, 51, 52, 53, 54,
  55, 59, 60, 81, 82,
];

const NODE = '11111111-2222-3333-4444-555555555555';
const SPARE = '12111111-2222-3333-4444-555555555555';
const PORT = '21111111-2222-3333-4444-555555555555';
const GROUP = '31111111-2222-3333-4444-555555555555';
const CHASSIS = '41111111-2222-3333-4444-555555555555';
const CONNECTOR = '51111111-2222-3333-4444-555555555555';
const TARGET = '61111111-2222-3333-4444-555555555555';
const TEMPLATE = '71111111-2222-3333-4444-555555555555';
const CLAIM = '81111111-2222-3333-4444-555555555555';
const UNKNOWN = '91111111-2222-3333-4444-555555555555';
const MAC = '52:54:00:aa:00:01';
const STEP = { interface: 'raid', step: 'create_configuration', args: {}, priority: 150 };

type Request = readonly [method: string, path: string, body?: unknown, version?: number];

const FULL = { depth: 9, breakLength: Number.POSITIVE_INFINITY } as const;

interface Observed {
  readonly status: number;
  readonly location: string;
  /** The body without what differs by time and place; of errors the text, where texts are compared. */
  readonly body: unknown;
}

describe('the resources around nodes beside Ironic', { skip, timeout: 300_000 }, () => {
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  let ironic: Reference;
  let service: RunningService;

  before(async () => {
    directory = await temporaryDirectory();
    ironic = await startReference(directory.path);
    const config =
      '[DEFAULT]\nhost = reference\nenabled_hardware_types = fake-hardware\n[conductor]\nautomated_clean = false\n';
    service = await startService(directory.path, config);
  });

  after(async () => {
    await ironic?.stop();
    await service?.stop();
    await directory?.remove();
  });

  async function observe(base: string, request: Request, texts: boolean): Promise<Observed> {
    const [method, path, body, minor = NEWEST] = request;
    const response = await fetch(`${base}/v1/${path}`, {
      method,
      headers: { 'X-OpenStack-Ironic-API-Version': `1.${minor}`, 'Content-Type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = (await response.text())
      .replaceAll(base, 'BASE')
      .replace(/"updated_at":\s*null/g, '"updated_at":"TIME"')
      .replace(/"\d{4}-\d\d-\d\dT[\d:.]+\+00:00"/g, '"TIME"');
    const json = text === '' ? '' : JSON.parse(text);
    const location = response.headers.get('location')?.replace(base, '') ?? '';
    const message = json?.error_message;
    if (typeof message !== 'string') return { status: response.status, location, body: comparable(json) };
    const { debuginfo: _debuginfo, ...inner } = JSON.parse(message);
    return { status: response.status, location, body: texts ? inner : 'an error' };
  }

  /** Asserts agreement; where Ironic fails with 500, a client error is the better answer. */
  async function agree(requests: readonly Request[], { texts = false } = {}): Promise<void> {
    const differences: string[] = [];
    for (const request of requests) {
      const theirs = await observe(ironic.url, request, texts);
      const ours = await observe(service.url, request, texts);
      const fine = theirs.status === 500 ? ours.status < 500 : isDeepStrictEqual(ours, theirs);
      if (!fine) differences.push(`${JSON.stringify(request)}\n  ${inspect(theirs, FULL)}\n  ${inspect(ours, FULL)}`);
    }
    assert.deepEqual(differences, [], differences.join('\n'));
  }

  const add = (path: string, ...bodies: object[]): Request[] => bodies.map((body) => ['POST', path, body]);
  const patch = (path: string, ...operations: object[]): Request[] =>
    operations.map((operation) => ['PATCH', path, [operation]]);

  it('creates, changes and refuses ports and port groups alike', async () => {
    await agree(add('nodes', { uuid: NODE, name: 'n1', driver: 'fake-hardware' }));
    const node_uuid = NODE;
    await agree([
      ...add(
        'portgroups',
        { uuid: GROUP, node_uuid, name: 'bond0', address: '52:54:00:AA:00:0F', mode: '802.3ad' },
        { node_uuid, name: 'bond0' },
        { node_uuid: UNKNOWN },
        { node_uuid, name: 'a b' },
        { node_uuid, address: 'zz' },
        {},
      ),
      ...add(
        'ports',
        { uuid: PORT, node_uuid, address: MAC.toUpperCase(), portgroup_uuid: GROUP, extra: { a: 1 } },
        { node_uuid, address: MAC },
        { node_uuid: 'n1', address: '52:54:00:aa:00:02' },
        { node_uuid: UNKNOWN, address: '52:54:00:aa:00:02' },
        { node_uuid },
        { address: '52:54:00:aa:00:02' },
        { node_uuid, address: '52-54-00-aa-00-02' },
        { node_uuid, address: '52:54:00:aa:00:02', physical_network: '' },
        { node_uuid, address: '52:54:00:aa:00:02', portgroup_uuid: 'bond0' },
        { node_uuid, address: '52:54:00:aa:00:02', internal_info: {} },
        { node_uuid, address: '52:54:00:aa:00:02', physical_network: 'other', portgroup_uuid: GROUP },
        ...[{ port_id: '1' }, { port_id: '1', foo: 'x' }, { switch_id: 'zz', port_id: '1' }].map(
          (local_link_connection) => ({ node_uuid, address: '52:54:00:aa:00:02', local_link_connection }),
        ),
        {
          uuid: UNKNOWN,
          node_uuid,
          address: '52:54:00:aa:00:02',
          local_link_connection: { switch_id: '0A:1B:2C:3D:4E:5F', port_id: '1', switch_info: 's' },
        },
      ),
      ...patch(
        `ports/${PORT}`,
        { op: 'add', path: '/extra/b', value: 2 },
        { op: 'remove', path: '/extra/zzz' },
        { op: 'replace', path: '/uuid', value: UNKNOWN },
        { op: 'remove', path: '/address' },
        { op: 'remove', path: '/local_link_connection' },
        { op: 'replace', path: '/node_uuid', value: UNKNOWN },
        { op: 'replace', path: '/portgroup_uuid', value: UNKNOWN },
        { op: 'replace', path: '/pxe_enabled', value: 'False' },
        { op: 'test', path: '/extra', value: 1 },
      ),
      ...patch(
        'portgroups/bond0',
        { op: 'replace', path: '/properties', value: { miimon: '100' } },
        { op: 'replace', path: '/standalone_ports_supported', value: 'no' },
        { op: 'remove', path: '/address' },
        { op: 'replace', path: '/name', value: 'a b' },
      ),
      ['DELETE', 'portgroups/bond0'],
      ['DELETE', `ports/${UNKNOWN}`],
      ['DELETE', `ports/${UNKNOWN}`],
      ['DELETE', 'ports/n1'],
      ['DELETE', 'ports'],
      ['PUT', 'ports'],
    ]);
  });

  it('creates, changes and refuses chassis, volumes, templates and allocations alike', async () => {
    await agree([
      ...add('chassis', { uuid: CHASSIS, description: 'rack' }, { uuid: CHASSIS }, { foo: 1 }, { description: 1 }),
      ...patch(
        `chassis/${CHASSIS}`,
        { op: 'add', path: '/extra', value: { a: 1 } },
        { op: 'remove', path: '/description' },
        { op: 'add', path: '/nodes', value: 1 },
      ),
      ['DELETE', `chassis/${UNKNOWN}`],
      ['DELETE', 'chassis/abc'],
      ...add(
        'volume/connectors',
        { uuid: CONNECTOR, node_uuid: NODE, type: 'iqn', connector_id: 'iqn.x' },
        { node_uuid: NODE, type: 'iqn', connector_id: 'iqn.x' },
        { node_uuid: UNKNOWN, type: 'iqn', connector_id: 'y' },
        { node_uuid: NODE, type: 'iqn' },
      ),
      ...add(
        'volume/targets',
        {
          uuid: TARGET,
          node_uuid: NODE,
          volume_type: 'iscsi',
          volume_id: 'v',
          boot_index: 0,
          properties: { a_password: 'x' },
        },
        { node_uuid: NODE, volume_type: 'iscsi', volume_id: 'w', boot_index: 0 },
        { node_uuid: NODE, volume_type: 'iscsi', boot_index: 1 },
      ),
      ...patch(`volume/connectors/${CONNECTOR}`, { op: 'add', path: '/extra/a', value: 1 }),
      ['DELETE', `volume/targets/${TARGET}`],
      ['DELETE', `volume/targets/${UNKNOWN}`],
      ...add(
        'deploy_templates',
        { uuid: TEMPLATE, name: 'CUSTOM_RAID1', steps: [STEP] },
        { name: 'CUSTOM_RAID1', steps: [STEP] },
        { name: 'custom', steps: [STEP] },
        { name: 'CUSTOM_A', steps: [] },
        { name: 'CUSTOM_A', steps: [STEP, STEP] },
        { name: 'CUSTOM_A', steps: [{ ...STEP, interface: 'console' }] },
      ),
      ...patch(
        'deploy_templates/CUSTOM_RAID1',
        { op: 'replace', path: '/steps/0/priority', value: 10 },
        { op: 'add', path: '/steps/1', value: { ...STEP, interface: 'bios' } },
        { op: 'remove', path: '/steps/1' },
        { op: 'remove', path: '/steps' },
        { op: 'remove', path: '/name' },
      ),
      ...add(
        'allocations',
        { uuid: CLAIM, name: 'lab-1', resource_class: 'none', traits: ['CUSTOM_A'], candidate_nodes: ['n1'] },
        { name: 'lab-1', resource_class: 'none' },
        { name: 'lab-2' },
        { resource_class: 'none', candidate_nodes: ['nosuch'] },
        { node: 'nosuch' },
      ),
      ...patch(
        'allocations/lab-1',
        { op: 'add', path: '/extra/a', value: 1 },
        { op: 'replace', path: '/resource_class', value: 'x' },
      ),
    ]);
  });

  it('shows the same at every version that changed something', async () => {
    const paths = [
      'ports',
      'ports/detail',
      `ports/${PORT}`,
      `nodes/${NODE}/ports`,
      'portgroups/detail',
      'portgroups/bond0',
      'portgroups',
      `nodes/${NODE}/portgroups`,
      `portgroups/${GROUP}/ports`,
      'chassis',
      'chassis/detail',
      `chassis/${CHASSIS}`,
      `chassis/${CHASSIS}/nodes`,
      'drivers',
      'conductors',
      'conductors/reference?fields=hostname,drivers,conductor_group',
      'volume',
      `nodes/${NODE}/volume`,
      'volume/connectors',
      `volume/connectors/${CONNECTOR}`,
      `volume/targets/${TARGET}`,
      `nodes/${NODE}/volume/targets`,
      'deploy_templates',
      'deploy_templates/CUSTOM_RAID1',
      'allocations/lab-1',
      'allocations?state=error',
      `nodes/${NODE}/allocation`,
      'shards',
    ];
    for (const minor of CHANGES) {
      // Ironic 21.4 shows mode and properties of port groups from 1.23 on; 1.26 introduced them.
      const shown = minor >= 23 && minor < 26 ? paths.filter((path) => !/^portgroups\/\w+$/.test(path)) : paths;
      await agree(shown.map((path): Request => ['GET', path, undefined, minor]));
    }
  });

  it('refuses writing alike one version too early', async () => {
    const early: readonly [string, string, number][] = [
      ['portgroups', GROUP, 22],
      ['volume/connectors', CONNECTOR, 31],
      ['volume/targets', TARGET, 31],
      ['deploy_templates', TEMPLATE, 54],
      ['allocations', CLAIM, 51],
    ];
    const bodies: Record<string, object> = {
      portgroups: { node_uuid: NODE },
      'volume/connectors': { node_uuid: NODE, type: 'ip', connector_id: 'z' },
      'volume/targets': { node_uuid: NODE, volume_type: 'iscsi', volume_id: 'z', boot_index: 9 },
      deploy_templates: { name: 'CUSTOM_Z', steps: [STEP] },
      allocations: { resource_class: 'none' },
    };
    for (const [path, uuid, minor] of early) {
      await agree([
        ['POST', path, bodies[path], minor],
        ['PATCH', `${path}/${uuid}`, [], minor],
        ['DELETE', `${path}/${uuid}`, undefined, minor],
      ]);
    }
  });

  it('answers queries alike', async () => {
    await agree(
      [
        'ports?node=n1',
        `ports?address=${MAC}`,
        'ports?portgroup=bond0',
        'ports?shard=a',
        'ports?detail=True',
        'ports?fields=address,created_at',
        'ports?node=n1&portgroup=bond0',
        'portgroups?fields=ports,mode',
        'portgroups?node=n1',
        'chassis?fields=nodes',
        'drivers?type=classic',
        'drivers?fields=name,type',
        'drivers/fake-hardware?fields=name,default_boot_interface',
        'drivers/fake-hardware/vendor_passthru/methods',
        'conductors?fields=hostname,conductor_group',
        'volume/connectors?node=n1',
        'volume/targets?detail=True',
        'deploy_templates?detail=True',
        'allocations?fields=name,state',
        'allocations?resource_class=none&node=n1',
        'allocations?detail=true',
      ].map((path): Request => ['GET', path]),
    );
    await agree(
      [
        'ports?node=nosuch',
        'ports?node_uuid=n1',
        'ports?address=zz',
        'ports?fields=foo',
        'ports?limit=0',
        'ports?limit=x',
        `ports?marker=${UNKNOWN}`,
        'ports?marker=x',
        'ports?sort_dir=up',
        'ports?sort_key=links',
        `ports/${UNKNOWN}`,
        'ports/abc',
        'portgroups/nosuch',
        'portgroups?address=zz',
        'portgroups?node=nosuch',
        'chassis/abc',
        `chassis/${UNKNOWN}/nodes`,
        'chassis/detail?fields=uuid',
        'drivers?type=x',
        'drivers?limit=1',
        'drivers/nosuch',
        'drivers?fields=default_boot_interface',
        'drivers?detail=true&fields=name',
        'drivers/fake-hardware/vendor_passthru',
        'drivers/fake-hardware/vendor_passthru/zz',
        'conductors?marker=zz',
        'conductors/nosuch',
        'conductors?fields=foo',
        'conductors?sort_key=uuid',
        `volume/connectors/${UNKNOWN}`,
        'volume/targets/abc',
        'deploy_templates/nosuch',
        'allocations/nosuch',
      ].map((path): Request => ['GET', path]),
      { texts: true },
    );
  });

  it('finds a node for an allocation and gives it back alike', async () => {
    await agree(add('nodes', { uuid: SPARE, name: 'n2', driver: 'fake-hardware', resource_class: 'desktop' }));
    for (const base of [ironic.url, service.url]) {
      await reach(base, 'provision', 'manage', 'manageable');
      await reach(base, 'power', 'power off', 'power off');
      await reach(base, 'provision', 'provide', 'available');
    }
    await agree(add('allocations', { uuid: UNKNOWN, resource_class: 'desktop' }));
    for (const base of [ironic.url, service.url]) {
      await until(async () => (await get(base, `allocations/${UNKNOWN}`)).state === 'active');
    }
    await agree([
      ['GET', `allocations/${UNKNOWN}`],
      ['GET', 'nodes/n2/allocation'],
      ['GET', 'nodes/n2?fields=instance_uuid,allocation_uuid,instance_info'],
      ['DELETE', 'nodes/n2/allocation'],
      ['DELETE', 'nodes/n2/allocation'],
      ['GET', 'nodes/n2?fields=instance_uuid,allocation_uuid,instance_info'],
      ['POST', 'allocations', { node: 'n2' }],
    ]);
  });

  async function get(base: string, path: string): Promise<Record<string, unknown>> {
    const response = await fetch(`${base}/v1/${path}`, {
      headers: { 'X-OpenStack-Ironic-API-Version': `1.${NEWEST}` },
    });
    return (await response.json()) as Record<string, unknown>;
  }

  async function reach(base: string, what: 'power' | 'provision', target: string, value: string): Promise<void> {
    const field = `${what}_state`;
    await fetch(`${base}/v1/nodes/n2/states/${what}`, {
      method: 'PUT',
      headers: { 'X-OpenStack-Ironic-API-Version': `1.${NEWEST}`, 'Content-Type': 'application/json' },
      body: JSON.stringify({ target }),
    });
    await until(async () => (await get(base, 'nodes/n2'))[field] === value);
  }
});

async function until(done: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt += 1) {
    if (await done()) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('it did not happen in time');
}

/** What must agree: `next` links differ on purpose (ours keep the filters), and so do the drivers known. */
function comparable(json: unknown): unknown {
  if (!isJsonObject(json)) return json;
  const { next: _next, ...rest } = json;
  if (!Array.isArray(rest.drivers)) return rest;
  const shared = rest.drivers.filter((item) => (isJsonObject(item) ? item.name : item) === 'fake-hardware');
  return { ...rest, drivers: shared };
}

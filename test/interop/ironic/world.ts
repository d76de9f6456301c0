// SPDX-License-Identifier: Apache-2.0

/** The nodes and what belongs to them that both services are filled with before they are compared. */

import type { Request } from './compare.ts';

/** Identifiers that requests speak of as `{NAME}`. None has the form of a random (version 4) UUID. */
export const NAMES = {
  CHASSIS: 'c0000000-0000-1000-8000-000000000001',
  NODE: '10000000-0000-1000-8000-000000000001',
  BARE: '10000000-0000-1000-8000-000000000002',
  SPARE: '10000000-0000-1000-8000-000000000003',
  NEW: '10000000-0000-1000-8000-000000000004',
  VERBS: '10000000-0000-1000-8000-000000000005',
  PORT: '20000000-0000-1000-8000-000000000001',
  MEMBER: '20000000-0000-1000-8000-000000000002',
  GROUP: '30000000-0000-1000-8000-000000000001',
  CONNECTOR: '40000000-0000-1000-8000-000000000001',
  TARGET: '50000000-0000-1000-8000-000000000001',
  TEMPLATE: '60000000-0000-1000-8000-000000000001',
  CLAIM: '70000000-0000-1000-8000-000000000001',
  FAILED: '70000000-0000-1000-8000-000000000002',
  EVENT: '80000000-0000-1000-8000-000000000001',
  INSTANCE: '90000000-0000-1000-8000-000000000001',
  OTHER: '90000000-0000-1000-8000-000000000002',
  UNKNOWN: 'f0000000-0000-1000-8000-00000000000f',
} as const;

/** Puts identifiers in place of `{NAME}`. */
export function named(text: string): string {
  return text.replace(/\{([A-Z]+)\}/g, (whole, name: string) =>
    name in NAMES ? NAMES[name as keyof typeof NAMES] : whole,
  );
}

const add = (path: string, value: unknown) => ({ op: 'add', path, value });
const post = (path: string, body: object): Request => ['POST', path, body];

/** Makes the world; all of it succeeds. */
export const WORLD: readonly Request[] = [
  post('chassis', { uuid: '{CHASSIS}', description: 'rack 3', extra: { row: 7 } }),
  post('nodes', {
    uuid: '{NODE}',
    name: 'n1',
    driver: 'fake-hardware',
    chassis_uuid: '{CHASSIS}',
    driver_info: { address: 'h', a_password: 'x', nested: { auth_token: 'y', user: 'u' } },
    properties: { cpu_arch: 'x86_64', cpus: 4, capabilities: 'boot_mode:uefi' },
    instance_info: { image_url: 'http://h/i', display_name: 'web' },
    extra: { rack: 3, deep: { list: [1, 'two', null, false] } },
    resource_class: 'desktop',
    description: 'the first',
    network_data: {},
    automated_clean: false,
  }),
  ['PATCH', 'nodes/{NODE}', [add('/owner', 'me'), add('/lessee', 'you'), add('/shard', 'a')]],
  ['PUT', 'nodes/{NODE}/traits', { traits: ['CUSTOM_ONE', 'HW_CPU_X86_VMX'] }],
  post('nodes', { uuid: '{BARE}', driver: 'fake-hardware' }),
  post('portgroups', {
    uuid: '{GROUP}',
    node_uuid: '{NODE}',
    name: 'bond0',
    address: '52:54:00:AA:00:0F',
    mode: '802.3ad',
    properties: { miimon: '100' },
    extra: { a: 1 },
  }),
  post('ports', {
    uuid: '{PORT}',
    node_uuid: '{NODE}',
    address: '52:54:00:AA:00:01',
    extra: { a: 1 },
    physical_network: 'net',
    local_link_connection: { switch_id: '0A:1B:2C:3D:4E:5F', port_id: 'Ethernet3/1', switch_info: 'sw1' },
  }),
  post('ports', {
    uuid: '{MEMBER}',
    node_uuid: '{NODE}',
    address: '52:54:00:aa:00:02',
    portgroup_uuid: '{GROUP}',
    pxe_enabled: false,
    is_smartnic: false,
  }),
  post('volume/connectors', { uuid: '{CONNECTOR}', node_uuid: '{NODE}', type: 'iqn', connector_id: 'iqn.x' }),
  post('volume/targets', {
    uuid: '{TARGET}',
    node_uuid: '{NODE}',
    volume_type: 'iscsi',
    volume_id: 'v',
    boot_index: 0,
    properties: { auth_password: 'x', target_iqn: 'iqn.y' },
  }),
  post('deploy_templates', {
    uuid: '{TEMPLATE}',
    name: 'CUSTOM_RAID1',
    steps: [{ interface: 'raid', step: 'create_configuration', args: { a: [1] }, priority: 150 }],
    extra: { a: 1 },
  }),
  post('allocations', {
    uuid: '{FAILED}',
    name: 'lab-1',
    resource_class: 'none',
    traits: ['CUSTOM_A'],
    candidate_nodes: ['n1'],
    extra: { a: 1 },
  }),
];

const BIOS = "'LogicalProc', 'Enabled', 'Enumeration', '[\"Enabled\", \"Disabled\"]', 0, 1";
const LONG_EVENT = `'${'x'.repeat(300)}'`;

/** Rows that no request can make with fake hardware: a BIOS setting and an event of a node, for each service's own tables. */
export const ROWS = {
  ironic: [
    `insert into bios_settings (created_at, version, node_id, name, value, attribute_type, allowable_values, read_only, reset_required)
     select '2026-01-01 00:00:00.000000', '1.1', id, ${BIOS} from nodes where uuid = '${NAMES.NODE}'`,
    `insert into node_history (created_at, version, uuid, conductor, event_type, severity, event, node_id)
     select '2026-01-01 00:00:00.000000', '1.0', '${NAMES.EVENT}', 'reference', 'monitoring', 'ERROR', ${LONG_EVENT}, id
     from nodes where uuid = '${NAMES.NODE}'`,
  ],
  wrought: [
    `insert into bios_settings (created_at, uuid, node_uuid, name, value, attribute_type, allowable_values, read_only, reset_required)
     values ('2026-01-01T00:00:00.000000+00:00', '${NAMES.OTHER}', '${NAMES.NODE}', ${BIOS})`,
    `insert into node_history (created_at, uuid, conductor, event_type, severity, event, node_uuid)
     values ('2026-01-01T00:00:00.000000+00:00', '${NAMES.EVENT}', 'reference', 'monitoring', 'ERROR', ${LONG_EVENT}, '${NAMES.NODE}')`,
  ],
} as const;

// SPDX-License-Identifier: Apache-2.0

import { DRIVER_INFO_SECRETS, INSTANCE_INFO_SECRETS } from '../../model/secrets.ts';
import type { Field, Row, View } from './field.ts';

const NO_EXTRA: ReadonlySet<string> = new Set();

/** 1.1 shows `available` as null; below 1.39 `inspect wait` is shown as `inspecting`. */
function renderProvisionState(row: Row, view: View): string {
  const state = row.provision_state;
  if (typeof state !== 'string' || (view.minor < 2 && state === 'available')) return 'null';
  return JSON.stringify(view.minor < 39 && state === 'inspect wait' ? 'inspecting' : state);
}

function renderConductor(row: Row, view: View): string {
  return JSON.stringify(
    view.services.conductor.conductorOf({
      uuid: String(row.uuid),
      driver: String(row.driver),
      conductor_group: String(row.conductor_group ?? ''),
    }),
  );
}

function hardwareInterface(type: string, since: number): Field {
  return { name: `${type}_interface`, type: 'string', since, create: true, patch: true, nullable: true };
}

/** Fields of a node (api-ref "Nodes"): the order is that of the answers. */
export const NODE_FIELDS: readonly Field[] = [
  { name: 'uuid', type: 'uuid', since: 1, create: true, list: true },
  { name: 'name', type: 'string', since: 5, create: true, patch: true, list: true, nullable: true },
  { name: 'instance_uuid', type: 'uuid', since: 1, create: true, patch: true, list: true, nullable: true },
  { name: 'power_state', type: 'string', since: 1, list: true, nullable: true },
  { name: 'provision_state', type: 'string', since: 1, list: true, nullable: true, render: renderProvisionState },
  { name: 'maintenance', type: 'boolean', since: 1, create: true, patch: true, list: true },
  { name: 'created_at', type: 'timestamp', since: 1, unselectable: true },
  { name: 'updated_at', type: 'timestamp', since: 1, nullable: true, unselectable: true },
  { name: 'driver', type: 'string', since: 1, create: true, patch: true, required: true, min: 1 },
  { name: 'driver_info', type: 'object', since: 1, create: true, patch: true, mask: DRIVER_INFO_SECRETS },
  { name: 'driver_internal_info', type: 'object', since: 3, mask: NO_EXTRA },
  { name: 'properties', type: 'object', since: 1, create: true, patch: true },
  { name: 'extra', type: 'object', since: 1, create: true, patch: true },
  { name: 'instance_info', type: 'object', since: 1, create: true, patch: true, mask: INSTANCE_INFO_SECRETS },
  { name: 'instance_name', type: 'string', since: 104, create: true, patch: true, nullable: true, min: 1 },
  { name: 'chassis_uuid', type: 'uuid', since: 1, create: true, patch: true, nullable: true },
  { name: 'target_power_state', type: 'string', since: 1, nullable: true },
  { name: 'target_provision_state', type: 'string', since: 1, nullable: true },
  { name: 'provision_updated_at', type: 'timestamp', since: 1, nullable: true },
  { name: 'maintenance_reason', type: 'text', since: 1, nullable: true },
  { name: 'fault', type: 'string', since: 42, nullable: true },
  { name: 'console_enabled', type: 'boolean', since: 1, create: true },
  { name: 'last_error', type: 'text', since: 1, nullable: true },
  { name: 'reservation', type: 'string', since: 1, nullable: true },
  { name: 'inspection_started_at', type: 'timestamp', since: 6, nullable: true },
  { name: 'inspection_finished_at', type: 'timestamp', since: 6, nullable: true },
  { name: 'clean_step', type: 'object', since: 7, mask: NO_EXTRA },
  { name: 'deploy_step', type: 'object', since: 44, mask: NO_EXTRA },
  { name: 'service_step', type: 'object', since: 87, mask: NO_EXTRA },
  { name: 'raid_config', type: 'object', since: 12 },
  { name: 'target_raid_config', type: 'object', since: 12 },
  hardwareInterface('bios', 40),
  hardwareInterface('boot', 31),
  hardwareInterface('console', 31),
  hardwareInterface('deploy', 31),
  hardwareInterface('firmware', 86),
  hardwareInterface('inspect', 31),
  hardwareInterface('management', 31),
  hardwareInterface('network', 20),
  hardwareInterface('power', 31),
  hardwareInterface('raid', 31),
  hardwareInterface('rescue', 38),
  hardwareInterface('storage', 33),
  hardwareInterface('vendor', 31),
  { name: 'resource_class', type: 'string', since: 21, create: true, patch: true, nullable: true, max: 80 },
  { name: 'traits', type: 'list', since: 37 },
  {
    name: 'conductor_group',
    type: 'string',
    since: 46,
    create: true,
    patch: true,
    empty: '',
    pattern: /^[a-zA-Z0-9_.-]*$/,
  },
  {
    name: 'conductor',
    type: 'string',
    since: 49,
    nullable: true,
    columns: ['uuid', 'driver', 'conductor_group'],
    render: renderConductor,
    unsortable: true,
  },
  { name: 'automated_clean', type: 'boolean', since: 47, create: true, patch: true, nullable: true, empty: null },
  { name: 'protected', type: 'boolean', since: 48, patch: true },
  { name: 'protected_reason', type: 'text', since: 48, patch: true, nullable: true },
  { name: 'owner', type: 'string', since: 50, create: true, patch: true, nullable: true },
  { name: 'lessee', type: 'string', since: 65, create: true, patch: true, nullable: true },
  { name: 'description', type: 'string', since: 51, create: true, patch: true, nullable: true, max: 4096 },
  { name: 'allocation_uuid', type: 'uuid', since: 52, nullable: true },
  { name: 'retired', type: 'boolean', since: 61, create: true, patch: true },
  { name: 'retired_reason', type: 'text', since: 61, create: true, patch: true, nullable: true },
  { name: 'network_data', type: 'object', since: 66, create: true, patch: true },
  { name: 'boot_mode', type: 'string', since: 75, create: true, nullable: true, values: ['uefi', 'bios'] },
  { name: 'secure_boot', type: 'boolean', since: 75, create: true, nullable: true, empty: null },
  { name: 'shard', type: 'string', since: 82, create: true, patch: true, nullable: true },
  { name: 'parent_node', type: 'uuid', since: 83, create: true, patch: true, nullable: true },
  { name: 'disable_power_off', type: 'boolean', since: 95, create: true, patch: true },
  { name: 'health', type: 'string', since: 109, nullable: true },
  { name: 'links', type: 'links', since: 1, list: true, unselectable: true },
  { name: 'ports', type: 'links', since: 1, below: '/ports', unselectable: true },
  { name: 'states', type: 'links', since: 14, below: '/states', unselectable: true },
  { name: 'portgroups', type: 'links', since: 24, below: '/portgroups', unselectable: true },
  { name: 'volume', type: 'links', since: 32, below: '/volume', unselectable: true },
];

/** Words that a path under `/v1/nodes` takes, so no node can be called so. */
export const RESERVED_NODE_NAMES: readonly string[] = [
  'maintenance',
  'management',
  'states',
  'vendor_passthru',
  'detail',
  'validate',
];

/** The fields of `GET /v1/nodes/{node}/states`. */
export const NODE_STATE_FIELDS: readonly string[] = [
  'console_enabled',
  'last_error',
  'power_state',
  'provision_state',
  'provision_updated_at',
  'target_power_state',
  'target_provision_state',
  'raid_config',
  'target_raid_config',
  'boot_mode',
  'secure_boot',
];

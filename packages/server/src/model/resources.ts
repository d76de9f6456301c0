// SPDX-License-Identifier: Apache-2.0

import type { Columns, RecordOf, RowOf } from './columns.ts';
import type { Json, JsonObject } from './json.ts';

/** The interface types a node carries one implementation of each. */
export const INTERFACE_TYPES = [
  'bios',
  'boot',
  'console',
  'deploy',
  'firmware',
  'inspect',
  'management',
  'network',
  'power',
  'raid',
  'rescue',
  'storage',
  'vendor',
] as const;

/** One of the thirteen interface types. */
export type InterfaceType = (typeof INTERFACE_TYPES)[number];

const base = { id: 'integer', uuid: 'text', created_at: 'timestamp', updated_at: 'timestamp?' } as const;

/** Columns of the table `nodes`. Names are those of the API (api-ref "Nodes"); server-only columns stand last. */
export const nodeColumns = {
  ...base,
  name: 'text?',
  driver: 'text',
  driver_info: 'json',
  driver_internal_info: 'json',
  properties: 'json',
  extra: 'json',
  instance_info: 'json',
  instance_uuid: 'text?',
  instance_name: 'text?',
  chassis_uuid: 'text?',
  power_state: 'text?',
  target_power_state: 'text?',
  provision_state: 'text',
  target_provision_state: 'text?',
  provision_updated_at: 'timestamp?',
  maintenance: 'boolean',
  maintenance_reason: 'text?',
  fault: 'text?',
  console_enabled: 'boolean',
  last_error: 'text?',
  reservation: 'text?',
  inspection_started_at: 'timestamp?',
  inspection_finished_at: 'timestamp?',
  clean_step: 'json',
  deploy_step: 'json',
  service_step: 'json',
  raid_config: 'json',
  target_raid_config: 'json',
  bios_interface: 'text?',
  boot_interface: 'text?',
  console_interface: 'text?',
  deploy_interface: 'text?',
  firmware_interface: 'text?',
  inspect_interface: 'text?',
  management_interface: 'text?',
  network_interface: 'text?',
  power_interface: 'text?',
  raid_interface: 'text?',
  rescue_interface: 'text?',
  storage_interface: 'text?',
  vendor_interface: 'text?',
  resource_class: 'text?',
  traits: 'json',
  conductor_group: 'text',
  automated_clean: 'boolean?',
  protected: 'boolean',
  protected_reason: 'text?',
  owner: 'text?',
  lessee: 'text?',
  description: 'text?',
  allocation_uuid: 'text?',
  retired: 'boolean',
  retired_reason: 'text?',
  network_data: 'json',
  boot_mode: 'text?',
  secure_boot: 'boolean?',
  shard: 'text?',
  parent_node: 'text?',
  disable_power_off: 'boolean',
  health: 'text?',
  conductor_affinity: 'text?',
} as const satisfies Columns;

/** Columns of the table `ports`. `node_uuid` references nodes (deleted with them). */
export const portColumns = {
  ...base,
  node_uuid: 'text',
  address: 'text',
  name: 'text?',
  extra: 'json',
  internal_info: 'json',
  local_link_connection: 'json',
  pxe_enabled: 'boolean',
  portgroup_uuid: 'text?',
  physical_network: 'text?',
  is_smartnic: 'boolean',
  description: 'text?',
  vendor: 'text?',
  category: 'text?',
  available_for_dynamic_portgroup: 'boolean',
} as const satisfies Columns;

/** Columns of the table `portgroups`. */
export const portgroupColumns = {
  ...base,
  node_uuid: 'text',
  name: 'text?',
  address: 'text?',
  extra: 'json',
  internal_info: 'json',
  standalone_ports_supported: 'boolean',
  mode: 'text',
  properties: 'json',
  physical_network: 'text?',
  category: 'text?',
  dynamic_portgroup: 'boolean',
} as const satisfies Columns;

/** Columns of the table `chassis`. */
export const chassisColumns = { ...base, description: 'text?', extra: 'json' } as const satisfies Columns;

/** Columns of the table `conductors`: one row per service process, `hostname` unique; `uuid` is internal. */
export const conductorColumns = {
  ...base,
  hostname: 'text',
  conductor_group: 'text',
  online: 'boolean',
  drivers: 'json',
} as const satisfies Columns;

/** Columns of the table `node_history`. */
export const historyColumns = {
  ...base,
  node_uuid: 'text',
  conductor: 'text?',
  event_type: 'text?',
  severity: 'text',
  event: 'text',
  user: 'text?',
  project: 'text?',
  state: 'text?',
  target_provision_state: 'text?',
  duration_seconds: 'integer?',
} as const satisfies Columns;

/** Columns of the table `bios_settings`. */
export const biosSettingColumns = {
  ...base,
  node_uuid: 'text',
  name: 'text',
  value: 'text?',
  attribute_type: 'text?',
  allowable_values: 'json?',
  lower_bound: 'integer?',
  upper_bound: 'integer?',
  min_length: 'integer?',
  max_length: 'integer?',
  read_only: 'boolean?',
  reset_required: 'boolean?',
  unique: 'boolean?',
} as const satisfies Columns;

/** Columns of the table `firmware_components`. */
export const firmwareComponentColumns = {
  ...base,
  node_uuid: 'text',
  component: 'text',
  initial_version: 'text',
  current_version: 'text?',
  last_version_flashed: 'text?',
  vendor: 'text?',
  model: 'text?',
  serial_number: 'text?',
} as const satisfies Columns;

/** Columns of the table `node_inventory`, at most one row per node. */
export const inventoryColumns = {
  ...base,
  node_uuid: 'text',
  inventory: 'json',
  plugin_data: 'json',
} as const satisfies Columns;

/** Columns of the table `allocations`. */
export const allocationColumns = {
  ...base,
  name: 'text?',
  state: 'text',
  resource_class: 'text?',
  traits: 'json',
  candidate_nodes: 'json',
  extra: 'json',
  owner: 'text?',
  node_uuid: 'text?',
  last_error: 'text?',
  conductor_affinity: 'text?',
} as const satisfies Columns;

/** Columns of the table `deploy_templates`. */
export const deployTemplateColumns = {
  ...base,
  name: 'text',
  steps: 'json',
  extra: 'json',
} as const satisfies Columns;

/** Columns of the table `runbooks`. */
export const runbookColumns = {
  ...base,
  name: 'text',
  steps: 'json',
  disable_ramdisk: 'boolean',
  extra: 'json',
  public: 'boolean',
  owner: 'text?',
  description: 'text?',
  traits: 'json',
} as const satisfies Columns;

/** Columns of the table `inspection_rules`. */
export const inspectionRuleColumns = {
  ...base,
  description: 'text?',
  priority: 'integer',
  phase: 'text',
  sensitive: 'boolean',
  conditions: 'json',
  actions: 'json',
} as const satisfies Columns;

/** Columns of the table `volume_connectors`. */
export const volumeConnectorColumns = {
  ...base,
  node_uuid: 'text',
  type: 'text',
  connector_id: 'text',
  extra: 'json',
} as const satisfies Columns;

/** Columns of the table `volume_targets`. */
export const volumeTargetColumns = {
  ...base,
  node_uuid: 'text',
  volume_type: 'text',
  volume_id: 'text',
  boot_index: 'integer',
  properties: 'json',
  extra: 'json',
} as const satisfies Columns;

/**
 * Columns of the table `work`: what a node is doing, at most one row per node. A row is written in the transaction
 * that changes the node, its `step` before the step runs; whoever holds the lease runs it.
 */
export const workColumns = {
  ...base,
  node_uuid: 'text',
  workflow: 'text',
  step: 'text',
  attempt: 'integer',
  lease_owner: 'text?',
  lease_until: 'timestamp?',
  run_after: 'timestamp?',
  data: 'json',
} as const satisfies Columns;

type Typed<R, Fields> = Omit<R, keyof Fields> & Fields;

/** A node. Field meanings: OpenStack Bare Metal API reference, "Nodes". */
export type NodeRecord = Typed<
  RecordOf<typeof nodeColumns>,
  {
    driver_info: JsonObject;
    driver_internal_info: JsonObject;
    properties: JsonObject;
    extra: JsonObject;
    instance_info: JsonObject;
    clean_step: JsonObject;
    deploy_step: JsonObject;
    service_step: JsonObject;
    raid_config: JsonObject;
    target_raid_config: JsonObject;
    network_data: JsonObject;
    traits: string[];
  }
>;
/** A node as stored (JSON columns as text). */
export type NodeRow = RowOf<typeof nodeColumns>;

/** A network port of a node. */
export type PortRecord = Typed<
  RecordOf<typeof portColumns>,
  { extra: JsonObject; internal_info: JsonObject; local_link_connection: JsonObject }
>;
export type PortRow = RowOf<typeof portColumns>;

/** A bond of ports. */
export type PortgroupRecord = Typed<
  RecordOf<typeof portgroupColumns>,
  { extra: JsonObject; internal_info: JsonObject; properties: JsonObject }
>;
export type PortgroupRow = RowOf<typeof portgroupColumns>;

export type ChassisRow = RowOf<typeof chassisColumns>;

/** How a node reaches storage: an initiator's name or address. */
export type VolumeConnectorRecord = Typed<RecordOf<typeof volumeConnectorColumns>, { extra: JsonObject }>;
export type VolumeConnectorRow = RowOf<typeof volumeConnectorColumns>;

/** A volume a node may boot from. */
export type VolumeTargetRecord = Typed<
  RecordOf<typeof volumeTargetColumns>,
  { properties: JsonObject; extra: JsonObject }
>;
export type VolumeTargetRow = RowOf<typeof volumeTargetColumns>;

/** A claim on a node by what it must be like. */
export type AllocationRecord = Typed<
  RecordOf<typeof allocationColumns>,
  { traits: string[]; candidate_nodes: string[]; extra: JsonObject }
>;
export type AllocationRow = RowOf<typeof allocationColumns>;

export type WorkRecord = Typed<RecordOf<typeof workColumns>, { data: JsonObject }>;

/** One step of a clean, deploy, verify or service workflow as users and drivers name it. */
export interface Step {
  interface: string;
  step: string;
  args?: JsonObject;
  priority?: number;
  order?: number;
  execute_on_child_nodes?: boolean;
  limit_child_node_execution?: string[];
  [key: string]: Json | undefined;
}

-- SPDX-License-Identifier: Apache-2.0
-- The schema of version 1, as the program of that version made it. Never changes.

create table "chassis" (
  "id" integer primary key,
  "uuid" text not null,
  "created_at" text not null,
  "updated_at" text,
  "description" text,
  "extra" text default '{}' not null,
  constraint "chassis_uuid_unique" unique ("uuid")
) strict;

create table "nodes" (
  "id" integer primary key,
  "uuid" text not null,
  "created_at" text not null,
  "updated_at" text,
  "name" text,
  "driver" text not null,
  "driver_info" text default '{}' not null,
  "driver_internal_info" text default '{}' not null,
  "properties" text default '{}' not null,
  "extra" text default '{}' not null,
  "instance_info" text default '{}' not null,
  "instance_uuid" text,
  "instance_name" text,
  "chassis_uuid" text,
  "power_state" text,
  "target_power_state" text,
  "provision_state" text default 'enroll' not null,
  "target_provision_state" text,
  "provision_updated_at" text,
  "maintenance" integer default 0 not null,
  "maintenance_reason" text,
  "fault" text,
  "console_enabled" integer default 0 not null,
  "last_error" text,
  "reservation" text,
  "inspection_started_at" text,
  "inspection_finished_at" text,
  "clean_step" text default '{}' not null,
  "deploy_step" text default '{}' not null,
  "service_step" text default '{}' not null,
  "raid_config" text default '{}' not null,
  "target_raid_config" text default '{}' not null,
  "bios_interface" text,
  "boot_interface" text,
  "console_interface" text,
  "deploy_interface" text,
  "firmware_interface" text,
  "inspect_interface" text,
  "management_interface" text,
  "network_interface" text,
  "power_interface" text,
  "raid_interface" text,
  "rescue_interface" text,
  "storage_interface" text,
  "vendor_interface" text,
  "resource_class" text,
  "traits" text default '[]' not null,
  "conductor_group" text default '' not null,
  "automated_clean" integer,
  "protected" integer default 0 not null,
  "protected_reason" text,
  "owner" text,
  "lessee" text,
  "description" text,
  "allocation_uuid" text,
  "retired" integer default 0 not null,
  "retired_reason" text,
  "network_data" text default '{}' not null,
  "boot_mode" text,
  "secure_boot" integer,
  "shard" text,
  "parent_node" text,
  "disable_power_off" integer default 0 not null,
  "health" text,
  "conductor_affinity" text,
  constraint "nodes_uuid_unique" unique ("uuid"),
  constraint "nodes_name_unique" unique ("name"),
  constraint "nodes_instance_uuid_unique" unique ("instance_uuid"),
  constraint "nodes_chassis_uuid_reference" foreign key ("chassis_uuid") references "chassis" ("uuid") on delete no action
) strict;

create table "portgroups" (
  "id" integer primary key,
  "uuid" text not null,
  "created_at" text not null,
  "updated_at" text,
  "node_uuid" text not null,
  "name" text,
  "address" text,
  "extra" text default '{}' not null,
  "internal_info" text default '{}' not null,
  "standalone_ports_supported" integer default 1 not null,
  "mode" text default 'active-backup' not null,
  "properties" text default '{}' not null,
  "physical_network" text,
  "category" text,
  "dynamic_portgroup" integer default 0 not null,
  constraint "portgroups_uuid_unique" unique ("uuid"),
  constraint "portgroups_name_unique" unique ("name"),
  constraint "portgroups_address_unique" unique ("address"),
  constraint "portgroups_node_uuid_reference" foreign key ("node_uuid") references "nodes" ("uuid") on delete cascade
) strict;

create table "ports" (
  "id" integer primary key,
  "uuid" text not null,
  "created_at" text not null,
  "updated_at" text,
  "node_uuid" text not null,
  "address" text not null,
  "name" text,
  "extra" text default '{}' not null,
  "internal_info" text default '{}' not null,
  "local_link_connection" text default '{}' not null,
  "pxe_enabled" integer default 1 not null,
  "portgroup_uuid" text,
  "physical_network" text,
  "is_smartnic" integer default 0 not null,
  "description" text,
  "vendor" text,
  "category" text,
  "available_for_dynamic_portgroup" integer default 1 not null,
  constraint "ports_uuid_unique" unique ("uuid"),
  constraint "ports_address_unique" unique ("address"),
  constraint "ports_name_unique" unique ("name"),
  constraint "ports_node_uuid_reference" foreign key ("node_uuid") references "nodes" ("uuid") on delete cascade,
  constraint "ports_portgroup_uuid_reference" foreign key ("portgroup_uuid") references "portgroups" ("uuid") on delete no action
) strict;

create table "conductors" (
  "id" integer primary key,
  "uuid" text not null,
  "created_at" text not null,
  "updated_at" text,
  "hostname" text not null,
  "conductor_group" text default '' not null,
  "online" integer default 1 not null,
  "drivers" text default '[]' not null,
  constraint "conductors_uuid_unique" unique ("uuid"),
  constraint "conductors_hostname_unique" unique ("hostname")
) strict;

create table "node_history" (
  "id" integer primary key,
  "uuid" text not null,
  "created_at" text not null,
  "updated_at" text,
  "node_uuid" text not null,
  "conductor" text,
  "event_type" text,
  "severity" text default 'INFO' not null,
  "event" text not null,
  "user" text,
  "project" text,
  "state" text,
  "target_provision_state" text,
  "duration_seconds" integer,
  constraint "node_history_uuid_unique" unique ("uuid"),
  constraint "node_history_node_uuid_reference" foreign key ("node_uuid") references "nodes" ("uuid") on delete cascade
) strict;

create table "bios_settings" (
  "id" integer primary key,
  "uuid" text not null,
  "created_at" text not null,
  "updated_at" text,
  "node_uuid" text not null,
  "name" text not null,
  "value" text,
  "attribute_type" text,
  "allowable_values" text,
  "lower_bound" integer,
  "upper_bound" integer,
  "min_length" integer,
  "max_length" integer,
  "read_only" integer,
  "reset_required" integer,
  "unique" integer,
  constraint "bios_settings_uuid_unique" unique ("uuid"),
  constraint "bios_settings_node_uuid_name_unique" unique ("node_uuid", "name"),
  constraint "bios_settings_node_uuid_reference" foreign key ("node_uuid") references "nodes" ("uuid") on delete cascade
) strict;

create table "firmware_components" (
  "id" integer primary key,
  "uuid" text not null,
  "created_at" text not null,
  "updated_at" text,
  "node_uuid" text not null,
  "component" text not null,
  "initial_version" text not null,
  "current_version" text,
  "last_version_flashed" text,
  "vendor" text,
  "model" text,
  "serial_number" text,
  constraint "firmware_components_uuid_unique" unique ("uuid"),
  constraint "firmware_components_node_uuid_component_unique" unique ("node_uuid", "component"),
  constraint "firmware_components_node_uuid_reference" foreign key ("node_uuid") references "nodes" ("uuid") on delete cascade
) strict;

create table "node_inventory" (
  "id" integer primary key,
  "uuid" text not null,
  "created_at" text not null,
  "updated_at" text,
  "node_uuid" text not null,
  "inventory" text default '{}' not null,
  "plugin_data" text default '{}' not null,
  constraint "node_inventory_uuid_unique" unique ("uuid"),
  constraint "node_inventory_node_uuid_unique" unique ("node_uuid"),
  constraint "node_inventory_node_uuid_reference" foreign key ("node_uuid") references "nodes" ("uuid") on delete cascade
) strict;

create table "allocations" (
  "id" integer primary key,
  "uuid" text not null,
  "created_at" text not null,
  "updated_at" text,
  "name" text,
  "state" text default 'allocating' not null,
  "resource_class" text,
  "traits" text default '[]' not null,
  "candidate_nodes" text default '[]' not null,
  "extra" text default '{}' not null,
  "owner" text,
  "node_uuid" text,
  "last_error" text,
  "conductor_affinity" text,
  constraint "allocations_uuid_unique" unique ("uuid"),
  constraint "allocations_name_unique" unique ("name"),
  constraint "allocations_node_uuid_reference" foreign key ("node_uuid") references "nodes" ("uuid") on delete cascade
) strict;

create table "deploy_templates" (
  "id" integer primary key,
  "uuid" text not null,
  "created_at" text not null,
  "updated_at" text,
  "name" text not null,
  "steps" text default '[]' not null,
  "extra" text default '{}' not null,
  constraint "deploy_templates_uuid_unique" unique ("uuid"),
  constraint "deploy_templates_name_unique" unique ("name")
) strict;

create table "runbooks" (
  "id" integer primary key,
  "uuid" text not null,
  "created_at" text not null,
  "updated_at" text,
  "name" text not null,
  "steps" text default '[]' not null,
  "disable_ramdisk" integer default 0 not null,
  "extra" text default '{}' not null,
  "public" integer default 0 not null,
  "owner" text,
  "description" text,
  "traits" text default '[]' not null,
  constraint "runbooks_uuid_unique" unique ("uuid"),
  constraint "runbooks_name_unique" unique ("name")
) strict;

create table "inspection_rules" (
  "id" integer primary key,
  "uuid" text not null,
  "created_at" text not null,
  "updated_at" text,
  "description" text,
  "priority" integer default 0 not null,
  "phase" text default 'main' not null,
  "sensitive" integer default 0 not null,
  "conditions" text default '[]' not null,
  "actions" text default '[]' not null,
  constraint "inspection_rules_uuid_unique" unique ("uuid")
) strict;

create table "volume_connectors" (
  "id" integer primary key,
  "uuid" text not null,
  "created_at" text not null,
  "updated_at" text,
  "node_uuid" text not null,
  "type" text not null,
  "connector_id" text not null,
  "extra" text default '{}' not null,
  constraint "volume_connectors_uuid_unique" unique ("uuid"),
  constraint "volume_connectors_type_connector_id_unique" unique ("type", "connector_id"),
  constraint "volume_connectors_node_uuid_reference" foreign key ("node_uuid") references "nodes" ("uuid") on delete cascade
) strict;

create table "volume_targets" (
  "id" integer primary key,
  "uuid" text not null,
  "created_at" text not null,
  "updated_at" text,
  "node_uuid" text not null,
  "volume_type" text not null,
  "volume_id" text not null,
  "boot_index" integer not null,
  "properties" text default '{}' not null,
  "extra" text default '{}' not null,
  constraint "volume_targets_uuid_unique" unique ("uuid"),
  constraint "volume_targets_node_uuid_boot_index_unique" unique ("node_uuid", "boot_index"),
  constraint "volume_targets_node_uuid_reference" foreign key ("node_uuid") references "nodes" ("uuid") on delete cascade
) strict;

create table "work" (
  "id" integer primary key,
  "uuid" text not null,
  "created_at" text not null,
  "updated_at" text,
  "node_uuid" text not null,
  "workflow" text not null,
  "step" text not null,
  "attempt" integer default 0 not null,
  "lease_owner" text,
  "lease_until" text,
  "run_after" text,
  "data" text default '{}' not null,
  constraint "work_uuid_unique" unique ("uuid"),
  constraint "work_node_uuid_unique" unique ("node_uuid"),
  constraint "work_node_uuid_reference" foreign key ("node_uuid") references "nodes" ("uuid") on delete cascade
) strict;

create table "schema_version" ("version" integer not null);
insert into "schema_version" values (1);

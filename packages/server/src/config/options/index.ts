// SPDX-License-Identifier: Apache-2.0
import type { Option } from '../option.ts';
import { conductor } from './conductor.ts';
import { DEFAULT } from './default.ts';
import { agent, deploy, dhcp, dnsmasq, iscsi, netboot, pxe } from './deploy.ts';
import { amt, console_, fake, iboot, ilo, ipmi } from './hardware.ts';
import {
  api,
  auto_discovery,
  cors,
  database,
  glance,
  healthcheck,
  inspector,
  inventory,
  metrics,
  metrics_statsd,
  nova,
  oslo_concurrency,
  sensor_data,
  service_catalog,
  swift,
} from './service.ts';

/** Every section and option there is: the one source of types, validation, `wrought config` and the handbook. */
export const SECTIONS = {
  DEFAULT,
  api,
  database,
  conductor,
  deploy,
  agent,
  pxe,
  netboot,
  dhcp,
  dnsmasq,
  service_catalog,
  inspector,
  auto_discovery,
  inventory,
  sensor_data,
  metrics,
  metrics_statsd,
  console: console_,
  ipmi,
  amt,
  iboot,
  ilo,
  iscsi,
  fake,
  glance,
  swift,
  nova,
  cors,
  healthcheck,
  oslo_concurrency,
} as const;

export type Sections = typeof SECTIONS;
export type SectionName = keyof Sections;
export type OptionName<S extends SectionName> = keyof Sections[S] & string;
/** Type of an option's value. */
export type OptionValue<O> = O extends Option<infer T> ? T : never;

/** Ironic's sections that mean nothing to this service: files that have them load with one remark each. */
export const UNUSED_SECTIONS: ReadonlySet<string> = new Set([
  'anaconda',
  'ansible',
  'audit',
  'audit_middleware_notifications',
  'cinder',
  'disk_utils',
  'drac',
  'ironic_lib',
  'irmc',
  'json_rpc',
  'keystone_authtoken',
  'mdns',
  'molds',
  'neutron',
  'oci',
  'oslo_messaging_amqp',
  'oslo_messaging_kafka',
  'oslo_messaging_notifications',
  'oslo_messaging_rabbit',
  'oslo_middleware',
  'oslo_policy',
  'oslo_reports',
  'oslo_versionedobjects',
  'profiler',
  'pxe_filter',
  'redfish',
  'snmp',
  'ssl',
  'vnc',
  'xclarity',
]);

/** Ironic's options that mean nothing to this service, by section. */
export const UNUSED_OPTIONS: Readonly<Record<string, readonly string[]>> = {
  DEFAULT: [
    'bindir',
    'debug_tracebacks_in_api',
    'default_log_levels',
    'hash_partition_exponent',
    'hash_ring_algorithm',
    'hash_ring_reset_interval',
    'isolinux_config_template',
    'grub_config_template',
    'log_config_append',
    'parallel_image_downloads',
    'pecan_debug',
    'pin_release_version',
    'pybasedir',
    'rbac_service_project_name',
    'rbac_service_role_elevated_access',
    'rootwrap_config',
    'transport_url',
    'use_syslog',
    'versioned_notifications_topics',
  ],
  api: ['api_workers', 'project_admin_can_manage_own_nodes'],
  database: ['mysql_engine', 'max_retries', 'retry_interval', 'use_db_reconnect'],
  healthcheck: ['backends', 'disable_by_file_paths'],
  inspector: ['status_check_period', 'callback_endpoint_override', 'endpoint_override', 'auth_type'],
  agent: ['enable_bios_bootloader_install', 'neutron_agent_poll_interval', 'neutron_agent_max_attempts'],
};

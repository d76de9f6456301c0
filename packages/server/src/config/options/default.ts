// SPDX-License-Identifier: Apache-2.0
import { hostname, networkInterfaces } from 'node:os';
import { bool, choice, float, int, list, MUTABLE, type Option, seconds, str, verify } from '../option.ts';

const ALL = 'Wrought enables everything it has';

function enabledInterfaces(type: string): Option<string[]> {
  return list([], `Implementations of the ${type} interface that nodes may use; empty means all.`, { differs: ALL });
}

function defaultInterface(type: string): Option<string | null> {
  return str(
    null,
    `Implementation of the ${type} interface for nodes that name none; unset: the hardware type decides.`,
  );
}

/** First IPv4 address of this machine that is not loopback, else 127.0.0.1. */
function detectAddress(): string {
  for (const addresses of Object.values(networkInterfaces())) {
    for (const address of addresses ?? []) {
      if (address.family === 'IPv4' && !address.internal) return address.address;
    }
  }
  return '127.0.0.1';
}

export const DEFAULT = {
  auth_strategy: choice(
    ['noauth', 'http_basic', 'keystone'],
    'noauth',
    'How API requests are authenticated; without it in a configuration, noauth is only accepted on a loopback address.',
    { differs: 'a first start on loopback needs no account' },
  ),
  http_basic_auth_user_file: str(
    '/etc/ironic/htpasswd',
    'File of user:hash lines for http_basic; only bcrypt hashes are accepted.',
  ),
  rpc_transport: choice(
    ['none', 'json-rpc', 'oslo'],
    'none',
    'Read so that existing files load; Wrought processes share their work through the database, whatever it says.',
    { differs: 'there is no message bus' },
  ),
  host: str('localhost', 'Name of this conductor and of the locks it holds; must stay the same across restarts.', {
    computed: { value: hostname, text: "the machine's host name" },
  }),
  my_ip: str('127.0.0.1', 'IPv4 address of this machine as the nodes reach it; part of TFTP and HTTP addresses.', {
    computed: { value: detectAddress, text: "the machine's first IPv4 address that is not loopback" },
  }),
  my_ipv6: str(null, 'IPv6 address of this machine as the nodes reach it.'),
  state_path: str('state', 'Directory for everything the service keeps; --state-dir sets it.', {
    differs: 'relative to where the service starts',
  }),
  tempdir: str('/tmp', 'Directory for temporary files.'),
  enabled_hardware_types: list([], 'Hardware types nodes may use; empty means all.', { differs: ALL }),
  enabled_drivers: list([], 'Classic drivers nodes may use; empty means all.', { differs: ALL }),
  enabled_bios_interfaces: enabledInterfaces('bios'),
  default_bios_interface: defaultInterface('bios'),
  enabled_boot_interfaces: enabledInterfaces('boot'),
  default_boot_interface: defaultInterface('boot'),
  enabled_console_interfaces: enabledInterfaces('console'),
  default_console_interface: defaultInterface('console'),
  enabled_deploy_interfaces: enabledInterfaces('deploy'),
  default_deploy_interface: defaultInterface('deploy'),
  enabled_firmware_interfaces: enabledInterfaces('firmware'),
  default_firmware_interface: defaultInterface('firmware'),
  enabled_inspect_interfaces: enabledInterfaces('inspect'),
  default_inspect_interface: defaultInterface('inspect'),
  enabled_management_interfaces: enabledInterfaces('management'),
  default_management_interface: defaultInterface('management'),
  enabled_network_interfaces: enabledInterfaces('network'),
  default_network_interface: defaultInterface('network'),
  enabled_power_interfaces: enabledInterfaces('power'),
  default_power_interface: defaultInterface('power'),
  enabled_raid_interfaces: enabledInterfaces('raid'),
  default_raid_interface: defaultInterface('raid'),
  enabled_rescue_interfaces: enabledInterfaces('rescue'),
  default_rescue_interface: defaultInterface('rescue'),
  enabled_storage_interfaces: enabledInterfaces('storage'),
  default_storage_interface: str('noop', 'Implementation of the storage interface for nodes that name none.'),
  enabled_vendor_interfaces: enabledInterfaces('vendor'),
  default_vendor_interface: defaultInterface('vendor'),
  autodetect_deploy_interfaces: list(
    ['ramdisk', 'bootc', 'direct'],
    'Deploy interfaces the autodetect deploy interface chooses from, in order.',
  ),
  default_resource_class: str(null, 'Resource class of new nodes that give none.', MUTABLE),
  default_conductor_group: str('', 'Conductor group of new nodes that give none.', MUTABLE),
  default_portgroup_mode: str('active-backup', 'Bonding mode of new port groups that give none.', MUTABLE),
  force_raw_images: bool(true, 'Convert images to raw before they are written or served.', MUTABLE),
  raw_image_growth_factor: float(2.0, 'How much larger than the file a converted image is assumed to be.', { min: 1 }),
  image_download_concurrency: int(20, 'Images downloaded at the same time.', { min: 1 }),
  minimum_required_memory: int(1024, 'Free memory below which an image conversion waits.', {
    ...MUTABLE,
    min: 0,
    unit: 'MiB',
  }),
  minimum_memory_wait_time: seconds(15, 'Pause between two looks at the free memory.', MUTABLE),
  minimum_memory_wait_retries: int(6, 'Looks at the free memory before a conversion is given up.', {
    ...MUTABLE,
    min: 0,
  }),
  minimum_memory_warning_only: bool(false, 'Only log when memory is short, and convert all the same.', MUTABLE),
  esp_image: str(null, 'EFI system partition image put into UEFI boot ISOs.'),
  grub_config_path: str('EFI/BOOT/grub.cfg', 'Path of the GRUB configuration inside UEFI boot ISOs.'),
  isolinux_bin: str('/usr/lib/syslinux/isolinux.bin', 'ISOLINUX boot loader put into BIOS boot ISOs.'),
  ldlinux_c32: str(null, 'ldlinux.c32 put into BIOS boot ISOs; unset: searched beside ISOLINUX.'),
  log_in_db_max_size: int(4096, 'Longest error text stored with a node.', { min: 0, unit: 'characters' }),
  notification_level: choice(
    ['debug', 'info', 'warning', 'error', 'critical'],
    null,
    'Lowest level of notifications to emit; unset: none.',
  ),
  drain_shutdown_timeout: seconds(
    1800,
    'How long a draining process waits for its work; 0 waits without end.',
    MUTABLE,
  ),
  webserver_verify_ca: verify(true, 'Certificate checking of web servers that hold images.', MUTABLE),
  webserver_connection_timeout: seconds(60, 'Deadline of connections to web servers that hold images.'),
  debug: bool(false, 'Log at debug level instead of info.'),
  log_file: str(null, 'File the log is written to, relative to log_dir; unset: standard output.'),
  log_dir: str(null, 'Directory of log_file.'),
  use_stderr: bool(false, 'Write the log to standard error as well.'),
};

// SPDX-License-Identifier: Apache-2.0
// Deployment and network boot.
import { isIPv4 } from 'node:net';
import { bool, choice, dict, int, MUTABLE, octal, port, seconds, str, verify } from '../option.ts';

const STATE = { differs: 'inside the state directory, so that no other directory has to be prepared' };

export const deploy = {
  http_url: str(null, 'Address of the web server for boot files and images; unset: built from [netboot].', {
    aliases: ['pxe.http_url'],
  }),
  http_root: str('$state_path/httpboot', 'Directory of that web server.', { ...STATE, aliases: ['pxe.http_root'] }),
  http_image_subdir: str('agent_images', 'Directory below http_root for images.'),
  external_http_url: str(null, 'Address of the web server as management controllers reach it; unset: http_url.'),
  external_callback_url: str(null, 'Address of the API for nodes booted from virtual media; unset: the usual one.'),
  default_boot_mode: choice(['uefi', 'bios'], 'uefi', 'Boot mode of nodes that state none.', MUTABLE),
  default_boot_option: choice(
    ['local', 'netboot'],
    null,
    'How deployed nodes boot when they state nothing; unset: local.',
  ),
  fast_track: bool(false, 'Go on with an agent that is already running instead of booting another.', MUTABLE),
  fast_track_timeout: seconds(300, 'Age of the last heartbeat up to which an agent counts as running.', {
    ...MUTABLE,
    max: 300,
  }),
  power_off_after_deploy_failure: bool(true, 'Power nodes off when their deployment fails.', MUTABLE),
  erase_devices_priority: int(null, 'Priority of the clean step that erases disks; unset: its own; 0: off.', {
    ...MUTABLE,
    min: 0,
  }),
  erase_devices_metadata_priority: int(null, 'Priority of the clean step that erases partition tables; 0: off.', {
    ...MUTABLE,
    min: 0,
  }),
  create_configuration_priority: int(null, 'Priority of the clean step that creates RAID volumes; 0: off.', {
    ...MUTABLE,
    min: 0,
  }),
  delete_configuration_priority: int(null, 'Priority of the clean step that deletes RAID volumes; 0: off.', {
    ...MUTABLE,
    min: 0,
  }),
  shred_random_overwrite_iterations: int(1, 'Times a disk is overwritten with random data.', { ...MUTABLE, min: 0 }),
  shred_final_overwrite_with_zeros: bool(true, 'Overwrite a disk with zeros at the end.', MUTABLE),
  continue_if_disk_secure_erase_fails: bool(false, 'Overwrite a disk whose own erase function fails.', MUTABLE),
  enable_ata_secure_erase: bool(true, 'Use the erase function of ATA disks.', MUTABLE),
  enable_nvme_secure_erase: bool(true, 'Use the erase function of NVMe disks.', MUTABLE),
  disk_erasure_concurrency: int(4, 'Disks erased at the same time.', { ...MUTABLE, min: 1 }),
  erase_skip_read_only: bool(false, 'Leave read-only disks out instead of failing.', MUTABLE),
  configdrive_use_object_store: bool(false, 'Keep config drives in the object store.', {
    ...MUTABLE,
    aliases: ['conductor.configdrive_use_swift'],
  }),
  ramdisk_image_download_source: choice(
    ['http', 'local', 'swift'],
    'local',
    'How a management controller gets boot ISOs.',
    MUTABLE,
  ),
  iso_master_path: str('$state_path/master_iso_images', 'Cache of boot ISOs.', STATE),
  iso_cache_size: int(20480, 'Largest size of the cache of boot ISOs.', { min: 0, unit: 'MiB' }),
  iso_cache_ttl: int(10080, 'Longest life of an unused cached boot ISO.', { min: 0, unit: 'min' }),
  image_server_auth_strategy: choice(
    ['noauth', 'http_basic'],
    'noauth',
    'How to authenticate at web servers of images.',
  ),
  image_server_user: str(null, 'User name at web servers of images.'),
  image_server_password: str(null, 'Password at web servers of images.', { secret: true }),
};

export const agent = {
  image_download_source: choice(
    ['http', 'local', 'swift'],
    'http',
    'How agents get images: from where they are, from this service, or from the object store.',
    MUTABLE,
  ),
  stream_raw_images: bool(true, 'Write raw images to disk while they arrive, without a copy in memory.', MUTABLE),
  deploy_logs_collect: choice(
    ['always', 'on_failure', 'never'],
    'on_failure',
    'When to fetch the logs of an agent.',
    MUTABLE,
  ),
  deploy_logs_storage_backend: choice(['local', 'swift'], 'local', 'Where logs of agents are kept.', MUTABLE),
  deploy_logs_local_path: str('$state_path/deploy_logs', 'Directory for logs of agents.', { ...MUTABLE, ...STATE }),
  deploy_logs_swift_container: str('ironic_deploy_logs_container', 'Container for logs of agents.', MUTABLE),
  deploy_logs_swift_days_to_expire: int(30, 'Life of logs in the object store.', { ...MUTABLE, min: 0, unit: 'days' }),
  command_timeout: seconds(60, 'Deadline of a request to an agent.', MUTABLE),
  max_command_attempts: int(3, 'Attempts of a request to an agent.', { min: 1 }),
  command_wait_attempts: int(100, 'Looks at a long command of an agent before it counts as failed.', { min: 1 }),
  command_wait_interval: seconds(6, 'Pause between two looks at a long command of an agent.'),
  post_deploy_get_power_state_retries: int(6, 'Readings of the power after an agent was told to power off.', {
    min: 0,
  }),
  post_deploy_get_power_state_retry_interval: seconds(5, 'Pause between two of these readings.'),
  require_tls: bool(true, 'Refuse agents that do not serve HTTPS.', MUTABLE),
  certificates_path: str('$state_path/certificates', 'Directory for certificates of agents.', STATE),
  verify_ca: verify(true, 'Certificate checking of agents that did not send their own certificate.'),
  api_ca_file: str(null, 'CA file handed to agents booted from virtual media, to check this API with.'),
  manage_agent_boot: bool(true, 'Boot agents; false when something else does.'),
  memory_consumed_by_agent: int(0, 'Memory an agent needs besides the image.', { ...MUTABLE, min: 0, unit: 'MiB' }),
  allow_md5_checksum: bool(true, 'Accept MD5 checksums of images.', MUTABLE),
  agent_api_version: str('v1', 'Version of the API of agents.'),
};

export const pxe = {
  tftp_server: str('$my_ip', 'Address of the TFTP server, for DHCP options.'),
  tftp_root: str('$state_path/tftpboot', 'Directory of the TFTP server.', STATE),
  tftp_master_path: str('$state_path/tftpboot/master_images', 'Cache of kernels and ramdisks.', STATE),
  images_path: str('$state_path/images', 'Directory for images in use.', STATE),
  instance_master_path: str('$state_path/master_images', 'Cache of instance images.', STATE),
  image_cache_size: int(20480, 'Largest size of the cache of instance images.', { min: 0, unit: 'MiB' }),
  image_cache_ttl: int(10080, 'Longest life of an unused cached instance image.', { min: 0, unit: 'min' }),
  pxe_bootfile_name: str('pxelinux.0', 'First boot file of BIOS machines booting by PXE.'),
  pxe_bootfile_name_by_arch: dict({}, 'First boot file for PXE by CPU architecture.'),
  uefi_pxe_bootfile_name: str('bootx64.efi', 'First boot file of UEFI machines booting by PXE.'),
  ipxe_bootfile_name: str('undionly.kpxe', 'First boot file of BIOS machines booting by iPXE.'),
  ipxe_bootfile_name_by_arch: dict({}, 'First boot file for iPXE by CPU architecture.'),
  uefi_ipxe_bootfile_name: str('snponly.efi', 'First boot file of UEFI machines booting by iPXE.'),
  pxe_config_subdir: str('pxelinux.cfg', 'Directory below tftp_root for PXELINUX configurations.'),
  pxe_config_template: str(null, 'Template of PXELINUX configurations; unset: the built-in one.', MUTABLE),
  pxe_config_template_by_arch: dict({}, 'Template of boot configurations by CPU architecture.', MUTABLE),
  uefi_pxe_config_template: str(null, 'Template of GRUB configurations; unset: the built-in one.', MUTABLE),
  ipxe_config_template: str(null, 'Template of iPXE scripts; unset: the built-in one.', MUTABLE),
  ipxe_boot_script: str(null, 'Template of the first iPXE script; unset: the built-in one.'),
  ipxe_enabled: bool(false, 'Boot nodes of classic pxe_* drivers by iPXE.'),
  ipxe_timeout: int(0, 'Deadline iPXE puts on downloads; 0: its own.', { min: 0, unit: 'ms' }),
  ipxe_use_swift: bool(false, 'Let iPXE fetch kernels and ramdisks from the object store.', MUTABLE),
  ipxe_fallback_script: str(null, 'iPXE script to try for machines without a boot configuration.'),
  kernel_append_params: str('nofb vga=normal', 'Kernel parameters of ramdisks and network-booted instances.', {
    ...MUTABLE,
    aliases: ['pxe.pxe_append_params'],
  }),
  boot_retry_timeout: seconds(null, 'Silence after which a machine is booted again; unset: never.', { min: 60 }),
  boot_retry_check_interval: seconds(90, 'Pause between two looks for such machines.', { min: 1 }),
  enable_netboot_fallback: bool(false, 'Tell deployed machines that still boot by network to boot from disk.', MUTABLE),
  loader_file_paths: dict({}, 'Boot files to copy into tftp_root, as name:path.'),
  ip_version: choice(['4', '6'], '4', 'IP version of network boot.', MUTABLE),
  file_permission: octal(0o644, 'Permission bits of boot files.'),
  dir_permission: octal(null, 'Permission bits of boot file directories.'),
  default_ephemeral_format: str('ext4', 'File system of ephemeral partitions.', MUTABLE),
};

export const dhcp = {
  dhcp_provider: choice(['none', 'dnsmasq', 'neutron'], 'none', 'Who gives DHCP options to booting machines.', {
    differs: 'there is no Neutron in a standalone service',
  }),
};

export const dnsmasq = {
  dhcp_optsdir: str('/etc/dnsmasq.d/optsdir.d', "Directory of dnsmasq's --dhcp-optsdir."),
  dhcp_hostsdir: str('/etc/dnsmasq.d/hostsdir.d', "Directory of dnsmasq's --dhcp-hostsdir."),
  dhcp_leasefile: str('/var/lib/dnsmasq/dnsmasq.leases', 'Lease file of dnsmasq.'),
};

export const iscsi = {
  portal_port: port(3260, 'Port of the iSCSI target agents export their disk on.', { min: 1 }),
  conv_flags: str(null, 'Flags that dd would get as conv=, such as sparse.'),
  verify_attempts: int(3, 'Attempts to see the exported disk.', { min: 1 }),
};

export const netboot = {
  dhcp_mode: choice(
    ['off', 'server', 'proxy'],
    'off',
    'Built-in DHCP: off, a server with addresses of its own, or a proxy beside an existing server.',
  ),
  dhcp_interface: str(null, 'Network interface DHCP is served on.'),
  dhcp_range: str(null, 'Addresses a DHCP server hands out, as first-last, such as 192.0.2.100-192.0.2.199.', {
    check: checkRange,
  }),
  tftp_host: str(null, 'Address the TFTP server listens on; unset: no TFTP server unless DHCP is on.'),
  tftp_port: port(69, 'Port of the TFTP server.'),
  http_host: str(null, 'Address the web server for boot files listens on; unset: that of the API.'),
  http_port: port(null, 'Port of the web server for boot files; unset: that of the API.'),
};

function checkRange(text: string): string | undefined {
  if (text === '') return undefined;
  const [first = '', last = '', ...rest] = text.split('-').map((part) => part.trim());
  if (rest.length > 0 || !isIPv4(first) || !isIPv4(last)) {
    return 'must be two IPv4 addresses, such as 192.0.2.100-192.0.2.199';
  }
  return addressNumber(first) <= addressNumber(last) ? undefined : 'the first address must not be above the last';
}

function addressNumber(address: string): number {
  return address.split('.').reduce((number, part) => number * 256 + Number(part), 0);
}

// SPDX-License-Identifier: Apache-2.0
// Hardware families and consoles.
import {
  bool,
  choice,
  int,
  list,
  MUTABLE,
  multiString,
  type Option,
  octal,
  port,
  seconds,
  str,
  verify,
} from '../option.ts';

export const ipmi = {
  command_retry_timeout: seconds(60, 'How long a failing command is repeated.', {
    ...MUTABLE,
    aliases: ['ipmi.retry_timeout'],
  }),
  min_command_interval: seconds(5, 'Shortest pause between two commands to one controller.', MUTABLE),
  use_ipmitool_retries: bool(false, 'Leave repeating lost packets to the protocol layer alone.'),
  kill_on_timeout: bool(true, 'End commands that run over their time.', MUTABLE),
  disable_boot_timeout: bool(true, 'Tell controllers not to forget the boot device after 60 s.', MUTABLE),
  cipher_suite_versions: list([], 'Cipher suites to try, the last one first, for nodes that name none.'),
  additional_retryable_ipmi_errors: multiString([], 'Error texts after which a command is repeated.', MUTABLE),
  debug: bool(false, 'Log the protocol.', MUTABLE),
  store_cred_in_env: bool(false, 'Read so that existing files load; no program is run that could get a password.'),
};

export const amt = {
  protocol: choice(['http', 'https'], 'http', 'Protocol of management requests; https uses port 16993.', {
    aliases: ['amt_driver.protocol'],
  }),
  max_attempts: int(3, 'Attempts of a power or boot change.', {
    min: 0,
    aliases: ['amt.max_retry', 'amt_driver.max_attempts', 'amt_driver.max_retry'],
  }),
  action_wait: seconds(10, 'Pause between two looks at a power change.', { aliases: ['amt_driver.action_wait'] }),
  awake_interval: seconds(60, 'Silence after which the management engine is woken first; 0: never.', {
    aliases: ['amt_driver.awake_interval'],
  }),
};

export const iboot = {
  max_retry: int(3, 'Further attempts of a failed command.', { min: 0 }),
  retry_interval: seconds(1, 'Pause between two attempts.'),
  reboot_delay: seconds(5, 'Pause between off and on of a reboot.'),
};

export const ilo = {
  client_timeout: seconds(60, 'Deadline of a request.'),
  client_port: port(443, 'Port of management requests.'),
  verify_ca: verify(true, 'Certificate checking of management controllers.', { aliases: ['ilo.ca_file'] }),
  use_web_server_for_images: bool(false, 'Serve boot ISOs from the web server, not the object store.'),
  swift_ilo_container: str('ironic_ilo_container', 'Container for boot ISOs.'),
  swift_object_expiry_timeout: seconds(900, 'Life of boot ISOs in the object store.'),
  power_wait: seconds(2, 'Pause between two readings of the power.'),
  power_retry: int(6, 'Readings of the power before a change counts as failed.', { min: 0 }),
  default_boot_mode: choice(['auto', 'bios', 'uefi'], 'auto', 'Boot mode of nodes that state none.'),
  clean_priority_reset_ilo: int(0, 'Priority of the clean step that resets the controller; 0: off.', { min: 0 }),
  clean_priority_reset_bios_to_default: int(10, 'Priority of the clean step that resets BIOS settings; 0: off.', {
    min: 0,
  }),
  clean_priority_reset_secure_boot_keys_to_default: int(
    20,
    'Priority of the clean step that restores the factory secure boot keys; 0: off.',
    { min: 0 },
  ),
  clean_priority_clear_secure_boot_keys: int(0, 'Priority of the clean step that clears secure boot keys; 0: off.', {
    min: 0,
  }),
  clean_priority_reset_ilo_credential: int(30, 'Priority of the clean step that changes the password; 0: off.', {
    min: 0,
  }),
  oob_erase_devices_job_status_interval: seconds(300, 'Pause between two looks at an out-of-band erase.', { min: 10 }),
  file_permission: octal(0o644, 'Permission bits of published files.'),
  kernel_append_params: str(
    'nofb nomodeset vga=normal',
    'Kernel parameters of ramdisks booted from virtual media.',
    MUTABLE,
  ),
  cert_path: str('$state_path/ilo', 'Directory for certificates of controllers.', {
    differs: 'inside the state directory, so that no other directory has to be prepared',
  }),
};

export const console_ = {
  terminal: str('shellinaboxd', 'Read so that existing files load; consoles are served by this process.'),
  terminal_cert_dir: str(null, 'Directory of the certificate of web consoles.'),
  terminal_pid_dir: str(null, 'Read so that existing files load; consoles are served by this process.'),
  terminal_timeout: seconds(600, 'Idle time after which a console is closed; 0: never.'),
  port_range: str(null, 'Ports for consoles of nodes that name none, as first:last, such as 10000:10100.', {
    check: checkPorts,
  }),
  socat_address: str('$my_ip', 'Address consoles listen on.'),
  subprocess_timeout: seconds(10, 'How long a console may take to start.'),
  subprocess_checking_interval: seconds(1, 'Pause between two looks at a starting console.'),
  kill_timeout: seconds(1, 'How long a console may take to stop.'),
};

function delay(what: string): Option<string> {
  return str('0', `Seconds ${what} of fake hardware takes: a, or a,b for a random time around a up to b.`, {
    check: checkDelay,
  });
}

export const fake = {
  power_delay: delay('a power action'),
  boot_delay: delay('a boot action'),
  deploy_delay: delay('a deploy step'),
  management_delay: delay('a management action'),
  inspect_delay: delay('an inspection'),
  raid_delay: delay('a RAID step'),
  bios_delay: delay('a BIOS step'),
  vendor_delay: delay('a vendor action'),
  storage_delay: delay('a storage action'),
  rescue_delay: delay('a rescue action'),
  firmware_delay: delay('a firmware step'),
};

function checkDelay(text: string): string | undefined {
  const parts = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  const good = parts.length <= 2 && parts.every((part) => Number.isFinite(part) && part >= 0);
  return good ? undefined : 'must be seconds, or two numbers of seconds separated by a comma';
}

function checkPorts(text: string): string | undefined {
  if (text === '') return undefined;
  const [first, last, ...rest] = text.split(':').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  const good =
    rest.length === 0 &&
    Number.isInteger(first) &&
    Number.isInteger(last) &&
    (first ?? 0) >= 1 &&
    (last ?? 0) <= 65535 &&
    (first ?? 0) <= (last ?? 0);
  return good ? undefined : 'must be two ports, such as 10000:10100, the first not above the last';
}

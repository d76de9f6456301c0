// SPDX-License-Identifier: Apache-2.0
// Flags and enumerations of libvirt's public headers (include/libvirt/*.h).

/** virDomainState, by number. */
export const DOMAIN_STATE_NAMES = [
  'nostate',
  'running',
  'blocked',
  'paused',
  'shutdown',
  'shutoff',
  'crashed',
  'pmsuspended',
] as const;

export type DomainStateName = (typeof DOMAIN_STATE_NAMES)[number];

/** CONNECT_OPEN. */
export const OpenFlag = { READ_ONLY: 1 } as const;

/** Filters of connectListAllDomains: bits of one pair OR together, pairs AND; 0 = every domain. */
export const ListFlag = {
  ACTIVE: 1,
  INACTIVE: 2,
  PERSISTENT: 4,
  TRANSIENT: 8,
  RUNNING: 16,
  PAUSED: 32,
  SHUTOFF: 64,
  OTHER: 128,
} as const;

/** domainGetXmlDesc. 0 = the live document of an active domain. */
export const XmlFlag = {
  /** With passwords; refused on read-only connections. */
  SECURE: 1,
  /** The persistent document, also while the domain runs: the one to change and define again (with SECURE). */
  INACTIVE: 2,
  UPDATE_CPU: 4,
  MIGRATABLE: 8,
} as const;

export const CreateFlag = {
  PAUSED: 1,
  AUTODESTROY: 2,
  BYPASS_CACHE: 4,
  /** Discard a managed save image and boot. */
  FORCE_BOOT: 8,
  VALIDATE: 16,
  RESET_NVRAM: 32,
} as const;

export const DestroyFlag = {
  /** SIGTERM only. */
  GRACEFUL: 1,
  REMOVE_LOGS: 2,
} as const;

/** Shutdown and reboot; 0 = the driver chooses. */
export const ShutdownFlag = { ACPI: 1, AGENT: 2, INITCTL: 4, SIGNAL: 8, PARAVIRT: 16 } as const;

export const DefineFlag = { VALIDATE: 1 } as const;

export const UndefineFlag = {
  MANAGED_SAVE: 1,
  SNAPSHOTS_METADATA: 2,
  NVRAM: 4,
  KEEP_NVRAM: 8,
  CHECKPOINTS_METADATA: 16,
  TPM: 32,
  KEEP_TPM: 64,
} as const;

export const ConsoleFlag = {
  /** Throw out another user of the console. */
  FORCE: 1,
  SAFE: 2,
} as const;

/** Attach, detach, update device. */
export const DeviceFlag = { CURRENT: 0, LIVE: 1, CONFIG: 2, FORCE: 4 } as const;

/** connectGetAllDomainStats. */
export const StatsType = { STATE: 1, CPU: 2, BALLOON: 4, VCPU: 8, INTERFACE: 16, BLOCK: 32 } as const;

/** What authList offers. */
export const AuthType = { NONE: 0, SASL: 1, POLKIT: 2 } as const;

// SPDX-License-Identifier: Apache-2.0

/**
 * The interfaces a hardware family implements. They are Ironic's: a hardware type names, per interface type, the
 * implementations it supports, and a node carries one name of each.
 */

import type { Config } from '../config/index.ts';
import type { Json, JsonObject } from '../model/json.ts';
import type { InterfaceType, NodeRecord, PortgroupRecord, PortRecord } from '../model/resources.ts';

/** A logger; pino's shape. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(fields: object): Logger;
}

/** What a node is doing right now, handed to every interface method: a reserved (or only read) node with its hardware. */
export interface Task {
  readonly node: NodeRecord;
  readonly ports: readonly PortRecord[];
  readonly portgroups: readonly PortgroupRecord[];
  /** The node's composed interfaces. */
  readonly hardware: NodeHardware;
  readonly config: Config;
  readonly log: Logger;
  /** Aborted when the service shuts down or the operation is given up. Pass it to every network call. */
  readonly signal: AbortSignal;
  /** Writes changes to the node at once and into `node`. Only under an exclusive lock. */
  save(changes: Partial<NodeRecord>): Promise<void>;
  /** The node's rows of the BIOS settings table. */
  readonly biosSettings?: BiosSettings;
}

/** A node's stored BIOS settings (GET /v1/nodes/{node}/bios). */
export interface BiosSettings {
  /** Makes the stored settings exactly these; an empty list forgets them all. Only under an exclusive lock. */
  replace(settings: readonly { readonly name: string; readonly value: string | null }[]): Promise<void>;
}

/** One thing driver_info (or an interface) takes: feeds validation, the drivers' properties endpoint and the handbook. */
export interface PropertyEntry {
  readonly description: string;
  readonly required?: boolean;
  readonly secret?: boolean;
}
export type PropertyTable = Readonly<Record<string, PropertyEntry>>;

/** The workflows a step may be part of. */
export type StepKind = 'clean' | 'deploy' | 'verify' | 'service';

/** A step an interface offers. `run` returns 'wait' when the machine will call back. */
export interface StepDeclaration {
  readonly step: string;
  readonly kinds: readonly StepKind[];
  /** 0: never run automatically. */
  readonly priority: number;
  readonly abortable?: boolean;
  readonly argsinfo?: Readonly<Record<string, { description: string; required?: boolean }>>;
  readonly requiresRamdisk?: boolean;
  run(task: Task, args: JsonObject): Promise<'wait' | undefined>;
}

/** What all interfaces share. */
export interface BaseInterface {
  readonly properties?: PropertyTable;
  /** Throws InvalidParameterValue, MissingParameterValue or UnsupportedDriverExtension. Runs inside API requests: must not wait for slow devices. */
  validate(task: Task): void | Promise<void>;
  readonly steps?: readonly StepDeclaration[];
  /** Ends connections when the service stops. */
  close?(): Promise<void>;
}

export type PowerState = 'power on' | 'power off';
/** What power.getPowerState may answer; null is unknown. */
export type PowerReading = PowerState | 'error' | null;
export type PowerTarget = 'power on' | 'power off' | 'rebooting' | 'soft rebooting' | 'soft power off';

export interface PowerInterface extends BaseInterface {
  getPowerState(task: Task): Promise<PowerReading>;
  /** Any target except `rebooting`; returns when the state is reached, throws PowerStateFailure. `timeout` in seconds; null: the driver's default. */
  setPowerState(task: Task, target: PowerTarget, timeout: number | null): Promise<void>;
  /** A hard cycle; switches a machine that is off on. */
  reboot(task: Task, timeout: number | null): Promise<void>;
  supportedPowerStates(task: Task): readonly PowerTarget[];
  /** False: power sync records what it reads and never enforces. Default true. */
  supportsPowerSync?(task: Task): boolean;
  /**
   * Reads many machines in fewer round trips than one each (one per hypervisor). The answer has an entry per task's node uuid;
   * an Error is that node's failure.
   */
  getPowerStates?(tasks: readonly Task[]): Promise<Map<string, PowerReading | Error>>;
  /** Calls `listener(nodeUuid, state)` whenever a device tells of a change by itself; the returned function ends it. */
  watchPowerStates?(listener: (nodeUuid: string, state: PowerState) => void): () => void;
}

export type BootDevice = 'pxe' | 'disk' | 'cdrom' | 'bios' | 'safe' | 'wanboot' | 'iscsiboot' | 'floppy' | 'uefihttp';
export type BootMode = 'bios' | 'uefi';
export type IndicatorState = 'on' | 'off' | 'blinking' | 'unknown';
export interface IndicatorEntry {
  readonly readonly: boolean;
  readonly states: readonly IndicatorState[];
}

export interface ManagementInterface extends BaseInterface {
  supportedBootDevices(task: Task): readonly BootDevice[];
  setBootDevice(task: Task, device: BootDevice, persistent: boolean): Promise<void>;
  getBootDevice(task: Task): Promise<{ boot_device: BootDevice | null; persistent: boolean | null }>;
  supportedBootModes?(task: Task): readonly BootMode[];
  getBootMode?(task: Task): Promise<BootMode | null>;
  setBootMode?(task: Task, mode: BootMode): Promise<void>;
  getSecureBoot?(task: Task): Promise<boolean | null>;
  setSecureBoot?(task: Task, enabled: boolean): Promise<void>;
  injectNmi?(task: Task): Promise<void>;
  /** component -> indicator id -> what it can do */
  supportedIndicators?(
    task: Task,
    component?: string,
  ): Readonly<Record<string, Readonly<Record<string, IndicatorEntry>>>>;
  getIndicator?(task: Task, component: string, indicator: string): Promise<IndicatorState>;
  setIndicator?(task: Task, component: string, indicator: string, state: IndicatorState): Promise<void>;
  /** `{type: {sensor id: {field: value}}}` */
  getSensors?(task: Task): Promise<JsonObject>;
  detectVendor?(task: Task): Promise<string | null>;
  getHealth?(task: Task): Promise<'OK' | 'Warning' | 'Critical' | null>;
  getMacAddresses?(task: Task): Promise<string[]>;
  attachVirtualMedia?(task: Task, device: string, imageUrl: string, source: string): Promise<void>;
  detachVirtualMedia?(task: Task, devices: readonly string[] | null): Promise<void>;
  getVirtualMedia?(task: Task): Promise<JsonObject[]>;
}

export interface BootInterface extends BaseInterface {
  readonly capabilities: readonly string[];
  prepareRamdisk(task: Task, parameters: JsonObject): Promise<void>;
  cleanUpRamdisk(task: Task): Promise<void>;
  prepareInstance(task: Task): Promise<void>;
  cleanUpInstance(task: Task): Promise<void>;
}

export interface DeployInterface extends BaseInterface {
  prepare(task: Task): Promise<void>;
  cleanUp(task: Task): Promise<void>;
  tearDown(task: Task): Promise<void>;
  takeOver(task: Task): Promise<void>;
  prepareCleaning(task: Task): Promise<'wait' | undefined>;
  tearDownCleaning(task: Task): Promise<void>;
  prepareService(task: Task): Promise<'wait' | undefined>;
  tearDownService(task: Task): Promise<void>;
}

export interface InspectInterface extends BaseInterface {
  inspectHardware(task: Task): Promise<'wait' | undefined>;
  abort?(task: Task): Promise<void>;
}

export interface RescueInterface extends BaseInterface {
  rescue(task: Task): Promise<'wait' | undefined>;
  unrescue(task: Task): Promise<void>;
  cleanUp(task: Task): Promise<void>;
}

export interface ConsoleInterface extends BaseInterface {
  startConsole(task: Task): Promise<void>;
  stopConsole(task: Task): Promise<void>;
  getConsole(task: Task): Promise<JsonObject>;
}

export interface NetworkInterface extends BaseInterface {
  listVifs(task: Task): Promise<JsonObject[]>;
  attachVif(task: Task, vif: JsonObject): Promise<void>;
  detachVif(task: Task, id: string): Promise<void>;
}

export interface RaidInterface extends BaseInterface {
  validateRaidConfig(task: Task, config: JsonObject): void;
  /** Property name -> help text. */
  readonly logicalDiskProperties: Readonly<Record<string, string>>;
}

export interface BiosInterface extends BaseInterface {
  cacheBiosSettings?(task: Task): Promise<void>;
}

export interface FirmwareInterface extends BaseInterface {
  cacheFirmwareComponents?(task: Task): Promise<void>;
}

export interface StorageInterface extends BaseInterface {
  attachVolumes(task: Task): Promise<void>;
  detachVolumes(task: Task): Promise<void>;
  shouldWriteImage(task: Task): boolean;
}

/** A vendor passthru method of a node. */
export interface VendorMethod {
  readonly httpMethods: readonly string[];
  readonly description: string;
  /** Default true: answered 202, run in a worker. */
  readonly async?: boolean;
  /** The returned value is the raw response body. */
  readonly attach?: boolean;
  /** Default true. */
  readonly requireExclusiveLock?: boolean;
  validate?(task: Task, args: JsonObject): void | Promise<void>;
  /** `args` holds the body's keys plus `http_method`. */
  run(task: Task, args: JsonObject): Promise<Json | Uint8Array>;
}

/** A vendor passthru method of a driver (no node, no lock). */
export interface DriverVendorMethod {
  readonly httpMethods: readonly string[];
  readonly description: string;
  readonly async?: boolean;
  readonly attach?: boolean;
  run(args: JsonObject, context: { config: Config; log: Logger; signal: AbortSignal }): Promise<Json | Uint8Array>;
}

export interface VendorInterface extends BaseInterface {
  readonly methods: Readonly<Record<string, VendorMethod>>;
  readonly driverMethods?: Readonly<Record<string, DriverVendorMethod>>;
}

/** Interface type -> its contract. */
export interface Interfaces {
  bios: BiosInterface;
  boot: BootInterface;
  console: ConsoleInterface;
  deploy: DeployInterface;
  firmware: FirmwareInterface;
  inspect: InspectInterface;
  management: ManagementInterface;
  network: NetworkInterface;
  power: PowerInterface;
  raid: RaidInterface;
  rescue: RescueInterface;
  storage: StorageInterface;
  vendor: VendorInterface;
}

/**
 * A node's interfaces. A type the node has no working implementation of (`no-console`, `no-raid`, ...) is undefined:
 * callers use `requireInterface` (composition.ts), which throws UnsupportedDriverExtension.
 */
export interface NodeHardware extends Partial<Interfaces> {
  readonly driver: string;
  readonly power: PowerInterface;
  readonly management: ManagementInterface;
  readonly boot: BootInterface;
  readonly deploy: DeployInterface;
  readonly network: NetworkInterface;
}

/** A driver name nodes may carry. */
export interface HardwareType {
  readonly name: string;
  /** A classic driver is a hardware type with its interfaces fixed: the first name of each list, not changeable. */
  readonly classic: boolean;
  /** Per interface type the supported implementation names, the default first. */
  readonly supported: Readonly<Record<InterfaceType, readonly string[]>>;
  /** True only for fake-hardware: any enabled implementation may be set. */
  readonly acceptsAny?: boolean;
}

/** One family's contribution: its hardware types and interface implementations by type and name. Made once per service by a factory. */
export interface HardwareFamily {
  readonly hardwareTypes: readonly HardwareType[];
  readonly implementations: { readonly [K in InterfaceType]?: Readonly<Record<string, Interfaces[K]>> };
}

/** What a family's factory gets. */
export interface FamilyContext {
  readonly config: Config;
  readonly log: Logger;
}
export type FamilyFactory = (context: FamilyContext) => HardwareFamily;

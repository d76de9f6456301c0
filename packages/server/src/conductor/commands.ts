// SPDX-License-Identifier: Apache-2.0

/** What the API may ask of the conductor, with plain data. Everything that changes a node or touches hardware goes through here. */

import type { BootDevice, BootMode, IndicatorEntry, IndicatorState, PowerTarget } from '../hardware/contracts.ts';
import type { Json, JsonObject } from '../model/json.ts';
import type {
  AllocationRecord,
  AllocationRow,
  InterfaceType,
  NodeRecord,
  NodeRow,
  PortgroupRecord,
  PortgroupRow,
  PortRecord,
  PortRow,
  Step,
  VolumeConnectorRecord,
  VolumeConnectorRow,
  VolumeTargetRecord,
  VolumeTargetRow,
} from '../model/resources.ts';

/** Who asks. */
export interface RequestContext {
  readonly requestId: string;
  readonly user: string | null;
  readonly project: string | null;
  /** Negotiated API minor version (1.N). */
  readonly minor: number;
}

/** The outcome of applying a client's PATCH to the fresh node, computed under the lock. */
export interface NodeEdit {
  readonly changes: Partial<NodeRecord>;
  /** First path segments the patch named. */
  readonly roots: ReadonlySet<string>;
  /** `?reset_interfaces=true`: interfaces not named in the patch go back to the defaults of the (new) driver. */
  readonly resetInterfaces: boolean;
  /** The patch is exactly one remove of /instance_uuid (let through in maintenance). */
  readonly onlyRemovesInstanceUuid: boolean;
}

/** `PUT states/provision`; the verb's version gates and argument types are already checked. */
export interface ProvisionRequest {
  readonly target: string;
  readonly configdrive?: string | JsonObject;
  readonly cleanSteps?: readonly Step[];
  readonly deploySteps?: readonly Step[];
  readonly serviceSteps?: readonly Step[];
  readonly rescuePassword?: string;
  readonly disableRamdisk?: boolean;
}

export interface ValidationResult {
  readonly result: boolean | null;
  readonly reason?: string;
}

export interface VendorMethodEntry {
  readonly http_methods: readonly string[];
  readonly async: boolean;
  readonly attach: boolean;
  readonly description: string;
  readonly require_exclusive_lock?: boolean;
}

/** The result of a passthru call: nothing yet (202), or a value (200); `attach` means a raw body. */
export type VendorResult =
  | { readonly async: true }
  | { readonly async: false; readonly attach: boolean; readonly value: Json | Uint8Array };

/** A driver as GET /v1/drivers tells it. */
export interface DriverDescription {
  readonly name: string;
  readonly hosts: readonly string[];
  readonly type: 'classic' | 'dynamic';
  /** null for classic drivers */
  readonly defaults: Readonly<Record<InterfaceType, string | null>> | null;
  readonly enabled: Readonly<Record<InterfaceType, readonly string[]>> | null;
}

export interface ConductorDescription {
  readonly hostname: string;
  readonly conductor_group: string;
  readonly alive: boolean;
  readonly drivers: readonly string[];
  readonly created_at: string;
  readonly updated_at: string | null;
}

/** All node arguments are UUIDs of nodes that exist at the time of the call; NodeNotFound otherwise. */
export interface Conductor {
  readonly host: string;

  /** Fills interface defaults, checks driver, conductor group, chassis, parent; 400/409. Returns the stored node. */
  createNode(context: RequestContext, values: Partial<NodeRecord> & { driver: string }): Promise<NodeRow>;
  /** Applies an edit atomically under the lock and the field/state rules (api.md 7.1). `edit` gets the fresh node. */
  updateNode(context: RequestContext, node: string, edit: (node: NodeRecord) => NodeEdit): Promise<NodeRow>;
  destroyNode(context: RequestContext, node: string): Promise<void>;
  setMaintenance(context: RequestContext, node: string, maintenance: boolean, reason: string | null): Promise<void>;
  setTraits(context: RequestContext, node: string, change: (traits: readonly string[]) => string[]): Promise<void>;

  changePower(context: RequestContext, node: string, target: PowerTarget, timeout: number | null): Promise<void>;
  provision(context: RequestContext, node: string, request: ProvisionRequest): Promise<void>;
  validate(context: RequestContext, node: string): Promise<Record<string, ValidationResult>>;

  supportedBootDevices(context: RequestContext, node: string): Promise<readonly BootDevice[]>;
  getBootDevice(
    context: RequestContext,
    node: string,
  ): Promise<{ boot_device: BootDevice | null; persistent: boolean | null }>;
  setBootDevice(context: RequestContext, node: string, device: string, persistent: boolean): Promise<void>;
  setBootMode(context: RequestContext, node: string, mode: BootMode): Promise<void>;
  setSecureBoot(context: RequestContext, node: string, enabled: boolean): Promise<void>;
  injectNmi(context: RequestContext, node: string): Promise<void>;
  listIndicators(
    context: RequestContext,
    node: string,
    component?: string,
  ): Promise<Readonly<Record<string, Readonly<Record<string, IndicatorEntry>>>>>;
  getIndicator(context: RequestContext, node: string, component: string, indicator: string): Promise<IndicatorState>;
  setIndicator(
    context: RequestContext,
    node: string,
    component: string,
    indicator: string,
    state: IndicatorState,
  ): Promise<void>;
  getVirtualMedia(context: RequestContext, node: string): Promise<JsonObject[]>;
  attachVirtualMedia(
    context: RequestContext,
    node: string,
    device: string,
    imageUrl: string,
    source: string,
  ): Promise<void>;
  detachVirtualMedia(context: RequestContext, node: string, devices: readonly string[] | null): Promise<void>;
  setRaidConfig(context: RequestContext, node: string, config: JsonObject): Promise<void>;
  getConsole(
    context: RequestContext,
    node: string,
  ): Promise<{ console_enabled: boolean; console_info: JsonObject | null }>;
  setConsole(context: RequestContext, node: string, enabled: boolean): Promise<void>;
  listVifs(context: RequestContext, node: string): Promise<JsonObject[]>;
  attachVif(context: RequestContext, node: string, vif: JsonObject): Promise<void>;
  detachVif(context: RequestContext, node: string, id: string): Promise<void>;

  nodeVendorMethods(context: RequestContext, node: string): Promise<Record<string, VendorMethodEntry>>;
  callNodeVendor(
    context: RequestContext,
    node: string,
    method: string,
    httpMethod: string,
    args: JsonObject,
  ): Promise<VendorResult>;
  driverVendorMethods(driver: string): Record<string, VendorMethodEntry>;
  callDriverVendor(
    context: RequestContext,
    driver: string,
    method: string,
    httpMethod: string,
    args: JsonObject,
  ): Promise<VendorResult>;

  createPort(
    context: RequestContext,
    values: Partial<PortRecord> & { node_uuid: string; address: string },
  ): Promise<PortRow>;
  updatePort(context: RequestContext, port: string, edit: (port: PortRecord) => Partial<PortRecord>): Promise<PortRow>;
  destroyPort(context: RequestContext, port: string): Promise<void>;
  createPortgroup(
    context: RequestContext,
    values: Partial<PortgroupRecord> & { node_uuid: string },
  ): Promise<PortgroupRow>;
  updatePortgroup(
    context: RequestContext,
    portgroup: string,
    edit: (portgroup: PortgroupRecord) => Partial<PortgroupRecord>,
  ): Promise<PortgroupRow>;
  destroyPortgroup(context: RequestContext, portgroup: string): Promise<void>;

  /** Volume connectors and targets change only while their node is powered off; 400. */
  updateVolumeConnector(
    context: RequestContext,
    connector: string,
    edit: (connector: VolumeConnectorRecord) => Partial<VolumeConnectorRecord>,
  ): Promise<VolumeConnectorRow>;
  destroyVolumeConnector(context: RequestContext, connector: string): Promise<void>;
  updateVolumeTarget(
    context: RequestContext,
    target: string,
    edit: (target: VolumeTargetRecord) => Partial<VolumeTargetRecord>,
  ): Promise<VolumeTargetRow>;
  destroyVolumeTarget(context: RequestContext, target: string): Promise<void>;

  /** Stores a claim in state `allocating` and looks for a node that fits it; `candidate_nodes` are UUIDs. */
  createAllocation(context: RequestContext, values: Partial<AllocationRecord>): Promise<AllocationRow>;
  /** Makes the claim of a node that is `active` already; 409 when they do not agree. */
  backfillAllocation(context: RequestContext, node: string, values: Partial<AllocationRecord>): Promise<AllocationRow>;
  destroyAllocation(context: RequestContext, allocation: string): Promise<void>;

  /** Drivers live conductors serve, sorted by name. */
  drivers(): readonly DriverDescription[];
  /** `{property: help text}` of the driver's default interfaces; DriverNotFound. */
  driverProperties(driver: string): Record<string, string>;
  raidProperties(driver: string): Record<string, string>;
  conductors(): Promise<ConductorDescription[]>;
  /** The host a node maps to, from memory: cheap enough for every row of a list. */
  conductorOf(node: Pick<NodeRow, 'uuid' | 'driver' | 'conductor_group'>): string | null;
}

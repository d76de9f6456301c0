// SPDX-License-Identifier: Apache-2.0

import type { DriverDescription, ValidationResult } from '../conductor/commands.ts';
import { type Config, ConfigError, type ConfigProblem } from '../config/index.ts';
import {
  DriverNotFound,
  InvalidParameterValue,
  MissingParameterValue,
  messageOf,
  NotFound,
  UnsupportedDriverExtension,
} from '../errors.ts';
import { INTERFACE_TYPES, type InterfaceType, type NodeRecord } from '../model/resources.ts';
import type {
  HardwareFamily,
  HardwareType,
  Interfaces,
  NodeHardware,
  PowerInterface,
  PropertyTable,
  Task,
  VendorInterface,
} from './contracts.ts';

/** What composition reads of a node. */
export type ComposableNode = Pick<NodeRecord, 'driver' | 'instance_info' | `${InterfaceType}_interface`>;

/** The interfaces `GET /v1/nodes/{node}/validate` reports on, in its order. */
export const VALIDATED_INTERFACES = [
  'boot',
  'deploy',
  'management',
  'network',
  'power',
  'bios',
  'console',
  'firmware',
  'inspect',
  'raid',
  'rescue',
  'storage',
] as const satisfies readonly InterfaceType[];

/** Interfaces every node has; the others may be `no-<type>`. */
const CORE: readonly InterfaceType[] = ['boot', 'deploy', 'management', 'network', 'power'];
/** The only interfaces of a classic driver that a node chooses. */
const CHOSEN_WITH_CLASSIC: readonly InterfaceType[] = ['network', 'storage'];

type Implementations = { readonly [K in InterfaceType]: Map<string, Interfaces[K]> };
type Names = Readonly<Record<InterfaceType, string | null>>;

/**
 * The drivers of this service: which hardware types and interface implementations are enabled, which implementation a node
 * gets by default, and the interfaces of a node.
 */
export class HardwareRegistry {
  readonly #config: Config;
  readonly #types = new Map<string, HardwareType>();
  readonly #implementations: Implementations = emptyImplementations();
  /** Per interface type the names nodes may use, sorted; `no-<type>` included. */
  readonly #enabled: Readonly<Record<InterfaceType, readonly string[]>>;
  readonly #defaults = new Map<string, Names>();
  readonly #composed = new Map<string, NodeHardware>();

  /**
   * @throws ConfigError when `[DEFAULT]` enables something that does not exist, or leaves an enabled hardware type without a
   * default implementation of an interface
   */
  constructor(families: readonly HardwareFamily[], config: Config) {
    this.#config = config;
    for (const family of families) this.#addImplementations(family);
    const all = families.flatMap((family) => family.hardwareTypes);
    const problems: ConfigProblem[] = [];
    this.#enabled = this.#enabledInterfaces(problems);
    for (const type of enabledTypes(all, config, problems)) {
      this.#checkDeclaration(type);
      this.#types.set(type.name, type);
      this.#defaults.set(type.name, this.#findDefaults(type, problems));
    }
    if (problems.length > 0) throw new ConfigError(problems);
  }

  hasDriver(driver: string): boolean {
    return this.#types.has(driver);
  }

  /** Enabled drivers as the API tells them, sorted by name. */
  drivers(): Omit<DriverDescription, 'hosts'>[] {
    return [...this.#types.values()]
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map((type) =>
        type.classic
          ? { name: type.name, type: 'classic', defaults: null, enabled: null }
          : {
              name: type.name,
              type: 'dynamic',
              defaults: this.defaultInterfaces(type.name),
              enabled: byInterface((kind) => type.supported[kind].filter((name) => this.#enabled[kind].includes(name))),
            },
      );
  }

  /**
   * The interface names a new node of this driver gets where it names none. With a classic driver they are null, except for
   * network and storage.
   * @throws DriverNotFound
   */
  defaultInterfaces(driver: string): Record<InterfaceType, string | null> {
    const { classic } = this.#type(driver);
    const defaults = this.#defaultsOf(driver);
    return byInterface((kind) => (classic && !CHOSEN_WITH_CLASSIC.includes(kind) ? null : defaults[kind]));
  }

  /**
   * Checks that nodes of this driver may use an implementation.
   * @throws DriverNotFound, InvalidParameterValue naming the valid ones
   */
  checkInterface(driver: string, kind: InterfaceType, name: string): void {
    const type = this.#type(driver);
    if (type.classic && !CHOSEN_WITH_CLASSIC.includes(kind)) {
      throw new InvalidParameterValue(
        `The ${kind}_interface of a node with the classic driver ${driver} is fixed and cannot be set.`,
      );
    }
    const enabled = this.#enabled[kind];
    if (!enabled.includes(name)) {
      throw new InvalidParameterValue(
        `Could not find the following interface in the 'ironic.hardware.interfaces.${kind}' entrypoint: ${name}. ` +
          `Valid interfaces are ${quoteList(enabled)}.`,
      );
    }
    if (type.acceptsAny !== true && !type.supported[kind].includes(name)) {
      const fitting = type.supported[kind].filter((candidate) => enabled.includes(candidate));
      throw new InvalidParameterValue(
        `${kind} interface implementation '${name}' is not supported by hardware type ${driver}. ` +
          `It supports ${quoteList(fitting)}.`,
      );
    }
  }

  /**
   * The interfaces of a node: those it names (`instance_info` first), else its driver's defaults. The same object for all
   * nodes with the same names.
   * @throws DriverNotFound, InvalidParameterValue when a name is not, or no longer, enabled or does not fit the driver
   */
  compose(node: ComposableNode): NodeHardware {
    const chosen = INTERFACE_TYPES.map((kind) => chosenName(node, kind));
    const key = JSON.stringify([node.driver, chosen]);
    const known = this.#composed.get(key);
    if (known !== undefined) return known;
    const type = this.#type(node.driver);
    const defaults = this.#defaultsOf(node.driver);
    const names = byInterface((kind, index) => {
      const name = chosen[index] ?? null;
      if (name === null || (type.classic && !CHOSEN_WITH_CLASSIC.includes(kind))) return defaults[kind];
      this.checkInterface(node.driver, kind, name);
      return name;
    });
    const hardware = this.#build(node.driver, names);
    this.#composed.set(key, hardware);
    return hardware;
  }

  /** Whether a driver, being classic, lacks an interface altogether: `validate` then answers null, "not supported". */
  isAbsent(driver: string, kind: InterfaceType): boolean {
    const type = this.#type(driver);
    return type.classic && type.supported[kind].length === 0;
  }

  /** One entry of `GET /v1/nodes/{node}/validate`. Never throws. */
  async validateInterface(task: Task, kind: InterfaceType): Promise<ValidationResult> {
    try {
      if (this.isAbsent(task.node.driver, kind)) return { result: null, reason: 'not supported' };
      await requireInterface(task.hardware, kind).validate(task);
      return { result: true };
    } catch (error) {
      if (
        error instanceof InvalidParameterValue ||
        error instanceof MissingParameterValue ||
        error instanceof UnsupportedDriverExtension
      ) {
        return { result: false, reason: error.message };
      }
      task.log.error({ err: error, node: task.node.uuid, interface: kind }, 'validation failed unexpectedly');
      return {
        result: false,
        reason:
          'Unexpected exception, traceback saved into log by ironic conductor service that is running on ' +
          `${this.#config.DEFAULT.host}: ${messageOf(error)}`,
      };
    }
  }

  /**
   * What the driver's default interfaces take, `{property: help text}`.
   * @throws DriverNotFound
   */
  properties(driver: string): Record<string, string> {
    return Object.fromEntries(
      Object.entries(this.propertyTable(driver)).map(([name, { description, required }]) => [
        name,
        `${description} ${required === true ? 'Required.' : 'Optional.'}`,
      ]),
    );
  }

  /** What the driver's default interfaces take, as they declare it. @throws DriverNotFound */
  propertyTable(driver: string): PropertyTable {
    const hardware = this.#defaultHardware(driver);
    return Object.assign({}, ...INTERFACE_TYPES.map((kind) => hardware[kind]?.properties ?? {}));
  }

  /**
   * What a logical disk takes with the driver's default RAID interface, `{property: help text}`.
   * @throws DriverNotFound, NotFound when the driver has no RAID by default
   */
  raidProperties(driver: string): Record<string, string> {
    const { raid } = this.#defaultHardware(driver);
    if (raid === undefined) throw new NotFound(new UnsupportedDriverExtension(driver, 'raid').message);
    return { ...raid.logicalDiskProperties };
  }

  /** The vendor interface that driver-level passthru reaches: the driver's default. @throws DriverNotFound */
  vendorOf(driver: string): VendorInterface | undefined {
    return this.#defaultHardware(driver).vendor;
  }

  /** Every enabled power implementation once, for watching power changes. */
  powerInterfaces(): { readonly name: string; readonly power: PowerInterface }[] {
    return [...this.#implementations.power]
      .filter(([name]) => this.#enabled.power.includes(name))
      .map(([name, power]) => ({ name, power }));
  }

  /** Ends all connections to devices. */
  async close(): Promise<void> {
    const interfaces = INTERFACE_TYPES.flatMap((kind) => [...this.#implementations[kind].values()]);
    const results = await Promise.allSettled([...new Set(interfaces)].map((one) => one.close?.()));
    const failures = results.filter((result) => result.status === 'rejected').map((result) => result.reason);
    if (failures.length > 0) throw new AggregateError(failures, 'closing hardware connections failed');
  }

  #type(driver: string): HardwareType {
    const type = this.#types.get(driver);
    if (type === undefined) throw new DriverNotFound(driver);
    return type;
  }

  #defaultsOf(driver: string): Names {
    const defaults = this.#defaults.get(driver);
    if (defaults === undefined) throw new DriverNotFound(driver);
    return defaults;
  }

  #defaultHardware(driver: string): NodeHardware {
    return this.#build(driver, this.#defaultsOf(driver));
  }

  #build(driver: string, names: Names): NodeHardware {
    const hardware = {
      driver,
      ...Object.fromEntries(INTERFACE_TYPES.map((kind) => [kind, this.#get(kind, names[kind])])),
    };
    return Object.freeze(hardware as unknown as NodeHardware);
  }

  /** A core interface that a classic driver lacks does nothing, so that work passes it by. */
  #get(kind: InterfaceType, name: string | null): Interfaces[InterfaceType] | undefined {
    return this.#implementations[kind].get(name ?? (CORE.includes(kind) ? 'noop' : `no-${kind}`));
  }

  #addImplementations(family: HardwareFamily): void {
    for (const kind of INTERFACE_TYPES) {
      const known: Map<string, Interfaces[InterfaceType]> = this.#implementations[kind];
      for (const [name, implementation] of Object.entries(family.implementations[kind] ?? {})) {
        if (known.has(name)) throw new Error(`two families bring the ${kind} interface ${name}`);
        known.set(name, implementation);
      }
    }
  }

  #checkDeclaration(type: HardwareType): void {
    if (this.#types.has(type.name)) throw new Error(`two families bring the hardware type ${type.name}`);
    for (const kind of INTERFACE_TYPES) {
      for (const name of type.supported[kind]) {
        if (!this.#exists(kind, name)) throw new Error(`${type.name} supports an unknown ${kind} interface, ${name}`);
      }
    }
  }

  #exists(kind: InterfaceType, name: string): boolean {
    return this.#implementations[kind].has(name) || (name === `no-${kind}` && !CORE.includes(kind));
  }

  #enabledInterfaces(problems: ConfigProblem[]): Record<InterfaceType, readonly string[]> {
    return byInterface((kind) => {
      const option = `enabled_${kind}_interfaces` as const;
      const all = [...this.#implementations[kind].keys(), ...(CORE.includes(kind) ? [] : [`no-${kind}`])].sort();
      const wanted = namesIn(this.#config.DEFAULT[option]);
      if (wanted.length === 0) return all;
      const unknown = wanted.filter((name) => !this.#exists(kind, name));
      if (unknown.length > 0) {
        problems.push({
          section: 'DEFAULT',
          option,
          message:
            `Could not find the following items in the 'ironic.hardware.interfaces.${kind}' entrypoint: ` +
            `${unknown.join(', ')}. Valid are ${quoteList(all)}.`,
        });
      }
      return wanted.filter((name) => !unknown.includes(name)).sort();
    });
  }

  #findDefaults(type: HardwareType, problems: ConfigProblem[]): Names {
    return byInterface((kind) => {
      const supported = type.supported[kind];
      if (type.classic && !CHOSEN_WITH_CLASSIC.includes(kind)) return supported[0] ?? null;
      const option = `default_${kind}_interface` as const;
      const configured = this.#config.DEFAULT[option];
      const fits = (name: string) =>
        this.#enabled[kind].includes(name) && (type.acceptsAny === true || supported.includes(name));
      if (configured !== null && configured !== '') {
        if (fits(configured)) return configured;
        if (this.#config.isSet('DEFAULT', option)) {
          problems.push({ section: 'DEFAULT', option, message: this.#noDefault(type, kind, configured) });
          return null;
        }
      }
      const first = supported.find(fits);
      if (first === undefined) {
        const enabled = `enabled_${kind}_interfaces` as const;
        problems.push({ section: 'DEFAULT', option: enabled, message: this.#noDefault(type, kind) });
      }
      return first ?? null;
    });
  }

  #noDefault(type: HardwareType, kind: InterfaceType, configured?: string): string {
    const reason =
      configured === undefined
        ? 'none of the interfaces it supports is enabled'
        : `the configured default '${configured}' is not both enabled and supported`;
    return (
      `For hardware type '${type.name}', no default value found for ${kind} interface could be determined. ` +
      `It supports ${quoteList(type.supported[kind])}, enabled are ${quoteList(this.#enabled[kind])}; ${reason}. ` +
      'Enable one of the supported interfaces, or leave the hardware type out of enabled_hardware_types.'
    );
  }
}

/**
 * An interface of a node.
 * @throws UnsupportedDriverExtension when the node has none of this type
 */
export function requireInterface<K extends InterfaceType>(hardware: NodeHardware, kind: K): Interfaces[K] {
  const found = (hardware as Partial<Interfaces>)[kind];
  if (found === undefined) throw new UnsupportedDriverExtension(hardware.driver, kind);
  return found;
}

function enabledTypes(all: readonly HardwareType[], config: Config, problems: ConfigProblem[]): HardwareType[] {
  const options = [
    { option: 'enabled_hardware_types', types: all.filter((type) => !type.classic), what: 'ironic.hardware.types' },
    { option: 'enabled_drivers', types: all.filter((type) => type.classic), what: 'ironic.drivers' },
  ] as const;
  return options.flatMap(({ option, types, what }) => {
    const wanted = namesIn(config.DEFAULT[option]);
    if (wanted.length === 0) return types;
    const names = types.map(({ name }) => name);
    const unknown = wanted.filter((name) => !names.includes(name));
    if (unknown.length > 0) {
      problems.push({
        section: 'DEFAULT',
        option,
        message:
          `Could not find the following driver(s) or hardware type(s) in the '${what}' entrypoint: ` +
          `${unknown.join(', ')}. Valid are ${quoteList([...names].sort())}.`,
      });
    }
    return types.filter(({ name }) => wanted.includes(name));
  });
}

function chosenName(node: ComposableNode, kind: InterfaceType): string | null {
  const override = node.instance_info[`${kind}_interface`];
  return typeof override === 'string' ? override : node[`${kind}_interface`];
}

/** The names in a list option, empty items and repetitions dropped. */
function namesIn(list: readonly string[]): string[] {
  return [...new Set(list.filter((name) => name !== ''))];
}

function byInterface<T>(value: (kind: InterfaceType, index: number) => T): Record<InterfaceType, T> {
  return Object.fromEntries(INTERFACE_TYPES.map((kind, index) => [kind, value(kind, index)])) as Record<
    InterfaceType,
    T
  >;
}

function emptyImplementations(): Implementations {
  return byInterface(() => new Map()) as Implementations;
}

/** As the original prints a list: `['fake', 'ipmitool']`. */
function quoteList(names: readonly string[]): string {
  return `[${names.map((name) => `'${name}'`).join(', ')}]`;
}

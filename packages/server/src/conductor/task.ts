// SPDX-License-Identifier: Apache-2.0

import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../config/index.ts';
import { messageOf, NodeLocked, NodeNotFound } from '../errors.ts';
import type { BiosSettings, Logger, NodeHardware, PowerTarget, Task } from '../hardware/contracts.ts';
import { decodeRow } from '../model/columns.ts';
import {
  type NodeRecord,
  type NodeRow,
  nodeColumns,
  type PortgroupRecord,
  type PortRecord,
  portColumns,
  portgroupColumns,
} from '../model/resources.ts';
import { maskText } from '../model/secrets.ts';
import type { Condition, Tables } from '../store/store.ts';
import type { Core, Origin } from './core.ts';
import { LockLost } from './errors.ts';
import { switchRelatives } from './power-relatives.ts';

/**
 * A node with its ports and hardware. A *shared* task is a snapshot; an *exclusive* one holds the node's lock (the
 * `reservation` column) until it is released, at the latest by `await using`.
 */
export class NodeTask implements Task, AsyncDisposable {
  readonly node: NodeRecord;
  readonly origin: Origin;
  readonly #core: Core;
  #ports: readonly PortRecord[] | undefined;
  #portgroups: readonly PortgroupRecord[] | undefined;
  #laterPorts: (() => readonly PortRecord[]) | undefined;
  #hardware: NodeHardware | undefined;
  #log: Logger | undefined;
  #exclusive: boolean;

  constructor(core: Core, node: NodeRecord, origin: Origin, exclusive: boolean) {
    this.#core = core;
    this.node = node;
    this.origin = origin;
    this.#exclusive = exclusive;
    if (exclusive) core.held.set(node.uuid, this);
  }

  /** A snapshot without lock. @throws NodeNotFound */
  static async shared(core: Core, uuid: string, origin: Origin): Promise<NodeTask> {
    const row = await core.store.nodes.find('uuid', uuid);
    if (row === undefined) throw new NodeNotFound(uuid);
    const task = new NodeTask(core, decodeNode(row), origin, false);
    await task.load();
    return task;
  }

  /**
   * A node under lock: `[conductor]node_locked_retry_attempts` tries, `node_locked_retry_interval` seconds apart.
   * `where` must hold for the node besides. @throws NodeLocked, NodeNotFound
   */
  static async exclusive(
    core: Core,
    uuid: string,
    origin: Origin,
    options: { attempts?: number; where?: readonly Condition[] } = {},
  ): Promise<NodeTask> {
    const row = await retryLocked(
      core,
      uuid,
      async () => {
        const taken = await core.store.nodes.update(uuid, { reservation: core.host }, [FREE, ...(options.where ?? [])]);
        if (taken !== undefined) return taken;
        const found = await core.store.nodes.find('uuid', uuid);
        if (found === undefined) throw new NodeNotFound(uuid);
        return new Locked(found.reservation);
      },
      options.attempts,
    );
    const task = new NodeTask(core, decodeNode(row), origin, true);
    try {
      await task.load();
    } catch (error) {
      await task.release();
      throw error;
    }
    return task;
  }

  get config(): Config {
    return this.#core.config;
  }

  get signal(): AbortSignal {
    return this.#core.signal;
  }

  get log(): Logger {
    this.#log ??= this.#core.log.child(
      this.origin.requestId === null
        ? { node: this.node.uuid }
        : { node: this.node.uuid, request_id: this.origin.requestId },
    );
    return this.#log;
  }

  /** @throws DriverNotFound, InvalidParameterValue when the node's driver or an interface is not enabled any more */
  get hardware(): NodeHardware {
    this.#hardware ??= this.#core.hardware.compose(this.node);
    return this.#hardware;
  }

  get ports(): readonly PortRecord[] {
    this.#ports ??= this.#laterPorts?.();
    if (this.#ports === undefined) throw new Error('the ports of the task are not loaded');
    return this.#ports;
  }

  get portgroups(): readonly PortgroupRecord[] {
    if (this.#laterPorts !== undefined) return [];
    if (this.#portgroups === undefined) throw new Error('the port groups of the task are not loaded');
    return this.#portgroups;
  }

  /** Whether the task holds the node's lock. */
  get isExclusive(): boolean {
    return this.#exclusive;
  }

  /** Whether ports and port groups are there. */
  get isLoaded(): boolean {
    return this.#ports !== undefined && this.#portgroups !== undefined;
  }

  /** Reads ports and port groups; before this they are not to be touched. */
  async load(): Promise<void> {
    const where: Condition[] = [{ column: 'node_uuid', op: '=', value: this.node.uuid }];
    const { ports, portgroups } = this.#core.store;
    const [portRows, portgroupRows] = await Promise.all([ports.list({ where }), portgroups.list({ where })]);
    this.#ports = portRows.map((row) => decodeRow(portColumns, row) as PortRecord);
    this.#portgroups = portgroupRows.map((row) => decodeRow(portgroupColumns, row) as PortgroupRecord);
  }

  /** Uses ports somebody else has read already, decoded when first asked for; there are no port groups then. */
  adoptLazily(ports: () => readonly PortRecord[]): void {
    this.#laterPorts = ports;
  }

  /** The same node as the lock's new holder sees it. */
  locked(row: NodeRow): NodeTask {
    const task = new NodeTask(this.#core, decodeNode(row), this.origin, true);
    task.#ports = this.#ports;
    task.#portgroups = this.#portgroups;
    return task;
  }

  /** The node's rows of the BIOS settings table. */
  get biosSettings(): BiosSettings {
    return { replace: (settings) => this.#replaceBiosSettings(settings) };
  }

  async #replaceBiosSettings(settings: Parameters<BiosSettings['replace']>[0]): Promise<void> {
    const node_uuid = this.node.uuid;
    const where: Condition[] = [{ column: 'node_uuid', op: '=', value: node_uuid }];
    await this.#core.store.transaction(async (tables) => {
      const known = await tables.biosSettings.list({ where });
      const wanted = new Map(settings.map((setting) => [setting.name, setting.value]));
      for (const row of known) {
        const value = wanted.get(row.name);
        if (value === undefined) await tables.biosSettings.delete(row.uuid);
        else if (value !== row.value) await tables.biosSettings.update(row.uuid, { value });
        wanted.delete(row.name);
      }
      for (const [name, value] of wanted) await tables.biosSettings.insert({ node_uuid, name, value });
    });
  }

  /** Switches the nodes that share this one's power supply. */
  async switchRelatives(target: PowerTarget): Promise<void> {
    await switchRelatives(this.#core, this, target);
  }

  /** Writes changes at once. @throws LockLost */
  async save(changes: Partial<NodeRecord>): Promise<void> {
    this.saved(await this.saveIn(this.#core.store, changes));
  }

  /**
   * The write of `save` as a part of a transaction; `node` stays as it was until `saved` gets what this returns, when the
   * transaction is complete. `reservation: null` among the changes gives the lock back.
   */
  async saveIn(tables: Tables, changes: Partial<NodeRecord>): Promise<Partial<NodeRecord>> {
    if (!this.#exclusive) throw new Error(`node ${this.node.uuid} may only be changed under its lock`);
    const fitted = fitTexts(this.#core.config, changes);
    const row = await tables.nodes.update(this.node.uuid, fitted, [
      { column: 'reservation', op: '=', value: this.#core.host },
    ]);
    if (row === undefined) {
      this.released();
      throw new LockLost(this.node.uuid);
    }
    return fitted;
  }

  /** Takes into `node` what a completed transaction has written. */
  saved(changes: Partial<NodeRecord>): void {
    Object.assign(this.node, changes);
    if (changes.driver !== undefined || changes.instance_info !== undefined || namesInterface(changes)) {
      this.#hardware = undefined;
    }
  }

  /** The lock is gone: called when the transaction that gave it back is complete. */
  released(): void {
    this.#exclusive = false;
    this.abandon();
  }

  /** Nothing works under the lock any more, whether it could be given back or not. */
  abandon(): void {
    if (this.#core.held.get(this.node.uuid) === this) this.#core.held.delete(this.node.uuid);
  }

  /** Gives the lock back, together with last changes in one write. */
  async release(changes: Partial<NodeRecord> = {}): Promise<void> {
    if (!this.#exclusive) return;
    try {
      await this.save({ ...changes, reservation: null });
      this.#exclusive = false;
    } finally {
      this.abandon();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.release();
    } catch (error) {
      if (!(error instanceof LockLost)) throw error;
      this.log.warn({ reason: messageOf(error) }, 'The lock was gone when it was to be released');
    }
  }
}

/** The node is not reserved. */
export const FREE: Condition = { column: 'reservation', op: 'is null' };

/** What an attempt on a node answers when somebody holds its lock. */
export class Locked {
  readonly holder: string | null;

  constructor(holder: string | null) {
    this.holder = holder;
  }
}

/**
 * Tries until the node is not locked: `[conductor]node_locked_retry_attempts` times, `node_locked_retry_interval` s apart.
 * @throws NodeLocked
 */
export async function retryLocked<R>(
  core: Core,
  uuid: string,
  attempt: () => Promise<R | Locked>,
  attempts: number = core.config.conductor.node_locked_retry_attempts,
): Promise<R> {
  for (let tried = 1; ; tried += 1) {
    const result = await attempt();
    if (!(result instanceof Locked)) return result;
    if (tried >= attempts) throw new NodeLocked(uuid, result.holder ?? core.host);
    await sleep(core.config.conductor.node_locked_retry_interval * 1000, undefined, { signal: core.signal });
  }
}

/**
 * A short change of an unlocked node: one transaction that reads the row, lets `body` check and write, and ends. Waits for
 * the lock to be free as `retryLocked` does. `before` sees the row even when it is locked.
 */
export async function changeUnlocked<R>(
  core: Core,
  uuid: string,
  body: (tables: Tables, node: NodeRecord, row: NodeRow) => Promise<R>,
  before?: (row: NodeRow) => void,
): Promise<R> {
  return await retryLocked<R>(core, uuid, () =>
    core.store.transaction(async (tables): Promise<R | Locked> => {
      const row = await tables.nodes.find('uuid', uuid, { forUpdate: true });
      if (row === undefined) throw new NodeNotFound(uuid);
      before?.(row);
      if (row.reservation !== null) return new Locked(row.reservation);
      return await body(tables, decodeNode(row), row);
    }),
  );
}

/** A stored node as code works with it. */
export function decodeNode(row: NodeRow): NodeRecord {
  return decodeRow(nodeColumns, row) as NodeRecord;
}

/** What users may read as an error, without secrets and cut to `[DEFAULT]log_in_db_max_size` characters. */
export function fitTexts(config: Config, changes: Partial<NodeRecord>): Partial<NodeRecord> {
  const { last_error, maintenance_reason } = changes;
  if (!last_error && !maintenance_reason) return changes;
  const limit = config.DEFAULT.log_in_db_max_size;
  const fitted = { ...changes };
  if (last_error) fitted.last_error = maskText(last_error).slice(0, limit);
  if (maintenance_reason) fitted.maintenance_reason = maskText(maintenance_reason).slice(0, limit);
  return fitted;
}

/** Runs `body` on a snapshot of the node. */
export async function withShared<R>(
  core: Core,
  uuid: string,
  origin: Origin,
  body: (task: NodeTask) => Promise<R> | R,
): Promise<R> {
  return await body(await NodeTask.shared(core, uuid, origin));
}

/** Runs `body` under the node's lock. */
export async function withLock<R>(
  core: Core,
  uuid: string,
  origin: Origin,
  body: (task: NodeTask) => Promise<R>,
): Promise<R> {
  await using task = await NodeTask.exclusive(core, uuid, origin);
  return await body(task);
}

function namesInterface(changes: Partial<NodeRecord>): boolean {
  for (const name in changes) if (name.endsWith('_interface')) return true;
  return false;
}

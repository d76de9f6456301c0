// SPDX-License-Identifier: Apache-2.0

/** Keeps recorded and real power states together: a pass over all nodes, and events from devices. */

import { messageOf, NodeLocked, NodeNotFound } from '../errors.ts';
import type { PowerInterface, PowerReading, PowerState } from '../hardware/contracts.ts';
import { decodeRow } from '../model/columns.ts';
import { type NodeRecord, type NodeRow, type PortRecord, portColumns } from '../model/resources.ts';
import { POWER_SYNC_EXCLUDED_STATES } from '../model/states.ts';
import type { Condition } from '../store/store.ts';
import { type Core, INTERNAL } from './core.ts';
import { LockLost } from './errors.ts';
import { remember } from './history.ts';
import { Lane } from './lane.ts';
import { lazyNode, SYNC_COLUMNS } from './lazy-node.ts';
import { attemptPowerAction } from './power-action.ts';
import { POWER_FAILURE } from './power-recovery.ts';
import { NodeTask } from './task.ts';
import { readFacts } from './workflows/facts.ts';

/** Nodes read from the database at a time. */
const PAGE = 1000;

interface Reading {
  readonly task: NodeTask;
  readonly state: PowerReading | Error;
}

export class PowerSync {
  readonly #core: Core;
  /** Failed looks in a row, by node. In memory only: a restart gives every node its chances back. */
  readonly #failures = new Map<string, number>();
  readonly #watches: (() => void)[] = [];
  readonly #pending = new Set<Promise<void>>();

  constructor(core: Core) {
    this.#core = core;
  }

  /** Lets devices that tell of power changes by themselves do so. */
  watch(): void {
    for (const { name, power } of this.#core.hardware.powerInterfaces()) {
      const end = power.watchPowerStates?.((uuid, state) => this.#changed(name, uuid, state));
      if (end !== undefined) this.#watches.push(end);
    }
  }

  unwatch(): void {
    for (const end of this.#watches.splice(0)) end();
  }

  /** One look at every node. */
  async pass(): Promise<void> {
    const { config, store, statistics, members, host, signal } = this.#core;
    const begun = performance.now();
    const totals = { nodes: 0, failures: 0, corrections: 0, seconds: 0 };
    const seen = new Set<string>();
    const workers = config.conductor.sync_power_state_workers;
    const look = async (task: NodeTask) => this.#judge({ task, state: await this.#read(task) }, totals);
    const lanes: Lanes = {
      healthy: new Lane(workers, look),
      // Machines that did not answer before have workers of their own, so that the others need not wait behind them.
      troubled: new Lane(workers, look),
      bulk: new Lane(workers, ([power, tasks]) => this.#readBulk(power, tasks, totals)),
    };
    const bulk = new Map<PowerInterface, NodeTask[]>();
    for (let after = 0; !signal.aborted; ) {
      const rows = await store.nodes.list({
        columns: SYNC_COLUMNS,
        where: [...CANDIDATES, { column: 'id', op: '>', value: after }],
        limit: PAGE,
      });
      const ours = rows.filter((row) => (members.ownerOf(row) ?? host) === host);
      for (const row of ours) seen.add(row.uuid);
      const overrides = await this.#interfaceOverrides(after, rows.at(-1)?.id ?? after);
      await this.#queue(ours, overrides, lanes, bulk);
      totals.nodes += ours.length;
      after = rows.at(-1)?.id ?? after;
      if (rows.length < PAGE) break;
      await lanes.healthy.hungry();
    }
    lanes.bulk.push([...bulk]);
    await Promise.all([lanes.healthy.idle(), lanes.troubled.idle(), lanes.bulk.idle()]);
    for (const uuid of this.#failures.keys()) if (!seen.has(uuid)) this.#failures.delete(uuid);
    totals.seconds = (performance.now() - begun) / 1000;
    statistics.powerSync = totals;
  }

  /** Interfaces that instance_info chooses, read only for the nodes that have such: instance_info can be large. */
  async #interfaceOverrides(after: number, last: number): Promise<Map<string, string>> {
    const rows = await this.#core.store.nodes.list({
      columns: ['instance_info'],
      where: [
        ...CANDIDATES,
        { column: 'id', op: '>', value: after },
        { column: 'id', op: '<=', value: last },
        { column: 'instance_info', op: 'contains', value: '_interface"' },
      ],
    });
    return new Map(rows.map((row) => [row.uuid, row.instance_info]));
  }

  /** Queues a page of nodes: for one call per power interface where that can read many, else one by one. */
  async #queue(
    rows: readonly NodeRow[],
    overrides: Map<string, string>,
    lanes: Lanes,
    bulk: Map<PowerInterface, NodeTask[]>,
  ): Promise<void> {
    const core = this.#core;
    const ports = await this.#portsOf(rows);
    const healthy: NodeTask[] = [];
    const troubled: NodeTask[] = [];
    for (const row of rows) {
      const task = new NodeTask(core, lazyNode(row, overrides.get(row.uuid)), INTERNAL, false);
      task.adoptLazily(() => (ports.get(row.uuid) ?? []).map(decodePort));
      let power: PowerInterface;
      try {
        power = task.hardware.power;
      } catch (error) {
        core.log.debug({ node: row.uuid, reason: messageOf(error) }, 'The node is left out of the power sync');
        continue;
      }
      if (power.getPowerStates !== undefined) {
        const tasks = bulk.get(power);
        if (tasks === undefined) bulk.set(power, [task]);
        else tasks.push(task);
      } else if (this.#failures.has(row.uuid)) troubled.push(task);
      else healthy.push(task);
    }
    lanes.healthy.push(healthy);
    lanes.troubled.push(troubled);
  }

  async #portsOf(rows: readonly NodeRow[]): Promise<Map<string, PortRow[]>> {
    const byNode = new Map<string, PortRow[]>();
    if (rows.length === 0) return byNode;
    const where: Condition[] = [{ column: 'node_uuid', op: 'in', value: rows.map((row) => row.uuid) }];
    for (const port of await this.#core.store.ports.list({ where })) {
      const list = byNode.get(port.node_uuid);
      if (list === undefined) byNode.set(port.node_uuid, [port]);
      else list.push(port);
    }
    return byNode;
  }

  async #readBulk(power: PowerInterface, tasks: readonly NodeTask[], totals: Totals): Promise<void> {
    let states: Map<string, PowerReading | Error>;
    try {
      states = (await power.getPowerStates?.(tasks)) ?? new Map();
    } catch (error) {
      if (this.#core.signal.aborted) throw error;
      states = new Map(tasks.map((task) => [task.node.uuid, asError(error)]));
    }
    const workers = this.#core.config.conductor.sync_power_state_workers;
    const lane = new Lane<NodeTask>(workers, async (task) => {
      const state = states.get(task.node.uuid) ?? new Error('the power interface gave no answer for this node');
      await this.#judge({ task, state }, totals);
    });
    lane.push(tasks);
    await lane.idle();
  }

  async #read(task: NodeTask): Promise<PowerReading | Error> {
    try {
      return await task.hardware.power.getPowerState(task);
    } catch (error) {
      if (this.#core.signal.aborted) throw error;
      return asError(error);
    }
  }

  /** What a reading means for the record. Nothing is written while the two agree. */
  async #judge({ task, state }: Reading, totals: Totals): Promise<void> {
    const { node } = task;
    const failed = state === 'error' || state instanceof Error;
    if (!failed && state === node.power_state) {
      if (this.#failures.size > 0) this.#failures.delete(node.uuid);
      await this.#confirm(task);
      return;
    }
    if (failed) totals.failures += 1;
    else totals.corrections += 1;
    try {
      if (failed) await this.#unreadable(task, state);
      else await this.#mismatch(task, state);
    } catch (error) {
      if (this.#core.signal.aborted) throw error;
      if (error instanceof NodeLocked || error instanceof NodeNotFound || error instanceof LockLost) return;
      task.log.error({ err: error }, 'The power sync of the node failed');
    }
  }

  /** The record is right. An error an earlier sync left behind is over; facts are refreshed where the driver tells them. */
  async #confirm(task: NodeTask): Promise<void> {
    const { node } = task;
    const { management } = task.hardware;
    const changes: Partial<NodeRecord> = {};
    if (node.last_error?.startsWith(SYNC_ERROR) && this.#core.config.conductor.node_history) changes.last_error = null;
    if (management.getBootMode ?? management.getSecureBoot ?? management.detectVendor) {
      Object.assign(changes, await readFacts(task, { tables: false }));
    }
    if (management.getHealth !== undefined && this.#core.config.conductor.enable_health_monitoring) {
      try {
        const health = await management.getHealth(task);
        if (health !== node.health) changes.health = health;
      } catch (error) {
        task.log.debug({ reason: messageOf(error) }, 'The health of the node could not be read');
      }
    }
    if (Object.keys(changes).length === 0) return;
    await this.#core.store.nodes.update(node.uuid, changes, [{ column: 'reservation', op: 'is null' }]);
  }

  async #unreadable(task: NodeTask, state: 'error' | Error): Promise<void> {
    const { node } = task;
    if (node.power_state === null) {
      try {
        await task.hardware.power.validate(task);
      } catch {
        // Power was never configured: nothing is expected of this node.
        return;
      }
    }
    const why = state instanceof Error ? state.message : 'the power state reads "error"';
    const count = this.#count(node.uuid);
    task.log.warn({ count, reason: why }, 'The power state could not be read');
    if (count <= this.#core.config.conductor.power_state_sync_max_retries) return;
    await this.#giveUp(node.uuid, null, why);
  }

  async #mismatch(task: NodeTask, actual: PowerState | null): Promise<void> {
    const core = this.#core;
    const { uuid } = task.node;
    if (task.node.power_state === null) {
      await this.#record(uuid, actual);
      return;
    }
    const count = this.#count(uuid);
    if (count > core.config.conductor.power_state_sync_max_retries) {
      await this.#giveUp(uuid, actual, undefined);
      return;
    }
    await using locked = await NodeTask.exclusive(core, uuid, INTERNAL, { attempts: 1 });
    const { node, hardware } = locked;
    if (isSkipped(node) || node.power_state === actual) {
      if (node.power_state === actual) this.#failures.delete(uuid);
      return;
    }
    const recorded = node.power_state;
    const enforces =
      core.config.conductor.force_power_state_during_sync &&
      hardware.power.supportsPowerSync?.(locked) !== false &&
      !node.disable_power_off &&
      (recorded === 'power on' || recorded === 'power off');
    if (!enforces) {
      this.#failures.delete(uuid);
      locked.log.info({ from: recorded, to: actual }, 'The recorded power state is corrected');
      await locked.release({ power_state: actual });
      return;
    }
    locked.log.warn({ actual, recorded }, 'The power state changed behind our back; it is set back');
    const { changes } = await attemptPowerAction(locked, recorded, null);
    await locked.release(changes);
  }

  /** Takes the reading over, without lock, provided nobody works on the node. */
  async #record(uuid: string, actual: PowerState | null): Promise<void> {
    this.#failures.delete(uuid);
    await this.#core.store.nodes.update(uuid, { power_state: actual }, [
      { column: 'reservation', op: 'is null' },
      { column: 'target_power_state', op: 'is null' },
    ]);
  }

  /** The node goes into maintenance with the fault the recovery loop looks for. */
  async #giveUp(uuid: string, actual: PowerState | null, why: string | undefined): Promise<void> {
    const core = this.#core;
    const task = await NodeTask.exclusive(core, uuid, INTERNAL, { attempts: 1 });
    const { node } = task;
    if (isSkipped(node) || (why === undefined && node.power_state === actual)) {
      await task.release();
      return;
    }
    const shown = actual ?? 'None';
    const text =
      `${SYNC_ERROR} max retries exceeded for node ${uuid}, node state ${shown} does not match expected state ` +
      `'${node.power_state ?? 'None'}'. Updating DB state to '${shown}' Switching node to maintenance mode. Error: ${why ?? 'None'}`;
    await core.store.transaction(async (tables) => {
      await remember(core, tables, node, { severity: 'ERROR', type: 'monitoring', event: text }, INTERNAL);
      await task.saveIn(tables, {
        power_state: actual,
        last_error: text,
        maintenance: true,
        fault: POWER_FAILURE,
        maintenance_reason: text,
        reservation: null,
      });
    });
    task.released();
    task.log.error({}, text);
  }

  #count(uuid: string): number {
    const count = (this.#failures.get(uuid) ?? 0) + 1;
    this.#failures.set(uuid, count);
    return count;
  }

  /** A device told of a change: the same rules as in a pass, at once. */
  #changed(driver: string, uuid: string, state: PowerState): void {
    const work = this.#follow(uuid, state)
      .catch((error: unknown) => {
        if (!this.#core.signal.aborted) {
          this.#core.log.warn(
            { node: uuid, power_interface: driver, reason: messageOf(error) },
            'A power event was lost',
          );
        }
      })
      .finally(() => this.#pending.delete(work));
    this.#pending.add(work);
  }

  async #follow(uuid: string, state: PowerState): Promise<void> {
    const core = this.#core;
    const row = await core.store.nodes.find('uuid', uuid);
    if (row === undefined || row.power_state === state || (core.members.ownerOf(row) ?? core.host) !== core.host)
      return;
    if (row.reservation !== null || Number(row.maintenance) !== 0 || row.target_power_state !== null) return;
    if (POWER_SYNC_EXCLUDED_STATES.has(row.provision_state)) return;
    const task = await NodeTask.shared(core, uuid, INTERNAL);
    // An event may be older than what was recorded meanwhile: the machine itself is asked.
    const reading = await this.#read(task);
    if (reading instanceof Error || reading === task.node.power_state) return;
    await this.#judge({ task, state: reading }, { failures: 0, corrections: 0 });
  }

  /** Waits for events being followed. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.#pending);
  }
}

interface Lanes {
  readonly healthy: Lane<NodeTask>;
  readonly troubled: Lane<NodeTask>;
  readonly bulk: Lane<readonly [PowerInterface, readonly NodeTask[]]>;
}

interface Totals {
  failures: number;
  corrections: number;
}

const SYNC_ERROR = 'During sync_power_state,';

/** Nodes a pass looks at: nobody works on them and nothing else is expected of their power. */
const CANDIDATES: readonly Condition[] = [
  { column: 'maintenance', op: '=', value: false },
  { column: 'reservation', op: 'is null' },
  { column: 'target_power_state', op: 'is null' },
  { column: 'provision_state', op: 'not in', value: [...POWER_SYNC_EXCLUDED_STATES] },
];

function isSkipped(node: NodeRecord): boolean {
  return node.maintenance || node.target_power_state !== null || POWER_SYNC_EXCLUDED_STATES.has(node.provision_state);
}

type PortRow = Parameters<typeof decodeRow<typeof portColumns>>[1];

function decodePort(row: PortRow): PortRecord {
  return decodeRow(portColumns, row) as PortRecord;
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(messageOf(error));
}

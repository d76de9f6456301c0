// SPDX-License-Identifier: Apache-2.0

import { createHash } from 'node:crypto';
import type { Config } from '../config/index.ts';
import { decodeRow } from '../model/columns.ts';
import { conductorColumns, type NodeRow } from '../model/resources.ts';
import type { Store } from '../store/store.ts';
import type { ConductorDescription } from './commands.ts';

/** A process that works on nodes. */
interface Member {
  readonly host: string;
  readonly group: string;
  readonly drivers: ReadonlySet<string>;
}

/**
 * Which conductors live, and which of them a node belongs to. Each process keeps one row of `conductors` fresh
 * (`[conductor]heartbeat_interval`); a row older than `heartbeat_timeout` is a dead process.
 */
export class Membership {
  readonly #store: Store;
  readonly #config: Config;
  readonly #host: string;
  readonly #self: Member;
  /** Live members, this one included. */
  #members: readonly Member[];
  #row: string | undefined;

  constructor(store: Store, config: Config, host: string, drivers: readonly string[]) {
    this.#store = store;
    this.#config = config;
    this.#host = host;
    this.#self = { host, group: config.conductor.conductor_group.toLowerCase(), drivers: new Set(drivers) };
    this.#members = [this.#self];
  }

  /** Announces this process. Returns whether its name was online already (an unclean end, or a name used twice). */
  async register(): Promise<boolean> {
    const values = { online: true, conductor_group: this.#self.group, drivers: [...this.#self.drivers].sort() };
    const known = await this.#store.conductors.find('hostname', this.#host);
    const row =
      known === undefined
        ? await this.#store.conductors.insert({ hostname: this.#host, ...values })
        : await this.#store.conductors.update(known.uuid, values);
    this.#row = row?.uuid;
    await this.refresh();
    return known !== undefined && Number(known.online) !== 0 && this.#isFresh(known.updated_at ?? known.created_at);
  }

  /** One sign of life, and a look at the others. */
  async heartbeat(): Promise<void> {
    if (this.#row === undefined) return;
    const row = await this.#store.conductors.update(this.#row, { online: true });
    if (row === undefined) await this.register();
    else await this.refresh();
  }

  async deregister(): Promise<void> {
    if (this.#row !== undefined) await this.#store.conductors.update(this.#row, { online: false });
  }

  /** Reads who lives. */
  async refresh(): Promise<void> {
    const members: Member[] = [this.#self];
    for (const row of await this.#store.conductors.list()) {
      if (row.hostname === this.#host || Number(row.online) === 0) continue;
      if (!this.#isFresh(row.updated_at ?? row.created_at)) continue;
      const { drivers } = decodeRow(conductorColumns, row);
      members.push({
        host: row.hostname,
        group: row.conductor_group,
        drivers: new Set(Array.isArray(drivers) ? drivers.map(String) : []),
      });
    }
    this.#members = members;
  }

  /** Whether a process of this name is known to live. Names compare without case, as host names do. */
  isAlive(host: string): boolean {
    const wanted = host.toLowerCase();
    return this.#members.some((member) => member.host.toLowerCase() === wanted);
  }

  /** Whether some live conductor serves this driver in this group. */
  serves(driver: string, group: string): boolean {
    const wanted = group.toLowerCase();
    return this.#members.some((member) => member.group === wanted && member.drivers.has(driver));
  }

  /** Hosts by driver, over all live conductors. */
  hostsByDriver(): Map<string, string[]> {
    const hosts = new Map<string, string[]>();
    for (const member of this.#members) {
      for (const driver of member.drivers) hosts.set(driver, [...(hosts.get(driver) ?? []), member.host]);
    }
    for (const list of hosts.values()) list.sort();
    return hosts;
  }

  /** The host a node maps to: rendezvous hashing of its UUID over the members that serve its driver and group. */
  ownerOf(node: Pick<NodeRow, 'uuid' | 'driver' | 'conductor_group'>): string | null {
    const only = this.#members.length === 1 ? this.#members[0] : undefined;
    if (only !== undefined) return fits(only, node) ? only.host : null;
    let best: string | null = null;
    let bestScore = '';
    for (const member of this.#members) {
      if (!fits(member, node)) continue;
      const score = createHash('sha1').update(member.host).update('\0').update(node.uuid).digest('hex');
      if (best === null || score > bestScore) {
        best = member.host;
        bestScore = score;
      }
    }
    return best;
  }

  async list(): Promise<ConductorDescription[]> {
    const rows = await this.#store.conductors.list();
    return rows.map((row) => {
      const { drivers } = decodeRow(conductorColumns, row);
      return {
        hostname: row.hostname,
        conductor_group: row.conductor_group,
        alive:
          row.hostname === this.#host || (Number(row.online) !== 0 && this.#isFresh(row.updated_at ?? row.created_at)),
        drivers: Array.isArray(drivers) ? drivers.map(String) : [],
        created_at: row.created_at,
        updated_at: row.updated_at,
      };
    });
  }

  /** Deletes rows of processes gone for two weeks. */
  async forget(): Promise<number> {
    const limit = Date.now() - 14 * 86_400_000;
    let gone = 0;
    for (const row of await this.#store.conductors.list()) {
      if (row.hostname === this.#host || Date.parse(row.updated_at ?? row.created_at) > limit) continue;
      if (await this.#store.conductors.delete(row.uuid)) gone += 1;
    }
    return gone;
  }

  #isFresh(stamp: string): boolean {
    return Date.now() - Date.parse(stamp) <= this.#config.conductor.heartbeat_timeout * 1000;
  }
}

function fits(member: Member, node: Pick<NodeRow, 'driver' | 'conductor_group'>): boolean {
  return member.drivers.has(node.driver) && member.group === node.conductor_group.toLowerCase();
}

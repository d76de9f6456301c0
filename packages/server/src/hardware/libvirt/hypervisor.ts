// SPDX-License-Identifier: Apache-2.0

import { setTimeout as sleep } from 'node:timers/promises';
import {
  type ConnectOptions,
  type Domain,
  type DomainEvent,
  type LibvirtConnection,
  LibvirtConnectionError,
  LibvirtTimeoutError,
} from '@wrought/libvirt';
import { messageOf } from '../../errors.ts';
import type { Logger, PowerState } from '../contracts.ts';
import type { HypervisorAddress } from './driver-info.ts';

/** What this family uses of a connection. */
export type HypervisorConnection = Pick<
  LibvirtConnection,
  | 'closed'
  | 'close'
  | 'create'
  | 'defineXml'
  | 'destroy'
  | 'findByMac'
  | 'getAllStates'
  | 'getState'
  | 'getXml'
  | 'injectNmi'
  | 'listAllDomains'
  | 'shutdown'
  | 'subscribeDomainLifecycle'
>;
export type Connect = (uri: string, options: ConnectOptions) => Promise<HypervisorConnection>;

/** Milliseconds. */
export interface HypervisorTimes {
  /** Bound of one attempt to connect. */
  readonly connect: number;
  /** Bound of a call, unless libvirt is known to take longer for it. It waits 30 s for a domain that is busy. */
  readonly call: number;
  /** Pauses before the second, third, ... attempt while the daemon cannot be reached. */
  readonly retry: readonly number[];
  /** After that many failures in a row nothing is tried for the first, second, ... of these; the last one repeats. */
  readonly holdOff: readonly number[];
  /** An unused connection is closed after this. */
  readonly idle: number;
}

export const DEFAULT_TIMES: HypervisorTimes = {
  connect: 10_000,
  call: 35_000,
  retry: [250, 1000],
  holdOff: [1000, 2000, 5000, 10_000],
  idle: 30 * 60_000,
};

/** A daemon that freezes is noticed after 12 s; with an attempt to connect anew, who asks is told before clients give up at 30 s. */
const KEEP_ALIVE = { intervalMs: 3000, count: 3 } as const;

export type PowerListener = (nodeUuid: string, state: PowerState) => void;

/** The hypervisors nodes live on: one connection for each address and credentials, shared by all their nodes. */
export class Hypervisors {
  readonly #connect: Connect;
  readonly #log: Logger;
  readonly #times: HypervisorTimes;
  readonly #hypervisors = new Map<string, Hypervisor>();
  readonly #listeners = new Set<PowerListener>();

  constructor(connect: Connect, log: Logger, times: HypervisorTimes = DEFAULT_TIMES) {
    this.#connect = connect;
    this.#log = log;
    this.#times = times;
  }

  get(address: HypervisorAddress): Hypervisor {
    const { uri, username, password, sshKeyFile } = address;
    const key = JSON.stringify([uri, username, password, sshKeyFile]);
    let hypervisor = this.#hypervisors.get(key);
    if (hypervisor === undefined) {
      hypervisor = new Hypervisor(address, {
        connect: this.#connect,
        log: this.#log.child({ hypervisor: uri }),
        times: this.#times,
        onPower: (node, state) => this.#tell(node, state),
        onIdle: () => this.#hypervisors.delete(key),
      });
      this.#hypervisors.set(key, hypervisor);
    }
    return hypervisor;
  }

  /** Tells of machines that start and stop, for nodes that were found before. The result ends it. */
  watch(listener: PowerListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** A listener's failure is not the connection's, nor the next listener's. */
  #tell(node: string, state: PowerState): void {
    for (const listener of this.#listeners) {
      try {
        listener(node, state);
      } catch (error) {
        this.#log.error({ err: error, node, power_state: state }, 'a listener for power changes failed');
      }
    }
  }

  async close(): Promise<void> {
    const all = [...this.#hypervisors.values()];
    this.#hypervisors.clear();
    await Promise.all(all.map((hypervisor) => hypervisor.close()));
  }
}

interface Surroundings {
  readonly connect: Connect;
  readonly log: Logger;
  readonly times: HypervisorTimes;
  readonly onPower: PowerListener;
  readonly onIdle: () => void;
}

/** Where a node's machine was seen last. */
interface Hint {
  readonly uuid: string;
  /** The domain was redefined since, perhaps with other MAC addresses. */
  stale: boolean;
}

/** One hypervisor, connected when it is needed and again when the connection broke. */
export class Hypervisor {
  readonly address: HypervisorAddress;
  readonly #around: Surroundings;
  /** Node UUID -> its domain. */
  readonly #hints = new Map<string, Hint>();
  #connection: HypervisorConnection | undefined;
  #connecting: Promise<HypervisorConnection> | undefined;
  #failure: { readonly error: unknown; readonly at: number; readonly until: number } | undefined;
  #failures = 0;
  #idleTimer: NodeJS.Timeout | undefined;
  readonly #closing = new AbortController();

  /** Use `Hypervisors.get`. */
  constructor(address: HypervisorAddress, around: Surroundings) {
    this.address = address;
    this.#around = around;
  }

  /**
   * Runs an action on the connection. The action runs a second time, on a new connection, when the first broke under it: it
   * must look at the state it finds.
   * @throws LibvirtError, what the action throws, or the signal's reason
   */
  async run<T>(signal: AbortSignal, action: (connection: HypervisorConnection) => Promise<T>): Promise<T> {
    this.#postponeIdle();
    const connection = await this.#connected(signal);
    try {
      return await action(connection);
    } catch (error) {
      if (!connection.closed || !(error instanceof LibvirtConnectionError) || signal.aborted) throw error;
      this.#around.log.warn({ err: error }, 'the connection to the hypervisor was lost; trying again on a new one');
    }
    return await action(await this.#connected(signal));
  }

  /** Where a node's domain was found last; null when that has to be verified first. */
  knownDomain(node: string): string | null {
    const hint = this.#hints.get(node);
    return hint === undefined || hint.stale ? null : hint.uuid;
  }

  /** Where to look first for a node's domain. */
  hint(node: string): Pick<Domain, 'uuid'> | null {
    return this.#hints.get(node) ?? null;
  }

  remember(node: string, domain: Pick<Domain, 'uuid'> | null): void {
    if (domain === null) this.#hints.delete(node);
    else this.#hints.set(node, { uuid: domain.uuid, stale: false });
  }

  async close(): Promise<void> {
    this.#closing.abort(new LibvirtConnectionError('this client is closing its connection'));
    clearTimeout(this.#idleTimer);
    await this.#connecting?.catch(() => undefined);
    await this.#connection?.close();
    this.#connection = undefined;
  }

  async #connected(signal: AbortSignal): Promise<HypervisorConnection> {
    signal.throwIfAborted();
    this.#closing.signal.throwIfAborted();
    if (this.#connection?.closed === false) return this.#connection;
    this.#connecting ??= this.#establish().finally(() => {
      this.#connecting = undefined;
    });
    return await untilAborted(this.#connecting, signal);
  }

  async #establish(): Promise<HypervisorConnection> {
    const { times } = this.#around;
    const now = performance.now();
    if (this.#failure !== undefined && now < this.#failure.until) {
      const ago = Math.round((now - this.#failure.at) / 1000);
      const wait = Math.ceil((this.#failure.until - now) / 1000);
      throw new LibvirtConnectionError(
        `${messageOf(this.#failure.error)} (tried ${ago} s ago; the next attempt is made in ${wait} s)`,
        { cause: this.#failure.error },
      );
    }
    try {
      const connection = await this.#attempts();
      this.#failures = 0;
      this.#failure = undefined;
      this.#connection = connection;
      await this.#subscribe(connection);
      return connection;
    } catch (error) {
      const holdOff = times.holdOff[Math.min(this.#failures, times.holdOff.length - 1)] ?? 0;
      this.#failures += 1;
      const at = performance.now();
      this.#failure = { error, at, until: at + holdOff };
      if (!this.#closing.signal.aborted) {
        this.#around.log.warn({ err: error, failures: this.#failures }, 'the hypervisor cannot be reached');
      }
      throw error;
    }
  }

  async #attempts(): Promise<HypervisorConnection> {
    const { times } = this.#around;
    const signal = this.#closing.signal;
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.#attempt(signal);
      } catch (error) {
        const pause = times.retry[attempt];
        if (pause === undefined || !(error instanceof LibvirtConnectionError) || signal.aborted) throw error;
        await sleep(pause, undefined, { signal });
      }
    }
  }

  async #attempt(signal: AbortSignal): Promise<HypervisorConnection> {
    const { connect, times, log } = this.#around;
    const { uri, username, password, sshKeyFile } = this.address;
    const late = new AbortController();
    const timer = setTimeout(() => {
      late.abort(new LibvirtTimeoutError('connecting to the hypervisor', times.connect));
    }, times.connect);
    try {
      return await connect(uri, {
        ...(username === undefined ? {} : { username }),
        ...(password === undefined ? {} : { password }),
        ...(sshKeyFile === undefined ? {} : { sshKeyFile }),
        signal: AbortSignal.any([signal, late.signal]),
        timeoutMs: times.call,
        keepAlive: KEEP_ALIVE,
        log: (message) => log.debug({}, message),
      });
    } finally {
      clearTimeout(timer);
    }
  }

  /** A hypervisor driver without events is no failure: power sync reads the states. */
  async #subscribe(connection: HypervisorConnection): Promise<void> {
    // What happened while nobody was listening is unknown.
    for (const hint of this.#hints.values()) hint.stale = true;
    try {
      await connection.subscribeDomainLifecycle((event) => this.#heard(event));
    } catch (error) {
      this.#around.log.debug({ err: error }, 'the hypervisor sends no events');
    }
  }

  #heard({ domain, event, detail }: Extract<DomainEvent, { kind: 'lifecycle' }>): void {
    const state = powerAfter(event, detail);
    for (const [node, hint] of this.#hints) {
      if (hint.uuid !== domain.uuid) continue;
      if (event === 'defined' || event === 'undefined') hint.stale = true;
      if (state !== null) this.#around.onPower(node, state);
    }
  }

  #postponeIdle(): void {
    if (this.#closing.signal.aborted) return;
    if (this.#idleTimer !== undefined) {
      this.#idleTimer.refresh();
      return;
    }
    this.#idleTimer = setTimeout(() => {
      this.#around.onIdle();
      this.close().catch((error: unknown) =>
        this.#around.log.debug({ err: error }, 'closing an idle connection failed'),
      );
    }, this.#around.times.idle).unref();
  }
}

const MIGRATED_AWAY = 3;

function powerAfter(event: string, detail: number): PowerState | null {
  if (event === 'started') return 'power on';
  return event === 'stopped' && detail !== MIGRATED_AWAY ? 'power off' : null;
}

/** The promise's outcome, or the signal's reason when that comes first. */
function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

// SPDX-License-Identifier: Apache-2.0

export interface KeepAliveOptions {
  /** Milliseconds of silence before a PING. */
  readonly intervalMs: number;
  /** PINGs without an answer after which the connection counts as dead. */
  readonly count: number;
}

export interface KeepAliveActions {
  ping(): void;
  /** The daemon was silent for so many milliseconds. */
  dead(silentMs: number): void;
  /** The daemon works on all the calls it takes from us, so it does not read our PINGs; the calls' deadlines watch it then. */
  busy(): boolean;
  log(message: string): void;
}

/** Watches a connection for silence. libvirtd answers a PING at any time, unless it is dead or cut off. */
export class KeepAlive {
  readonly #options: KeepAliveOptions;
  readonly #actions: KeepAliveActions;
  readonly #timer: NodeJS.Timeout;
  #lastHeard = performance.now();
  #missed = 0;

  constructor(options: KeepAliveOptions, actions: KeepAliveActions) {
    this.#options = options;
    this.#actions = actions;
    this.#timer = setInterval(() => this.#tick(), options.intervalMs);
    this.#timer.unref();
  }

  /** Anything came from the daemon. */
  heard(now: number): void {
    this.#lastHeard = now;
    this.#missed = 0;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    const silentMs = performance.now() - this.#lastHeard;
    if (silentMs < this.#options.intervalMs || this.#actions.busy()) return;
    if (this.#missed >= this.#options.count) {
      this.#actions.dead(silentMs);
      return;
    }
    if (this.#missed > 0) this.#actions.log(`no answer to ${this.#missed} keepalive pings`);
    this.#missed += 1;
    this.#actions.ping();
  }
}

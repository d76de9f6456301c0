// SPDX-License-Identifier: Apache-2.0

import { NoFreeConductorWorker } from '../errors.ts';

/** Who wants a worker: work started by API requests may use the whole pool, the rest leaves the reserved share alone. */
export type WorkerClass = 'api' | 'background';

/**
 * Bounds how many tasks run at the same time. A slot is reserved before anything is written, so that a full pool refuses
 * a request without a trace.
 */
export class WorkerPool {
  readonly size: number;
  readonly #backgroundSize: number;
  #busy = 0;
  readonly #running = new Set<Promise<void>>();
  readonly #waiting: (() => void)[] = [];

  /** @param size tasks at the same time @param reservedPercentage share only `api` work may use */
  constructor(size: number, reservedPercentage: number) {
    this.size = size;
    this.#backgroundSize = Math.max(1, size - Math.floor((size * reservedPercentage) / 100));
  }

  /** Tasks running (or about to) right now. */
  get busy(): number {
    return this.#busy;
  }

  /** Takes a slot. @throws NoFreeConductorWorker */
  reserve(kind: WorkerClass): WorkerSlot {
    if (this.#busy >= this.#limit(kind)) throw new NoFreeConductorWorker();
    this.#busy += 1;
    return new WorkerSlot(this);
  }

  /** Takes a background slot as soon as one is free. */
  async wait(): Promise<WorkerSlot> {
    while (this.#busy >= this.#limit('background')) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    return this.reserve('background');
  }

  /** Resolves when nothing runs any more, or after `timeoutMs`; tells which. */
  async drain(timeoutMs: number): Promise<boolean> {
    const deadline = Date.now() + timeoutMs;
    while (this.#running.size > 0) {
      const left = deadline - Date.now();
      if (left <= 0) return false;
      let timer: NodeJS.Timeout | undefined;
      await Promise.race([
        Promise.allSettled(this.#running),
        new Promise<void>((resolve) => {
          timer = setTimeout(resolve, left);
        }),
      ]);
      clearTimeout(timer);
    }
    return true;
  }

  /** For WorkerSlot only. */
  track(work: Promise<void>): void {
    this.#running.add(work);
    const ended = () => {
      this.#running.delete(work);
      this.giveBack();
    };
    work.then(ended, ended);
  }

  /** For WorkerSlot only. */
  giveBack(): void {
    this.#busy -= 1;
    this.#waiting.shift()?.();
  }

  #limit(kind: WorkerClass): number {
    return kind === 'api' ? this.size : this.#backgroundSize;
  }
}

/** A place in the pool: either run something on it or give it back. */
export class WorkerSlot {
  readonly #pool: WorkerPool;
  #used = false;

  constructor(pool: WorkerPool) {
    this.#pool = pool;
  }

  /** Starts `work`, which must handle its own errors, and frees the slot when it ends. */
  run(work: () => Promise<void>): void {
    if (this.#used) throw new Error('the worker slot is used up');
    this.#used = true;
    this.#pool.track(work());
  }

  /** Gives an unused slot back. */
  release(): void {
    if (this.#used) return;
    this.#used = true;
    this.#pool.giveBack();
  }
}

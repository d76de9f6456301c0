// SPDX-License-Identifier: Apache-2.0

import { createHash } from 'node:crypto';
import type { Core } from './core.ts';

/** Something done again and again. */
export interface PeriodicJob {
  readonly name: string;
  /** Seconds between the end of one run and the begin of the next; 0: never. */
  readonly interval: number;
  run(): Promise<unknown>;
}

/**
 * Runs jobs on timers that keep no process alive. A job never overlaps itself: its next run is planned when the last has
 * ended. First runs are spread over the interval, differently on each host. Errors are logged and the job goes on.
 */
export class PeriodicJobs {
  readonly #core: Core;
  readonly #timers = new Map<string, NodeJS.Timeout>();
  readonly #running = new Set<Promise<void>>();
  #stopped = false;

  constructor(core: Core) {
    this.#core = core;
  }

  start(jobs: readonly PeriodicJob[]): void {
    for (const job of jobs) {
      if (job.interval <= 0) continue;
      const hash = createHash('sha1').update(`${this.#core.host} ${job.name}`).digest().readUInt32BE();
      this.#plan(job, job.interval * (0.2 + (0.8 * hash) / 2 ** 32));
    }
  }

  /** Plans no more runs and waits for those under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    await Promise.allSettled(this.#running);
  }

  #plan(job: PeriodicJob, seconds: number): void {
    if (this.#stopped) return;
    const timer = setTimeout(() => {
      const run = this.#run(job).finally(() => this.#running.delete(run));
      this.#running.add(run);
    }, seconds * 1000);
    timer.unref();
    this.#timers.set(job.name, timer);
  }

  async #run(job: PeriodicJob): Promise<void> {
    const begun = performance.now();
    let failed = false;
    try {
      await job.run();
    } catch (error) {
      if (this.#core.signal.aborted) return;
      failed = true;
      this.#core.log.error({ err: error, job: job.name }, 'A periodic job failed');
    }
    const seconds = (performance.now() - begun) / 1000;
    this.#core.statistics.ran(job.name, seconds, failed);
    if (seconds > 3 * job.interval) {
      this.#core.log.warn({ job: job.name, seconds, interval: job.interval }, 'A periodic job takes very long');
    }
    this.#plan(job, job.interval);
  }
}

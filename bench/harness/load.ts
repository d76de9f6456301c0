// SPDX-License-Identifier: Apache-2.0
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { cpuMs, type Server } from './process.ts';

/** One request of a load: sent as it stands, its status compared with `expect`. */
export interface Request {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly body?: string;
  /** Statuses that count as success. */
  readonly expect: readonly number[];
  /** Statuses after which the request is sent again, 0.1 s later and at most 600 times. */
  readonly retry?: readonly number[];
}

/** What the generator thread is told to do. */
export interface Job {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Sent in order, from the start again when time remains and `seconds` is given; otherwise each once. */
  readonly requests: readonly Request[];
  /** Keep-alive connections, each with one request under way. */
  readonly concurrency: number;
  /** Stop after this many seconds (and at least `minRequests`). */
  readonly seconds?: number;
  readonly minRequests?: number;
  readonly maxRequests?: number;
  readonly keepBodies?: boolean;
}

/** What the generator thread saw. */
export interface JobResult {
  readonly elapsedMs: number;
  /** Milliseconds, ascending. */
  readonly latencies: Float64Array;
  readonly statuses: Readonly<Record<string, number>>;
  readonly bytes: number;
  /** Distinct TCP connections used. */
  readonly sockets: number;
  readonly bodies: readonly string[];
  /** The first request that got an unexpected status, with the answer. */
  readonly firstFailure?: string;
}

/** A measured load on one server. */
export interface Measurement {
  readonly requests: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Server CPU per request in ms (user + system, all threads and children). */
  readonly cpuMs: number;
}

/** The header that asks for the newest microversion the peer speaks, in both spellings' modern form. */
export const API_HEADERS = { 'x-openstack-ironic-api-version': '1.82', accept: 'application/json' } as const;

/** The value below which the share `q` (0..1) of the ascending samples lies. */
export function quantile(ascending: Float64Array | readonly number[], q: number): number {
  const index = Math.min(ascending.length - 1, Math.max(0, Math.ceil(q * ascending.length) - 1));
  return ascending[index] ?? Number.NaN;
}

/** Median of samples in any order. */
export function median(samples: readonly number[]): number {
  return quantile(Float64Array.from(samples).sort(), 0.5);
}

/** A load generator in its own thread. Dispose it to end the thread. */
export class LoadGenerator {
  readonly #worker = new Worker(new URL('./load-worker.ts', import.meta.url));

  /** Runs one job; throws when any request got a status it does not expect. */
  async run(job: Omit<Job, 'headers'> & { readonly headers?: Job['headers'] }): Promise<JobResult> {
    const answer = new Promise<JobResult>((resolve, reject) => {
      this.#worker.once('message', (message: { result?: JobResult; error?: string }) => {
        if (message.result) resolve(message.result);
        else reject(new Error(message.error));
      });
    });
    this.#worker.postMessage({ headers: API_HEADERS, ...job });
    const result = await answer;
    if (result.firstFailure !== undefined) throw new Error(`unexpected answer: ${result.firstFailure}`);
    return result;
  }

  /** Warms the server up with `warmUp`, lets it settle, then measures `job` with the server's CPU around it. */
  async measure(
    server: Server,
    job: Omit<Job, 'headers' | 'url'>,
    warmUp?: Omit<Job, 'headers' | 'url'>,
  ): Promise<Measurement> {
    if (warmUp) await this.run({ url: server.url, ...warmUp });
    await sleep(150);
    const before = cpuMs(server.pid);
    const result = await this.run({ url: server.url, ...job });
    const used = cpuMs(server.pid) - before;
    const requests = result.latencies.length;
    return {
      requests,
      perSecond: (requests * 1000) / result.elapsedMs,
      p50Ms: quantile(result.latencies, 0.5),
      p99Ms: quantile(result.latencies, 0.99),
      cpuMs: used / requests,
    };
  }

  /** Measures `times` runs of a whole operation, each counted as one request. */
  async around(server: Server, operation: () => Promise<void>, times: number): Promise<Measurement> {
    const elapsed: number[] = [];
    const before = cpuMs(server.pid);
    for (let run = 0; run < times; run += 1) {
      const started = performance.now();
      await operation();
      elapsed.push(performance.now() - started);
    }
    const used = cpuMs(server.pid) - before;
    const total = elapsed.reduce((sum, one) => sum + one, 0);
    const ascending = Float64Array.from(elapsed).sort();
    return {
      requests: times,
      perSecond: (times * 1000) / total,
      p50Ms: quantile(ascending, 0.5),
      p99Ms: quantile(ascending, 0.99),
      cpuMs: used / times,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate();
  }
}

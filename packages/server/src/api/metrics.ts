// SPDX-License-Identifier: Apache-2.0

/** What the API measures of itself, and `/metrics` in the Prometheus text format. */

import type { FastifyInstance } from 'fastify';
import { type AuthStrategy, isRefusal } from './auth/strategy.ts';

/** Something that writes metrics in the Prometheus text format, such as a prom-client registry. */
export interface MetricsSource {
  metrics(): Promise<string>;
}

/** Upper bounds of the duration histogram, in seconds. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const DURATION = 'wrought_api_request_duration_seconds';

interface Series {
  readonly labels: string;
  /** Observations per bucket, not cumulative; the last is beyond all bounds. */
  readonly counts: number[];
  sum: number;
}

/** Counts and durations of requests by method, route pattern and status: a few array writes per request. */
export class RequestMetrics {
  readonly #series = new Map<string, Series>();

  /** @param seconds duration of the request */
  observe(method: string, route: string, status: number, seconds: number): void {
    const key = `${method} ${route} ${status}`;
    let series = this.#series.get(key);
    if (series === undefined) {
      series = {
        labels: `method="${method}",route="${route}",status="${status}"`,
        counts: new Array<number>(BUCKETS.length + 1).fill(0),
        sum: 0,
      };
      this.#series.set(key, series);
    }
    let bucket = 0;
    while (bucket < BUCKETS.length && seconds > (BUCKETS[bucket] ?? 0)) bucket += 1;
    series.counts[bucket] = (series.counts[bucket] ?? 0) + 1;
    series.sum += seconds;
  }

  /** The histogram in the Prometheus text format. */
  text(): string {
    const lines = [`# HELP ${DURATION} Duration of API requests.`, `# TYPE ${DURATION} histogram`];
    for (const { labels, counts, sum } of this.#series.values()) {
      let total = 0;
      for (const [index, count] of counts.entries()) {
        total += count;
        lines.push(`${DURATION}_bucket{${labels},le="${BUCKETS[index] ?? '+Inf'}"} ${total}`);
      }
      lines.push(`${DURATION}_sum{${labels}} ${sum}`, `${DURATION}_count{${labels}} ${total}`);
    }
    return `${lines.join('\n')}\n`;
  }
}

/** Serves `/metrics`: the process's (prom-client's defaults), the requests' and those of `source`. It asks for the same credentials as the API. */
export function addMetrics(
  app: FastifyInstance,
  { auth, metrics, source }: { auth: AuthStrategy; metrics: RequestMetrics; source?: MetricsSource },
): void {
  let ofProcess: Promise<MetricsSource> | undefined;
  app.get('/metrics', async (request, reply) => {
    const identity = await auth.authenticate(request.headers);
    if (isRefusal(identity)) {
      return await reply
        .code(identity.status)
        .headers(identity.headers ?? {})
        .header('content-type', 'application/json')
        .send(identity.body);
    }
    ofProcess ??= processMetrics();
    const texts = [await (await ofProcess).metrics(), metrics.text(), await source?.metrics()];
    return await reply
      .header('content-type', 'text/plain; version=0.0.4; charset=utf-8')
      .send(texts.filter((text) => text !== undefined).join('\n'));
  });
}

/** prom-client takes longer to load than the rest of the API: only whoever scrapes pays for it. */
async function processMetrics(): Promise<MetricsSource> {
  const { collectDefaultMetrics, Counter, Registry } = await import('prom-client');
  const register = new Registry();
  collectDefaultMetrics({ register });
  // The collector counts from its own beginning; the counters are about the process.
  const { user, system } = process.cpuUsage();
  for (const [name, microseconds] of [
    ['process_cpu_user_seconds_total', user],
    ['process_cpu_system_seconds_total', system],
    ['process_cpu_seconds_total', user + system],
  ] as const) {
    const counter = register.getSingleMetric(name);
    if (counter instanceof Counter) counter.inc(microseconds / 1e6);
  }
  return register;
}

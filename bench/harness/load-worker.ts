// SPDX-License-Identifier: Apache-2.0
// The load generator: a worker thread, so that its work neither delays nor counts as the server's.
import { Agent, request as httpRequest } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort } from 'node:worker_threads';
import type { Job, JobResult, Request } from './load.ts';

interface Reply {
  readonly status: number;
  readonly body: string;
}

const REQUEST_TIMEOUT_MS = 60_000;

async function run(job: Job): Promise<JobResult> {
  const agent = new Agent({ keepAlive: true, maxSockets: job.concurrency, scheduling: 'fifo' });
  const base = new URL(job.url);
  const sockets = new Set<Socket>();
  const latencies: number[] = [];
  const statuses: Record<string, number> = {};
  const bodies: string[] = [];
  let firstFailure: string | undefined;
  let bytes = 0;
  let next = 0;
  let left = job.maxRequests ?? (job.seconds === undefined ? job.requests.length : Number.POSITIVE_INFINITY);
  const begun = performance.now();
  const deadline = job.seconds === undefined ? Number.POSITIVE_INFINITY : begun + job.seconds * 1000;
  const minimum = job.minRequests ?? 1;

  const send = (spec: Request): Promise<Reply> =>
    new Promise((resolve, reject) => {
      const payload = spec.body === undefined ? undefined : Buffer.from(spec.body);
      const request = httpRequest({
        agent,
        host: base.hostname,
        port: base.port,
        method: spec.method,
        path: spec.path,
        headers: {
          ...job.headers,
          ...(payload && { 'content-type': 'application/json', 'content-length': payload.length }),
        },
      });
      request.on('socket', (socket) => sockets.add(socket));
      request.on('error', reject);
      request.setTimeout(REQUEST_TIMEOUT_MS, () => request.destroy(new Error(`no answer in ${REQUEST_TIMEOUT_MS} ms`)));
      request.on('response', (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const body = Buffer.concat(chunks);
          bytes += body.length;
          resolve({ status: response.statusCode ?? 0, body: body.toString() });
        });
      });
      request.end(payload);
    });

  const connection = async (): Promise<void> => {
    while (left > 0 && (performance.now() < deadline || latencies.length < minimum)) {
      left -= 1;
      const spec = job.requests[next % job.requests.length];
      next += 1;
      if (spec === undefined) return;
      const started = performance.now();
      let reply: Reply;
      try {
        reply = await send(spec);
        for (let again = 0; again < 600 && spec.retry?.includes(reply.status); again += 1) {
          await sleep(100);
          reply = await send(spec);
        }
      } catch (error) {
        reply = { status: 0, body: String(error) };
      }
      latencies.push(performance.now() - started);
      statuses[reply.status] = (statuses[reply.status] ?? 0) + 1;
      if (!spec.expect.includes(reply.status)) {
        firstFailure ??= `${spec.method} ${spec.path}: ${reply.status} ${reply.body.slice(0, 300)}`;
      }
      if (job.keepBodies === true) bodies.push(reply.body);
    }
  };
  await Promise.all(Array.from({ length: job.concurrency }, connection));
  const elapsedMs = performance.now() - begun;
  agent.destroy();
  return {
    elapsedMs,
    latencies: Float64Array.from(latencies).sort(),
    statuses,
    bytes,
    sockets: sockets.size,
    bodies,
    ...(firstFailure !== undefined && { firstFailure }),
  };
}

parentPort?.on('message', (job: Job) => {
  run(job).then(
    (result) => parentPort?.postMessage({ result }),
    (error: unknown) => parentPort?.postMessage({ error: String(error) }),
  );
});

// SPDX-License-Identifier: Apache-2.0
// How long the service takes to be ready, and how much memory it holds at rest. See README.md.
import { setTimeout as sleep } from 'node:timers/promises';
import { LoadGenerator, median } from './harness/load.ts';
import { copyNodes, createNodes } from './harness/nodes.ts';
import { cpuMs, residentMiB, type Service } from './harness/process.ts';
import { digits, flags, Report } from './harness/report.ts';
import { Ours } from './ours.ts';
import { Ironic, ironicName } from './peers/ironic.ts';

const options = flags();
const RUNS = options.smoke ? 1 : 5;
const NODES = options.smoke ? 0 : 10_000;
/** Time for what a service does right after it answers, before its memory counts as idle. */
const SETTLE_MS = options.smoke ? 200 : 3000;

const name = options.peer ? ironicName() : undefined;
const report = new Report(`Start and memory, median of ${RUNS} runs`, name ?? 'ironic', options);

interface Idle {
  readonly startMs: number;
  /** CPU of the process until it rests. */
  readonly cpuMs: number;
  readonly residentMiB: number;
}

async function starts(service: Service): Promise<Idle> {
  const samples: Idle[] = [];
  for (let run = 0; run < RUNS; run += 1) {
    const server = await service.start();
    await sleep(SETTLE_MS);
    samples.push({ startMs: server.startMs, cpuMs: cpuMs(server.pid), residentMiB: residentMiB(server.pid) });
    await server.stop();
  }
  return {
    startMs: median(samples.map((sample) => sample.startMs)),
    cpuMs: median(samples.map((sample) => sample.cpuMs)),
    residentMiB: median(samples.map((sample) => sample.residentMiB)),
  };
}

async function fill(service: Service): Promise<void> {
  await using load = new LoadGenerator();
  const server = await service.start();
  await load.run({ url: server.url, requests: createNodes(0, 1), concurrency: 1 });
  await server.stop();
  copyNodes(service.database, NODES);
}

await using ours = new Ours();
await using peer = name === undefined ? undefined : new Ironic(name);
const services: readonly Service[] = peer ? [ours, peer] : [ours];
if (NODES > 0) for (const service of services) await fill(service);
const [mine, theirs] = [await starts(ours), peer && (await starts(peer))];
report.add({
  what: `start to first 200 from /v1, ${NODES} nodes`,
  unit: 'ms',
  ours: mine.startMs,
  ...(theirs && { peer: theirs.startMs }),
  target: { below: 600 },
  note: `CPU ${digits(mine.cpuMs)} ms${theirs ? ` (peer ${digits(theirs.cpuMs)} ms)` : ''}`,
});
report.add({
  what: `resident memory at rest, ${NODES} nodes`,
  unit: 'MiB',
  ours: mine.residentMiB,
  ...(theirs && { peer: theirs.residentMiB }),
  target: { below: 100 },
});
report.finish();

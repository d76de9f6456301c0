// SPDX-License-Identifier: Apache-2.0
// What the work behind the API costs: nodes through their whole life, and the periodic power sync. See README.md.
import { setTimeout as sleep } from 'node:timers/promises';
import { LoadGenerator, type Request } from './harness/load.ts';
import { copyNodes, createNodes, nodeUuid } from './harness/nodes.ts';
import { cpuMs, type Server, type Service } from './harness/process.ts';
import { digits, flags, Report } from './harness/report.ts';
import { Ours } from './ours.ts';
import { Ironic, ironicName } from './peers/ironic.ts';

const options = flags();
const CONCURRENCY = 8;
const TARGET = { atLeast: 15 };
const NODES = options.smoke ? 10 : 200;
const SYNCED = options.smoke ? 40 : 10_000;
/** Seconds between two power syncs. The peer starts the next one at once when a pass took longer than that. */
const INTERVAL = { ours: options.smoke ? 2 : 10, peer: options.smoke ? 3 : 60 };

/** The verbs of a node's life, each with the state that ends it. */
const LIFE = [
  ['manage', 'manageable'],
  ['provide', 'available'],
  ['active', 'active'],
  ['deleted', 'available'],
] as const;

const name = options.peer ? ironicName() : undefined;
const report = new Report('Provisioning: server CPU per node, fake hardware', name ?? 'ironic', options);
await using load = new LoadGenerator();

await using ours = new Ours();
await using peer = name === undefined ? undefined : new Ironic(name);

const life = { ours: await wholeLife(ours), peer: peer && (await wholeLife(peer)) };
const note = (one: Life): string => `${digits(one.seconds)} s, ${one.polls} polls`;
report.add({
  what: `manage, provide, active, deleted (${NODES} nodes)`,
  unit: 'ms',
  ours: life.ours.cpuMsPerNode,
  ...(life.peer && { peer: life.peer.cpuMsPerNode }),
  target: TARGET,
  note: note(life.ours) + (life.peer ? ` (peer ${note(life.peer)})` : ''),
});

const sync = {
  ours: await powerSync(ours, INTERVAL.ours, averagePass),
  peer: peer && (await powerSync(peer, INTERVAL.peer, singlePass)),
};
report.add({
  what: `one power sync of ${SYNCED} nodes`,
  unit: 'ms',
  ours: sync.ours,
  ...(sync.peer !== undefined && { peer: sync.peer }),
  target: TARGET,
  note: 'CPU of one pass',
});
report.finish();

interface Life {
  readonly cpuMsPerNode: number;
  readonly seconds: number;
  readonly polls: number;
}

/** Enrols the nodes, then measures the verbs with the polling that waits for them. */
async function wholeLife(service: Service): Promise<Life> {
  const server = await service.start();
  await load.run({ url: server.url, requests: createNodes(0, NODES), concurrency: CONCURRENCY });
  await sleep(500);
  const before = cpuMs(server.pid);
  const started = performance.now();
  let polls = 0;
  for (const [verb, state] of LIFE) {
    const requests = Array.from(
      { length: NODES },
      (_, index): Request => ({
        method: 'PUT',
        path: `/v1/nodes/${nodeUuid(index)}/states/provision`,
        body: JSON.stringify({ target: verb }),
        expect: [202],
        // Locked for a moment, or no free worker: what every client of this API does is to ask again.
        retry: [409, 503],
      }),
    );
    await load.run({ url: server.url, requests, concurrency: CONCURRENCY });
    polls += await untilAll(server, state);
  }
  const used = cpuMs(server.pid) - before;
  const seconds = (performance.now() - started) / 1000;
  await server.stop();
  return { cpuMsPerNode: used / NODES, seconds, polls };
}

/**
 * Polls one list of states until every node is in `state`, and returns how often. Both sides are polled by the same
 * rule: after 0.1 s, then half again as long each time up to 1 s.
 */
async function untilAll(server: Server, state: string): Promise<number> {
  const path = `/v1/nodes?fields=uuid,provision_state,last_error&limit=${NODES}`;
  const deadline = performance.now() + 180_000;
  for (let polls = 1, pause = 100; ; polls += 1, pause = Math.min(1000, pause * 1.5)) {
    await sleep(pause);
    const { bodies } = await load.run({
      url: server.url,
      requests: [{ method: 'GET', path, expect: [200] }],
      concurrency: 1,
      keepBodies: true,
    });
    const page: { nodes: { uuid: string; provision_state: string; last_error: string | null }[] } = JSON.parse(
      bodies[0] ?? '',
    );
    const others = page.nodes.filter((node) => node.provision_state !== state);
    if (page.nodes.length === NODES && others.length === 0) return polls;
    const failed = others.find((node) => node.last_error !== null || node.provision_state.endsWith('failed'));
    if (failed !== undefined) throw new Error(`${server.name}: a node failed: ${JSON.stringify(failed)}`);
    if (performance.now() > deadline) {
      throw new Error(`${server.name}: ${others.length} nodes never became ${state}: ${JSON.stringify(others[0])}`);
    }
  }
}

/** CPU ms of one pass of the power sync, after `wholeLife` on the same service, over nodes that are off and known to be off, what it costs at rest taken off. */
async function powerSync(
  service: Service,
  interval: number,
  measure: (server: Server, interval: number, rest: number) => Promise<number>,
): Promise<number> {
  copyNodes(service.database, SYNCED, { provision_state: 'available', power_state: 'power off' });

  const rest = options.smoke ? 0 : await restShare(service);
  const server = await service.start({ powerSyncInterval: interval });
  const pass = await measure(server, interval, rest);
  await server.stop();
  return pass;
}

/** Share of one CPU a service uses with the sync switched off: other periodic work. */
async function restShare(service: Service): Promise<number> {
  const server = await service.start({ powerSyncInterval: 0 });
  await sleep(3000);
  const share = await cpuShare(server, 4000);
  await server.stop();
  return share;
}

/** Share of one CPU (0..) a server uses over the next `ms`. */
async function cpuShare(server: Server, ms: number): Promise<number> {
  const before = cpuMs(server.pid);
  const started = performance.now();
  await sleep(ms);
  return (cpuMs(server.pid) - before) / (performance.now() - started);
}

/** For ours, whose pass is too short to be told from a rest: the CPU of several whole intervals. */
async function averagePass(server: Server, interval: number, rest: number): Promise<number> {
  await sleep(interval * 1500);
  const span = interval * (options.smoke ? 1 : 3) * 1000;
  const share = await cpuShare(server, span);
  const metrics = await (await fetch(`${server.url}/metrics`)).text();
  const looked = Number(/^wrought_power_sync_nodes (\d+)/m.exec(metrics)?.[1]);
  if (looked !== SYNCED) throw new Error(`the power sync looked at ${looked} of ${SYNCED} nodes`);
  return Math.max(0, share - rest) * interval * 1000;
}

/** For the peer, which works many seconds and then rests until the next pass: the CPU of one such burst. */
async function singlePass(server: Server, interval: number, rest: number): Promise<number> {
  const deadline = performance.now() + (interval + 120) * 1000;
  const step = 500;
  await sleep(interval * 500);
  let burst = 0;
  let quiet = 0;
  while (performance.now() < deadline) {
    const extra = (await cpuShare(server, step)) - rest;
    if (extra < 0.1) {
      quiet += 1;
      if (burst > 0 && quiet * step >= 1500) return burst;
    } else {
      quiet = 0;
      burst += extra * step;
    }
  }
  throw new Error(`${server.name} made no power sync that could be told from its rest`);
}

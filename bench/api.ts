// SPDX-License-Identifier: Apache-2.0
// What a request costs: create, read, change, list, walk. See README.md.
import { type Job, LoadGenerator, type Measurement, type Request } from './harness/load.ts';
import { copyNodes, createNodes, createPorts, nodeUuid } from './harness/nodes.ts';
import type { Server, Service } from './harness/process.ts';
import { digits, flags, Report } from './harness/report.ts';
import { Ours } from './ours.ts';
import { Ironic, ironicName } from './peers/ironic.ts';

const options = flags();
const CONCURRENCY = 8;
const TARGET = { atLeast: 15 };
const NODES = options.smoke ? 24 : 1000;
const WALKED = options.smoke ? 120 : 10_000;
const PAGE = options.smoke ? 50 : 1000;
const SECONDS = options.smoke ? 0.3 : 3;
const CONNECTIONS = options.smoke ? 50 : 500;
/** Creating nodes through the peer's API is slow; it is measured on this many and the rest is copied in its database. */
const PEER_CREATED = options.smoke ? NODES : 200;

const name = options.peer ? ironicName() : undefined;
const report = new Report('API: server CPU per request, 8 keep-alive connections', name ?? 'ironic', options);

interface Side {
  readonly service: Service;
  server: Server;
  /** How many nodes and ports are made through its API under measurement. */
  readonly created: number;
}

await using load = new LoadGenerator();
await using ourService = new Ours();
await using peerService = name === undefined ? undefined : new Ironic(name);
const ours: Side = { service: ourService, server: await ourService.start(), created: NODES };
const peer: Side | undefined = peerService && {
  service: peerService,
  server: await peerService.start(),
  created: PEER_CREATED,
};

/** Measures one case on both sides, one after the other, and adds its row. */
async function compare(
  what: string,
  measure: (side: Side) => Promise<Measurement>,
  target: { atLeast: number } | undefined = TARGET,
): Promise<void> {
  const mine = await measure(ours);
  const theirs = peer && (await measure(peer));
  const speeds = (one: Measurement): string =>
    `${digits(one.perSecond)}/s, p50 ${digits(one.p50Ms)} ms, p99 ${digits(one.p99Ms)} ms`;
  report.add({
    what,
    unit: 'ms',
    ours: mine.cpuMs,
    ...(theirs && { peer: theirs.cpuMs }),
    ...(target && { target }),
    note: speeds(mine) + (theirs ? ` (peer ${speeds(theirs)})` : ''),
  });
}

/** Sends each request once; the first few warm the server up and are not measured. */
function once(requests: Request[], side: Side): Promise<Measurement> {
  const warm = Math.floor(requests.length / 10);
  const job = (part: Request[]): Omit<Job, 'headers' | 'url'> => ({ requests: part, concurrency: CONCURRENCY });
  return load.measure(side.server, job(requests.slice(warm)), job(requests.slice(0, warm)));
}

/** Sends the requests round and round for a fixed time. */
function repeat(requests: Request[], side: Side): Promise<Measurement> {
  const job = { requests, concurrency: CONCURRENCY, seconds: SECONDS, minRequests: CONCURRENCY };
  return load.measure(side.server, job, { ...job, seconds: SECONDS / 3 });
}

const get = (path: string): Request => ({ method: 'GET', path, expect: [200] });

/** Changes two fields of every node, to other values each time round. */
function patches(): Request[] {
  return ['spare', 'reserved', 'lent'].flatMap((use) =>
    Array.from({ length: NODES }, (_, index) => ({
      method: 'PATCH',
      path: `/v1/nodes/${nodeUuid(index)}`,
      body: JSON.stringify([
        { op: 'add', path: '/extra/use', value: use },
        { op: 'add', path: '/description', value: `${use} since spring` },
      ]),
      expect: [200],
    })),
  );
}

await compare('POST node', (side) => once(createNodes(0, side.created), side));
await compare('POST port', (side) => once(createPorts(0, side.created), side));
await refillPeer(NODES);
await compare('GET one node', (side) =>
  repeat(
    Array.from({ length: NODES }, (_, index) => get(`/v1/nodes/${nodeUuid(index)}`)),
    side,
  ),
);
await compare('PATCH node', (side) => repeat(patches(), side));
await compare(`list ${NODES} nodes`, (side) => repeat([get(`/v1/nodes?limit=${NODES}`)], side));
await compare(`detail ${NODES} nodes`, (side) => repeat([get(`/v1/nodes/detail?limit=${NODES}`)], side));

await load.run({
  url: ours.server.url,
  requests: createNodes(NODES, WALKED),
  concurrency: CONCURRENCY,
});
await refillPeer(WALKED);
await compare(`walk of ${WALKED} nodes by ${PAGE}`, (side) => walk(side, `/v1/nodes?limit=${PAGE}`));
await compare(`walk of ${WALKED} nodes in detail`, (side) => walk(side, `/v1/nodes/detail?limit=${PAGE}`));
await manyConnections();
report.finish();

/** Follows `next` to the end; the measurement is of the whole walk. Throws unless every node is met exactly once. */
async function walk(side: Side, first: string): Promise<Measurement> {
  const walkOnce = async (): Promise<void> => {
    const seen = new Set<string>();
    let met = 0;
    for (let path: string | undefined = first; path !== undefined; ) {
      const { bodies } = await load.run({
        url: side.server.url,
        requests: [get(path)],
        concurrency: 1,
        keepBodies: true,
      });
      const page: { nodes: { uuid: string }[]; next?: string } = JSON.parse(bodies[0] ?? '');
      for (const { uuid } of page.nodes) seen.add(uuid);
      met += page.nodes.length;
      path = page.next?.slice(new URL(page.next).origin.length);
    }
    if (met !== WALKED || seen.size !== WALKED) throw new Error(`the walk met ${met} rows, ${seen.size} nodes`);
  };
  return load.around(side.server, walkOnce, options.smoke || side === peer ? 1 : 3);
}

/** Many clients that keep their connection: all are served, on one socket each. */
async function manyConnections(): Promise<void> {
  const requests = Array.from({ length: CONNECTIONS * 10 }, (_, index) => get(`/v1/nodes/${nodeUuid(index % NODES)}`));
  const result = await load.run({ url: ours.server.url, requests, concurrency: CONNECTIONS });
  if (result.sockets !== CONNECTIONS) throw new Error(`${result.sockets} sockets for ${CONNECTIONS} connections`);
  const worst = result.latencies.at(-1) ?? Number.NaN;
  report.add({
    what: `slowest of ${CONNECTIONS} connections`,
    unit: 'ms',
    ours: worst,
    alone: true,
    note: `${result.latencies.length} requests at ${digits((result.latencies.length * 1000) / result.elapsedMs)}/s, all 200`,
  });
}

async function refillPeer(total: number): Promise<void> {
  if (peer === undefined || total === peer.created) return;
  await peer.server.stop();
  copyNodes(peer.service.database, total);
  peer.server = await peer.service.start();
}

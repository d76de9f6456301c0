// SPDX-License-Identifier: Apache-2.0

/** Sends one request to both services and says in which respects the answers differ. */

import { setTimeout as sleep } from 'node:timers/promises';
import { NAMES, named } from './world.ts';

/** Method, path below /v1 (`{NAME}` stands for an identifier of `NAMES`), body, minor version or headers. */
export type Request = readonly [method: string, path: string, body?: unknown, version?: number | Headers];
/** Headers sent instead of the version header. */
type Headers = Readonly<Record<string, string>>;

/** A respect in which two answers can differ, such as `status` or `body.nodes[0].name`, and what stands there. */
export type Aspects = ReadonlyMap<string, unknown>;

/** One respect in which the services answered differently. */
export interface Difference {
  readonly aspect: string;
  readonly theirs: unknown;
  readonly ours: unknown;
}

/** A request and how its answers differed; nothing else is kept of it. */
export interface Exchange {
  /** The request in words: `GET nodes/{NODE}`, the body, and `at 1.82` or the headers. */
  readonly request: string;
  readonly minor: number | undefined;
  /** Ironic's status, and ours. */
  readonly statuses: readonly [number, number];
  readonly differences: readonly Difference[];
}

/** The newest version that both services speak. */
export const NEWEST = 82;

/** Both services, by address. */
export interface Pair {
  readonly ironic: string;
  readonly wrought: string;
}

/**
 * Sends a request to both services at once and compares the answers; of work that was accepted also what came of it.
 *
 * @param resting a state that ends in `ing` but in which the node was left to rest
 */
export async function compare(pair: Pair, request: Request, resting = ''): Promise<Exchange> {
  const [theirs, ours] = await Promise.all([observe(pair.ironic, request), observe(pair.wrought, request)]);
  const differences = different(theirs, ours);
  const statuses = [Number(theirs.get('status')), Number(ours.get('status'))] as const;
  const node = /^nodes\/([^/?]+)\//.exec(request[1])?.[1];
  if (node !== undefined && statuses.includes(202)) {
    const after = await Promise.all([settled(pair.ironic, node, resting), settled(pair.wrought, node, resting)]);
    differences.push(...different(...after));
  }
  return { ...inWords(request), statuses, differences };
}

function inWords([method, path, body, version = NEWEST]: Request): Pick<Exchange, 'request' | 'minor'> {
  const words = body === undefined ? `${method} ${path}` : `${method} ${path} ${JSON.stringify(body)}`;
  if (typeof version === 'number') return { request: words, minor: version };
  return { request: `${words} with ${JSON.stringify(version)}`, minor: undefined };
}

function different(theirs: Aspects, ours: Aspects): Difference[] {
  return [...new Set([...theirs.keys(), ...ours.keys()])]
    .map((aspect) => ({ aspect, theirs: theirs.get(aspect), ours: ours.get(aspect) }))
    .filter((difference) => difference.theirs !== difference.ours);
}

/** What a client can tell of the answer to a request. */
async function observe(base: string, request: Request): Promise<Aspects> {
  const [method, path, body, version = NEWEST] = request;
  const response = await send(base, method, path, body, version);
  const text = await response.text();
  const aspects = new Map<string, unknown>([
    ['status', response.status],
    ['type', response.headers.get('content-type')?.split(';')[0] ?? ''],
    ['location', timeless(response.headers.get('location')?.replace(base, '') ?? '')],
    ['version', response.headers.get('x-openstack-ironic-api-version') ?? ''],
    ['range', response.headers.has('x-openstack-ironic-api-maximum-version')],
    ['request id', /^req-[0-9a-f-]{36}$/.test(response.headers.get('openstack-request-id') ?? '')],
  ]);
  const json = text === '' ? undefined : parsed(text.replaceAll(base, 'BASE'));
  const message = field(json, 'error_message');
  const inner = typeof message === 'string' ? parsed(message) : undefined;
  if (inner === undefined) flatten('body', json, aspects);
  else {
    aspects.set('style', typeof inner === 'object' && inner !== null ? Object.keys(inner).sort().join() : 'text');
    aspects.set('fault', field(inner, 'faultcode') ?? field(inner, 'code') ?? '');
    aspects.set('text', timeless(String(field(inner, 'faultstring') ?? field(inner, 'description') ?? inner)));
  }
  return aspects;
}

async function send(
  base: string,
  method: string,
  path: string,
  body: unknown,
  version: number | Headers,
): Promise<Response> {
  const bare = path.startsWith('/') ? path : path === '' ? '/v1' : `/v1/${path}`;
  return await fetch(`${base}${named(bare)}`, {
    method,
    headers: {
      'Content-Type': 'application/json',
      ...(typeof version === 'number' ? { 'X-OpenStack-Ironic-API-Version': `1.${version}` } : version),
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : named(JSON.stringify(body)) }),
  });
}

/** A node's fields once nobody works on it any more. */
async function settled(base: string, node: string, resting: string): Promise<Aspects> {
  for (let attempt = 0; attempt < 300; attempt += 1) {
    const response = await send(base, 'GET', `nodes/${node}`, undefined, NEWEST);
    const json = parsed((await response.text()).replaceAll(base, 'BASE'));
    const state = String(field(json, 'provision_state'));
    const restless =
      field(json, 'reservation') !== null ||
      field(json, 'target_power_state') !== null ||
      (state.endsWith('ing') && state !== resting);
    if (response.status !== 200 || !restless) {
      const aspects = new Map<string, unknown>();
      flatten('after', json, aspects);
      return aspects;
    }
    await sleep(30);
  }
  throw new Error(`node ${node} does not settle at ${base}`);
}

/** Notes each leaf of a JSON value under its path; what differs by time is told by its form only. */
function flatten(path: string, value: unknown, into: Map<string, unknown>): void {
  if (typeof value === 'object' && value !== null) {
    // Ironic keeps the enabled interfaces as a set: their order is by chance.
    const entries = Object.entries(path.endsWith('_interfaces') && Array.isArray(value) ? value.toSorted() : value);
    if (entries.length === 0) into.set(path, Array.isArray(value) ? '[]' : '{}');
    for (const [key, inner] of entries)
      flatten(Array.isArray(value) ? `${path}[${key}]` : `${path}.${key}`, inner, into);
    return;
  }
  into.set(path, typeof value === 'string' ? timeless(value) : value);
}

/** Moments become one word; identifiers that a server made up become another. */
function timeless(text: string): string {
  const known = new Set<string>(Object.values(NAMES));
  return text
    .replace(/^\d{4}-\d\d-\d\dT[\d:.]+(\+00:00)?$/, 'a moment')
    .replace(/\b[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\b/g, (id) =>
      known.has(id) ? id : 'an identifier',
    );
}

function field(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

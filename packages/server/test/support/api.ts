// SPDX-License-Identifier: Apache-2.0

/** The API over a real store, with a conductor that only stores. */

import type { LightMyRequestResponse } from 'fastify';
import { type ApiOptions, createApi } from '../../src/api/app.ts';
import type { Conductor, NodeEdit } from '../../src/conductor/commands.ts';
import { type Config, defaultConfig } from '../../src/config/index.ts';
import { InvalidParameterValue, NodeNotFound } from '../../src/errors.ts';
import type { Logger } from '../../src/hardware/contracts.ts';
import { decodeRow, type RecordOf } from '../../src/model/columns.ts';
import { type NodeRecord, nodeColumns } from '../../src/model/resources.ts';
import { openStore } from '../../src/store/open.ts';
import type { Store } from '../../src/store/store.ts';

/** A logger that keeps its lines. */
export function memoryLog(): Logger & { lines: { level: string; fields: object; message: string }[] } {
  const lines: { level: string; fields: object; message: string }[] = [];
  const at = (level: string) => (fields: object, message: string) => {
    lines.push({ level, fields, message });
  };
  const log = { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), child: () => log };
  return log;
}

/** A conductor that stores what it is told and records every call. */
export function storingConductor(store: Store, overrides: Partial<Conductor> = {}): Conductor & { calls: unknown[][] } {
  const calls: unknown[][] = [];
  const known: Partial<Conductor> = {
    host: 'bm1.example',
    conductorOf: () => 'bm1.example',
    async createNode(_context, values) {
      if (values.driver === 'nosuch') {
        throw new InvalidParameterValue('No valid host was found. Reason: no conductor serves the driver nosuch.');
      }
      return await store.nodes.insert(values);
    },
    async updateNode(_context, uuid, edit) {
      const row = await store.nodes.find('uuid', uuid);
      if (row === undefined) throw new NodeNotFound(uuid);
      const { changes }: NodeEdit = edit(decodeRow(nodeColumns, row) as NodeRecord);
      return (await store.nodes.update(uuid, changes as Partial<RecordOf<typeof nodeColumns>>)) ?? row;
    },
    async destroyNode(_context, uuid) {
      await store.nodes.delete(uuid);
    },
    async setMaintenance(_context, uuid, maintenance, reason) {
      await store.nodes.update(uuid, { maintenance, maintenance_reason: reason });
    },
    async setTraits(_context, uuid, change) {
      const row = await store.nodes.find('uuid', uuid);
      await store.nodes.update(uuid, { traits: change(JSON.parse(row?.traits ?? '[]') as string[]) });
    },
    drivers: () => [],
    conductors: async () => [],
    ...overrides,
  };
  return new Proxy(known as Conductor & { calls: unknown[][] }, {
    get(target, name) {
      if (name === 'calls') return calls;
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') {
        if (member !== undefined) return member;
        return async (...args: unknown[]) => {
          calls.push([name, ...args]);
        };
      }
      return (...args: unknown[]) => {
        calls.push([name, ...args]);
        return (member as (...given: unknown[]) => unknown).apply(target, args);
      };
    },
  });
}

export interface Reply {
  readonly status: number;
  readonly headers: LightMyRequestResponse['headers'];
  readonly text: string;
  /** The parsed body; undefined when empty. */
  readonly body: Loose;
  /** The text of the error inside the double-encoded body. */
  readonly fault: string;
  /** The inner object of an error body. */
  readonly inner: Loose;
}

// Tests read answers freely; the shape is what they assert.
// biome-ignore lint/suspicious/noExplicitAny: answers are inspected member by member
type Loose = any;

export interface Harness {
  readonly app: ReturnType<typeof createApi>;
  readonly store: Store;
  readonly config: Config;
  readonly conductor: Conductor & { calls: unknown[][] };
  readonly log: ReturnType<typeof memoryLog>;
  call(
    method: string,
    url: string,
    body?: unknown,
    options?: { version?: string | null; headers?: Record<string, string> },
  ): Promise<Reply>;
  close(): Promise<void>;
}

/** Makes an API that answers to `call` without a socket. */
export async function apiHarness({
  config = defaultConfig(),
  conductor: overrides = {},
  ...options
}: Partial<Omit<ApiOptions, 'config' | 'conductor' | 'store' | 'log'>> & {
  config?: Config;
  /** Instead of what the storing conductor does; made over the harness's store where it is a function. */
  conductor?: Partial<Conductor> | ((store: Store, log: Logger) => Partial<Conductor>);
} = {}): Promise<Harness> {
  const store = await openStore('sqlite://');
  const log = memoryLog();
  const conductor = storingConductor(store, typeof overrides === 'function' ? overrides(store, log) : overrides);
  const app = createApi({ config, store, conductor, log, ...options });
  return {
    app,
    store,
    config,
    conductor,
    log,
    async call(method, url, body, { version = '1.82', headers = {} } = {}) {
      const response = await app.inject({
        method: method as 'GET',
        url,
        headers: {
          host: 'bm.example:6385',
          ...(version === null ? {} : { 'x-openstack-ironic-api-version': version }),
          ...headers,
        },
        ...(body === undefined ? {} : { payload: typeof body === 'string' ? body : JSON.stringify(body) }),
      });
      const text = response.body;
      const json =
        text === '' || !String(response.headers['content-type']).includes('json') ? undefined : JSON.parse(text);
      const message = json?.error_message;
      const inner = typeof message === 'string' && message.startsWith('{') ? JSON.parse(message) : undefined;
      return {
        status: response.statusCode,
        headers: response.headers,
        text,
        body: json,
        inner,
        fault: inner?.faultstring ?? inner?.description ?? (typeof message === 'string' ? message : ''),
      };
    },
    async close() {
      await app.close();
      await store.close();
    },
  };
}

/** Inserts a node directly. */
export async function insertNode(store: Store, values: Partial<NodeRecord> = {}): Promise<string> {
  const row = await store.nodes.insert({ driver: 'fake-hardware', provision_state: 'enroll', ...values });
  return row.uuid;
}

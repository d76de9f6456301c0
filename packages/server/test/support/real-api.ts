// SPDX-License-Identifier: Apache-2.0

/** The API over the real conductor with the fake hardware, and what tests of single resources share. */

import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type ConductorService, createConductor } from '../../src/conductor/index.ts';
import { type Config, defaultConfig } from '../../src/config/index.ts';
import { HardwareRegistry } from '../../src/hardware/composition.ts';
import type { HardwareFamily } from '../../src/hardware/contracts.ts';
import { FAMILIES } from '../../src/hardware/families.ts';
import { apiHarness, type Harness, type Reply } from './api.ts';

export const HOST = 'bm1.example';

/** An API whose conductor is the real one, started; `close` stops both. */
export async function realApi({
  config = defaultConfig({ conductor: { sync_power_state_interval: 0, automated_clean: false } }),
  families = [] as readonly HardwareFamily[],
}: {
  config?: Config;
  families?: readonly HardwareFamily[];
} = {}): Promise<Harness> {
  let service: ConductorService | undefined;
  let hardware: HardwareRegistry | undefined;
  const api = await apiHarness({
    config,
    conductor: (store, log) => {
      hardware = new HardwareRegistry([...FAMILIES.map((family) => family({ config, log })), ...families], config);
      service = createConductor({ config, store, hardware, log, host: HOST });
      return service;
    },
  });
  await service?.start();
  return {
    ...api,
    async close() {
      await service?.stop(5000);
      await hardware?.close();
      await api.close();
    },
  };
}

/** Names of fields by the first version that shows them. */
export type Sweep = Readonly<Record<number, readonly string[]>>;

/** The fields a version shows, sorted. */
export function fieldsAt(sweep: Sweep, minor: number): string[] {
  return Object.entries(sweep)
    .flatMap(([since, names]) => (Number(since) <= minor ? names : []))
    .sort();
}

/** Asserts the key set of `pick(reply)` at every version from `min` to 115. */
export async function assertKeysAtEveryVersion(
  api: Harness,
  url: string | ((minor: number) => string),
  sweep: Sweep,
  { min = 1, pick = (body: Reply['body']): object => body } = {},
): Promise<void> {
  for (let minor = min; minor <= 115; minor += 1) {
    const path = typeof url === 'string' ? url : url(minor);
    const { status, body, text } = await api.call('GET', path, undefined, { version: `1.${minor}` });
    assert.equal(status, 200, `1.${minor} ${path}: ${text}`);
    assert.deepEqual(Object.keys(pick(body)).sort(), fieldsAt(sweep, minor), `1.${minor} ${path}`);
  }
}

/** Asserts what an endpoint answers one version below its first: status, inner shape and text. */
export async function assertBelow(
  api: Harness,
  method: string,
  url: string,
  version: number,
  [status, text]: readonly [number, string | null],
): Promise<void> {
  const reply = await api.call(method, url, method === 'GET' ? undefined : {}, { version: `1.${version}` });
  const expected = text === null ? { code: status } : { faultstring: text };
  const { code, faultstring } = reply.inner ?? {};
  assert.deepEqual(
    { status: reply.status, ...(text === null ? { code } : { faultstring }) },
    { status, ...expected },
    `${method} ${url} at 1.${version}: ${reply.text}`,
  );
}

/** Anything a client may put into JSON. */
export const anyJson = fc.jsonValue({ maxDepth: 3 });

/** Values near those a resource takes. */
export function nearly(names: readonly string[], likely: readonly unknown[]): fc.Arbitrary<unknown> {
  return fc.dictionary(
    fc.oneof({ weight: 8, arbitrary: fc.constantFrom(...names) }, { weight: 1, arbitrary: fc.string() }),
    fc.oneof(fc.constantFrom(...likely), anyJson),
    { maxKeys: 6 },
  );
}

/** Patch documents near those a resource takes. */
export function nearlyPatch(names: readonly string[], likely: readonly unknown[]): fc.Arbitrary<unknown> {
  const path = fc
    .tuple(fc.constantFrom(...names), fc.constantFrom('', '/a', '/0', '/-', '/0/step', '/a/b'))
    .map(([name, below]) => `/${name}${below}`);
  return fc.oneof(
    { weight: 1, arbitrary: anyJson },
    {
      weight: 8,
      arbitrary: fc.array(
        fc.record(
          {
            op: fc.constantFrom('add', 'replace', 'remove', 'test'),
            path: fc.oneof({ weight: 8, arbitrary: path }, { weight: 1, arbitrary: fc.string() }),
            value: fc.oneof(fc.constantFrom(...likely), anyJson),
          },
          { requiredKeys: ['op', 'path'] },
        ),
        { maxLength: 4 },
      ),
    },
  );
}

/** Query strings near those a list takes. */
export function nearlyQuery(names: readonly string[], likely: readonly string[]): fc.Arbitrary<string> {
  const common = ['limit', 'marker', 'sort_key', 'sort_dir', 'fields', 'detail'];
  return fc
    .array(
      fc.tuple(
        fc.constantFrom(...common, ...names),
        fc.oneof(fc.constantFrom(...likely, '1', 'true', 'asc', 'uuid,name', ''), fc.string()),
      ),
      { maxLength: 4 },
    )
    .map((pairs) => new URLSearchParams(pairs).toString());
}

/** Any served version. */
export const anyVersion = fc.integer({ min: 1, max: 115 }).map((minor) => `1.${minor}`);

/** Asserts that a request, whatever it is, gets an answer the service meant to give. */
export async function assertMeant(
  api: Harness,
  method: string,
  url: string,
  body: unknown,
  version: string,
): Promise<Reply> {
  const reply = await api.call(method, url, body, { version });
  assert.ok(reply.status < 500, `${method} ${url} ${JSON.stringify(body)} at ${version}: ${reply.text}`);
  if (reply.status >= 400) assert.equal(typeof reply.body.error_message, 'string');
  return reply;
}

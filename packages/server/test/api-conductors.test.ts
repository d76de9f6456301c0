// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import type { Harness, Reply } from './support/api.ts';
import {
  anyVersion,
  assertBelow,
  assertKeysAtEveryVersion,
  assertMeant,
  HOST,
  nearlyQuery,
  realApi,
} from './support/real-api.ts';

let api: Harness;
before(async () => {
  api = await realApi();
  await api.store.conductors.insert({
    hostname: 'a.example',
    conductor_group: 'rack1',
    drivers: ['ipmi'],
    online: false,
  });
});
after(() => api.close());

const BASE = 'http://bm.example:6385';
const get = (path: string, version = '1.82'): Promise<Reply> =>
  api.call('GET', `/v1/conductors${path}`, undefined, { version });
const hosts = (reply: Reply): string[] => reply.body.conductors.map((row: { hostname: string }) => row.hostname);

test('conductors show exactly the fields of each version', async () => {
  const short = ['hostname', 'conductor_group', 'alive', 'links'];
  const full = [...short, 'drivers', 'created_at', 'updated_at'];
  const pick = (body: Reply['body']): object => body.conductors[0];
  await assertKeysAtEveryVersion(api, '/v1/conductors', { 49: short }, { min: 49, pick });
  await assertKeysAtEveryVersion(api, '/v1/conductors?detail=true', { 49: full }, { min: 49, pick });
  await assertKeysAtEveryVersion(api, `/v1/conductors/${HOST}`, { 49: full }, { min: 49 });
});

test('a conductor tells who it is, whether it lives and what it drives', async () => {
  const { body } = await get(`/${HOST}`);
  assert.deepEqual([body.hostname, body.conductor_group, body.alive], [HOST, '', true]);
  assert.ok(body.drivers.includes('fake-hardware'));
  assert.equal(body.links[0].href, `${BASE}/v1/conductors/${HOST}`);
  assert.match(body.created_at, /\+00:00$/);
  assert.equal((await get('/a.example')).body.alive, false);
  assert.deepEqual(Object.keys((await get(`/${HOST}?fields=drivers`)).body).sort(), ['drivers', 'links']);
});

test('conductors are sorted and paged by host name', async () => {
  assert.deepEqual(hosts(await get('')), [HOST, 'a.example']);
  assert.deepEqual(hosts(await get('?sort_key=hostname')), ['a.example', HOST]);
  assert.deepEqual(hosts(await get('?sort_key=conductor_group&sort_dir=desc')), ['a.example', HOST]);
  const first = await get('?sort_key=hostname&limit=1');
  assert.ok(first.body.next.endsWith('marker=a.example'));
  assert.deepEqual(hosts(await get(first.body.next.slice(`${BASE}/v1/conductors`.length))), [HOST]);
});

test('queries of conductors are refused in their own words', async () => {
  const refused = async (path: string) => {
    const { status, fault } = await get(path);
    return [status, fault];
  };
  assert.deepEqual(await refused('?marker=zz'), [404, 'Conductor zz could not be found.']);
  assert.deepEqual(await refused('/nosuch'), [404, 'Conductor nosuch could not be found.']);
  assert.deepEqual(await refused('/detail'), [404, 'Conductor detail could not be found.']);
  assert.deepEqual(await refused('?fields=foo'), [400, 'Field(s) "foo" are not valid']);
  for (const key of ['alive', 'drivers', 'uuid', 'links', 'online']) {
    assert.deepEqual(await refused(`?sort_key=${key}`), [
      400,
      `The sort_key value "${key}" is an invalid field for sorting`,
    ]);
  }
  for (const path of ['', `/${HOST}`]) {
    await assertBelow(api, 'GET', `/v1/conductors${path}`, 48, [404, 'The API is not supported for this version']);
  }
  assert.equal((await api.call('POST', '/v1/conductors', {})).status, 405);
});

test('whatever is asked of conductors, the answer is a meant one', async () => {
  const query = nearlyQuery([], [HOST, 'hostname', 'drivers', 'alive', 'created_at']);
  await fc.assert(
    fc.asyncProperty(fc.constantFrom('', `/${HOST}`), query, anyVersion, async (path, text, version) => {
      await assertMeant(api, 'GET', `/v1/conductors${path}?${text}`, undefined, version);
    }),
    { numRuns: 150 },
  );
});

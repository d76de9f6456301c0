// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import bcrypt from 'bcryptjs';
import { createApi } from '../src/api/app.ts';
import { HttpBasicAuth } from '../src/api/auth/http-basic.ts';
import { isRefusal } from '../src/api/auth/strategy.ts';
import { defaultConfig } from '../src/config/index.ts';
import { apiHarness, type Harness, memoryLog, storingConductor } from './support/api.ts';

let directory: string;
let file: string;
let api: Harness;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wrought-auth-'));
  file = join(directory, 'htpasswd');
  const hash = await bcrypt.hash('open sesame', 4);
  await writeFile(file, `# users\nali:${hash.replace('$2b$', '$2y$')}\nplain:{SHA}abc\n`);
  api = await apiHarness({
    config: defaultConfig({
      DEFAULT: { auth_strategy: 'http_basic', http_basic_auth_user_file: file },
      healthcheck: { enabled: true },
    }),
  });
});
after(async () => {
  await api.close();
  await rm(directory, { recursive: true });
});

const basic = (user: string, password: string) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
const get = (authorization?: string, url = '/v1/nodes') =>
  api.call('GET', url, undefined, { headers: authorization === undefined ? {} : { authorization } });

test('the right password is let in, again and again', async () => {
  assert.equal((await get(basic('ali', 'open sesame'))).status, 200);
  assert.equal((await get(basic('ali', 'open sesame'))).status, 200);
});

test('wrong and missing credentials are answered in their own words, without version headers', async () => {
  const cases: [string | undefined, number, string][] = [
    [undefined, 401, 'Authorization required'],
    [basic('ali', 'wrong'), 401, 'Incorrect username or password'],
    [basic('nobody', 'open sesame'), 401, 'Incorrect username or password'],
    [basic('plain', 'abc'), 401, 'Incorrect username or password'],
    ['Bearer x', 400, 'Unsupported authorization type "Bearer"'],
    ['foo', 400, 'Could not parse Authorization header'],
    ['Basic !!', 400, 'Could not decode authorization token'],
  ];
  for (const [header, status, message] of cases) {
    const reply = await get(header);
    assert.equal(reply.status, status, header);
    assert.deepEqual(reply.body, { error: { message, code: status } });
    assert.equal(reply.headers['www-authenticate'], status === 401 ? 'Basic realm="Baremetal API"' : undefined);
    assert.equal(reply.headers['x-openstack-ironic-api-version'], undefined);
    assert.match(String(reply.headers['openstack-request-id']), /^req-/);
  }
});

test('discovery and the agents are let in without credentials, metrics and unknown paths are not', async () => {
  for (const url of ['/', '/v1', '/v1/', '/v1.json', '/healthcheck'])
    assert.equal((await get(undefined, url)).status, 200, url);
  for (const url of ['/v1/lookup', '/v1/heartbeat/abc-1', '/v1/continue_inspection']) {
    assert.notEqual((await get(undefined, url)).status, 401, url);
  }
  for (const url of [
    '/v1/nodes',
    '/nodes',
    '/metrics',
    '/v1/nosuch',
    '/v1/heartbeat/A_b',
    '/v1/lookup/x',
    '//v1/lookup/../nodes',
  ]) {
    assert.equal((await get(undefined, url)).status, 401, url);
  }
});

test('a changed file is read again without a restart', async () => {
  const path = join(directory, 'changing');
  const auth = new HttpBasicAuth(path, memoryLog());
  const admitted = async (password: string) =>
    !isRefusal(await auth.authenticate({ authorization: basic('u', password) }));
  assert.equal(await admitted('one'), false);
  await writeFile(path, `u:${await bcrypt.hash('one', 4)}\n`);
  await setTimeout(600);
  assert.equal(await admitted('one'), true);
  await writeFile(path, `u:${await bcrypt.hash('three', 4)}\n#\n`);
  await setTimeout(600);
  assert.equal(await admitted('one'), false);
  assert.equal(await admitted('three'), true);
});

test('a verified password costs one comparison, not one per request', async () => {
  const path = join(directory, 'slow');
  await writeFile(path, `u:${await bcrypt.hash('pw', 10)}\n`);
  const auth = new HttpBasicAuth(path, memoryLog());
  const header = { authorization: basic('u', 'pw') };
  const started = performance.now();
  await auth.authenticate(header);
  const first = performance.now() - started;
  const again = performance.now();
  for (let index = 0; index < 20; index += 1) await auth.authenticate(header);
  assert.ok(performance.now() - again < first, 'twenty remembered checks take less than one comparison');
});

test('an unknown user takes a comparison as a known one does', async () => {
  const path = join(directory, 'timing');
  await writeFile(path, `u:${await bcrypt.hash('pw', 10)}\n`);
  const auth = new HttpBasicAuth(path, memoryLog());
  const duration = async (user: string) => {
    const started = performance.now();
    await auth.authenticate({ authorization: basic(user, 'guess') });
    return performance.now() - started;
  };
  await duration('warm');
  const [known, unknown] = [await duration('u'), await duration('x')];
  assert.ok(unknown > known / 4, `${unknown} ms against ${known} ms`);
});

test('keystone is refused at the start, in words', () => {
  const config = defaultConfig({ DEFAULT: { auth_strategy: 'keystone' } });
  assert.throws(
    () => createApi({ config, store: api.store, conductor: storingConductor(api.store), log: memoryLog() }),
    /auth_strategy = keystone is not supported/,
  );
});

test('origins are allowed exactly, and none is reflected unasked', async () => {
  const cors = await apiHarness({ config: defaultConfig({ cors: { allowed_origin: ['https://console.example'] } }) });
  try {
    const ask = (origin: string) => cors.call('GET', '/v1', undefined, { headers: { origin } });
    assert.equal(
      (await ask('https://console.example')).headers['access-control-allow-origin'],
      'https://console.example',
    );
    assert.equal((await ask('https://console.example.evil')).headers['access-control-allow-origin'], undefined);
    const preflight = await cors.call('OPTIONS', '/v1/nodes', undefined, {
      headers: { origin: 'https://console.example', 'access-control-request-method': 'PUT' },
    });
    assert.equal(preflight.status, 200);
    assert.match(String(preflight.headers['access-control-allow-methods']), /PUT/);
  } finally {
    await cors.close();
  }
});

test('who was let in a moment ago does not wait behind a flood of wrong passwords', async () => {
  const path = join(directory, 'flood');
  await writeFile(path, `u:${await bcrypt.hash('pw', 8)}\n`);
  const auth = new HttpBasicAuth(path, memoryLog());
  const good = { authorization: basic('u', 'pw') };
  assert.equal(isRefusal(await auth.authenticate(good)), false);
  const flood = Array.from({ length: 80 }, (_, index) =>
    auth.authenticate({ authorization: basic('u', `no${index}`) }),
  );
  const last = await flood.at(-1);
  assert.ok(last !== undefined && isRefusal(last) && last.status === 503);
  assert.equal(isRefusal(await auth.authenticate(good)), false);
  await Promise.all(flood);
});

test('the service does not start without the user file it is told to use', async () => {
  const config = defaultConfig({
    DEFAULT: { auth_strategy: 'http_basic', http_basic_auth_user_file: join(directory, 'nosuch') },
  });
  const { store } = api;
  assert.throws(
    () => createApi({ config, store, conductor: storingConductor(store), log: memoryLog() }),
    /http_basic_auth_user_file = .*nosuch cannot be read/,
  );
});

test('TLS that is asked for is never left out for want of a certificate', async () => {
  const { store } = api;
  const make = (settings: { cert_file?: string }) => () =>
    createApi({
      config: defaultConfig({ api: { enable_ssl_api: true, ...settings } }),
      store,
      conductor: storingConductor(store),
      log: memoryLog(),
    });
  assert.throws(make({}), /enable_ssl_api = true needs a certificate/);
  assert.throws(make({ cert_file: file }), /cert_file = .* cannot be used/);
});

// SPDX-License-Identifier: Apache-2.0

/** The API over real sockets: framing, limits, many connections, links. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { defaultConfig } from '../src/config/index.ts';
import { apiHarness, type Harness, insertNode } from './support/api.ts';

let api: Harness;
let url: URL;
before(async () => {
  api = await apiHarness({ config: defaultConfig({ api: { max_json_body_size: 16 } }) });
  url = new URL(await api.app.listen({ host: '127.0.0.1', port: 0 }));
  await insertNode(api.store, { name: 'n1', provision_state: 'available' });
});
after(() => api.close());

function send(
  method: string,
  path: string,
  { headers = {}, body, agent }: { headers?: Record<string, string>; body?: Buffer; agent?: Agent } = {},
): Promise<{ status: number; text: string; headers: Record<string, string | string[] | undefined> }> {
  const { promise, resolve, reject } = Promise.withResolvers<{
    status: number;
    text: string;
    headers: Record<string, string | string[] | undefined>;
  }>();
  const request = httpRequest(
    {
      host: url.hostname,
      port: url.port,
      method,
      path,
      headers: { 'x-openstack-ironic-api-version': '1.82', ...headers },
      ...(agent && { agent }),
    },
    (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          text: Buffer.concat(chunks).toString(),
          headers: response.headers,
        }),
      );
      response.on('error', reject);
    },
  );
  request.on('error', reject);
  request.end(body);
  return promise;
}

/** Sends raw bytes and returns what comes back until the end or `pattern`. */
function raw(text: string, pattern: RegExp): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const socket = connect(Number(url.port), url.hostname, () => socket.write(text));
  let received = '';
  socket.on('data', (chunk) => {
    received += chunk.toString();
    if (pattern.test(received)) socket.destroy();
  });
  socket.on('close', () => resolve(received));
  socket.on('error', reject);
  return promise;
}

test('a chunked body beyond the limit is 413 before it ends', async () => {
  const chunk = `1000\r\n${'x'.repeat(4096)}\r\n`;
  const answer = await raw(
    `POST /v1/nodes HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nX-OpenStack-Ironic-API-Version: 1.82\r\n\r\n${chunk.repeat(8)}`,
    /too large/,
  );
  assert.match(answer, /^HTTP\/1\.1 413 /);
  assert.match(answer, /"faultstring":"Request body is too large\./);
});

test('a declared length beyond the limit is 413 without waiting for the body', async () => {
  const answer = await raw('POST /v1/nodes HTTP/1.1\r\nHost: h\r\nContent-Length: 100000000\r\n\r\n', /too large/);
  assert.match(answer, /^HTTP\/1\.1 413 /);
});

test('a client that goes away in the middle of its body is no failure of the service', async () => {
  const socket = connect(Number(url.port), url.hostname);
  await once(socket, 'connect');
  socket.write('POST /v1/nodes HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n{"driver"');
  const before = api.log.lines.length;
  await setTimeout(50);
  socket.destroy();
  while (api.log.lines.length === before) await setTimeout(5);
  const line = api.log.lines.at(-1);
  const { status } = (line?.fields ?? {}) as { status?: number };
  assert.deepEqual([line?.level, status], ['info', 400]);
});

test('a provision request may be larger than others', async () => {
  const body = Buffer.from(JSON.stringify({ target: 'active', configdrive: 'A'.repeat(200_000) }));
  assert.equal((await send('PUT', '/v1/nodes/n1/states/provision', { body })).status, 202);
  assert.equal((await send('POST', '/v1/nodes', { body })).status, 413);
});

test('chunked bodies and bodies on GET and DELETE are read where an operation takes them', async () => {
  const body = Buffer.from('{"driver":"fake-hardware"}');
  assert.equal((await send('POST', '/v1/nodes', { body, headers: { 'transfer-encoding': 'chunked' } })).status, 201);
  assert.equal(
    (await send('GET', '/v1/nodes', { body, headers: { 'content-length': String(body.length) } })).status,
    200,
  );
  for (const method of ['GET', 'DELETE']) {
    await send(method, '/v1/nodes/n1/vendor_passthru?method=m', {
      body,
      headers: { 'content-length': String(body.length) },
    });
    assert.deepEqual(api.conductor.calls.at(-1)?.slice(3), ['m', method, { driver: 'fake-hardware' }]);
  }
});

test('empty 202 and 204 answers have the framing clients expect', async () => {
  const power = await send('PUT', '/v1/nodes/n1/states/power', { body: Buffer.from('{"target":"power on"}') });
  assert.deepEqual(
    [power.status, power.headers['content-length'], power.headers['content-type']],
    [202, '0', undefined],
  );
  const boot = await send('PUT', '/v1/nodes/n1/management/boot_device', { body: Buffer.from('{"boot_device":"pxe"}') });
  assert.deepEqual(
    [boot.status, boot.headers['content-length'], boot.headers['content-type']],
    [204, undefined, undefined],
  );
  const list = await send('GET', '/v1/nodes');
  assert.equal(list.headers['content-type'], 'application/json');
});

test('five hundred connections at once are served and kept', async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 500 });
  try {
    for (let round = 0; round < 2; round += 1) {
      const replies = await Promise.all(Array.from({ length: 500 }, () => send('GET', '/v1/nodes/n1', { agent })));
      assert.ok(replies.every(({ status }) => status === 200));
    }
  } finally {
    agent.destroy();
  }
});

test('links follow the Host of the request, and a Host that is none falls back to the socket', async () => {
  const href = async (host: string) =>
    JSON.parse((await send('GET', '/v1/nodes/n1', { headers: { host } })).text).links[0].href as string;
  assert.match(await href('metal.example:1234'), /^http:\/\/metal\.example:1234\/v1\/nodes\//);
  assert.match(await href('a"b<script>'), new RegExp(`^http://127\\.0\\.0\\.1:${url.port}/v1/nodes/`));
});

test('forwarded headers count only when told to believe them', async () => {
  const headers = {
    'x-forwarded-proto': 'https',
    'x-forwarded-host': 'public.example',
    'x-forwarded-prefix': '/baremetal',
  };
  const self = async (harness: Harness) =>
    (await harness.call('GET', '/v1', undefined, { headers })).body.links[0].href;
  assert.equal(await self(api), 'http://bm.example:6385/v1/');
  const behind = await apiHarness({
    config: defaultConfig({ oslo_middleware: { enable_proxy_headers_parsing: true } }),
  });
  const fixed = await apiHarness({ config: defaultConfig({ api: { public_endpoint: 'https://metal.example/bm/' } }) });
  try {
    assert.equal(await self(behind), 'https://public.example/baremetal/v1/');
    assert.equal(await self(fixed), 'https://metal.example/bm/v1/');
  } finally {
    await behind.close();
    await fixed.close();
  }
});

test('a request target that is no path is an error of the client', async () => {
  for (const target of ['/v1/nodes/%', '//', '/v1/nodes/%00', '*']) {
    const answer = await raw(`GET ${target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`, /\r\n\r\n/);
    assert.match(answer, /^HTTP\/1\.1 (200|400|404) /, target);
  }
});

test('a request line may give the whole URL', async () => {
  const answer = await raw(
    `GET http://elsewhere.example/v1/nodes/n1?fields=name HTTP/1.1\r\nHost: h\r\nX-OpenStack-Ironic-API-Version: 1.82\r\n\r\n`,
    /\}$/,
  );
  assert.match(answer, /^HTTP\/1\.1 200 /);
  assert.match(answer, /"name":"n1"/);
});

test('a method nobody knows is answered in the shape of this API', async () => {
  const answer = await send('PROPFIND', '/v1/nodes');
  assert.equal(answer.status, 405);
  assert.match(answer.text, /error_message/);
});

test('a body that is not UTF-8, or has numbers that would come back changed, is refused', async () => {
  const post = (text: string, encoding: BufferEncoding = 'utf8') =>
    send('POST', '/v1/nodes', { body: Buffer.from(`{"driver":"fake-hardware","extra":{"a":${text}}}`, encoding) });
  const latin = await post('"\u00e9"', 'latin1');
  assert.equal(latin.status, 400);
  assert.match(latin.text, /not UTF-8/);
  for (const number of ['12345678901234567890', '-9007199254740993', '1e400', '[1,2,1e999]']) {
    const answer = await post(number);
    assert.equal(answer.status, 400, number);
    assert.match(answer.text, /give it as a string/);
  }
  for (const number of [
    '9007199254740991',
    '0.12345678901234567890',
    '1e300',
    '"12345678901234567890"',
    '[1,"1e400"]',
  ]) {
    assert.equal((await post(number)).status, 201, number);
  }
});

test('a client in the middle of its request does not keep the server from closing', { timeout: 20_000 }, async (t) => {
  const closing = await apiHarness({ closeTimeout: 100 });
  const { port } = new URL(await closing.app.listen({ host: '127.0.0.1', port: 0 }));
  const socket = connect(Number(port), '127.0.0.1');
  t.after(() => socket.destroy());
  socket.on('error', () => undefined);
  socket.write('POST /v1/nodes HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 100\r\n\r\n');
  const [received] = (await once(socket, 'data')) as [Buffer];
  assert.match(received.toString(), /^HTTP\/1\.1 100 /);
  await closing.close();
});

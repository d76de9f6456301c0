// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { SecureVersion } from 'node:tls';
import { defaultConfig } from '../src/config/index.ts';
import { apiHarness } from './support/api.ts';

test('with a certificate the API speaks TLS, links to https and refuses TLS 1.1', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'wrought-tls-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const cert_file = join(directory, 'cert.pem');
  const key_file = join(directory, 'key.pem');
  try {
    execFileSync(
      'openssl',
      [
        ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
        ...['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key_file, '-out', cert_file],
      ],
      { stdio: 'pipe' },
    );
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    t.skip('not installed: openssl');
    return;
  }
  const config = defaultConfig({ api: { enable_ssl_api: true, cert_file, key_file, tls_minimum_version: '1.2' } });
  const api = await apiHarness({ config });
  t.after(() => api.close());
  const url = await api.app.listen({ host: '127.0.0.1', port: 0 });
  assert.match(url, /^https:/);
  const ca = await readFile(cert_file);

  const get = (maxVersion: SecureVersion): Promise<string> => {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const call = request(
      `${url}/v1`,
      { ca, minVersion: 'TLSv1', maxVersion, ciphers: 'DEFAULT@SECLEVEL=0' },
      (answer) => {
        answer.setEncoding('utf8');
        let text = '';
        answer.on('data', (chunk: string) => {
          text += chunk;
        });
        answer.on('end', () => resolve(text));
      },
    );
    call.on('error', reject);
    call.end();
    return promise;
  };
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    assert.equal(JSON.parse(await get(version)).links[0].href, `${url}/v1/`);
  }
  await assert.rejects(get('TLSv1.1'), /alert|protocol version|unsupported/);
});

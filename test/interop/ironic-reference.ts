// SPDX-License-Identifier: Apache-2.0

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A running Ironic: API and conductor in one process, fake hardware, SQLite. */
export interface Reference {
  readonly url: string;
  stop(): Promise<void>;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

const INTERFACES = {
  boot: 'fake',
  deploy: 'fake',
  power: 'fake',
  management: 'fake',
  network: 'noop',
  inspect: 'fake,no-inspect',
  vendor: 'fake,no-vendor',
  raid: 'fake,no-raid',
  bios: 'fake,no-bios',
  console: 'fake,no-console',
  rescue: 'fake,no-rescue',
  storage: 'fake,noop',
};

/** Starts Debian's Ironic with its files under `directory`. */
export async function startReference(directory: string): Promise<Reference> {
  const port = await freePort();
  const file = join(directory, 'ironic.conf');
  await writeFile(
    file,
    [
      '[DEFAULT]',
      'auth_strategy = noauth',
      'rpc_transport = none',
      'host = reference',
      'my_ip = 127.0.0.1',
      'enabled_hardware_types = fake-hardware',
      ...Object.entries(INTERFACES).map(([type, names]) => `enabled_${type}_interfaces = ${names}`),
      '[api]',
      'host_ip = 127.0.0.1',
      `port = ${port}`,
      'api_workers = 1',
      '[database]',
      `connection = sqlite:///${join(directory, 'ironic.sqlite')}`,
      '[dhcp]',
      'dhcp_provider = none',
      '[conductor]',
      'automated_clean = false',
      '[oslo_concurrency]',
      `lock_path = ${join(directory, 'lock')}`,
    ].join('\n'),
  );
  await run('ironic-dbsync', ['--config-file', file, 'create_schema']);
  const child = spawn('ironic', ['--config-file', file], { stdio: 'ignore' });
  const url = `http://127.0.0.1:${port}`;
  try {
    await answering(child, url);
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
  return {
    url,
    async stop() {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await Promise.race([ended, setTimeout(10_000).then(() => child.kill('SIGKILL'))]);
      await ended;
    },
  };
}

async function answering(child: ChildProcess, url: string): Promise<void> {
  for (let attempt = 0; attempt < 600; attempt += 1) {
    if (child.exitCode !== null) throw new Error(`ironic ended with ${child.exitCode}`);
    const status = await fetch(`${url}/v1/drivers`).then(
      async (response) => ((await response.text()).includes('fake-hardware') ? response.status : 0),
      () => 0,
    );
    if (status === 200) return;
    await setTimeout(100);
  }
  throw new Error('ironic does not answer');
}

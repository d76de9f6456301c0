// SPDX-License-Identifier: Apache-2.0
// Starts the service once, on a socket in a temporary folder and a database in memory, so that Node's compile cache holds it:
// then also the first real start is quick and small. Runs after an install; a failure here is no failure of the install.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const CLI = fileURLToPath(new URL('../packages/cli/bin/wrought.js', import.meta.url));
const DEADLINE_MS = 20_000;

const directory = await mkdtemp(join(tmpdir(), 'wrought-warm-'));
const settings = { OS_API__UNIX_SOCKET: join(directory, 'api'), OS_DATABASE__CONNECTION: 'sqlite://' };
const child = spawn(CLI, ['serve', '--state-dir', directory], {
  stdio: ['ignore', 'pipe', 'ignore'],
  env: { ...process.env, ...settings },
  timeout: DEADLINE_MS,
});
const ended = once(child, 'exit');
createInterface({ input: child.stdout }).on('line', (line) => {
  if (line.includes('Serving the')) child.kill('SIGTERM');
});
await ended;
await rm(directory, { recursive: true, force: true });

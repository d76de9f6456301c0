// SPDX-License-Identifier: Apache-2.0

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const CLI = fileURLToPath(new URL('../../packages/cli/bin/wrought.js', import.meta.url));

/** A running `wrought serve`. */
export interface RunningService {
  readonly url: string;
  readonly pid: number;
  readonly stateDir: string;
  /** Log lines so far. */
  readonly log: string[];
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number | null>;
  /** SIGKILL. */
  kill(): Promise<void>;
}

/** Makes a state directory that `remove` deletes. */
export async function temporaryDirectory(): Promise<{ path: string; remove: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'wrought-test-'));
  return { path, remove: () => rm(path, { recursive: true, force: true, maxRetries: 5 }) };
}

/**
 * Starts `wrought serve` as users do, on a free loopback port, and waits until it says that it serves.
 *
 * @param config INI text beyond host and port
 */
export async function startService(
  stateDir: string,
  config = '',
  env: NodeJS.ProcessEnv = {},
): Promise<RunningService> {
  const file = join(stateDir, 'test.conf');
  await writeFile(file, config);
  // Through its first line, as npx does; that line's `node` shall be the one that runs the tests.
  const child = spawn(
    CLI,
    ['serve', '--config-file', file, '--host', '127.0.0.1', '--port', '0', '--state-dir', stateDir],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, PATH: `${dirname(process.execPath)}:${process.env.PATH}`, ...env },
    },
  );
  const log: string[] = [];
  const url = await serving(child, log);
  return {
    url,
    pid: child.pid ?? 0,
    stateDir,
    log,
    stop: () => end(child, 'SIGTERM'),
    kill: async () => {
      await end(child, 'SIGKILL');
    },
  };
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  child.kill(signal);
  await once(child, 'exit');
  return child.exitCode;
}

async function serving(child: ChildProcess, log: string[]): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue;
    createInterface({ input: stream }).on('line', (line) => {
      log.push(line);
      const url = /"url":"(http[^"]+)".*Serving/.exec(line)?.[1];
      if (url !== undefined) resolve(url);
    });
  }
  child.once('exit', (code, signal) => {
    reject(new Error(`wrought serve ended with ${code ?? signal} before it served:\n${log.join('\n')}`));
  });
  child.once('error', reject);
  return await promise;
}

/** Calls the API with JSON; returns status and parsed body. */
export async function call(
  service: Pick<RunningService, 'url'>,
  method: string,
  path: string,
  body?: unknown,
  version = '1.82',
): Promise<{ status: number; body: unknown; headers: Headers }> {
  const response = await fetch(`${service.url}${path}`, {
    method,
    headers: {
      'X-OpenStack-Ironic-API-Version': version,
      ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === '' ? undefined : JSON.parse(text), headers: response.headers };
}

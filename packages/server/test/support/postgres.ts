// SPDX-License-Identifier: Apache-2.0

/** A throwaway PostgreSQL server for tests: Debian's package `postgresql`, in a temporary directory, on loopback. */

import { type ChildProcess, execFile, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, chownSync, constants, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';

/** A running server. */
export interface PostgresServer {
  /** Makes an empty database and returns its URL. */
  createDatabase(): Promise<string>;
  stop(): Promise<void>;
}

/**
 * Why tests that need PostgreSQL are skipped, or false when it is installed.
 *
 * @throws Error when it is absent and WROUGHT_REQUIRE_PEERS=1
 */
export function missingPostgres(): string | false {
  const missing = [
    ...(binaries() === undefined ? ['postgresql'] : []),
    ...(spawnSync('setpriv', ['--version']).error === undefined ? [] : ['setpriv']),
  ];
  if (missing.length === 0) return false;
  const reason = `not installed: ${missing.join(', ')} (scripts/install-peers installs it)`;
  if (process.env.WROUGHT_REQUIRE_PEERS === '1') throw new Error(reason);
  return reason;
}

/** Makes a cluster and starts a server on it, as an unprivileged user even when the tests run as root. */
export async function startPostgres(): Promise<PostgresServer> {
  const bin = binaries();
  if (bin === undefined) throw new Error('PostgreSQL is not installed.');
  const user = process.getuid?.() === 0 ? { uid: idOf('-u'), gid: idOf('-g') } : undefined;
  const directory = mkdtempSync(join(tmpdir(), 'wrought-postgres-'));
  let server: ChildProcess | undefined;
  const stop = async (): Promise<void> => {
    process.off('exit', kill);
    if (server !== undefined && server.exitCode === null && server.signalCode === null) {
      const exited = once(server, 'exit');
      server.kill('SIGINT');
      await exited;
    }
    rmSync(directory, { recursive: true, force: true });
  };
  const kill = (): void => {
    server?.kill('SIGQUIT');
    rmSync(directory, { recursive: true, force: true });
  };
  process.on('exit', kill);
  try {
    if (user !== undefined) chownSync(directory, user.uid, user.gid);
    // An order of text unlike that of bytes, so that queries that lean on the server's locale are found out.
    const locale = ['--encoding=UTF8', '--locale=C', '--locale-provider=icu', '--icu-locale=en-US'];
    const data = join(directory, 'data');
    const initdb = [`--pgdata=${data}`, '--username=wrought', '--auth=trust', '--no-sync', ...locale];
    await promisify(execFile)(join(bin, 'initdb'), initdb, { cwd: directory, ...user });
    for (let attempt = 1; ; attempt++) {
      const port = await freePort();
      const settings = ['listen_addresses=127.0.0.1', `unix_socket_directories=${directory}`, 'fsync=off'];
      const options = settings.flatMap((setting) => ['-c', setting]);
      server = underThisProcess(join(bin, 'postgres'), ['-D', data, '-p', String(port), ...options], user);
      if (await answers(server, port)) return { createDatabase: databaseMaker(port), stop };
      if (attempt === 5) throw new Error('PostgreSQL does not start.');
    }
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Starts a program that gets SIGINT when this process dies, however it dies. */
function underThisProcess(
  program: string,
  args: string[],
  user: { uid: number; gid: number } | undefined,
): ChildProcess {
  const identity =
    user === undefined ? [] : [`--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups', '--no-new-privs'];
  return spawn('setpriv', ['--pdeathsig', 'INT', ...identity, program, ...args], { cwd: '/', stdio: 'ignore' });
}

async function answers(server: ChildProcess, port: number): Promise<boolean> {
  while (server.exitCode === null && server.signalCode === null) {
    const client = new pg.Client(urlOf(port, 'postgres'));
    try {
      await client.connect();
      await client.end();
      return true;
    } catch {
      await sleep(50);
    }
  }
  return false;
}

function databaseMaker(port: number): () => Promise<string> {
  let count = 0;
  return async () => {
    const name = `test${++count}`;
    const client = new pg.Client(urlOf(port, 'postgres'));
    await client.connect();
    await client.query(`create database ${name}`);
    await client.end();
    return urlOf(port, name);
  };
}

function urlOf(port: number, database: string): string {
  return `postgresql://wrought@127.0.0.1:${port}/${database}`;
}

/** Where the newest installed server's programs are. */
function binaries(): string | undefined {
  const packaged = '/usr/lib/postgresql';
  const candidates = [...(process.env.PATH ?? '').split(':')];
  try {
    const versions = readdirSync(packaged).sort((a, b) => Number(b) - Number(a));
    candidates.unshift(...versions.map((version) => join(packaged, version, 'bin')));
  } catch {}
  return candidates.find((directory) => {
    try {
      accessSync(join(directory, 'initdb'), constants.X_OK);
      accessSync(join(directory, 'postgres'), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** The user Debian's package makes. */
function idOf(which: '-u' | '-g'): number {
  return Number(execFileSync('id', [which, 'postgres'], { encoding: 'utf8' }));
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  if (address === null || typeof address === 'string') throw new Error('No port.');
  return address.port;
}

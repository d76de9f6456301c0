// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A server under measurement: where it answers, and the process whose CPU counts. */
export interface Server {
  /** Shown in the tables, for example `wrought` or `ironic 21.4.4`. */
  readonly name: string;
  /** Base of the API without a trailing slash, `http://127.0.0.1:PORT`. */
  readonly url: string;
  readonly pid: number;
  /** Milliseconds from spawning the process to the first 200 from `GET /v1`. */
  readonly startMs: number;
  /** Ends the process (SIGTERM, then SIGKILL after a bound) and waits for its exit. State stays on disk. */
  stop(): Promise<void>;
}

/** A service on disk that can be started, stopped and started again on the same state. */
export interface Service extends AsyncDisposable {
  readonly name: string;
  /** Path of the SQLite file that holds its nodes. */
  readonly database: string;
  /** Starts it and waits for the first 200 from `GET /v1`. */
  start(options?: { readonly powerSyncInterval?: number }): Promise<Server>;
}

/** Length of a kernel clock tick as /proc shows it; USER_HZ is 100 on every Linux architecture Node runs on. */
const TICK_MS = 10;

interface Stat {
  readonly pid: number;
  readonly parent: number;
  /** utime + stime of the process plus those of its waited-for children. */
  readonly cpuMs: number;
}

function readStat(pid: number): Stat | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined;
  }
  // proc(5): the command name is in parentheses and may hold blanks; state is field 3, ppid 4, utime 14 .. cstime 17.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const number = (field: number): number => Number(fields[field - 3] ?? 0);
  return { pid, parent: number(4), cpuMs: (number(14) + number(15) + number(16) + number(17)) * TICK_MS };
}

function descendants(root: number): Stat[] {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => readStat(Number(name)))
    .filter((stat) => stat !== undefined);
  const family: Stat[] = [];
  let wave = all.filter((stat) => stat.pid === root);
  while (wave.length > 0) {
    family.push(...wave);
    const parents = new Set(wave.map((stat) => stat.pid));
    wave = all.filter((stat) => parents.has(stat.parent));
  }
  return family;
}

/** CPU milliseconds a process has used so far: user + system, all threads, children living and gone (proc(5) stat). */
export function cpuMs(pid: number): number {
  return descendants(pid).reduce((sum, stat) => sum + stat.cpuMs, 0);
}

/** Resident memory of a process and its living children in MiB. */
export function residentMiB(pid: number): number {
  let kib = 0;
  for (const { pid: member } of descendants(pid)) {
    const status = readFileSync(`/proc/${member}/status`, 'latin1');
    kib += Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0);
  }
  return kib / 1024;
}

const running = new Set<ChildProcess>();
const directories = new Set<string>();

// An interrupted benchmark leaves neither processes nor files.
process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
});

/** A new directory for a service's state, removed by `dropScratch` or at exit. */
export function scratch(label: string): string {
  const directory = mkdtempSync(join(tmpdir(), `bench-${label}-`));
  directories.add(directory);
  return directory;
}

/** Removes a directory of `scratch`. */
export function dropScratch(directory: string): void {
  rmSync(directory, { recursive: true, force: true });
  directories.delete(directory);
}

/** A TCP port on loopback that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

/** Starts a program with its output in `logFile` (appended). */
export function spawnLogged(
  command: string,
  args: string[],
  logFile: string,
  options: SpawnOptions = {},
): ChildProcess {
  const log = openSync(logFile, 'a');
  try {
    const child = spawn(command, args, { ...options, stdio: ['ignore', log, log] });
    running.add(child);
    child.once('exit', () => running.delete(child));
    return child;
  } finally {
    closeSync(log);
  }
}

/** SIGTERM, then SIGKILL when the process is still there after `graceMs`. Resolves once it is gone. */
export async function endProcess(child: ChildProcess, graceMs = 10_000): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
  await gone;
  clearTimeout(timer);
}

/**
 * Polls `url` until it answers 200 and returns the milliseconds since `startedAt` (a `performance.now()`).
 * Throws with the end of the log when the process exits first or `timeoutMs` passes.
 */
export async function untilReady(
  child: ChildProcess,
  url: string,
  startedAt: number,
  logFile: string,
  timeoutMs = 60_000,
): Promise<number> {
  for (;;) {
    try {
      const response = await fetch(url);
      await response.arrayBuffer();
      if (response.status === 200) return performance.now() - startedAt;
    } catch {
      // Nobody listens yet.
    }
    if (child.exitCode !== null || child.signalCode !== null || performance.now() - startedAt > timeoutMs) {
      const log = readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-15).join('\n');
      throw new Error(`${url} did not answer 200 (exit code ${child.exitCode ?? 'none'}); its log ends:\n${log}`);
    }
    await sleep(5);
  }
}

// SPDX-License-Identifier: Apache-2.0
import { writeFileSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import {
  dropScratch,
  endProcess,
  freePort,
  type Server,
  type Service,
  scratch,
  spawnLogged,
  untilReady,
} from './harness/process.ts';

const ROOT = resolve(import.meta.dirname, '..');
/** Started as a user starts it: its first line finds Node on the PATH and gives it the flags it wants. */
const COMMAND = join(ROOT, 'packages/cli/bin/wrought.js');
const PINNED_NODE = join(ROOT, 'node_modules/.bin');

/** Settings of our service that a benchmark varies. */
export interface OursOptions {
  /** Seconds; 0 switches the power sync off. */
  readonly powerSyncInterval?: number;
}

/** Our service as a state directory that can be started, stopped and started again, set up as the peer is. */
export class Ours implements Service {
  readonly name = 'wrought';
  readonly directory = scratch('wrought');
  readonly database = join(this.directory, 'state', 'wrought.sqlite');
  #running: Server | undefined;

  /** Starts the service and waits for the first 200 from /v1. */
  async start(options: OursOptions = {}): Promise<Server> {
    const port = await freePort();
    const config = join(this.directory, 'wrought.conf');
    const log = join(this.directory, 'log');
    writeFileSync(
      config,
      `[DEFAULT]
auth_strategy = noauth
host = bench-ours
[conductor]
automated_clean = false
sync_power_state_interval = ${options.powerSyncInterval ?? 0}
[database]
connection = sqlite:///${this.database}
`,
    );
    const args = ['serve', '--config-file', config, '--host', '127.0.0.1'];
    args.push('--port', String(port), '--state-dir', join(this.directory, 'state'));
    const startedAt = performance.now();
    const child = spawnLogged(COMMAND, args, log, {
      cwd: this.directory,
      env: { ...process.env, PATH: `${PINNED_NODE}${delimiter}${process.env.PATH ?? ''}` },
    });
    const stop = (): Promise<void> => endProcess(child);
    const url = `http://127.0.0.1:${port}`;
    let startMs: number;
    try {
      startMs = await untilReady(child, `${url}/v1`, startedAt, log);
    } catch (error) {
      await stop();
      throw error;
    }
    this.#running = {
      name: this.name,
      url,
      pid: child.pid ?? 0,
      startMs,
      stop,
    };
    return this.#running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#running?.stop();
    dropScratch(this.directory);
  }
}

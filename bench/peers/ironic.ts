// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  dropScratch,
  endProcess,
  freePort,
  type Server,
  type Service,
  scratch,
  spawnLogged,
  untilReady,
} from '../harness/process.ts';

/** `ironic X.Y.Z` of the combined API and conductor process in Debian's ironic packages, or undefined when absent. */
export function ironicName(): string | undefined {
  const dbsync = spawnSync('ironic-dbsync', ['--version'], { encoding: 'utf8' });
  const ironic = spawnSync('ironic', ['--version'], { encoding: 'utf8' });
  if (ironic.status !== 0 || dbsync.status !== 0) return undefined;
  return `ironic ${`${ironic.stdout}${ironic.stderr}`.trim()}`;
}

/** Settings of the peer that a benchmark varies. */
export interface IronicOptions {
  /** Seconds; 0 switches the power sync off. */
  readonly powerSyncInterval?: number;
}

/**
 * The reference service as a directory on disk that can be started, stopped and started again: the combined process
 * (`rpc_transport = none`), no authentication, SQLite, fake hardware without delays.
 */
export class Ironic implements Service {
  readonly name: string;
  readonly directory = scratch('ironic');
  readonly database = join(this.directory, 'ironic.sqlite');
  #running: Server | undefined;

  constructor(name: string) {
    this.name = name;
    mkdirSync(join(this.directory, 'lock'));
    this.#configure(0, {});
    const args = ['--config-file', this.#configFile, 'create_schema'];
    const made = spawnSync('ironic-dbsync', args, { encoding: 'utf8' });
    if (made.status !== 0) throw new Error(`ironic-dbsync create_schema failed:\n${made.stderr}`);
  }

  get #configFile(): string {
    return join(this.directory, 'ironic.conf');
  }

  /** Starts the service and waits for the first 200 from /v1. */
  async start(options: IronicOptions = {}): Promise<Server> {
    const port = await freePort();
    this.#configure(port, options);
    const log = join(this.directory, 'log');
    const startedAt = performance.now();
    const child = spawnLogged('ironic', ['--config-file', this.#configFile], log);
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

  #configure(port: number, options: IronicOptions): void {
    writeFileSync(
      this.#configFile,
      `[DEFAULT]
auth_strategy = noauth
rpc_transport = none
host = bench-peer
my_ip = 127.0.0.1
state_path = ${this.directory}
enabled_hardware_types = fake-hardware
enabled_bios_interfaces = no-bios
enabled_boot_interfaces = fake
enabled_console_interfaces = no-console
enabled_deploy_interfaces = fake
enabled_inspect_interfaces = no-inspect
enabled_management_interfaces = fake
enabled_network_interfaces = noop
enabled_power_interfaces = fake
enabled_raid_interfaces = no-raid
enabled_rescue_interfaces = no-rescue
enabled_storage_interfaces = noop
enabled_vendor_interfaces = no-vendor
[api]
host_ip = 127.0.0.1
port = ${port}
[conductor]
automated_clean = false
sync_power_state_interval = ${options.powerSyncInterval ?? 0}
[dhcp]
dhcp_provider = none
[service_catalog]
auth_type = none
endpoint_override = http://127.0.0.1:${port}
[database]
connection = sqlite:///${this.database}
[oslo_concurrency]
lock_path = ${join(this.directory, 'lock')}
`,
    );
  }
}

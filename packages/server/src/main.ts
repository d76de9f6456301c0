// SPDX-License-Identifier: Apache-2.0

/** The composition root: configuration -> store -> hardware -> conductor -> API. The only place that wires things together. */

import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createApi } from './api/app.ts';
import { type ConductorService, createConductor } from './conductor/index.ts';
import type { Config } from './config/index.ts';
import { messageOf, WroughtError } from './errors.ts';
import { HardwareRegistry } from './hardware/composition.ts';
import type { Logger } from './hardware/contracts.ts';
import { FAMILIES } from './hardware/families.ts';
import { openStore } from './store/open.ts';
import { claimDatabase } from './store/sole-process.ts';

/** A service that can be started once and stopped once. */
export interface Service {
  /** Opens everything, listens (503 until it is ready) and repairs what an earlier crash left; returns the URL of the API. */
  start(): Promise<string>;
  /** Stops listening, lets running work end within [conductor]graceful_shutdown_timeout, closes everything. */
  stop(): Promise<void>;
}

const LOOPBACK = /^(127(\.\d{1,3}){3}|::1|localhost)$/;

/** Makes the service. Nothing is opened until `start`. */
export async function createService({ config, log }: { config: Config; log: Logger }): Promise<Service> {
  const closers: (() => Promise<void>)[] = [];

  async function start(): Promise<string> {
    refuseOpenAccess(config);
    await makeStateDirectory(config.DEFAULT.state_path);
    const release = await claimDatabase(config.database.connection);
    closers.push(async () => release());
    const store = await openStore(config.database.connection, { log });
    closers.push(() => store.close());
    const hardware = new HardwareRegistry(
      FAMILIES.map((family) => family({ config, log })),
      config,
    );
    closers.push(() => hardware.close());
    const conductor = createConductor({ config, store, hardware, log, host: config.DEFAULT.host });
    let begun = false;
    let ready = false;
    closers.push(async () => {
      if (begun) await conductor.stop(config.conductor.graceful_shutdown_timeout * 1000);
    });
    const metrics = conductorMetrics(conductor);
    const api = createApi({ config, store, conductor, log, metrics, isReady: () => ready });
    closers.push(() => api.close());
    // Listens first: the conductor takes up what it finds under its name, which is wrong while another process has the port.
    const url = await api.listen(
      config.api.unix_socket === null
        ? { host: config.api.host_ip, port: config.api.port }
        : { path: config.api.unix_socket },
    );
    begun = true;
    await conductor.start();
    ready = true;
    return url;
  }

  async function stop(): Promise<void> {
    for (const close of closers.splice(0).reverse()) {
      try {
        await close();
      } catch (error) {
        log.error({ err: error }, 'Something did not close cleanly');
      }
    }
  }

  return { start, stop };
}

/** Makes the state directory where it is missing. Only missing parents call for a recursive mkdir, which spins for ever below /proc. */
async function makeStateDirectory(path: string): Promise<void> {
  if (existsSync(path)) return;
  try {
    await mkdir(path, { recursive: !existsSync(dirname(path)), mode: 0o750 });
  } catch (error) {
    throw new WroughtError(
      500,
      `[DEFAULT]state_path = ${path} can not be made: ${messageOf(error)}. Give a directory that can be written.`,
    );
  }
}

/** The conductor's gauges. prom-client is loaded by the first scrape: who scrapes nothing pays nothing. */
function conductorMetrics(conductor: ConductorService): { metrics(): Promise<string> } {
  let register: Promise<{ metrics(): Promise<string> }> | undefined;
  const make = async () => {
    const { Registry } = await import('prom-client');
    const made = new Registry();
    await conductor.registerMetrics(made);
    return made;
  };
  return {
    metrics: async () => {
      register ??= make();
      return await (await register).metrics();
    },
  };
}

/** Without a word from the operator, nobody but this machine may use an API that asks for no credentials. */
function refuseOpenAccess(config: Config): void {
  if (config.DEFAULT.auth_strategy !== 'noauth' || config.api.unix_socket !== null) return;
  if (LOOPBACK.test(config.api.host_ip) || config.isSet('DEFAULT', 'auth_strategy')) return;
  throw new WroughtError(
    400,
    `[api]host_ip = ${config.api.host_ip} would serve the API to the network without authentication. ` +
      'Set [DEFAULT]auth_strategy = http_basic with http_basic_auth_user_file, or [DEFAULT]auth_strategy = noauth if that is what you want.',
  );
}

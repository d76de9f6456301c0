// SPDX-License-Identifier: Apache-2.0

import { flushCompileCache } from 'node:module';
import { createLogger, createService } from '@wrought/server';
import { type Config, reloadConfig } from '@wrought/server/config';
import { loadSettings, type SettingsOptions } from './settings.ts';

/** `wrought serve`: runs the service until SIGTERM or SIGINT, then ends it cleanly with exit code 0. SIGHUP takes over changed mutable options. */
export async function serve(options: SettingsOptions): Promise<void> {
  const { config, warnings } = loadSettings(options);
  const log = createLogger(config);
  for (const warning of warnings) log.warn({}, warning);
  const stop = Promise.withResolvers<string>();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, stop.resolve);
  process.on('SIGHUP', () => {
    try {
      const result = reloadConfig(config, loadSettings(options).config);
      log.info(result, 'Read the configuration again');
    } catch (error) {
      log.error({ err: error }, 'The configuration was not read again; the running one stays');
    }
  });
  const service = await createService({ config, log });
  try {
    const url = await service.start().catch((error) => Promise.reject(listeningAdvice(error, config)));
    log.info({ url, pid: process.pid }, 'Serving the Bare Metal API');
    tidyUp();
    const signal = await stop.promise;
    log.info({ signal }, 'Stopping');
  } finally {
    await service.stop();
  }
}

/** What to change when the address cannot be listened on, by Node's error code. */
const LISTENING_ADVICE: Record<string, string> = {
  EADDRINUSE: 'choose another port with [api]port or --port, or end the program that listens there',
  EADDRNOTAVAIL: 'set [api]host_ip or --host to an address of this machine',
  ENOTFOUND: 'set [api]host_ip or --host to an address of this machine',
  EACCES: 'choose a port from 1024 up with [api]port or --port',
};

/** The error of a failed start; with advice when it is about the address the API listens on. */
function listeningAdvice(error: NodeJS.ErrnoException, config: Config): Error {
  if (config.api.unix_socket !== null || !['listen', 'getaddrinfo'].includes(error.syscall ?? '')) return error;
  const advice = LISTENING_ADVICE[error.code ?? ''];
  return advice === undefined ? error : new Error(`${error.message}: ${advice}`, { cause: error });
}

/** Start-up leaves garbage that would stay resident until the space is needed; and a killed process writes no compile cache at its exit. */
function tidyUp(): void {
  flushCompileCache();
  globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}

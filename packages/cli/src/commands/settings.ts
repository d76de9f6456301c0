// SPDX-License-Identifier: Apache-2.0

import { resolve } from 'node:path';
import { type Config, loadConfig } from '@wrought/server/config';

/** Command-line options that say where settings come from. */
export interface SettingsOptions {
  readonly configFile?: string[];
  readonly configDir?: string[];
  readonly stateDir?: string;
  readonly host?: string;
  readonly port?: string;
}

/** Reads files, environment (`OS_<SECTION>__<OPTION>`) and command line, in this order of precedence from weak to strong. */
export function loadSettings(options: SettingsOptions): { config: Config; warnings: string[] } {
  const overrides: { section: string; option: string; value: string }[] = [];
  if (options.stateDir !== undefined) {
    // A dollar sign would be read as a reference to another option.
    const value = resolve(options.stateDir).replaceAll('$', () => '$$');
    overrides.push({ section: 'DEFAULT', option: 'state_path', value });
  }
  if (options.host !== undefined) overrides.push({ section: 'api', option: 'host_ip', value: options.host });
  if (options.port !== undefined) overrides.push({ section: 'api', option: 'port', value: options.port });
  return loadConfig({ files: options.configFile ?? [], dirs: options.configDir ?? [], env: process.env, overrides });
}

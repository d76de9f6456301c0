// SPDX-License-Identifier: Apache-2.0

import { printConfig } from '@wrought/server/config';
import { loadSettings, type SettingsOptions } from './settings.ts';

/** `wrought config`: prints every effective setting as INI, secrets masked; warnings go to stderr. */
export function printEffectiveConfig(options: SettingsOptions): void {
  const { config, warnings } = loadSettings(options);
  for (const warning of warnings) process.stderr.write(`warning: ${warning}\n`);
  process.stdout.write(printConfig(config));
}

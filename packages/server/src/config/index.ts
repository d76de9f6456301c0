// SPDX-License-Identifier: Apache-2.0
export { type Config, type ConfigValues, type ReloadResult, reloadConfig } from './config.ts';
export { type DatabaseTarget, databaseTarget } from './database-url.ts';
export { ConfigError, type ConfigProblem } from './error.ts';
export { defaultConfig, type LoadOptions, loadConfig } from './load.ts';
export type { OptionName, SectionName } from './options/index.ts';
export { printConfig } from './print.ts';

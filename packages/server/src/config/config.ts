// SPDX-License-Identifier: Apache-2.0
import type { Option } from './option.ts';
import { type OptionName, type OptionValue, SECTIONS, type SectionName, type Sections } from './options/index.ts';

/** The values of all options, by section. Options without a default and without a value are `null`. */
export type ConfigValues = {
  readonly [S in SectionName]: { readonly [O in OptionName<S>]: OptionValue<Sections[S][O]> };
};

/** The configuration of a running service. */
export type Config = ConfigValues & {
  /** Whether somebody set the option (file, environment, command line), as opposed to its default. */
  isSet<S extends SectionName>(section: S, option: OptionName<S>): boolean;
};

/** What is known about an option's value besides the value. */
export type Origin = {
  /** Set by somebody, not a default. */
  readonly set: boolean;
  /** The value contains a secret: the option is one, or refers to one by `$option`. */
  readonly secret: boolean;
};

/** Key of an option in maps. */
export type OptionKey = `${string}.${string}`;

const origins = new WeakMap<object, Map<OptionKey, Origin>>();

/** Calls `visit` for every option, in the order of the tables. */
export function eachOption(visit: (section: SectionName, name: string, option: Option) => void): void {
  for (const [section, options] of Object.entries(SECTIONS)) {
    for (const [name, option] of Object.entries<Option>(options)) visit(section as SectionName, name, option);
  }
}

/** Makes a configuration out of values and origins that cover every option. */
export function buildConfig(
  value: (section: SectionName, name: string) => unknown,
  origin: Map<OptionKey, Origin>,
): Config {
  const config: Record<string, Record<string, unknown>> = {};
  eachOption((section, name) => {
    config[section] ??= {};
    config[section][name] = value(section, name);
  });
  Object.defineProperty(config, 'isSet', {
    value: (section: string, name: string) => origin.get(`${section}.${name}`)?.set ?? false,
  });
  origins.set(config, origin);
  return config as unknown as Config;
}

/** The origin of an option's value. */
export function originOf(config: Config, section: SectionName, name: string): Origin {
  return origins.get(config)?.get(`${section}.${name}`) ?? { set: false, secret: false };
}

/** What a reload did. */
export type ReloadResult = {
  /** Options that changed and are in force, `section.option`. */
  readonly changed: readonly OptionKey[];
  /** Options that changed but take effect only after a restart. */
  readonly needRestart: readonly OptionKey[];
};

/**
 * Takes over the values of mutable options from a newly loaded configuration into a running one, in place, so that
 * everybody who holds `running` sees them. The others stay as they are and are reported.
 */
export function reloadConfig(running: Config, next: Config): ReloadResult {
  const changed: OptionKey[] = [];
  const needRestart: OptionKey[] = [];
  const target = running as unknown as Record<string, Record<string, unknown>>;
  const source = next as unknown as Record<string, Record<string, unknown>>;
  const runningOrigins = origins.get(running);
  eachOption((section, name, option) => {
    const value = source[section]?.[name];
    const values = target[section];
    if (values === undefined || JSON.stringify(values[name]) === JSON.stringify(value)) return;
    if (option.mutable !== true) {
      needRestart.push(`${section}.${name}`);
      return;
    }
    values[name] = value;
    runningOrigins?.set(`${section}.${name}`, originOf(next, section, name));
    changed.push(`${section}.${name}`);
  });
  return { changed, needRestart };
}

// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Config, type ConfigValues, eachOption, type OptionKey } from './config.ts';
import { ConfigError, type ConfigProblem } from './error.ts';
import { type IniFile, parseIni } from './ini.ts';
import type { Option } from './option.ts';
import { SECTIONS, type SectionName, UNUSED_OPTIONS, UNUSED_SECTIONS } from './options/index.ts';
import { type Assignment, findOption, resolveConfig } from './resolve.ts';
import { closest } from './suggest.ts';

export type LoadOptions = {
  /** Files, in order; later ones win. Every one must exist. */
  readonly files?: readonly string[];
  /** Directories whose `*.conf` are read in the order of their names, after `files`. */
  readonly dirs?: readonly string[];
  /** Environment; `OS_<SECTION>__<OPTION>` in upper case beats files. Nothing is read from it unless it is given. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Options given on the command line; they beat everything. */
  readonly overrides?: readonly { readonly section: string; readonly option: string; readonly value: string }[];
};

/** Where a name leads: the option, and the rank of the name (0 the current one, then the aliases in order). */
type Name = { readonly key: OptionKey; readonly option: Option; readonly rank: number };

/**
 * Reads the configuration.
 *
 * @returns the configuration, and remarks for the log: unknown sections and options, and old names
 * @throws ConfigError with every problem: unreadable files, lines that do not parse, values that are not allowed
 */
export function loadConfig(options: LoadOptions = {}): { config: Config; warnings: string[] } {
  const loader = new Loader();
  for (const file of options.files ?? []) loader.readFile(file);
  for (const directory of options.dirs ?? []) loader.readDirectory(directory);
  if (options.env !== undefined) loader.readEnvironment(options.env);
  for (const { section, option, value } of options.overrides ?? []) loader.override(section, option, value);
  return { config: resolveConfig(loader.assignments, loader.problems), warnings: loader.warnings };
}

/**
 * The configuration without any file, for tests and for embedding.
 *
 * @param overrides values by section and option; they count as set and are taken as they are
 */
export function defaultConfig(overrides: { readonly [S in SectionName]?: Partial<ConfigValues[S]> } = {}): Config {
  const assignments = new Map<OptionKey, Assignment>();
  for (const [section, values] of Object.entries(overrides)) {
    for (const [name, value] of Object.entries(values ?? {})) {
      assignments.set(`${section}.${name}`, { value, where: 'defaultConfig' });
    }
  }
  return resolveConfig(assignments, []);
}

class Loader {
  readonly assignments = new Map<OptionKey, Assignment>();
  readonly problems: ConfigProblem[] = [];
  readonly warnings: string[] = [];
  readonly #names = nameIndex();

  readDirectory(directory: string): void {
    let names: string[];
    try {
      names = readdirSync(directory);
    } catch (error) {
      this.problems.push({ message: `the directory cannot be read: ${reason(error)}`, where: directory });
      return;
    }
    const files = names.filter((name) => name.endsWith('.conf') && !name.startsWith('.')).sort();
    for (const name of files) this.readFile(join(directory, name));
  }

  readFile(file: string): void {
    let parsed: IniFile;
    try {
      parsed = parseIni(new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file)), file);
    } catch (error) {
      if (error instanceof ConfigError) this.problems.push(...error.problems);
      else this.problems.push({ message: `the file cannot be read: ${reason(error)}`, where: file });
      return;
    }
    this.#remarkSections(parsed, file);
    const found = new Map<OptionKey, Map<number, { texts: string[]; line: number }>>();
    for (const entry of parsed.entries) {
      const section = normalizeSection(entry.section);
      const name = this.#names.get(`${section}.${entry.name}`);
      if (name === undefined) {
        this.#remarkOption(section, entry.name, `${file}:${entry.line}`);
        continue;
      }
      if (name.rank > 0) this.#remarkAlias(`[${section}] ${entry.name}`, name.key, `${file}:${entry.line}`);
      const ranks = found.get(name.key) ?? new Map<number, { texts: string[]; line: number }>();
      const texts = ranks.get(name.rank)?.texts ?? [];
      texts.push(entry.value);
      ranks.set(name.rank, { texts, line: entry.line });
      found.set(name.key, ranks);
    }
    for (const [key, ranks] of found) this.#assignFromFile(key, ranks, file);
  }

  /** Within a file the current name beats older ones; options that may be repeated gather all, the oldest names first. */
  #assignFromFile(key: OptionKey, ranks: Map<number, { texts: string[]; line: number }>, file: string): void {
    const ordered = [...ranks].sort(([a], [b]) => b - a).map(([, found]) => found);
    const winner = ordered.at(-1);
    const option = this.#names.get(key)?.option;
    if (winner === undefined || option === undefined) return;
    const where = `${file}:${winner.line}`;
    if (!isMulti(option)) {
      this.assignments.set(key, { texts: winner.texts.slice(-1), where });
      return;
    }
    const before = this.assignments.get(key);
    const earlier = before !== undefined && 'texts' in before ? before.texts : [];
    this.assignments.set(key, { texts: [...earlier, ...ordered.flatMap(({ texts }) => texts)], where });
  }

  readEnvironment(env: Readonly<Record<string, string | undefined>>): void {
    const variables = Object.keys(env).filter((name) => name.startsWith('OS_') && name.includes('__', 3));
    if (variables.length === 0) return;
    const names = new Map([...this.#names].map(([path, name]) => [environmentName(path), { ...name, path }]));
    const sections = new Set(Object.keys(SECTIONS).map((section) => section.toUpperCase()));
    const ranks = new Map<OptionKey, number>();
    for (const variable of variables.sort()) {
      const value = env[variable];
      const name = names.get(variable);
      if (value === undefined) continue;
      const where = `environment variable ${variable}`;
      if (name === undefined) {
        if (sections.has(variable.slice(3, variable.indexOf('__', 3)))) {
          const guess = closest(variable, names.keys());
          this.warnings.push(
            `${where} names no option and is ignored${guess === undefined ? '' : `; did you mean ${guess}?`}`,
          );
        }
        continue;
      }
      if (name.rank > 0) this.#remarkAlias(variable, name.key, where, environmentName(name.key));
      if (name.rank >= (ranks.get(name.key) ?? Number.POSITIVE_INFINITY)) continue;
      ranks.set(name.key, name.rank);
      this.assignments.set(name.key, { texts: [value], where });
    }
  }

  override(section: string, option: string, value: string): void {
    const key: OptionKey = `${section}.${option}`;
    if (findOption(section, option) === undefined) {
      this.problems.push({ message: 'there is no such option', section, option, where: 'command line' });
      return;
    }
    this.assignments.set(key, { texts: [value], where: 'command line' });
  }

  #remarkSections(parsed: IniFile, file: string): void {
    const seen = new Set<string>();
    for (const { name, line } of parsed.sections) {
      const section = normalizeSection(name);
      if (seen.has(section) || this.#isSection(section)) continue;
      seen.add(section);
      const where = `${file}:${line}`;
      if (section === 'default') {
        this.warnings.push(`${where}: [${name}] is not [DEFAULT], which must be in upper case; the section is ignored`);
      } else if (UNUSED_SECTIONS.has(section)) {
        this.warnings.push(`${where}: section [${name}] has no meaning in this service and is ignored`);
      } else {
        const guess = closest(section.trim(), Object.keys(SECTIONS));
        const hint = guess === undefined ? '' : `; did you mean [${guess}]?`;
        this.warnings.push(`${where}: unknown section [${name}] is ignored${hint}`);
      }
    }
  }

  /** Says that an option is unknown; the options of an unknown section are covered by the remark on the section. */
  #remarkOption(section: string, name: string, where: string): void {
    if (!this.#isSection(section)) return;
    if (UNUSED_OPTIONS[section]?.includes(name) === true) {
      this.warnings.push(`${where}: option '${name}' of [${section}] has no meaning in this service and is ignored`);
      return;
    }
    this.warnings.push(`${where}: unknown option '${name}' in [${section}] is ignored${this.#guess(section, name)}`);
  }

  #guess(section: string, name: string): string {
    const own = Object.hasOwn(SECTIONS, section) ? Object.keys(SECTIONS[section as SectionName]) : [];
    const elsewhere = Object.keys(SECTIONS).find((other) => findOption(other, name) !== undefined);
    if (elsewhere !== undefined) return `; did you mean '${name}' in [${elsewhere}]?`;
    const guess = closest(name, own);
    return guess === undefined ? '' : `; did you mean '${guess}'?`;
  }

  #remarkAlias(old: string, key: OptionKey, where: string, current = display(key)): void {
    this.warnings.push(`${where}: ${old} is an old name of ${current}; please use that`);
  }

  /** Whether a section is ours, or one that exists only for old names. */
  #isSection(section: string): boolean {
    return Object.hasOwn(SECTIONS, section) || section === 'amt_driver';
  }
}

let index: Map<string, Name> | undefined;

/** Every name an option can be set by, `section.option`, made at first use. */
function nameIndex(): Map<string, Name> {
  if (index !== undefined) return index;
  const names = new Map<string, Name>();
  eachOption((section, name, option) => {
    const key: OptionKey = `${section}.${name}`;
    names.set(key, { key, option, rank: 0 });
    option.aliases?.forEach((alias, position) => {
      names.set(alias, { key, option, rank: position + 1 });
    });
  });
  index = names;
  return names;
}

/** Section names are case-insensitive, except for DEFAULT. */
function normalizeSection(name: string): string {
  return name === 'DEFAULT' ? name : name.toLowerCase();
}

function environmentName(path: string): string {
  return `OS_${path.replace('.', '__').toUpperCase()}`;
}

function display(key: OptionKey): string {
  const dot = key.indexOf('.');
  return `[${key.slice(0, dot)}] ${key.slice(dot + 1)}`;
}

function isMulti(option: Option): boolean {
  return option.kind === 'multi-string' || option.kind === 'multi-dict';
}

function reason(error: unknown): string {
  if (error instanceof TypeError) return 'it is not UTF-8 text';
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT') return 'it does not exist';
  if (code === 'EACCES') return 'permission denied';
  if (code === 'EISDIR') return 'it is a directory';
  if (code === 'ENOTDIR') return 'it is not a directory';
  return error instanceof Error ? error.message : String(error);
}

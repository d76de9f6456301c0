// SPDX-License-Identifier: Apache-2.0
import { buildConfig, type Config, eachOption, type OptionKey, type Origin } from './config.ts';
import { ConfigError, type ConfigProblem } from './error.ts';
import type { Option } from './option.ts';
import { SECTIONS } from './options/index.ts';
import { parseValue, ValueError, valueText } from './values.ts';

/** What somebody set an option to: texts to interpolate and parse, or a value that is ready. */
export type Assignment =
  | { readonly texts: readonly string[]; readonly where: string }
  | { readonly value: unknown; readonly where: string };

/** A value with what has been learnt on the way to it. */
type Resolved = { readonly value: unknown; readonly secret: boolean };

/** The value of one option cannot be had; already among the problems if it is not the option's own fault. */
class ResolveError extends Error {
  override readonly name = 'ResolveError';
}

/** Finds the option `section.name`. */
export function findOption(section: string, name: string): Option | undefined {
  if (!Object.hasOwn(SECTIONS, section)) return undefined;
  const options: Readonly<Record<string, Option>> = SECTIONS[section as keyof typeof SECTIONS];
  return Object.hasOwn(options, name) ? options[name] : undefined;
}

/**
 * Turns assignments into a configuration: interpolates `$option` references, parses and checks every value, and fills
 * in the defaults.
 *
 * @param problems what went wrong before; everything found here is added
 * @throws ConfigError with all problems, if there are any
 */
export function resolveConfig(assignments: ReadonlyMap<OptionKey, Assignment>, problems: ConfigProblem[]): Config {
  const resolver = new Resolver(assignments);
  const origins = new Map<OptionKey, Origin>();
  const values = new Map<OptionKey, unknown>();
  eachOption((section, name, option) => {
    const key: OptionKey = `${section}.${name}`;
    try {
      const { value, secret } = resolver.resolve(section, name, option);
      values.set(key, value);
      origins.set(key, { set: assignments.has(key), secret });
    } catch (error) {
      if (!(error instanceof ResolveError)) throw error;
      const where = assignments.get(key)?.where;
      problems.push({ message: error.message, section, option: name, ...(where === undefined ? {} : { where }) });
    }
  });
  if (problems.length > 0) throw new ConfigError(problems);
  return buildConfig((section, name) => values.get(`${section}.${name}`), origins);
}

class Resolver {
  readonly #assignments: ReadonlyMap<OptionKey, Assignment>;
  readonly #done = new Map<OptionKey, Resolved>();
  readonly #open = new Set<OptionKey>();

  constructor(assignments: ReadonlyMap<OptionKey, Assignment>) {
    this.#assignments = assignments;
  }

  resolve(section: string, name: string, option: Option): Resolved {
    const key: OptionKey = `${section}.${name}`;
    const known = this.#done.get(key);
    if (known !== undefined) return known;
    if (this.#open.has(key)) throw new ResolveError('refers to itself by its $references');
    this.#open.add(key);
    try {
      const assignment = this.#assignments.get(key);
      const resolved =
        assignment === undefined
          ? this.#fromDefault(section, option)
          : 'texts' in assignment
            ? this.#fromTexts(section, option, assignment.texts)
            : { value: assignment.value, secret: option.secret === true };
      this.#done.set(key, resolved);
      return resolved;
    } finally {
      this.#open.delete(key);
    }
  }

  #fromDefault(section: string, option: Option): Resolved {
    const value = option.computed === undefined ? option.default : option.computed.value();
    const text = typeof value === 'string' || Array.isArray(value) ? valueText(option, value) : '';
    if (text.includes('$')) return this.#fromTexts(section, option, [text]);
    if (typeof value === 'object' && value !== null) return { value: structuredClone(value), secret: false };
    return { value, secret: option.secret === true };
  }

  #fromTexts(section: string, option: Option, texts: readonly string[]): Resolved {
    let secret = option.secret === true;
    const interpolated = texts.map((text) => {
      const result = this.#interpolate(section, text, secret);
      secret ||= result.secret;
      return result.text;
    });
    try {
      return { value: parseValue(option, interpolated), secret };
    } catch (error) {
      if (!(error instanceof ValueError)) throw error;
      const shown = secret ? '******' : `'${shorten(withoutUserInfo(interpolated.at(-1) ?? ''))}'`;
      const reason = secret ? error.message.replace(/the key '.*' is given/su, 'a key is given') : error.message;
      throw new ResolveError(`${shown} is not valid: ${reason}`);
    }
  }

  /**
   * Replaces `$name`, `${name}` and `$section.name`; `$$` and `\$` are a dollar, and a dollar before anything else
   * stays. A plain name means the option of the same section, else the one of [DEFAULT].
   */
  #interpolate(section: string, text: string, hidden: boolean): { text: string; secret: boolean } {
    if (!text.includes('$')) return { text, secret: false };
    let secret = false;
    const result = text
      .replaceAll('\\$', () => '$$')
      .replace(
        /\$(?:(\$)|([_a-z][._a-z0-9]*)|\{([_a-z][._a-z0-9]*)\})/giu,
        (_match, dollar: string | undefined, bare: string | undefined, braced: string | undefined) => {
          if (dollar !== undefined) return '$';
          const reference = this.#reference(section, bare ?? braced ?? '', hidden);
          secret ||= reference.secret;
          return reference.text;
        },
      );
    return { text: result, secret };
  }

  #reference(section: string, name: string, hidden: boolean): { text: string; secret: boolean } {
    const dot = name.indexOf('.');
    const candidates: [string, string][] =
      dot < 0
        ? [
            [section, name],
            ['DEFAULT', name],
          ]
        : [[name.slice(0, dot), name.slice(dot + 1)]];
    for (const [group, plain] of candidates) {
      const option = findOption(group, plain);
      if (option === undefined) continue;
      const { value, secret } = this.resolve(group, plain, option);
      return { text: valueText(option, value), secret };
    }
    const shown = hidden ? 'a name' : `$${shorten(name)}`;
    throw new ResolveError(`refers to ${shown} that is no option; write $$ for a plain dollar sign`);
  }
}

/** Masks whatever may be a user name and password in a URL, also in one too malformed to tell where they end. */
function withoutUserInfo(text: string): string {
  return text.includes('@') ? text.replace(/:\/\/.*@/gsu, '://******@') : text;
}

function shorten(text: string): string {
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

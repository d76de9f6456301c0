// SPDX-License-Identifier: Apache-2.0
import { trim } from './ini.ts';
import type { Option } from './option.ts';

/** The text is not a value of the option's type; `message` says what is allowed and holds no part of the text. */
export class ValueError extends Error {
  override readonly name = 'ValueError';
}

/**
 * Turns the text of an option (after interpolation) into its value, by oslo.config's rules for each type.
 *
 * @param texts the assignments; only options that may be repeated get more than one
 * @throws ValueError
 */
export function parseValue(option: Option, texts: readonly string[]): unknown {
  const last = texts.at(-1) ?? '';
  const value = parseKind(option, last, texts);
  if (typeof value === 'number') checkRange(option, value);
  if (typeof value === 'string') {
    const wrong = option.check?.(value);
    if (wrong !== undefined) throw new ValueError(wrong);
  }
  return value;
}

function parseKind(option: Option, text: string, texts: readonly string[]): unknown {
  switch (option.kind) {
    case 'string':
      return text;
    case 'choice':
      if (option.choices?.includes(text)) return text;
      throw new ValueError(expected(option));
    case 'boolean':
      return parseBoolean(option, text);
    case 'integer':
      return parseNumber(option, text, /^[+-]?\d+(?:_\d+)*$/);
    case 'float':
      return parseNumber(option, text, /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/);
    case 'octal':
      return parseOctal(option, text);
    case 'list':
      return parseList(text);
    case 'dict':
      return parseDict(text);
    case 'verify':
      return truth(text) ?? (text === '' ? badEmpty(option) : text);
    case 'multi-string':
      return [...texts];
    case 'multi-dict':
      return Object.fromEntries(texts.flatMap((one) => Object.entries(parseDict(one))));
  }
}

function badEmpty(option: Option): never {
  throw new ValueError(expected(option));
}

function truth(text: string): boolean | undefined {
  switch (text.toLowerCase()) {
    case 'true':
    case '1':
    case 'on':
    case 'yes':
      return true;
    case 'false':
    case '0':
    case 'off':
    case 'no':
      return false;
    default:
      return undefined;
  }
}

function parseBoolean(option: Option, text: string): boolean {
  return truth(text) ?? badEmpty(option);
}

function parseNumber(option: Option, text: string, shape: RegExp): number | null {
  const digits = trim(text);
  if (digits === '' && option.default === null) return null;
  const value = shape.test(digits) ? Number(digits.replaceAll('_', '')) : Number.NaN;
  if (!Number.isFinite(value) || (option.kind === 'integer' && !Number.isSafeInteger(value))) {
    throw new ValueError(expected(option));
  }
  return value === 0 ? 0 : value;
}

function parseOctal(option: Option, text: string): number | null {
  const digits = trim(text);
  if (digits === '' && option.default === null) return null;
  if (!/^(?:0o)?[0-7]{1,8}$/.test(digits)) throw new ValueError(expected(option));
  return Number.parseInt(digits.replace('0o', ''), 8);
}

function checkRange(option: Option, value: number): void {
  if ((option.min !== undefined && value < option.min) || (option.max !== undefined && value > option.max)) {
    throw new ValueError(expected(option));
  }
}

function parseList(text: string): string[] {
  let items = trim(text);
  while (items.endsWith(',')) items = items.slice(0, -1);
  return items === '' ? [] : items.split(',').map(trim);
}

/** `key:value` pairs; a part without a colon belongs, with its comma, to the key of the next part, as in oslo.config. */
function parseDict(text: string): Record<string, string> {
  const pairs = new Map<string, string>();
  const all = trim(text);
  if (all === '') return {};
  let pending = '';
  for (const part of all.split(',')) {
    const pair = pending + part;
    const colon = pair.indexOf(':');
    if (colon < 0) {
      pending = `${pair},`;
      continue;
    }
    pending = '';
    const key = trim(pair.slice(0, colon));
    if (key === '') throw new ValueError('a key:value pair has no key');
    if (pairs.has(key)) throw new ValueError(`the key '${key}' is given twice`);
    pairs.set(key, trim(pair.slice(colon + 1)));
  }
  if (pending !== '') throw new ValueError('must be key:value pairs separated by commas');
  return Object.fromEntries(pairs);
}

/** What an option accepts, as part of a sentence: `must be a whole number from 0 to 65535`. */
export function expected(option: Option): string {
  const unset = option.default === null && option.kind !== 'choice' ? ', or empty for unset' : '';
  switch (option.kind) {
    case 'string':
      return 'must be text';
    case 'choice':
      return `must be one of: ${(option.choices ?? []).join(', ')}`;
    case 'boolean':
      return 'must be true, yes, on, 1 or false, no, off, 0';
    case 'integer':
      return `must be a whole number${range(option)}${unset}`;
    case 'float':
      return `must be a number${range(option)}`;
    case 'octal':
      return `must be file permission bits in octal, such as 0644${unset}`;
    case 'list':
      return 'must be items separated by commas';
    case 'dict':
    case 'multi-dict':
      return 'must be key:value pairs separated by commas';
    case 'verify':
      return 'must be true, false, or the path of a file or directory of CA certificates';
    case 'multi-string':
      return 'must be text; repeat the option for several';
  }
}

/** ` from 1 to 5`, ` of at least 1`, ` of at most 5` or nothing. */
export function range(option: Option): string {
  if (option.min !== undefined && option.max !== undefined) return ` from ${option.min} to ${option.max}`;
  if (option.min !== undefined) return ` of at least ${option.min}`;
  if (option.max !== undefined) return ` of at most ${option.max}`;
  return '';
}

/**
 * The text of a value, without escapes: what `$option` references insert and what the handbook shows. Booleans are
 * spelled as Python spells them, since oslo.config's references do. `null` is the empty text.
 */
export function valueText(option: Option, value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'number') return option.kind === 'octal' ? `0${value.toString(8)}` : String(value);
  if (Array.isArray(value)) return value.join(',');
  if (typeof value === 'object') return Object.entries(value).map(pairText).join(',');
  return String(value);
}

function pairText([key, value]: [string, unknown]): string {
  return `${key}:${String(value)}`;
}

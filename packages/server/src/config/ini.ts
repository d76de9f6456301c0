// SPDX-License-Identifier: Apache-2.0
import { ConfigError } from './error.ts';

/** One assignment as it stands in a file: text only, no types, no interpolation. */
export type IniEntry = {
  /** Section as written, without the brackets. */
  readonly section: string;
  readonly name: string;
  /** Value without its outer quotes; continuation lines are joined by `\n`. */
  readonly value: string;
  /** Line of the assignment, counted from 1. */
  readonly line: number;
};

/** A parsed file: its assignments, and every section header (an empty section has no assignment to be seen by). */
export type IniFile = {
  readonly entries: readonly IniEntry[];
  readonly sections: readonly { readonly name: string; readonly line: number }[];
};

/**
 * Parses the INI dialect of oslo.config: comments (`#`, `;`) and sections only at column 0, `name = value` or
 * `name: value` (whichever separator comes first), lines that start with a blank continue the value above, an empty
 * or comment line ends it, and one pair of equal outer quotes around the first line of a value is dropped.
 *
 * @param text the file's content
 * @param file the name used in messages
 * @throws ConfigError naming file and line (not the line's text, which may hold a password)
 */
export function parseIni(text: string, file: string): IniFile {
  const entries: IniEntry[] = [];
  const sections: { name: string; line: number }[] = [];
  let section: string | undefined;
  let open: { name: string; value: string[]; line: number } | undefined;
  let number = 0;

  const fail = (message: string, line = number): never => {
    throw new ConfigError([{ message, where: `${file}:${line}` }]);
  };
  const flush = (): void => {
    if (open === undefined) return;
    if (section === undefined) fail(`'${open.name}' is assigned before the first [section]`, open.line);
    else entries.push({ section, name: open.name, value: open.value.join('\n'), line: open.line });
    open = undefined;
  };

  for (const raw of splitLines(text)) {
    number += 1;
    const line = trimEnd(raw);
    if (line === '') {
      flush();
      continue;
    }
    const first = line[0];
    if (first === ' ' || first === '\t') {
      if (open === undefined) {
        return fail('this line starts with a blank, so it continues a value, but there is no value above it');
      }
      open.value.push(trimStart(line));
      continue;
    }
    flush();
    if (first === '[') {
      section = sectionName(line, fail);
      sections.push({ name: section, line: number });
    } else if (first !== '#' && first !== ';') {
      open = { ...assignment(line, fail), line: number };
    }
  }
  flush();
  return { entries, sections };
}

function sectionName(line: string, fail: (message: string) => never): string {
  if (!line.endsWith(']')) return fail('a section header must end with ]');
  if (line.length <= 2) return fail('a section header needs a name between [ and ]');
  return line.slice(1, -1);
}

function assignment(line: string, fail: (message: string) => never): { name: string; value: string[] } {
  const colon = line.indexOf(':');
  const equal = line.indexOf('=');
  if (colon < 0 && equal < 0) return fail("expected 'name = value' or 'name: value'");
  const at = colon < 0 || (equal >= 0 && equal < colon) ? equal : colon;
  const name = trim(line.slice(0, at));
  if (name === '') return fail('there is no option name before the = or :');
  return { name, value: [unquote(trim(line.slice(at + 1)))] };
}

function unquote(value: string): string {
  const first = value[0];
  return (first === '"' || first === "'") && value.endsWith(first) ? value.slice(1, -1) : value;
}

function splitLines(text: string): string[] {
  const lines = (text.includes('\r') ? text.replaceAll('\r\n', '\n').replaceAll('\r', '\n') : text).split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

/** Blank characters as Python's `str.strip` sees them (JavaScript's `trim` has another set: U+FEFF, not U+001C..1F, U+0085). */
function isBlank(code: number): boolean {
  if (code < 0x80) return code === 0x20 || (code >= 0x09 && code <= 0x0d) || (code >= 0x1c && code <= 0x1f);
  return (
    code === 0x85 ||
    code === 0xa0 ||
    code === 0x1680 ||
    (code >= 0x2000 && code <= 0x200a) ||
    code === 0x2028 ||
    code === 0x2029 ||
    code === 0x202f ||
    code === 0x205f ||
    code === 0x3000
  );
}

function trimStart(text: string): string {
  let start = 0;
  while (start < text.length && isBlank(text.charCodeAt(start))) start += 1;
  return text.slice(start);
}

function trimEnd(text: string): string {
  let end = text.length;
  while (end > 0 && isBlank(text.charCodeAt(end - 1))) end -= 1;
  return text.slice(0, end);
}

/** Removes blanks at both ends, by Python's definition of blank. */
export function trim(text: string): string {
  return trimStart(trimEnd(text));
}

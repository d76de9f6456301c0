// SPDX-License-Identifier: Apache-2.0
import { type Config, originOf } from './config.ts';
import { trim } from './ini.ts';
import type { Option } from './option.ts';
import { SECTIONS, type SectionName } from './options/index.ts';
import { valueText } from './values.ts';

const MASK = '******';

/**
 * The whole effective configuration as a file that loads to the same values: `[section]` and `option = value` lines.
 * Secrets, and passwords inside URLs, are `******`; options without a value are comments.
 */
export function printConfig(config: Config): string {
  const lines: string[] = [];
  for (const [section, options] of Object.entries(SECTIONS)) {
    if (lines.length > 0) lines.push('');
    lines.push(`[${section}]`);
    const values: Readonly<Record<string, unknown>> = config[section as SectionName];
    for (const [name, option] of Object.entries<Option>(options)) {
      const { secret } = originOf(config, section as SectionName, name);
      for (const text of texts(option, values[name], secret)) {
        lines.push(text === undefined ? `# ${name} =` : `${name} = ${text}`.trimEnd());
      }
    }
  }
  return `${lines.join('\n')}\n`;
}

function texts(option: Option, value: unknown, secret: boolean): (string | undefined)[] {
  if (value === null) return [undefined];
  if (secret) return [value === '' ? '' : MASK];
  if (option.kind === 'multi-string' && Array.isArray(value)) {
    return value.length === 0 ? [undefined] : value.map((item) => quote(String(item)));
  }
  return [quote(valueText(option, value))];
}

/** Writes a text so that it reads back as itself: quotes that would be dropped and blanks that would be cut are quoted. */
function quote(text: string): string {
  const [first = '', ...rest] = maskUrls(text).replaceAll('$', '$$$$').split('\n');
  const mark = first[0] ?? '';
  const dropped = (mark === '"' || mark === "'") && first.endsWith(mark);
  return [dropped || trim(first) !== first ? `"${first}"` : first, ...rest].join('\n  ');
}

/** Masks the password of every `scheme://user:password@host` and `?password=` in a text. */
export function maskUrls(text: string): string {
  if (!text.includes('://')) return text;
  return text
    .replace(/([a-z][a-z0-9+.-]*:\/\/[^:/?#\s,@]*):[^/\s]*@/giu, `$1:${MASK}@`)
    .replace(/([?&](?:password|sslpassword)=)[^&#\s,]*/giu, `$1${MASK}`);
}

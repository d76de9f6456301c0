// SPDX-License-Identifier: Apache-2.0
import type { Option } from './option.ts';
import { SECTIONS } from './options/index.ts';
import { range, valueText } from './values.ts';

const INTRODUCTION = `# Configuration

<!-- Written by scripts/config-docs.ts from the option tables in packages/server/src/config/options; do not edit. -->

Wrought reads the files its operators already have: \`ironic.conf\`, with Ironic's sections, option names and defaults.
It also runs with no file at all. Where a default is not Ironic's, the tables say so and why.

\`\`\`
wrought serve --config-file /etc/wrought/wrought.conf --config-file /etc/wrought/site.conf
wrought config --config-file /etc/wrought/wrought.conf
\`\`\`

\`wrought config\` prints every setting in force, with secrets as \`******\`.

## Files

\`\`\`ini
# A comment starts in the first column; a # further right belongs to the value.
[DEFAULT]
auth_strategy = http_basic
my_ip = 192.0.2.10
enabled_hardware_types = staging-libvirt, fake-hardware

[deploy]
http_url = http://$my_ip:8080
\`\`\`

- \`name = value\` and \`name: value\` mean the same. A line that starts with a blank continues the value above it.
- Section names are case-insensitive, except that \`[DEFAULT]\` is written in upper case. Option names are case-sensitive.
- When an option is given twice, the last one counts; later files win over earlier ones. Options of the type "text,
  repeatable" or "pairs, repeatable" gather all assignments instead.
- One pair of quotes around a whole value is dropped. Lists and pairs are separated by commas and know no quotes.
- \`$name\` and \`\${name}\` insert another option of the same section, or else of \`[DEFAULT]\`; \`$section.name\` one of
  another section. Write \`$$\` for a dollar sign, in passwords too.
- Unknown sections and options are reported in the log and ignored. A value that is not allowed keeps the service from
  starting; all of them are reported at once.

## Environment

\`OS_<SECTION>__<OPTION>\`, in upper case with two underscores, beats the files: \`OS_API__PORT=6386\`,
\`OS_DATABASE__CONNECTION=postgresql://wrought@db/wrought\`. Options on the command line beat both.

## Options
`;

/** The handbook page of all options, in Markdown, the same on every machine. */
export function configurationMarkdown(): string {
  const parts = [INTRODUCTION];
  for (const [section, options] of Object.entries(SECTIONS)) {
    parts.push(`### [${section}]\n`);
    parts.push('| option | type | default | meaning |\n|---|---|---|---|');
    for (const [name, option] of Object.entries<Option>(options)) {
      parts.push(`| \`${name}\` | ${typeText(option)} | ${defaultText(option)} | ${cell(meaning(section, option))} |`);
    }
    parts.push('');
  }
  return `${parts.join('\n').trimEnd()}\n`;
}

function typeText(option: Option): string {
  const unit = option.unit === undefined ? '' : `, ${option.unit}`;
  switch (option.kind) {
    case 'string':
      return option.secret === true ? 'secret text' : 'text';
    case 'choice':
      return (option.choices ?? []).map((choice) => `\`${choice}\``).join(', ');
    case 'boolean':
      return 'boolean';
    case 'integer':
      return `integer${range(option)}${unit}`;
    case 'float':
      return `number${range(option)}${unit}`;
    case 'octal':
      return 'octal';
    case 'list':
      return 'list';
    case 'dict':
      return 'pairs';
    case 'verify':
      return 'boolean or path';
    case 'multi-string':
      return 'text, repeatable';
    case 'multi-dict':
      return 'pairs, repeatable';
  }
}

function defaultText(option: Option): string {
  if (option.computed !== undefined) return cell(option.computed.text);
  if (option.default === null) return 'unset';
  const text = typeof option.default === 'boolean' ? String(option.default) : valueText(option, option.default);
  return text === '' ? 'empty' : `\`${cell(text)}\``;
}

function meaning(section: string, option: Option): string {
  const notes = [option.help];
  if (option.differs !== undefined) notes.push(`Not Ironic's default: ${option.differs}.`);
  if (option.mutable === true) notes.push('SIGHUP takes over a new value.');
  if (option.aliases !== undefined) {
    const names = option.aliases.map((alias) => {
      const [from = '', name = ''] = alias.split('.');
      return from === section ? `\`${name}\`` : `\`[${from}] ${name}\``;
    });
    notes.push(`Old names: ${names.join(', ')}.`);
  }
  return notes.join(' ');
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}

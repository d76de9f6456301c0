// SPDX-License-Identifier: Apache-2.0

import type { PropertyTable } from './contracts.ts';

/** The handbook's table of what driver_info takes, in Markdown; a test holds the pages to it. */
export function propertiesMarkdown(properties: PropertyTable): string {
  const rows = Object.entries(properties).map(([name, { description, required, secret }]) => {
    const marks = [required === true ? 'required' : 'optional', ...(secret === true ? ['secret'] : [])];
    return `| \`${name}\` | ${marks.join(', ')} | ${description.replaceAll('|', '\\|')} |`;
  });
  return ['| driver_info | | meaning |', '|---|---|---|', ...rows].join('\n');
}

// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { defaultConfig } from '../src/config/index.ts';
import { HardwareRegistry } from '../src/hardware/composition.ts';
import { propertiesMarkdown } from '../src/hardware/docs.ts';
import { makeFamilies } from '../src/hardware/families.ts';
import { silentLog } from './hardware-helpers.ts';

const folder = join(import.meta.dirname, '..', '..', '..', 'docs', 'hardware');
const config = defaultConfig();
const registry = new HardwareRegistry(makeFamilies({ config, log: silentLog }), config);
const pages = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.md')) : [];

/** `<!-- driver_info: NAME -->` stands before the table of a driver. */
function tables(text: string): { driver: string; table: string }[] {
  return [...text.matchAll(/<!-- driver_info: (\S+) -->\n+((?:\|.*\n)+)/g)].map(([, driver = '', table = '']) => ({
    driver,
    table: table.trimEnd(),
  }));
}

test('the driver_info tables of the handbook are what the drivers take', () => {
  for (const page of pages) {
    for (const { driver, table } of tables(readFileSync(join(folder, page), 'utf8'))) {
      assert.equal(table, propertiesMarkdown(registry.propertyTable(driver)), `${page}: table of ${driver}`);
    }
  }
});

test('every hardware type has its table in the handbook', () => {
  const told = new Set(
    pages.flatMap((page) => tables(readFileSync(join(folder, page), 'utf8')).map(({ driver }) => driver)),
  );
  const missing = registry.drivers().filter(({ name, type }) => type === 'dynamic' && !told.has(name));
  assert.deepEqual(
    missing.map(({ name }) => name),
    [],
  );
});

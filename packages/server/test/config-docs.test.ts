// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { eachOption } from '../src/config/config.ts';
import { configurationMarkdown } from '../src/config/docs.ts';
import { UNUSED_OPTIONS, UNUSED_SECTIONS } from '../src/config/options/index.ts';
import { findOption } from '../src/config/resolve.ts';

test('the handbook page of the options is up to date (node scripts/config-docs.ts > docs/configuration.md)', () => {
  const page = readFileSync(new URL('../../../docs/configuration.md', import.meta.url), 'utf8');
  assert.equal(page, configurationMarkdown());
});

test('every option is explained by a sentence and named once', () => {
  const names = new Set<string>();
  eachOption((section, name, option) => {
    assert.match(option.help, /^[^|]+\.$/, `${section}.${name}`);
    for (const path of [`${section}.${name}`, ...(option.aliases ?? [])]) {
      assert.ok(!names.has(path), path);
      names.add(path);
    }
  });
});

test('what is listed as unused is not an option', () => {
  for (const [section, options] of Object.entries(UNUSED_OPTIONS)) {
    for (const name of options) assert.equal(findOption(section, name), undefined, `${section}.${name}`);
  }
  eachOption((section) => {
    assert.ok(!UNUSED_SECTIONS.has(section), section);
  });
});

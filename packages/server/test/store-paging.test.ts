// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { type NodeRow, nodeColumns } from '../src/model/resources.ts';
import type { Store } from '../src/store/store.ts';
import { ALL, describeDatabases } from './support/stores.ts';

/** Nulls, ties, the empty string, and texts that locales and bytes sort differently. */
const TEXTS = [
  null,
  'b',
  'B',
  null,
  'a',
  'é',
  'z',
  'b',
  '',
  '_',
  'a b',
  'ab',
  '𝄞',
  '\uffff',
  null,
  'b',
  'Z-1',
  '-a',
  '10',
  '9',
];

describeDatabases('Paging', ALL, (databases) => {
  let store: Store;
  let rows: NodeRow[];
  before(async () => {
    store = await databases.open();
    for (const [index, text] of TEXTS.entries()) {
      await store.nodes.insert({
        driver: text ?? 'none',
        name: text === null ? null : `${text}${index}`,
        description: text,
        owner: text,
        resource_class: index % 3 === 0 ? null : 'same',
        maintenance: index % 2 === 0,
        automated_clean: [null, true, false][index % 3] ?? null,
        extra: { text },
        provision_state: index % 4 === 0 ? 'available' : 'active',
        inspection_started_at: text === null ? null : `2026-01-${10 + index}T00:00:00.000000+00:00`,
      });
    }
    rows = await store.nodes.list();
  });

  test('without a sort key rows come in the order they were made', () => {
    assert.deepEqual(
      rows.map((row) => row.description),
      TEXTS,
    );
  });

  for (const sortDir of ['asc', 'desc'] as const) {
    test(`walking ${sortDir} with every sort key and pages of three meets each row once, in order`, async () => {
      for (const sortKey of Object.keys(nodeColumns)) {
        const expected = sorted(rows, sortKey as keyof NodeRow, sortDir).map((row) => row.id);
        const walked: NodeRow[] = [];
        let pages = 0;
        let marker: string | undefined;
        for (;;) {
          const page = await store.nodes.list({
            sortKey,
            sortDir,
            limit: 3,
            ...(marker === undefined ? {} : { marker }),
          });
          walked.push(...page);
          if (page.length < 3) break;
          assert.ok(++pages < 20, `no end with ${sortKey}`);
          marker = page.at(-1)?.uuid;
        }
        assert.deepEqual(
          walked.map((row) => row.id),
          expected,
          sortKey,
        );
      }
    });
  }

  test('a page keeps the filter, and a marker need not meet it', async () => {
    const marker = rows[4]?.uuid ?? '';
    const where = [{ column: 'provision_state', op: '=', value: 'available' }] as const;
    const page = await store.nodes.list({ where, marker, limit: 2, columns: ['provision_state'] });
    assert.deepEqual(
      page.map((row) => row.id),
      [rows[8]?.id, rows[12]?.id],
    );
  });
});

/** The order `list` promises: bytes of the text, nulls first and ties by id when ascending, all of it turned round otherwise. */
function sorted(rows: readonly NodeRow[], key: keyof NodeRow, direction: 'asc' | 'desc'): NodeRow[] {
  const ascending = [...rows].sort((a, b) => compare(a[key], b[key]) || a.id - b.id);
  return direction === 'asc' ? ascending : ascending.reverse();
}

function compare(a: string | number | null, b: string | number | null): number {
  if (a === null || b === null) return Number(a !== null) - Number(b !== null);
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return Buffer.compare(Buffer.from(String(a)), Buffer.from(String(b)));
}

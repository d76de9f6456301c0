// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import fc from 'fast-check';
import type { NodeRow } from '../src/model/resources.ts';
import type { Condition, Store } from '../src/store/store.ts';
import { ALL, describeDatabases } from './support/stores.ts';

const TEXTS = ['', 'a', 'A', 'ab', 'b', 'é', '10', '9', '%', '_', "'", '"', '\\', '𝄞', '\uffff'];
const text = fc.oneof(fc.constantFrom(...TEXTS), fc.string({ unit: 'binary', maxLength: 3 }));
const column = fc.constantFrom('description', 'owner', 'driver');
const condition: fc.Arbitrary<Condition> = fc.oneof(
  fc.record({ column, op: fc.constantFrom('=', '!=', '<', '<=', '>', '>='), value: text }),
  fc.record({ column, op: fc.constantFrom('in', 'not in'), value: fc.array(text, { maxLength: 4 }) }),
  fc.record({ column, op: fc.constant('contains'), value: text }),
  fc.record({ column, op: fc.constantFrom('is null', 'is not null') }),
  fc.record({ column: fc.constant('maintenance'), op: fc.constantFrom('=', '!='), value: fc.boolean() }),
  fc.record({ column: fc.constant('id'), op: fc.constantFrom('<', '>='), value: fc.integer({ min: 0, max: 40 }) }),
);

describeDatabases('Any query', ALL, (databases) => {
  let store: Store;
  let rows: NodeRow[];
  before(async () => {
    store = await databases.open();
    for (let i = 0; i < 40; i++) {
      await store.nodes.insert({
        driver: TEXTS[(i * 7) % TEXTS.length] ?? '',
        description: i % 5 === 0 ? null : (TEXTS[i % TEXTS.length] ?? null),
        owner: i % 3 === 0 ? null : (TEXTS[(i * 4) % TEXTS.length] ?? null),
        maintenance: i % 2 === 0,
      });
    }
    rows = await store.nodes.list();
  });

  test('selects and counts the rows its conditions say', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(condition, { maxLength: 3 }), async (where) => {
        fc.pre(!JSON.stringify(where).includes('\\u0000'));
        const expected = rows.filter((row) => where.every((one) => meets(row, one)));
        const listed = await store.nodes.list({ where });
        assert.deepEqual(listed, expected);
        assert.equal(await store.nodes.count(where), expected.length);
      }),
      { numRuns: 150 },
    );
  });

  test('keeps any text as it is', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary' }), fc.jsonValue(), async (description, extra) => {
        const row = await store.nodes.insert({
          driver: 'x',
          description: description.replaceAll('\0', ''),
          extra: { extra } as never,
        });
        const found = await store.nodes.find('uuid', row.uuid);
        assert.deepEqual(found, row);
        assert.equal(found?.description, description.replaceAll('\0', ''));
        assert.equal(found?.extra, JSON.stringify({ extra }));
        await store.nodes.delete(row.uuid);
      }),
      { numRuns: 100 },
    );
  });
});

/** What the conditions mean, told by JavaScript: texts compare by their UTF-8 bytes and a null meets no comparison. */
function meets(row: NodeRow, { column, op, value }: Condition & { value?: unknown }): boolean {
  const held = row[column as keyof NodeRow];
  if (op === 'is null' || op === 'is not null') return (held === null) === (op === 'is null');
  if (op === 'not in' && (value as unknown[]).length === 0) return true;
  if (held === null) return false;
  if (op === 'in' || op === 'not in') return (value as unknown[]).includes(held) === (op === 'in');
  if (op === 'contains') return String(held).includes(String(value));
  const order =
    typeof held === 'number'
      ? held - Number(value)
      : Buffer.compare(Buffer.from(String(held)), Buffer.from(String(value)));
  const outcomes = {
    '=': order === 0,
    '!=': order !== 0,
    '<': order < 0,
    '<=': order <= 0,
    '>': order > 0,
    '>=': order >= 0,
  };
  return outcomes[op];
}

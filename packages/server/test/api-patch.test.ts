// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { applyPatch, parsePatch } from '../src/api/json-patch.ts';
import { WroughtError } from '../src/errors.ts';
import type { Json, JsonObject } from '../src/model/json.ts';

const empty = (): Json => ({});
const apply = (document: JsonObject, operations: object[]) =>
  Object.fromEntries(applyPatch(document, parsePatch(operations as unknown as Json), empty));

const key = fc.constantFrom('a', 'b', 'c', '0', '1', '-', '__proto__', 'constructor');
const path = fc.array(key, { minLength: 1, maxLength: 4 }).map((segments) => `/${segments.join('/')}`);
const operation = fc.oneof(
  fc.record({ op: fc.constantFrom('add', 'replace'), path, value: fc.jsonValue() }),
  fc.record({ op: fc.constant('remove'), path }),
);

test('operations apply in order to what earlier ones left', () => {
  const document = { extra: { a: { b: 1 }, list: [1, 2, 3] } };
  assert.deepEqual(
    apply(document, [
      { op: 'add', path: '/extra/a/c', value: 2 },
      { op: 'remove', path: '/extra/a/b' },
      { op: 'add', path: '/extra/list/0', value: 0 },
      { op: 'replace', path: '/extra/list/1', value: 9 },
      { op: 'remove', path: '/extra/list/3' },
      { op: 'add', path: '/extra/list/-', value: 4 },
      { op: 'add', path: '/new', value: { x: [] } },
      { op: 'add', path: '/new/x/-', value: 1 },
    ]),
    { extra: { a: { c: 2 }, list: [0, 9, 2, 4] }, new: { x: [1] } },
  );
  assert.deepEqual(document, { extra: { a: { b: 1 }, list: [1, 2, 3] } });
});

test('only a client error ever comes out of a patch, and the document stays as it was', () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.jsonValue()),
      fc.array(operation, { maxLength: 8 }),
      (document, operations) => {
        const before = JSON.stringify(document);
        try {
          applyPatch(document as JsonObject, parsePatch(operations as unknown as Json), empty);
        } catch (error) {
          assert.ok(error instanceof WroughtError && error.status === 400, String(error));
        }
        assert.equal(JSON.stringify(document), before);
        assert.equal(Object.keys(Object.prototype).length, 0);
      },
    ),
  );
});

test('any JSON given as a patch is either a list of operations or a 400', () => {
  fc.assert(
    fc.property(fc.oneof(fc.jsonValue(), fc.array(fc.oneof(operation, fc.jsonValue()))), (body) => {
      try {
        parsePatch(body as Json);
      } catch (error) {
        assert.ok(error instanceof WroughtError && error.status === 400, String(error));
      }
    }),
  );
});

test('adding a member and removing it again gives the document back', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), fc.jsonValue()), fc.jsonValue(), (members, value) => {
      const extra = JSON.parse(JSON.stringify(members)) as JsonObject;
      const result = apply({ extra }, [
        { op: 'add', path: '/extra/NEW-key_1', value },
        { op: 'remove', path: '/extra/NEW-key_1' },
      ]);
      assert.deepEqual(result, { extra });
    }),
  );
});

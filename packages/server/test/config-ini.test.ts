// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ConfigError } from '../src/config/index.ts';
import { parseIni } from '../src/config/ini.ts';

function values(text: string): [string, string, string][] {
  return parseIni(text, 'x.conf').entries.map(({ section, name, value }) => [section, name, value]);
}

const readings: [what: string, text: string, entries: [string, string, string][]][] = [
  [
    '= and : both assign, whichever comes first',
    '[s]\na = b:c\nd: e=f\n',
    [
      ['s', 'a', 'b:c'],
      ['s', 'd', 'e=f'],
    ],
  ],
  ['comments stand at column 0 only', '[s]\n# a = 1\n;b = 2\nc = 3 # d ; e\n', [['s', 'c', '3 # d ; e']]],
  ['an indented comment continues the value above', '[s]\na = 1\n  # note\n', [['s', 'a', '1\n# note']]],
  [
    'a line that starts with a blank continues the value',
    '[s]\na = 1\n  2\n\t3\nb = 4',
    [
      ['s', 'a', '1\n2\n3'],
      ['s', 'b', '4'],
    ],
  ],
  [
    'one pair of equal outer quotes is dropped',
    `[s]\na = "b c"\nd = 'e'\nf = "g'\nh = i"j"\nk = ""l""\n`,
    [
      ['s', 'a', 'b c'],
      ['s', 'd', 'e'],
      ['s', 'f', `"g'`],
      ['s', 'h', 'i"j"'],
      ['s', 'k', '"l"'],
    ],
  ],
  ['a single quote character is dropped as a pair', '[s]\na = "\n', [['s', 'a', '']]],
  [
    'an assignment may be empty',
    '[s]\na =\nb:\n',
    [
      ['s', 'a', ''],
      ['s', 'b', ''],
    ],
  ],
  [
    'every line end is understood',
    '[s]\r\na = 1\rb = 2\n',
    [
      ['s', 'a', '1'],
      ['s', 'b', '2'],
    ],
  ],
  ['section and option names keep their case', '[Api]\nPort = 1\n', [['Api', 'Port', '1']]],
  ['names may hold blanks inside', '[ s ]\na b = 1\n', [[' s ', 'a b', '1']]],
];

for (const [what, text, entries] of readings) {
  test(`in a file, ${what}`, () => {
    assert.deepEqual(values(text), entries);
  });
}

const mistakes: [what: string, text: string, line: number][] = [
  ['an assignment before the first section', '\na = 1\n[s]\n', 2],
  ['a section without its closing bracket', '[s\n', 1],
  ['a section without a name', '[]\n', 1],
  ['a line without = or :', '[s]\nhello\n', 2],
  ['an assignment without a name', '[s]\n = 1\n', 2],
  ['a continuation with nothing above it', '[s]\n  a\n', 2],
  ['a continuation after an empty line', '[s]\na = 1\n\n  2\n', 4],
  ['a continuation after a comment', '[s]\na = 1\n# c\n  2\n', 4],
];

for (const [what, text, line] of mistakes) {
  test(`${what} is refused with the number of its line`, () => {
    assert.throws(
      () => parseIni(text, 'x.conf'),
      (error) => error instanceof ConfigError && error.problems[0]?.where === `x.conf:${line}`,
    );
  });
}

test('a line that does not parse is not repeated in the message, since it may hold a password', () => {
  assert.throws(
    () => parseIni('[s]\npassword hunter2\n', 'x.conf'),
    (error) => error instanceof ConfigError && !error.message.includes('hunter2'),
  );
});

test('any text either parses or throws ConfigError', () => {
  const piece = fc.constantFrom(
    '[',
    ']',
    '=',
    ':',
    '\n',
    '\r',
    ' ',
    '\t',
    '#',
    ';',
    '"',
    "'",
    '$',
    'a',
    'DEFAULT',
    '\u0085',
  );
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(piece).map((parts) => parts.join('')),
  );
  fc.assert(
    fc.property(text, (input) => {
      try {
        parseIni(input, 'x.conf');
      } catch (error) {
        assert.ok(error instanceof ConfigError);
      }
    }),
  );
});

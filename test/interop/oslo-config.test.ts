// SPDX-License-Identifier: Apache-2.0
// Our reading of configuration files against oslo.config's: the same option table, the same files, the same values.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { eachOption } from '../../packages/server/src/config/config.ts';
import { ConfigError, loadConfig } from '../../packages/server/src/config/index.ts';
import { requirePeer } from './peers.ts';

type Case = { readonly files: readonly string[]; readonly env?: Readonly<Record<string, string>> };
/** Values by `section.option`; an option whose value is refused is in `refused`; `fatal` if no file could be read. */
type Reading = { fatal: boolean; values: Record<string, unknown>; refused: string[] };

/** Registers the options with oslo.config, reads every case, and prints the readings. */
const READER = `
import json, os, sys, tempfile
from oslo_config import cfg, types
given = json.load(sys.stdin)
MAKE = {
    'string': lambda o, k: cfg.StrOpt(o['name'], **k),
    'choice': lambda o, k: cfg.StrOpt(o['name'], choices=o['choices'], **k),
    'boolean': lambda o, k: cfg.BoolOpt(o['name'], **k),
    'integer': lambda o, k: cfg.IntOpt(o['name'], min=o.get('min'), max=o.get('max'), **k),
    'float': lambda o, k: cfg.FloatOpt(o['name'], min=o.get('min'), max=o.get('max'), **k),
    'list': lambda o, k: cfg.ListOpt(o['name'], **k),
    'dict': lambda o, k: cfg.DictOpt(o['name'], **k),
    'multi-string': lambda o, k: cfg.MultiStrOpt(o['name'], **k),
    'multi-dict': lambda o, k: cfg.MultiOpt(o['name'], item_type=types.Dict(), **k),
}
def read(case):
    conf = cfg.ConfigOpts()
    for o in given['options']:
        old = [cfg.DeprecatedOpt(n, group=g) for g, n in o['aliases']]
        conf.register_opt(MAKE[o['kind']](o, {'default': o['default'], 'deprecated_opts': old}),
                          group=None if o['section'] == 'DEFAULT' else o['section'])
    with tempfile.TemporaryDirectory() as directory:
        args = []
        for number, text in enumerate(case['files']):
            path = os.path.join(directory, '%d.conf' % number)
            with open(path, 'w', newline='', encoding='utf-8') as out:
                out.write(text)
            args += ['--config-file', path]
        env = case.get('env', {})
        os.environ.update(env)
        try:
            try:
                conf(args, project='peer', default_config_files=[], default_config_dirs=[])
            except cfg.ConfigFileParseError:
                return {'fatal': True, 'values': {}, 'refused': []}
            values, refused = {}, []
            for o in given['options']:
                key = o['section'] + '.' + o['name']
                try:
                    value = conf[o['name']] if o['section'] == 'DEFAULT' else conf[o['section']][o['name']]
                except Exception:
                    refused.append(key)
                    continue
                if value is None and o['default'] is not None:
                    refused.append(key)  # an empty number is None there; here only where the option may be unset
                    continue
                if o['kind'] == 'multi-dict':
                    value = {k: v for one in value for k, v in one.items()}
                values[key] = value
            return {'fatal': False, 'values': values, 'refused': refused}
        finally:
            for name in env:
                del os.environ[name]
json.dump([read(case) for case in given['cases']], sys.stdout)
`;

/** The kinds oslo.config has as well. */
const COMMON = new Set([
  'string',
  'choice',
  'boolean',
  'integer',
  'float',
  'list',
  'dict',
  'multi-string',
  'multi-dict',
]);

type Described = { section: string; name: string; kind: string; default: unknown; aliases: string[][] };

/** Our options for oslo.config, without [inspector] hooks: it refers to a list, which oslo.config inserts in Python's notation. */
function describeOptions(): Described[] {
  const described: Described[] = [];
  eachOption((section, name, option) => {
    if (!COMMON.has(option.kind) || `${section}.${name}` === 'inspector.hooks') return;
    described.push({
      section,
      name,
      kind: option.kind,
      default: option.computed === undefined ? option.default : option.computed.value(),
      aliases: (option.aliases ?? []).map((alias) => alias.split('.')),
      ...(option.choices === undefined ? {} : { choices: option.choices }),
      ...(option.min === undefined ? {} : { min: option.min }),
      ...(option.max === undefined ? {} : { max: option.max }),
    });
  });
  return described;
}

function readByOslo(options: Described[], cases: readonly Case[]): Reading[] {
  const run = spawnSync('/usr/bin/python3', ['-c', READER], {
    input: JSON.stringify({ options, cases }),
    encoding: 'utf8',
    env: { PATH: '/usr/bin:/bin', PYTHONUTF8: '1' },
    maxBuffer: 64 * 1024 * 1024,
    timeout: 300_000,
  });
  assert.equal(run.status, 0, run.stderr);
  return JSON.parse(run.stdout);
}

function readByUs(options: Described[], { files, env }: Case): Reading {
  const directory = mkdtempSync(join(tmpdir(), 'wrought-oslo-'));
  try {
    const paths = files.map((text, number) => {
      const path = join(directory, `${number}.conf`);
      writeFileSync(path, text);
      return path;
    });
    const config = loadConfig({ files: paths, ...(env === undefined ? {} : { env }) }).config as unknown as Record<
      string,
      Record<string, unknown>
    >;
    const values = options.map(({ section, name }) => [`${section}.${name}`, config[section]?.[name]]);
    return { fatal: false, values: Object.fromEntries(values), refused: [] };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const refused = error.problems.flatMap(({ section, option }) => (section ? [`${section}.${option}`] : []));
    return { fatal: refused.length < error.problems.length, values: {}, refused };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Both refuse the file, or both refuse the same options, or both have the same values everywhere. */
function compare(options: Described[], cases: readonly Case[]): { fatal: number; refused: number; equal: number } {
  const counts = { fatal: 0, refused: 0, equal: 0 };
  const theirs = readByOslo(options, cases);
  cases.forEach((one, index) => {
    const peer = theirs[index];
    assert.ok(peer !== undefined);
    const own = readByUs(options, one);
    const told = JSON.stringify(one);
    assert.equal(own.fatal, peer.fatal, told);
    if (own.fatal) {
      counts.fatal += 1;
      return;
    }
    assert.deepEqual(own.refused.toSorted(), peer.refused.toSorted(), told);
    if (own.refused.length > 0) {
      counts.refused += 1;
      return;
    }
    counts.equal += 1;
    assert.deepEqual(own.values, peer.values, told);
  });
  return counts;
}

function single(section: string, option: string, values: readonly string[]): Case[] {
  return values.map((value) => ({ files: [`[${section}]\n${option} = ${value}\n`] }));
}

const CASES: Case[] = [
  { files: [] },
  ...single('DEFAULT', 'enabled_hardware_types', [
    'ipmi, staging-amt,staging-wol ,',
    '"a,b",c',
    '',
    ',',
    ',,a,,',
    ' , a',
  ]),
  ...single('DEFAULT', 'tempdir', [
    '"quoted value"',
    'node"1"',
    'val # x',
    'a$$b',
    'a\\$b',
    '\\$$',
    '$$$$x',
    "'",
    '"a\'',
  ]),
  ...single('DEFAULT', 'tempdir', [
    '$my_ip',
    '$host.',
    '$1',
    '$',
    '$nothing',
    '$API.port',
    '$api.port',
    '$tempdir',
    '$debug',
  ]),
  ...single('conductor', 'deploy_kernel_by_arch', [
    'x86_64:http://h/k,aarch64:/a:b',
    'k',
    'a:1,a:2',
    'k,a:1',
    'a:1,',
    ':1',
    '',
  ]),
  ...single('conductor', 'automated_clean', [
    'True',
    'TRUE',
    'yes',
    'on',
    '1',
    'False',
    'no',
    'off',
    '0',
    't',
    'y',
    '2',
    '',
  ]),
  ...single('api', 'port', ['5', '0x10', '5.0', '65535', '65536', '-1', '+7', '1_0', '1__0', '_1', '007', 'x']),
  ...single('DEFAULT', 'raw_image_growth_factor', ['1.5', '2', '.5', '3.', '1e1', '0.5', 'x', '1,5']),
  ...single('DEFAULT', 'auth_strategy', ['noauth', 'NoAuth', '"http_basic"', '']),
  ...single('database', 'pool_timeout', ['', '3', '-3']),
  { files: ['[DEFAULT]\ntempdir = line1\n  line2\n\tline3\n'] },
  { files: ['[DEFAULT]\ntempdir = a\n  # b\n\n# c\nmy_ip: 1.2.3.4 ; d\n'] },
  { files: ['[DEFAULT]\ntempdir = a\n\n  b\n'] },
  { files: ['[DEFAULT]\ntempdir = a\n#x\n  b\n'] },
  { files: ['tempdir = a\n'] },
  { files: ['[DEFAULT\n'] },
  { files: ['[]\n'] },
  { files: ['[DEFAULT]\ntempdir\n'] },
  { files: ['[DEFAULT]\n= a\n'] },
  { files: ['[default]\ntempdir = a\n[API]\nport = 1\n[Api]\nport = 2\n[api]\nPORT = 3\n'] },
  { files: ['[api]\nport = 1\nport = 2\n', '[API]\nport = 3\n', '[api]\nmax_limit = 4\n'] },
  { files: ['[api]\nport = x\n', '[api]\nport = 3\n'] },
  { files: ['[amt_driver]\nmax_attempts = 5\n[amt]\nmax_retry = 4\n'] },
  { files: ['[amt]\nmax_attempts = 3\nmax_retry = 4\n', '[amt_driver]\nmax_retry = 5\nmax_attempts = 6\n'] },
  { files: ['[amt]\nmax_retry = 5\n', '[api]\nport = 1\n', '[amt]\nmax_attempts = 3\n'] },
  {
    files: [
      '[ipmi]\nadditional_retryable_ipmi_errors = a, b\nadditional_retryable_ipmi_errors = "c"\n',
      '[ipmi]\nadditional_retryable_ipmi_errors = $debug\n',
    ],
  },
  {
    files: [
      '[conductor]\nclean_step_priority_override = a.b:1,c.d:2\nclean_step_priority_override = e.f:3\n',
      '[conductor]\nclean_step_priority_override = a.b:4\n',
    ],
  },
  { files: [`[DEFAULT]\ndebug = yes\n[ipmi]\ndebug = no\n[deploy]\nhttp_url = http://\${host}:$api.port/$debug\n`] },
  { files: ['[api]\nport = 1\n'], env: { OS_API__PORT: '2', OS_DEFAULT__TEMPDIR: ' "x" ' } },
  { files: [], env: { OS_CONDUCTOR__AUTOMATED_CLEAN: 'no', OS_DEFAULT__TEMPDIR: '$my_ip', os_api__port: '3' } },
  { files: ['[api]\r\nport = 1\r\n[DEFAULT]\rtempdir = x\u00a0\u0085\r  \u2003y \u001c\n'] },
];

/** Text made of what matters to the parser, with real names among it. */
function randomCases(): Case[] {
  const value = fc.constantFrom(
    '1',
    'yes',
    'a:b',
    ',',
    '$',
    '$$',
    '$my_ip',
    `\${host}`,
    '"',
    "'",
    'x',
    ' ',
    '\\',
    '\u00e9',
    '\u00a0',
    '#',
    '=',
    '\n  ',
  );
  const name = fc.constantFrom(
    'tempdir',
    'port',
    'enabled_hardware_types',
    'deploy_kernel_by_arch',
    'debug',
    'http_url',
    'max_attempts',
    'max_retry',
    'additional_retryable_ipmi_errors',
  );
  const section = fc.constantFrom(
    'DEFAULT',
    'api',
    'API',
    'conductor',
    'ipmi',
    'deploy',
    'amt',
    'amt_driver',
    'Default',
  );
  const line = fc.oneof(
    {
      weight: 8,
      arbitrary: fc
        .tuple(name, fc.constantFrom(' = ', ':', '=', ' : '), fc.array(value, { maxLength: 5 }))
        .map(([n, sign, v]) => `${n}${sign}${v.join('')}`),
    },
    { weight: 4, arbitrary: section.map((one) => `[${one}]`) },
    { weight: 1, arbitrary: fc.constantFrom('', '# x', '; y', '   ', '\t') },
    { weight: 1, arbitrary: fc.array(value, { maxLength: 4 }).map((parts) => parts.join('')) },
  );
  const file = fc.tuple(section, fc.array(line, { maxLength: 8 }), fc.constantFrom('\n', '\r\n', '\r'));
  const text = file.map(([first, lines, end]) => [`[${first}]`, ...lines].join(end));
  return fc
    .sample(fc.array(text, { minLength: 1, maxLength: 3 }), { seed: 17, numRuns: 400 })
    .map((files) => ({ files }));
}

test('oslo.config reads the files of the table to the same values, over all our options', (t) => {
  if (!requirePeer(t, 'python:oslo_config')) return;
  const counts = compare(describeOptions(), CASES);
  t.diagnostic(`${counts.equal} equal, ${counts.refused} refused by both, ${counts.fatal} not parsed by both`);
  assert.ok(counts.equal > 40 && counts.refused > 20 && counts.fatal > 4);
});

test('oslo.config and we agree on random files', (t) => {
  if (!requirePeer(t, 'python:oslo_config')) return;
  const counts = compare(describeOptions(), randomCases());
  t.diagnostic(`${counts.equal} equal, ${counts.refused} refused by both, ${counts.fatal} not parsed by both`);
  assert.ok(counts.equal > 50 && counts.refused > 50 && counts.fatal > 50);
});

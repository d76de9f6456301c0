// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import {
  type Config,
  ConfigError,
  databaseTarget,
  defaultConfig,
  type LoadOptions,
  loadConfig,
  printConfig,
  reloadConfig,
} from '../src/config/index.ts';

let directory = '';
before(() => {
  directory = mkdtempSync(join(tmpdir(), 'wrought-config-'));
});
after(() => {
  rmSync(directory, { recursive: true, force: true });
});

let count = 0;
function file(text: string | Uint8Array): string {
  count += 1;
  const path = join(directory, `${count}.conf`);
  writeFileSync(path, text);
  return path;
}

function load(text: string, more: Omit<LoadOptions, 'files'> = {}): { config: Config; warnings: string[] } {
  return loadConfig({ files: [file(text)], ...more });
}

function refusal(run: () => unknown): ConfigError {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error;
  }
  return assert.fail('was not refused');
}

test('without any file the service has what it needs to start on loopback', () => {
  const { config, warnings } = loadConfig();
  assert.deepEqual(warnings, []);
  assert.equal(config.DEFAULT.auth_strategy, 'noauth');
  assert.equal(config.api.host_ip, '127.0.0.1');
  assert.equal(config.api.port, 6385);
  assert.equal(config.database.connection, 'sqlite:///state/wrought.sqlite');
  assert.deepEqual(config.DEFAULT.enabled_hardware_types, []);
  assert.deepEqual(config.DEFAULT.enabled_boot_interfaces, []);
  assert.equal(config.DEFAULT.host, hostname());
  assert.equal(config.conductor.automated_clean, true);
  assert.equal(config.conductor.sync_power_state_interval, 120);
  assert.equal(config.netboot.dhcp_mode, 'off');
  assert.equal(config.netboot.tftp_port, 69);
  assert.equal(config.conductor.deploy_kernel, null);
  assert.deepEqual(config.inspector.hooks, ['ramdisk-error', 'validate-interfaces', 'ports', 'architecture']);
  assert.equal(config.isSet('DEFAULT', 'auth_strategy'), false);
});

const lists: [string, string[]][] = [
  ['ipmi, staging-amt,staging-wol ,', ['ipmi', 'staging-amt', 'staging-wol']],
  ['"a,b",c', ['"a', 'b"', 'c']],
  ['', []],
];
for (const [text, value] of lists) {
  test(`the list '${text}' has ${value.length} items`, () => {
    assert.deepEqual(
      load(`[DEFAULT]\nenabled_hardware_types = ${text}\n`).config.DEFAULT.enabled_hardware_types,
      value,
    );
  });
}

const strings: [string, string][] = [
  ['"quoted value"', 'quoted value'],
  ['node"1"', 'node"1"'],
  ['val # x', 'val # x'],
  ['a$$b', 'a$b'],
  ['a\\$b', 'a$b'],
  ['line1\n  line2', 'line1\nline2'],
  [`$my_ip/\${my_ip}`, '192.0.2.10/192.0.2.10'],
  ['$api.port', '7000'],
  ['$1 $ ${', '$1 $ ${'],
  ['$default_conductor_group-$my_ipv6-$debug', '--False'],
];
for (const [text, value] of strings) {
  test(`the text ${JSON.stringify(text)} reads as ${JSON.stringify(value)}`, () => {
    const { config } = load(`[DEFAULT]\nmy_ip = 192.0.2.10\ntempdir = ${text}\n[api]\nport = 7000\n`);
    assert.equal(config.DEFAULT.tempdir, value);
  });
}

test('a plain reference means the option of the same section before the one of DEFAULT', () => {
  const { config } = load(
    '[DEFAULT]\ndebug = yes\n[ipmi]\ndebug = no\nadditional_retryable_ipmi_errors = $debug\n[deploy]\nhttp_url = $debug\n',
  );
  assert.deepEqual(config.ipmi.additional_retryable_ipmi_errors, ['False']);
  assert.equal(config.deploy.http_url, 'True');
});

test('references to nothing and to themselves are refused', () => {
  const error = refusal(() => load('[DEFAULT]\ntempdir = $nothing\nlog_dir = $log_file\nlog_file = $log_dir\n'));
  assert.match(error.message, /\[DEFAULT\] tempdir: refers to \$nothing that is no option; write \$\$/);
  assert.match(error.message, /\[DEFAULT\] log_dir: refers to itself/);
});

const booleans: [string, boolean][] = [
  ...['True', 'TRUE', 'yes', 'on', '1'].map((text): [string, boolean] => [text, true]),
  ...['False', 'no', 'off', '0'].map((text): [string, boolean] => [text, false]),
];
test('booleans have four spellings each way, in any case', () => {
  for (const [text, value] of booleans) {
    assert.equal(load(`[conductor]\nautomated_clean = ${text}\n`).config.conductor.automated_clean, value, text);
  }
  for (const text of ['t', 'y', '2', '']) {
    assert.match(refusal(() => load(`[conductor]\nautomated_clean = ${text}\n`)).message, /must be true, yes, on, 1/);
  }
});

test('whole numbers are decimal', () => {
  assert.equal(load('[api]\nport =   5  \n').config.api.port, 5);
  assert.equal(load('[database]\npool_timeout =\n').config.database.pool_timeout, null);
  for (const text of ['0x10', '5.0', '', '1e3', '65536', '-1']) {
    const error = refusal(() => load(`[api]\nport = ${text}\n`));
    assert.match(error.message, /\[api\] port: '.*' is not valid: must be a whole number from 0 to 65535$/, text);
  }
});

test('pairs are split at their first colon, and no key comes twice', () => {
  const { config } = load('[conductor]\ndeploy_kernel_by_arch = x86_64:http://h/k,aarch64:/a:b\n');
  assert.deepEqual(config.conductor.deploy_kernel_by_arch, { x86_64: 'http://h/k', aarch64: '/a:b' });
  assert.match(refusal(() => load('[conductor]\ndeploy_kernel_by_arch = k\n')).message, /key:value pairs/);
  assert.match(refusal(() => load('[conductor]\ndeploy_kernel_by_arch = a:1,a:2\n')).message, /'a' is given twice/);
});

test('file modes are octal, and certificate checking is a switch or a path', () => {
  const { config } = load('[pxe]\nfile_permission = 0600\ndir_permission = 0o750\n[agent]\nverify_ca = /etc/ca.pem\n');
  assert.equal(config.pxe.file_permission, 0o600);
  assert.equal(config.pxe.dir_permission, 0o750);
  assert.equal(config.agent.verify_ca, '/etc/ca.pem');
  assert.equal(load('[agent]\nverify_ca = no\n').config.agent.verify_ca, false);
});

test('our own options are checked for their meaning', () => {
  const { config } = load('[netboot]\ndhcp_mode = server\ndhcp_range = 192.0.2.9-192.0.2.10\n');
  assert.equal(config.netboot.dhcp_range, '192.0.2.9-192.0.2.10');
  for (const text of ['192.0.2.9', '192.0.2.10-192.0.2.9', 'a-b', '192.0.2.1-192.0.2.2-192.0.2.3']) {
    refusal(() => load(`[netboot]\ndhcp_range = ${text}\n`));
  }
  assert.match(refusal(() => load('[netboot]\ndhcp_mode = on\n')).message, /must be one of: off, server, proxy/);
  assert.match(refusal(() => load('[console]\nport_range = 5\n')).message, /two ports/);
  assert.equal(load('[fake]\npower_delay = 1,2.5\n').config.fake.power_delay, '1,2.5');
  refusal(() => load('[fake]\npower_delay = fast\n'));
});

test('the last assignment wins within a file and across files', () => {
  const first = file('[api]\nport = 1\nport = 2\n[API]\nport = 3\n');
  const second = file('[api]\nport = 4\n');
  assert.equal(loadConfig({ files: [first] }).config.api.port, 3);
  assert.equal(loadConfig({ files: [first, second] }).config.api.port, 4);
  assert.equal(loadConfig({ files: [second, first] }).config.api.port, 3);
});

test('options that may be repeated gather their assignments across files', () => {
  const first = file('[ipmi]\nadditional_retryable_ipmi_errors = a, b\nadditional_retryable_ipmi_errors = c\n');
  const second = file(
    '[ipmi]\nadditional_retryable_ipmi_errors = d\n[conductor]\nclean_step_priority_override = a.b:1\n',
  );
  const third = file('[conductor]\nclean_step_priority_override = a.b:2\nclean_step_priority_override = c.d:3,e.f:4\n');
  const { config } = loadConfig({ files: [first, second, third] });
  assert.deepEqual(config.ipmi.additional_retryable_ipmi_errors, ['a, b', 'c', 'd']);
  assert.deepEqual(config.conductor.clean_step_priority_override, { 'a.b': '2', 'c.d': '3', 'e.f': '4' });
});

test('a configuration directory is read in the order of its file names, after the files', () => {
  const dir = join(directory, 'conf.d');
  mkdirSync(dir);
  writeFileSync(join(dir, '20.conf'), '[api]\nport = 20\n');
  writeFileSync(join(dir, '10.conf'), '[api]\nport = 10\nmax_limit = 10\n');
  writeFileSync(join(dir, '30.txt'), '[api]\nport = 30\n');
  writeFileSync(join(dir, '.40.conf'), '[api]\nport = 40\n');
  const { config } = loadConfig({ files: [file('[api]\nmax_limit = 5\n')], dirs: [dir] });
  assert.equal(config.api.port, 20);
  assert.equal(config.api.max_limit, 10);
});

test('the environment beats files, and the command line beats the environment', () => {
  const env = {
    OS_API__PORT: '2',
    OS_DEFAULT__HOST: '"n"',
    OS_AMT__MAX_ATTEMPTS: '7',
    OS_AUTH_URL: 'x',
    HOME: '/root',
  };
  const overrides = [{ section: 'api', option: 'port', value: '3' }];
  const { config, warnings } = load('[api]\nport = 1\n', { env });
  assert.equal(config.api.port, 2);
  assert.equal(config.DEFAULT.host, '"n"');
  assert.equal(config.amt.max_attempts, 7);
  assert.deepEqual(warnings, []);
  assert.equal(load('[api]\nport = 1\n', { env, overrides }).config.api.port, 3);
});

test('a mistyped variable of a known section is reported, without its value', () => {
  const { warnings } = loadConfig({ env: { OS_API__PROT: 'secret', OS_CLOUD__X: '1' } });
  assert.deepEqual(warnings, [
    'environment variable OS_API__PROT names no option and is ignored; did you mean OS_API__PORT?',
  ]);
});

test('isSet tells what somebody set from what is a default', () => {
  const { config } = load('[DEFAULT]\nauth_strategy = noauth\n', {
    env: { OS_API__MAX_LIMIT: '5' },
    overrides: [{ section: 'api', option: 'port', value: '0' }],
  });
  assert.equal(config.isSet('DEFAULT', 'auth_strategy'), true);
  assert.equal(config.isSet('api', 'max_limit'), true);
  assert.equal(config.isSet('api', 'port'), true);
  assert.equal(config.isSet('api', 'host_ip'), false);
});

test('old names work, with a remark, and the current name beats them', () => {
  const { config, warnings } = load(
    '[amt_driver]\nmax_attempts = 5\nprotocol = https\n[amt]\nmax_retry = 4\n[conductor]\napi_url = http://192.0.2.1:6385\ninspect_timeout = 9\n',
  );
  assert.equal(config.amt.max_attempts, 4);
  assert.equal(config.amt.protocol, 'https');
  assert.equal(config.service_catalog.endpoint_override, 'http://192.0.2.1:6385');
  assert.equal(config.conductor.inspect_wait_timeout, 9);
  assert.equal(warnings.length, 5);
  assert.match(
    warnings[0] ?? '',
    /:2: \[amt_driver\] max_attempts is an old name of \[amt\] max_attempts; please use that$/,
  );
  assert.equal(load('[amt]\nmax_attempts = 3\nmax_retry = 4\n').config.amt.max_attempts, 3);
  const files = [file('[amt]\nmax_attempts = 3\n'), file('[amt_driver]\nmax_retry = 4\n')];
  assert.equal(loadConfig({ files }).config.amt.max_attempts, 4);
});

test('unknown sections and options are remarks with a place and a guess', () => {
  const path = file(
    '[DEFAULT]\nbogusopt = 1\n[api]\nprot = 1\nautomated_clean = no\n[default]\nx = 1\n[conducter]\ny = 1\n[neutron]\nz = 1\n',
  );
  assert.deepEqual(loadConfig({ files: [path] }).warnings, [
    `${path}:6: [default] is not [DEFAULT], which must be in upper case; the section is ignored`,
    `${path}:8: unknown section [conducter] is ignored; did you mean [conductor]?`,
    `${path}:10: section [neutron] has no meaning in this service and is ignored`,
    `${path}:2: unknown option 'bogusopt' in [DEFAULT] is ignored`,
    `${path}:4: unknown option 'prot' in [api] is ignored; did you mean 'port'?`,
    `${path}:5: unknown option 'automated_clean' in [api] is ignored; did you mean 'automated_clean' in [conductor]?`,
  ]);
});

test('names of the language do not pass for sections or options', () => {
  const { warnings } = load('[__proto__]\na = 1\n[constructor]\nb = 1\n[api]\ntoString = 1\n__proto__ = 2\n');
  assert.equal(warnings.length, 4);
  refusal(() => loadConfig({ overrides: [{ section: 'api', option: 'toString', value: '' }] }));
});

test('all problems are reported at once, each with its place', () => {
  const bad = file('[api]\nport = http\n\nmax_limit = 0\n[pxe]\nimage_cache_size = big\n');
  const broken = file('port = 1\n');
  const missing = join(directory, 'missing.conf');
  const error = refusal(() => loadConfig({ files: [bad, broken, missing, directory], dirs: [missing] }));
  assert.equal(error.problems.length, 7);
  assert.match(error.message, new RegExp(`^${bad}:2: \\[api\\] port: 'http' is not valid`, 'm'));
  assert.match(error.message, /missing\.conf: the file cannot be read: it does not exist/);
});

test('a file that is not UTF-8 is refused, and a byte order mark is not', () => {
  assert.match(refusal(() => loadConfig({ files: [file(Uint8Array.of(0x5b, 0xff, 0x5d))] })).message, /not UTF-8/);
  assert.equal(load('\ufeff[api]\nport = 1\n').config.api.port, 1);
});

test('refused values of secrets are not shown', () => {
  const text = '[deploy]\nimage_server_password = hunter2$x\n[api]\nport = $deploy.image_server_password\n';
  assert.doesNotMatch(refusal(() => load(text)).message, /hunter2/);
  const typo = '[deploy]\nimage_server_password = hunter$hunter3\n';
  assert.doesNotMatch(refusal(() => load(typo)).message, /hunter/);
  const long = 'u'.repeat(100);
  for (const url of ['mysql://u:hunter2@h/db', 'postgresql://u:x/hunter2@h/db', `mysql://${long}:hunter2@h`]) {
    assert.doesNotMatch(refusal(() => load(`[database]\nconnection = ${url}\n`)).message, /hunter2/);
  }
});

test('a printed configuration masks secrets and passwords in URLs', () => {
  const { config } = load(
    '[database]\nconnection = postgresql://wrought:hunter2@db/w\n[deploy]\nimage_server_password = hunter2\n[DEFAULT]\ntempdir = /x/$deploy.image_server_password\n',
  );
  const printed = printConfig(config);
  assert.doesNotMatch(printed, /hunter2/);
  assert.match(printed, /^connection = postgresql:\/\/wrought:\*{6}@db\/w$/m);
  assert.match(printed, /^image_server_password = \*{6}$/m);
  assert.match(printed, /^tempdir = \*{6}$/m);
  const { config: asParameter } = load(
    '[database]\nconnection = postgresql://db/w?user=u&password=hunter2&sslmode=require\n',
  );
  assert.match(printConfig(asParameter), /^connection = postgresql:\/\/db\/w\?user=u&password=\*{6}&sslmode=require$/m);
  assert.match(printed, /^\[netboot\]\ndhcp_mode = off\n# dhcp_interface =$/m);
});

test('a printed configuration loads to the same values', () => {
  // A backslash before a dollar sign cannot be written in this grammar at all.
  const line = fc
    .string({
      unit: fc.constantFrom('a', ' ', '"', "'", '$', '#', ';', '=', '[', '\\', '{', 'é'),
      maxLength: 12,
    })
    .filter((text) => !text.includes('\\$'));
  const item = fc.stringMatching(/^[a-z:.$/-]{1,8}$/);
  fc.assert(
    fc.property(
      line,
      fc.array(item),
      fc.dictionary(fc.stringMatching(/^[a-z]{1,4}$/), item),
      fc.array(line),
      (text, list, pairs, lines) => {
        const config = defaultConfig({
          DEFAULT: { tempdir: text, enabled_hardware_types: list, my_ipv6: text },
          conductor: { deploy_kernel_by_arch: pairs },
          ipmi: { additional_retryable_ipmi_errors: lines },
        });
        const again = load(printConfig(config));
        assert.deepEqual(again.warnings, []);
        assert.deepEqual(JSON.parse(JSON.stringify(again.config)), JSON.parse(JSON.stringify(config)));
      },
    ),
    { numRuns: 50 },
  );
});

test('any text in a file either loads or throws ConfigError', () => {
  const words = [
    '[DEFAULT]\n',
    '[api]\n',
    '[conductor]\n',
    'port',
    'tempdir',
    'deploy_kernel_by_arch',
    'max_limit',
    ' = ',
    '\n',
    '  ',
    '$',
    '${',
    '}',
    '$port',
    '$tempdir',
    ':',
    ',',
    '"',
    '1',
    '__proto__',
  ];
  fc.assert(
    fc.property(
      fc.array(fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...words) }, fc.string()), { maxLength: 30 }),
      (parts) => {
        try {
          load(parts.join(''));
        } catch (error) {
          assert.ok(error instanceof ConfigError, String(error));
        }
      },
    ),
    { numRuns: 200 },
  );
});

test('defaultConfig takes values for tests, and other defaults follow them', () => {
  const config = defaultConfig({ DEFAULT: { state_path: '/srv/w' }, api: { port: 0 } });
  assert.equal(config.database.connection, 'sqlite:////srv/w/wrought.sqlite');
  assert.equal(config.pxe.images_path, '/srv/w/images');
  assert.equal(config.api.port, 0);
  assert.equal(config.isSet('api', 'port'), true);
  assert.notEqual(config.DEFAULT.enabled_hardware_types, defaultConfig().DEFAULT.enabled_hardware_types);
});

test('a reload takes over what may change while running and names the rest', () => {
  const running = load('[api]\nport = 1\nmax_limit = 1\n').config;
  const result = reloadConfig(running, load('[api]\nport = 2\nmax_limit = 2\n').config);
  assert.deepEqual(result, { changed: ['api.max_limit'], needRestart: ['api.port'] });
  assert.equal(running.api.max_limit, 2);
  assert.equal(running.api.port, 1);
});

test('a database connection names a file, memory or a PostgreSQL server', () => {
  assert.deepEqual(databaseTarget('sqlite:///state/w.sqlite'), { kind: 'sqlite', file: 'state/w.sqlite' });
  assert.deepEqual(databaseTarget('sqlite:////srv/w.sqlite'), { kind: 'sqlite', file: '/srv/w.sqlite' });
  assert.deepEqual(databaseTarget('sqlite://'), { kind: 'sqlite', file: ':memory:' });
  assert.deepEqual(databaseTarget('sqlite:///:memory:'), { kind: 'sqlite', file: ':memory:' });
  assert.deepEqual(databaseTarget('postgresql://u:p@h/d'), { kind: 'postgresql', url: 'postgresql://u:p@h/d' });
  for (const bad of ['', 'mysql://h/d', 'sqlite:/x', 'postgresql+psycopg2://h/d', 'state.sqlite']) {
    assert.throws(() => databaseTarget(bad), RangeError);
  }
});

test('the minimal file of a standalone service loads without a remark', () => {
  const { config, warnings } = load(`[DEFAULT]
auth_strategy = noauth
rpc_transport = none
host = wrought-1
my_ip = 192.0.2.10
enabled_hardware_types = staging-amt,staging-wol,ipmi
enabled_boot_interfaces = ipxe,pxe
enabled_deploy_interfaces = direct,iscsi
[dhcp]
dhcp_provider = none
[service_catalog]
auth_type = none
endpoint_override = http://192.0.2.10:6385
[deploy]
http_url = http://$my_ip:8080
http_root = /var/lib/wrought/httpboot
[conductor]
deploy_kernel = $deploy.http_url/ipa.kernel
[amt]
protocol = http
max_attempts = 3
action_wait = 10
`);
  assert.deepEqual(warnings, []);
  assert.equal(config.conductor.deploy_kernel, 'http://192.0.2.10:8080/ipa.kernel');
  assert.equal(config.pxe.tftp_server, '192.0.2.10');
  assert.deepEqual(config.DEFAULT.enabled_deploy_interfaces, ['direct', 'iscsi']);
});

// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { findCredentials } from '../src/auth-file.ts';
import { LibvirtUriError } from '../src/errors.ts';
import { sshArguments } from '../src/transport/ssh.ts';
import { parseLibvirtUri } from '../src/uri.ts';

describe('parseLibvirtUri', () => {
  /** What the URI means, by the parts that matter in each case. */
  const good: readonly [uri: string, meaning: Record<string, unknown>][] = [
    ['qemu:///system', { driver: 'qemu', transport: 'unix', path: '/system', name: 'qemu:///system' }],
    ['qemu+unix:///system', { transport: 'unix', name: 'qemu:///system' }],
    ['qemu:///session', { transport: 'unix', name: 'qemu:///session' }],
    ['test:///default', { driver: 'test', transport: 'unix', name: 'test:///default' }],
    ['test:///etc/nodes.xml', { path: '/etc/nodes.xml', name: 'test:///etc/nodes.xml' }],
    ['QEMU+SSH://hv1/system', { driver: 'qemu', transport: 'ssh', host: 'hv1' }],
    ['qemu://hv1/system', { transport: 'tls', host: 'hv1', name: 'qemu:///system' }],
    ['qemu+tcp://hv1:1234/system', { transport: 'tcp', port: 1234, name: 'qemu:///system' }],
    ['qemu+tls://[::1]:16514/system', { transport: 'tls', host: '::1', port: 16514 }],
    ['qemu+tcp://[fe80::1%25eth0]/system', { host: 'fe80::1%eth0' }],
    ['qemu+ssh://root@hv1:2222/system', { transport: 'ssh', username: 'root', host: 'hv1', port: 2222 }],
    ['qemu+libssh2://root@hv1/system', { transport: 'ssh' }],
    ['xen:///system', { driver: 'xen', name: 'xen:///system' }],
    ['lxc:///system', { driver: 'lxc' }],
    ['remote+ssh://hv1', { driver: 'remote', path: '', name: '' }],
    ['qemu+ext:///system?command=/opt/dial', { transport: 'ext', name: 'qemu:///system' }],
    ['qemu+unix:///system?socket=/run/x&extra=1&more=a%20b', { name: 'qemu:///system?extra=1&more=a%20b' }],
    ['qemu+tcp://hv1/system?name=test:///default', { name: 'test:///default' }],
  ];

  for (const [uri, meaning] of good) {
    it(`reads ${uri}`, () => {
      const parsed: Record<string, unknown> = { ...parseLibvirtUri(uri) };
      for (const [key, value] of Object.entries(meaning)) assert.deepEqual(parsed[key], value, key);
    });
  }

  it('reads every parameter', () => {
    const { parameters } = parseLibvirtUri(
      'qemu+ssh://h/system?socket=/s&mode=legacy&auth=sasl.scram-sha-256&keyfile=/k%20ey&command=/bin/ssh&netcat=/bin/nc' +
        '&proxy=netcat&no_verify=1&no_tty=1&no_sanity=0&known_hosts=/kh&known_hosts_verify=auto&sshauth=agent&pkipath=/p&authfile=/a',
    );
    assert.deepEqual(parameters, {
      socket: '/s',
      mode: 'legacy',
      auth: { type: 'sasl', mechanism: 'SCRAM-SHA-256' },
      keyfile: '/k ey',
      command: '/bin/ssh',
      netcat: '/bin/nc',
      proxy: 'netcat',
      noVerify: true,
      noTty: true,
      noSanity: false,
      knownHosts: '/kh',
      knownHostsVerify: 'auto',
      sshauth: 'agent',
      pkipath: '/p',
      authfile: '/a',
    });
  });

  const bad: readonly [uri: string, part: string][] = [
    ['', 'scheme'],
    ['qemu', 'scheme'],
    ['qemu:/system', 'scheme'],
    ['+ssh://host/system', 'driver'],
    ['q mu:///system', 'driver'],
    ['qemu+carrier-pigeon://h/system', 'transport'],
    ['qemu+constructor://h/system', 'transport'],
    ['qemu+://h/system', 'transport'],
    ['qemu+tcp:///system', 'host'],
    ['qemu+ssh:///system', 'host'],
    ['qemu+unix://h/system', 'host'],
    ['qemu+ssh://-oProxyCommand=x/system', 'host'],
    ['qemu+ssh://a b/system', 'host'],
    ['qemu+ssh://$(x)/system', 'host'],
    ['qemu+tls://[::zz]/system', 'host'],
    ['qemu+tls://::1/system', 'host'],
    ['qemu+ssh://root@/system', 'host'],
    ['qemu+ssh://-l@h/system', 'user'],
    ['qemu+ssh://a;b@h/system', 'user'],
    ['qemu+tcp://fred:secret@h/system', 'user'],
    ['qemu+tcp://h:0/system', 'port'],
    ['qemu+tcp://h:65536/system', 'port'],
    ['qemu+tcp://h:http/system', 'port'],
    ['qemu+tcp://h/system#x', 'fragment'],
    ['qemu:///system?mode=sideways', 'query parameter "mode"'],
    ['qemu+ssh://h/system?proxy=x', 'query parameter "proxy"'],
    ['qemu+ssh://h/system?no_verify=yes', 'query parameter "no_verify"'],
    ['qemu+ssh://h/system?known_hosts_verify=1', 'query parameter "known_hosts_verify"'],
    ['qemu+tcp://h/system?auth=kerberos', 'query parameter "auth"'],
    ['qemu+tls://h/system?tls_priority=NORMAL', 'query parameter "tls_priority"'],
    ['qemu+ext:///system', 'query parameter "command"'],
    ['qemu:///system?socket=', 'query parameter "socket"'],
    ['qemu:///system?socket=%zz', 'query parameter "socket"'],
    ['qemu:///system?socket=%00', 'query parameter "socket"'],
    ['qemu:///sys\ntem', 'text'],
  ];

  for (const [uri, part] of bad) {
    it(`names the ${part} of ${JSON.stringify(uri)} as what is wrong`, () => {
      assert.throws(() => parseLibvirtUri(uri), { name: 'LibvirtUriError', code: 8, part });
    });
  }

  it('does not repeat a password that somebody put into a URI', () => {
    assert.throws(
      () => parseLibvirtUri('qemu+tcp://fred:hunter2@h/system'),
      (error: Error) => !error.message.includes('hunter2'),
    );
  });

  it('throws nothing but LibvirtUriError on any text', () => {
    const text = fc.oneof(fc.string(), fc.webUrl(), fc.stringMatching(/^(qemu|test)(\+[a-z]{1,4})?:\/\/[ -~]{0,40}$/));
    fc.assert(
      fc.property(text, (uri) => {
        try {
          parseLibvirtUri(uri);
        } catch (error) {
          assert.ok(error instanceof LibvirtUriError, String(error));
        }
      }),
    );
  });
});

describe('the ssh command line', () => {
  const lineOf = (uri: string, keyFile?: string) => sshArguments(parseLibvirtUri(uri), false, keyFile);

  it('carries port, user and key, never asks, and ends its options before the host', () => {
    const args = lineOf('qemu+ssh://root@hv1:2222/system?keyfile=/k');
    assert.deepEqual(args.slice(0, -1), [
      '-p',
      '2222',
      '-l',
      'root',
      '-i',
      '/k',
      '-T',
      '-e',
      'none',
      '-o',
      'BatchMode=yes',
      '--',
      'hv1',
    ]);
    assert.match(args.at(-1) ?? '', /^sh -c '.*virt-ssh-helper .*qemu:\/\/\/system.*'nc'/);
  });

  it('takes any host key only when told', () => {
    assert.ok(!lineOf('qemu+ssh://h/system').join(' ').includes('StrictHostKeyChecking'));
    assert.ok(lineOf('qemu+ssh://h/system?no_verify=1').includes('StrictHostKeyChecking=no'));
    assert.ok(lineOf('qemu+libssh2://h/system?known_hosts_verify=auto').includes('StrictHostKeyChecking=accept-new'));
  });

  it('prefers the key given as an option to that of the URI', () => {
    assert.ok(lineOf('qemu+ssh://h/system?keyfile=/uri', '/option').includes('/option'));
  });

  it('uses nc alone when a socket, an nc or proxy=netcat is asked for, and the helper alone with proxy=native', () => {
    for (const query of ['socket=/s', 'netcat=/bin/nc.openbsd', 'proxy=netcat']) {
      assert.doesNotMatch(lineOf(`qemu+ssh://h/system?${query}`).at(-1) ?? '', /virt-ssh-helper/);
    }
    assert.doesNotMatch(lineOf('qemu+ssh://h/system?proxy=native').at(-1) ?? '', /nc/);
  });
});

describe('the authentication file', () => {
  const text = `
# comment
[credentials-lab]
authname = fred
password = s=cr;et
[auth-libvirt-hv1.example.org]
credentials=lab
`;
  it('gives the credentials of the host', () => {
    assert.deepEqual(findCredentials(text, 'hv1.example.org', undefined), { username: 'fred', password: 's=cr;et' });
  });

  it('gives nothing for another host', () => {
    assert.equal(findCredentials(text, 'hv2', undefined), null);
  });
});

// SPDX-License-Identifier: Apache-2.0
// The libvirt client against Debian's real libvirtd: the test driver for what needs no machine, QEMU for what does.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createConnection, createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CreateFlag,
  connect,
  type Domain,
  type DomainEvent,
  type DomainStateName,
  ErrorCode,
  type LibvirtConnection,
  LibvirtError,
  XmlFlag,
} from '@wrought/libvirt';
import { GUEST_NMI, GUEST_POWER_BUTTON, GUEST_READY } from './libvirt-guest.ts';
import { type Libvirtd, missingLibvirtd, SASL_USER, startLibvirtd } from './libvirtd.ts';

const skip = missingLibvirtd('saslpasswd2');

describe('the libvirt client with a real libvirtd', { skip }, () => {
  let libvirtd: Libvirtd;
  let connection: LibvirtConnection;

  before(async () => {
    libvirtd = await startLibvirtd({ tcp: true, tls: true });
    connection = await connect(libvirtd.uri);
  });
  after(async () => {
    await connection?.close();
    await libvirtd?.stop();
  });

  describe('on the test driver', () => {
    let test: LibvirtConnection;
    let domain: Domain;

    before(async () => {
      test = await connect(libvirtd.testUri);
      domain = await test.lookupByName('test');
    });
    after(() => test?.close());

    it('tells type, version and host name', async () => {
      assert.equal(await test.getType(), 'TEST');
      assert.ok((await test.getLibVersion()) >= 9_000_000);
      assert.notEqual(await test.getHostname(), '');
    });

    it('lists the domains that are there', async () => {
      assert.deepEqual(await test.listAllDomains(), [domain]);
      assert.deepEqual(await test.lookupByUuid('6695eb01-f6a4-8304-79aa-97f2502e193f'), domain);
    });

    it('finds the domain by its MAC in any notation', async () => {
      for (const mac of ['aa:bb:cc:dd:ee:ff', 'AA-BB-CC-DD-EE-FF', 'aabb.ccdd.eeff']) {
        assert.deepEqual(await test.findByMac([mac]), [{ domain, macs: ['aabbccddeeff'] }]);
      }
      assert.deepEqual(await test.findByMac(['aa:bb:cc:dd:ee:f0']), []);
    });

    it('stops and starts the domain, and hears of it', async () => {
      const heard: string[] = [];
      const unsubscribe = await test.subscribeDomainLifecycle((event) => heard.push(event.event));
      await test.destroy(domain);
      assert.deepEqual(await test.getState(domain), { state: 'shutoff', reason: 2 });
      const started = await test.create(domain);
      assert.notEqual(started.id, -1);
      assert.equal((await test.getState(domain)).state, 'running');
      assert.equal((await test.getAllStates()).get(domain.uuid)?.state, 'running');
      await eventually(() => assert.deepEqual(heard, ['stopped', 'started']));
      await unsubscribe();
      await test.destroy(domain);
      await test.create(domain);
      await test.getHostname();
      assert.deepEqual(heard, ['stopped', 'started'], 'nothing is heard after unsubscribing');
    });

    it('gives the daemon’s refusals as typed errors', async () => {
      await assert.rejects(test.lookupByName('nope'), { name: 'LibvirtError', code: ErrorCode.NO_DOMAIN, domain: 12 });
      await assert.rejects(test.defineXml('<domain/>'), { name: 'LibvirtError', procedure: 'domainDefineXmlFlags' });
      await assert.rejects(test.defineXml('no xml'), { name: 'LibvirtError', code: ErrorCode.XML_DETAIL });
    });

    it('opens read-only, and then changes nothing', async () => {
      const reader = await connect(libvirtd.testUri, { readonly: true });
      await assert.rejects(reader.destroy(domain), { code: ErrorCode.OPERATION_DENIED });
      await reader.close();
    });

    it('says that a hypervisor is not there', async () => {
      const uri = libvirtd.testUri.replace('test+unix:///default', 'xen+unix:///system');
      await assert.rejects(connect(uri), { name: 'LibvirtError', code: ErrorCode.NO_CONNECT });
    });
  });

  describe('on QEMU', () => {
    let domain: Domain;
    const MAC = '52:54:00:ab:cd:01';

    before(async () => {
      domain = await libvirtd.defineGuest(connection, { name: 'guest', macs: [MAC, '52:54:00:ab:cd:02'] });
    });

    it('defines a domain that virsh then knows', async () => {
      assert.equal(await libvirtd.virsh('domuuid', 'guest'), domain.uuid);
      assert.equal(await libvirtd.virsh('domstate', 'guest'), 'shut off');
    });

    it('reads the same persistent XML as virsh', async () => {
      const xml = await connection.getXml(domain, XmlFlag.INACTIVE | XmlFlag.SECURE);
      assert.equal(xml.trim(), await libvirtd.virsh('dumpxml', '--inactive', '--security-info', 'guest'));
    });

    it('starts, resets and pulls the plug, and virsh agrees each time', async () => {
      const events: DomainEvent[] = [];
      const unsubscribe = [
        await connection.subscribe('lifecycle', (event) => events.push(event)),
        await connection.subscribe('reboot', (event) => events.push(event)),
      ];
      const started = await connection.create(domain, CreateFlag.FORCE_BOOT);
      assert.equal(await libvirtd.virsh('domid', 'guest'), String(started.id));
      assert.equal(await libvirtd.virsh('domstate', 'guest'), 'running');
      assert.deepEqual(await connection.getState(domain), { state: 'running', reason: 1 });
      await assert.rejects(connection.create(domain), { code: ErrorCode.OPERATION_INVALID });

      await connection.reset(domain);
      await eventually(() => assert.ok(events.some((event) => event.kind === 'reboot')));

      await connection.destroy(domain);
      assert.equal(await libvirtd.virsh('domstate', 'guest'), 'shut off');
      assert.deepEqual(await connection.getState(domain), { state: 'shutoff', reason: 2 });
      await assert.rejects(connection.destroy(domain), { code: ErrorCode.OPERATION_INVALID });
      await eventually(() =>
        assert.ok(events.some((event) => event.kind === 'lifecycle' && event.event === 'stopped')),
      );
      for (const stop of unsubscribe) await stop();
    });

    it('sees what virsh does', async () => {
      await libvirtd.virsh('start', 'guest');
      assert.equal((await connection.getState(domain)).state, 'running');
      await libvirtd.virsh('suspend', 'guest');
      assert.deepEqual((await connection.getAllStates()).get(domain.uuid), { state: 'paused', reason: 1 });
      await libvirtd.virsh('destroy', 'guest');
      assert.equal((await connection.getState(domain)).state, 'shutoff');
    });

    it('talks to the guest on its console, sends an NMI, and powers it off softly', async () => {
      // Paused, so that the console is there before the guest says its first word.
      await connection.create(domain, CreateFlag.PAUSED);
      const terminal = await connection.openConsole(domain);
      const screen = record(terminal);
      await assert.rejects(connection.openConsole(domain), { code: ErrorCode.OPERATION_FAILED });
      await connection.resume(domain);
      await screen.shows(GUEST_READY);
      terminal.write('is anybody there?');
      await screen.shows('is anybody there?');
      await connection.injectNmi(domain);
      await screen.shows(GUEST_NMI);
      await connection.shutdown(domain);
      await screen.shows(GUEST_POWER_BUTTON);
      await untilState(connection, domain, 'shutoff');
      assert.equal(await libvirtd.virsh('domstate', '--reason', 'guest'), 'shut off (shutdown)');
      await screen.ended;
    });

    it('takes a console over by force, and gives it back', async () => {
      await connection.create(domain);
      const first = await connection.openConsole(domain);
      const lost = once(first, 'error');
      const second = await connection.openConsole(domain, 'serial0', { force: true });
      assert.ok((await lost)[0] instanceof LibvirtError);
      second.end();
      second.resume();
      await once(second, 'close');
      const third = await connection.openConsole(domain);
      third.destroy();
      await once(third, 'close');
      await assert.rejects(connection.openConsole(domain, 'nosuch0'), { code: ErrorCode.INTERNAL_ERROR });
      await connection.destroy(domain);
    });

    it('redefines the boot order and reads it back', async () => {
      const xml = await connection.getXml(domain, XmlFlag.INACTIVE | XmlFlag.SECURE);
      const changed = xml.replace("<boot dev='hd'/>", "<boot dev='network'/>\n    <boot dev='hd'/>");
      const again = await connection.defineXml(changed);
      assert.equal(again.uuid, domain.uuid);
      assert.match(
        await libvirtd.virsh('dumpxml', '--inactive', 'guest'),
        /<boot dev='network'\/>\s*<boot dev='hd'\/>/,
      );
    });
  });

  describe('with many domains', () => {
    const COUNT = 200;
    const macOf = (index: number) =>
      `52:54:01:00:${(index >> 8).toString(16).padStart(2, '0')}:${(index & 255).toString(16).padStart(2, '0')}`;
    let domains: Domain[];

    before(async () => {
      const defined = Array.from({ length: COUNT }, (_, index) =>
        libvirtd.defineGuest(connection, { name: `many-${index}`, macs: [macOf(index)], disk: null }),
      );
      domains = await Promise.all(defined);
    });

    it('finds each of several by MAC among all, in one scan', async () => {
      const found = await connection.findByMac([macOf(3), macOf(150).toUpperCase()]);
      assert.deepEqual(found.map((match) => match.domain.name).sort(), ['many-150', 'many-3']);
    });

    it('finds a domain again where it was, and elsewhere when it lost the address', async () => {
      const [hint, other] = domains;
      assert.ok(hint !== undefined && other !== undefined);
      assert.deepEqual(await connection.findByMac([macOf(0)], hint), [{ domain: hint, macs: ['525401000000'] }]);
      const byOtherHint = await connection.findByMac([macOf(0)], { uuid: other.uuid });
      assert.deepEqual(
        byOtherHint.map((match) => match.domain.uuid),
        [hint.uuid],
      );
      const byVanishedHint = await connection.findByMac([macOf(0)], { uuid: '00000000-0000-4000-8000-00000000dead' });
      assert.deepEqual(
        byVanishedHint.map((match) => match.domain.uuid),
        [hint.uuid],
      );
    });

    it('finds every domain that claims the same MAC', async () => {
      const twin = await libvirtd.defineGuest(connection, { name: 'twin', macs: [macOf(7)], disk: null });
      const found = await connection.findByMac([macOf(7)]);
      assert.deepEqual(found.map((match) => match.domain.name).sort(), ['many-7', 'twin']);
      await connection.undefine(twin);
    });

    it('tells all states at once, as virsh does', async () => {
      const states = await connection.getAllStates();
      const all = await connection.listAllDomains();
      assert.equal(states.size, all.length);
      assert.ok(states.size >= COUNT);
      assert.equal(states.get(domains[9]?.uuid ?? '')?.state, 'shutoff');
    });

    it('ends a scan at once when its signal fires, and goes on working', async () => {
      const abort = new AbortController();
      const scan = connection.findByMac(['52:54:00:00:00:99'], null, { signal: abort.signal });
      abort.abort(new Error('enough'));
      await assert.rejects(scan, /enough/);
      assert.equal((await connection.findByMac([macOf(5)])).length, 1);
    });
  });

  describe('over plain TCP', () => {
    it('authenticates by DIGEST-MD5 and encrypts all that follows', async () => {
      const remote = await connect(libvirtd.tcpUri ?? '', SASL_USER);
      assert.equal(await remote.getType(), 'QEMU');
      assert.equal(await remote.call('connectIsSecure', undefined), true);
      // Long enough to need several encrypted units each way.
      const description = 'x'.repeat(200_000);
      const xml = (await connection.getXml(await connection.lookupByName('many-1'))).replace(
        '</uuid>',
        `</uuid><description>${description}</description>`,
      );
      const domain = await remote.defineXml(xml);
      assert.ok((await remote.getXml(domain)).includes(description));
      assert.equal((await remote.findByMac(['52:54:01:00:00:05'])).length, 1);
      await remote.close();
    });

    it('reports a wrong password as such, without the password', async () => {
      const attempt = connect(libvirtd.tcpUri ?? '', { username: 'fred', password: 'wrong-one' });
      await assert.rejects(attempt, (error: LibvirtError) => {
        assert.equal(error.name, 'LibvirtAuthError');
        assert.equal(error.code, ErrorCode.AUTH_FAILED);
        assert.ok(!JSON.stringify([error.message, error.stack, error]).includes('wrong-one'));
        return true;
      });
    });

    it('says that credentials are needed when there are none', async () => {
      await assert.rejects(connect(libvirtd.tcpUri ?? ''), {
        name: 'LibvirtAuthError',
        message: /user name and password/,
      });
    });

    it('reads the credentials from an authentication file', async () => {
      const file = join(libvirtd.root, 'auth.conf');
      await writeFile(
        file,
        `[credentials-x]\nauthname=${SASL_USER.username}\npassword=${SASL_USER.password}\n[auth-libvirt-127.0.0.1]\ncredentials=x\n`,
      );
      const remote = await connect(`${libvirtd.tcpUri}?authfile=${file}`);
      await remote.close();
    });

    it('never sends a password in the clear, even when asked to', async () => {
      const uri = `${libvirtd.tcpUri}?auth=sasl.plain`;
      await assert.rejects(connect(uri, SASL_USER), { name: 'LibvirtAuthError', message: /no common SASL mechanism/ });
    });

    it('says when nobody listens', async () => {
      await assert.rejects(connect('qemu+tcp://127.0.0.1:1/system'), {
        name: 'LibvirtConnectionError',
        message: /127\.0\.0\.1 port 1: .*ECONNREFUSED/,
      });
    });
  });

  describe('over TLS', () => {
    const withPki = (name: string, extra = '') => `${libvirtd.tlsUri}?pkipath=${libvirtd.pki}/${name}${extra}`;

    it('shows its certificate and checks the daemon’s', async () => {
      const remote = await connect(withPki('client'));
      assert.equal(await remote.getType(), 'QEMU');
      assert.ok((await remote.listAllDomains()).length > 0);
      await remote.close();
    });

    it('says when the daemon does not take its certificate, or the lack of one', async () => {
      for (const name of ['stranger', 'ca-only']) {
        await assert.rejects(connect(withPki(name)), { name: 'LibvirtAuthError', message: /did not accept/ });
      }
    });

    it('refuses a daemon of another name, unless told not to look', async () => {
      const relay = await startRelay('127.0.0.2', Number(new URL(libvirtd.tlsUri ?? '').port));
      const uri = withPki('client').replace(/127\.0\.0\.1:\d+/, `127.0.0.2:${relay.port}`);
      await assert.rejects(connect(uri), { name: 'LibvirtConnectionError', message: /does not match/ });
      const remote = await connect(`${uri}&no_verify=1`);
      await remote.close();
      relay.close();
    });

    it('says which file is missing', async () => {
      await assert.rejects(connect(withPki('nowhere')), { message: /no CA certificate at .*nowhere\/cacert\.pem/ });
    });
  });
});

describe('a real libvirtd that fails', { skip }, () => {
  let libvirtd: Libvirtd;
  before(async () => {
    libvirtd = await startLibvirtd();
  });
  after(() => libvirtd?.stop());

  it('is noticed when it hangs, and serves a new connection when it goes on', async () => {
    const connection = await connect(libvirtd.testUri, { keepAlive: { intervalMs: 50, count: 3 } });
    const lost = once(connection, 'close');
    process.kill(libvirtd.pid, 'SIGSTOP');
    const call = connection.getHostname();
    const [reason] = await lost;
    assert.match(String(reason), /silent for .* \(keepalive\)/);
    await assert.rejects(call, { name: 'LibvirtConnectionError' });
    await assert.rejects(connect(libvirtd.testUri, { timeoutMs: 200 }), { name: 'LibvirtTimeoutError' });
    process.kill(libvirtd.pid, 'SIGCONT');
    const again = await connect(libvirtd.testUri);
    assert.equal(await again.getType(), 'TEST');
    await again.close();
  });

  it('is noticed when it dies in the middle of a start', async () => {
    const connection = await connect(libvirtd.uri);
    const domain = await libvirtd.defineGuest(connection, { name: 'guest', macs: ['52:54:00:00:00:01'] });
    const lost = once(connection, 'close');
    const start = connection.create(domain);
    const started = connection.getState(domain);
    await started;
    process.kill(libvirtd.pid, 'SIGKILL');
    await assert.rejects(start, { name: 'LibvirtConnectionError' });
    await lost;
    assert.equal(connection.closed, true);
    await assert.rejects(connection.getState(domain), { name: 'LibvirtConnectionError' });
  });
});

describe('SASL on a Unix socket with a real libvirtd', { skip }, () => {
  let libvirtd: Libvirtd;
  before(async () => {
    libvirtd = await startLibvirtd({ unixSasl: 'scram-sha-512 scram-sha-256 scram-sha-1 digest-md5 plain' });
  });
  after(() => libvirtd?.stop());

  for (const mechanism of ['scram-sha-512', 'scram-sha-256', 'scram-sha-1', 'digest-md5', 'plain']) {
    it(`authenticates by ${mechanism}`, async () => {
      const connection = await connect(`${libvirtd.testUri}&auth=sasl.${mechanism}`, SASL_USER);
      assert.equal(await connection.getType(), 'TEST');
      await connection.close();
    });

    it(`reports a wrong password by ${mechanism}`, async () => {
      const attempt = connect(`${libvirtd.testUri}&auth=sasl.${mechanism}`, { ...SASL_USER, password: 'no' });
      await assert.rejects(attempt, { name: 'LibvirtAuthError', code: ErrorCode.AUTH_FAILED });
    });
  }
});

/** Passes connections to an address on to a port of 127.0.0.1. */
async function startRelay(address: string, target: number): Promise<{ port: number; close(): void }> {
  const server = createServer((near) => {
    const far = createConnection({ host: '127.0.0.1', port: target });
    near.on('error', () => far.destroy());
    far.on('error', () => near.destroy());
    near.pipe(far).pipe(near);
  });
  server.listen(0, address);
  await once(server, 'listening');
  const bound = server.address();
  assert.ok(bound !== null && typeof bound === 'object');
  return { port: bound.port, close: () => server.close() };
}

/** Collects what comes; `shows` waits for a text. */
function record(stream: NodeJS.ReadableStream) {
  let text = '';
  stream.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
  });
  const ended = once(stream, 'end');
  return { ended, shows: (wanted: string) => eventually(() => assert.ok(text.includes(wanted), JSON.stringify(text))) };
}

async function untilState(connection: LibvirtConnection, domain: Domain, state: DomainStateName): Promise<void> {
  await eventually(async () => assert.equal((await connection.getState(domain)).state, state));
}

/** Tries until the check passes; after 20 s its failure stands. */
async function eventually(check: () => void | Promise<void>): Promise<void> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await sleep(25);
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it, type TestContext } from 'node:test';
import { connect } from '../src/connect.ts';
import type { Packet } from '../src/packet.ts';
import { argsOf, type FakeDaemon, type Peer, startFakeDaemon } from './fake-daemon.ts';

const COUNT = 300;
const uuidOf = (index: number) => `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`;
const domains = Array.from({ length: COUNT }, (_, index) => ({ name: `d${index}`, uuid: uuidOf(index), id: -1 }));
const macOf = (index: number) =>
  `52:54:00:00:${String(index >> 8).padStart(2, '0')}:${(index & 255).toString(16).padStart(2, '0')}`;

/** A daemon with many domains. `xml` may answer a request for a document instead. */
async function daemonWithDomains(
  t: TestContext,
  xml: (peer: Peer, call: Packet, index: number) => boolean = () => false,
): Promise<FakeDaemon> {
  const daemon = await startFakeDaemon((peer, packet) => {
    if (packet.procedure === 273) peer.reply(packet, 'connectListAllDomains', { domains, count: COUNT });
    if (packet.procedure === 24) {
      const found = domains.find(({ uuid }) => uuid === argsOf(packet, 'domainLookupByUuid').uuid);
      if (found === undefined) peer.fail(packet, 42, 10);
      else peer.reply(packet, 'domainLookupByUuid', found);
    }
    if (packet.procedure !== 14) return;
    const index = Number(argsOf(packet, 'domainGetXmlDesc').dom.uuid.slice(-12));
    if (xml(peer, packet, index)) return;
    if (index >= COUNT) peer.fail(packet, 42, 10);
    else
      peer.reply(
        packet,
        'domainGetXmlDesc',
        `<devices><interface><mac address='${macOf(index)}'/></interface></devices>`,
      );
  });
  t.after(() => daemon.stop());
  return daemon;
}

const qemu = ({ uri }: FakeDaemon) => uri.replace('test+unix:///default', 'qemu+unix:///system');
const xmlCalls = ({ received }: Peer) => received.filter(({ procedure }) => procedure === 14).length;
const names = (matches: readonly { domain: { name: string } }[]) => matches.map(({ domain }) => domain.name);

describe('a search by MAC', () => {
  it('asks for each document once, in two lanes at a local QEMU daemon, and ends the second when it is done', async (t) => {
    const daemon = await daemonWithDomains(t);
    await using connection = await connect(qemu(daemon), { keepAlive: false });
    assert.deepEqual(names(await connection.findByMac([macOf(7), macOf(299)])), ['d7', 'd299']);
    const [main, helper] = daemon.peers;
    assert.ok(main !== undefined && helper !== undefined);
    assert.equal(xmlCalls(main) + xmlCalls(helper), COUNT);
    if (!helper.socket.closed) await once(helper.socket, 'close');
    assert.equal(helper.received.at(-1)?.procedure, 2, 'the helper says good-bye');
    assert.deepEqual(names(await connection.findByMac([macOf(1)])), ['d1']);
  });

  it('stays on its own connection where another may show other domains', async (t) => {
    const daemon = await daemonWithDomains(t);
    await using connection = await connect(daemon.uri, { keepAlive: false });
    assert.deepEqual(names(await connection.findByMac([macOf(299)])), ['d299']);
    assert.equal(daemon.peers.length, 1);
  });

  it('loses nothing when the second connection dies under it, or cannot be made', async (t) => {
    const daemon = await daemonWithDomains(t, (peer) => {
      const isHelper = peer === daemon.peers[1] || peer === daemon.peers[2];
      if (isHelper) peer.socket.destroy();
      return isHelper;
    });
    await using connection = await connect(qemu(daemon), { keepAlive: false });
    assert.deepEqual(names(await connection.findByMac([macOf(0), macOf(150), macOf(299)])), ['d0', 'd150', 'd299']);
  });

  it('passes over a domain that vanished meanwhile', async (t) => {
    const daemon = await daemonWithDomains(t, (peer, call, index) => {
      if (index % 2 === 0) return false;
      peer.fail(call, 42, 10);
      return true;
    });
    await using connection = await connect(daemon.uri, { keepAlive: false });
    assert.deepEqual(names(await connection.findByMac([macOf(4), macOf(5)])), ['d4']);
  });

  it('fails as a whole when a document cannot be read', async (t) => {
    const daemon = await daemonWithDomains(t, (peer, call, index) => {
      if (index === 100) peer.fail(call, 38, 10, 'disk on fire');
      return index === 100;
    });
    await using connection = await connect(daemon.uri, { keepAlive: false });
    await assert.rejects(connection.findByMac([macOf(4)]), { code: 38, message: 'disk on fire' });
  });

  it('asks only the domain hinted at while that still has the address', async (t) => {
    const daemon = await daemonWithDomains(t);
    await using connection = await connect(daemon.uri, { keepAlive: false });
    const found = await connection.findByMac([macOf(9)], { uuid: uuidOf(9) });
    assert.deepEqual(found, [{ domain: domains[9], macs: ['525400000009'] }]);
    assert.deepEqual(
      daemon.peers[0]?.received.map(({ procedure }) => procedure),
      [66, 1, 14, 24],
    );
    for (const hint of [uuidOf(10), uuidOf(9999)]) {
      assert.deepEqual(names(await connection.findByMac([macOf(9)], { uuid: hint })), ['d9']);
    }
  });

  it('asks nothing when no address is wanted', async (t) => {
    const daemon = await daemonWithDomains(t);
    await using connection = await connect(daemon.uri, { keepAlive: false });
    assert.deepEqual(await connection.findByMac([]), []);
    assert.equal(daemon.peers[0]?.received.length, 2);
  });

  it('finds many addresses as it finds one', async (t) => {
    const daemon = await daemonWithDomains(t);
    await using connection = await connect(daemon.uri, { keepAlive: false });
    const wanted = Array.from({ length: 40 }, (_, index) => macOf(index * 7));
    assert.equal((await connection.findByMac(wanted)).length, 40);
  });
});

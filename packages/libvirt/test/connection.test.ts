// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { type ConnectOptions, connect } from '../src/connect.ts';
import type { LibvirtConnection } from '../src/connection.ts';
import { LibvirtError } from '../src/errors.ts';
import { type Packet, PacketStatus, PacketType, Program } from '../src/packet.ts';
import { procedures } from '../src/protocol/procedures.ts';
import { argsOf, type FakeDaemon, type Peer, replyBytes, startFakeDaemon } from './fake-daemon.ts';

const HOSTNAME = procedures.connectGetHostname.number;
const STATE = procedures.domainGetState.number;
const DOMAIN = { name: 'test', uuid: '6695eb01-f6a4-8304-79aa-97f2502e193f', id: 1 };

type Handler = (peer: Peer, packet: Packet) => unknown;

async function connected(
  t: TestContext,
  handle: Handler,
  options: ConnectOptions = {},
): Promise<{ daemon: FakeDaemon; connection: LibvirtConnection }> {
  const daemon = await startFakeDaemon(handle);
  t.after(() => daemon.stop());
  const connection = await connect(daemon.uri, { keepAlive: false, ...options });
  t.after(() => connection.close());
  return { daemon, connection };
}

/** Answers get-hostname with the given bytes, or ends the connection. */
const answering =
  (act: (peer: Peer, call: Packet) => void): Handler =>
  (peer, packet) => {
    if (packet.procedure === HOSTNAME && packet.type === PacketType.CALL) act(peer, packet);
  };

describe('a connection', () => {
  it('matches replies that overtake one another', async (t) => {
    const held: Packet[] = [];
    const { connection } = await connected(t, (peer, packet) => {
      if (packet.procedure !== STATE) return;
      held.push(packet);
      if (held.length < 5) return;
      for (const call of held.reverse()) {
        peer.reply(call, 'domainGetState', { state: 1, reason: argsOf(call, 'domainGetState').dom.id });
      }
    });
    const ids = [10, 11, 12, 13, 14];
    const states = await Promise.all(ids.map((id) => connection.getState({ ...DOMAIN, id })));
    assert.deepEqual(
      states.map((state) => state.reason),
      ids,
    );
  });

  it('does not take an event for a reply, though its serial is that of a call', async (t) => {
    const event = Buffer.from(
      '000000000000000474657374' + '6695eb01f6a4830479aa97f2502e193f' + 'ffffffff0000000500000001',
      'hex',
    );
    const { connection } = await connected(
      t,
      answering((peer, call) => {
        peer.send(Program.REMOTE, 318, event, call.serial);
        peer.reply(call, 'connectGetHostname', 'hv1');
      }),
    );
    const heard = once(connection, 'domainEvent');
    assert.equal(await connection.getHostname(), 'hv1');
    assert.deepEqual((await heard)[0], {
      kind: 'lifecycle',
      domain: { ...DOMAIN, id: -1 },
      event: 'stopped',
      detail: 1,
    });
  });

  const faults: readonly { fault: string; act: (peer: Peer, call: Packet) => void; error: string }[] = [
    { fault: 'closes', act: (peer) => peer.socket.end(), error: 'LibvirtConnectionError' },
    {
      fault: 'closes in the middle of a reply',
      act: (peer, call) => peer.socket.end(replyBytes(call, 'connectGetHostname', 'hv1').subarray(0, 30)),
      error: 'LibvirtConnectionError',
    },
    {
      fault: 'sends garbage',
      act: (peer) => peer.socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'),
      error: 'LibvirtConnectionError',
    },
    {
      fault: 'answers a call that nobody made',
      act: (peer, call) => peer.reply({ ...call, serial: 77 }, 'connectGetHostname', 'hv1'),
      error: 'LibvirtConnectionError',
    },
    {
      fault: 'answers another procedure',
      act: (peer, call) => peer.reply({ ...call, procedure: 3 }, 'connectGetType', 'QEMU'),
      error: 'LibvirtConnectionError',
    },
  ];

  for (const { fault, act, error } of faults) {
    it(`rejects every call under way with a typed error when the daemon ${fault}`, async (t) => {
      const { connection } = await connected(t, answering(act));
      const closed = once(connection, 'close');
      const calls = [connection.getState(DOMAIN), connection.getState(DOMAIN), connection.getHostname()];
      for (const call of calls) await assert.rejects(call, { name: error });
      assert.ok((await closed)[0] instanceof LibvirtError);
      assert.equal(connection.closed, true);
      await assert.rejects(connection.getHostname(), { name: 'LibvirtConnectionError' });
    });
  }

  it('rejects only the call whose reply cannot be decoded', async (t) => {
    let calls = 0;
    const { connection } = await connected(
      t,
      answering((peer, call) => {
        calls += 1;
        if (calls === 1) peer.socket.write(replyBytes({ ...call }, 'connectIsSecure', true));
        else peer.reply(call, 'connectGetHostname', 'hv1');
      }),
    );
    await assert.rejects(connection.getHostname(), { name: 'LibvirtProtocolError' });
    assert.equal(await connection.getHostname(), 'hv1');
  });

  it('ends with nothing but LibvirtErrors whatever bytes come', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ minLength: 1, maxLength: 80 }), { maxLength: 4 }), async (chunks) => {
        const daemon = await startFakeDaemon(
          answering((peer) => {
            for (const chunk of chunks) peer.socket.write(chunk);
            peer.socket.end();
          }),
        );
        const connection = await connect(daemon.uri, { keepAlive: false });
        await assert.rejects(connection.getHostname(), LibvirtError);
        await daemon.stop();
      }),
      { numRuns: 50 },
    );
  });

  it('rejects a call at its deadline, drops the late reply, and lives on when the daemon was not silent', async (t) => {
    let late: Packet | undefined;
    const { connection, daemon } = await connected(t, (peer, packet) => {
      if (packet.procedure === STATE) late = packet;
      if (packet.procedure === HOSTNAME) peer.reply(packet, 'connectGetHostname', 'hv1');
    });
    const slow = connection.getState(DOMAIN, { timeoutMs: 60 });
    await connection.getHostname();
    await assert.rejects(slow, { name: 'LibvirtTimeoutError', timeoutMs: 60, message: /domainGetState/ });
    assert.ok(late !== undefined);
    daemon.peers[0]?.reply(late, 'domainGetState', { state: 1, reason: 1 });
    assert.equal(await connection.getHostname(), 'hv1');
  });

  it('gives a connection up when the daemon was silent for a whole deadline', async (t) => {
    const { connection } = await connected(t, () => undefined);
    const closed = once(connection, 'close');
    const other = connection.getHostname();
    await assert.rejects(connection.getState(DOMAIN, { timeoutMs: 30 }), { name: 'LibvirtTimeoutError' });
    await assert.rejects(other, { name: 'LibvirtConnectionError' });
    await closed;
  });

  it('ends a call when its signal fires, and lives on', async (t) => {
    const { connection } = await connected(t, (peer, packet) => {
      if (packet.procedure === HOSTNAME) peer.reply(packet, 'connectGetHostname', 'hv1');
    });
    const abort = new AbortController();
    const call = connection.getState(DOMAIN, { signal: abort.signal });
    abort.abort(new Error('enough'));
    await assert.rejects(call, /enough/);
    await assert.rejects(connection.getState(DOMAIN, { signal: abort.signal }), /enough/);
    assert.equal(await connection.getHostname(), 'hv1');
  });

  it('answers a PING with a PONG', async (t) => {
    const { connection, daemon } = await connected(
      t,
      answering((peer, call) => {
        peer.send(Program.KEEPALIVE, 1);
        peer.reply(call, 'connectGetHostname', 'hv1');
      }),
    );
    await connection.getHostname();
    await connection.close();
    const pongs = daemon.peers[0]?.received.filter((packet) => packet.program === Program.KEEPALIVE) ?? [];
    assert.deepEqual(
      pongs.map(({ procedure, type, serial }) => ({ procedure, type, serial })),
      [{ procedure: 2, type: PacketType.MESSAGE, serial: 0 }],
    );
  });

  it('stays while its PINGs are answered, and gives up when they are not', async (t) => {
    let answer = true;
    let pings = 0;
    const { connection } = await connected(
      t,
      (peer, packet) => {
        if (packet.program !== Program.KEEPALIVE) return;
        pings += 1;
        if (answer) peer.send(Program.KEEPALIVE, 2);
      },
      { keepAlive: { intervalMs: 20, count: 2 } },
    );
    while (pings < 5) await sleep(5);
    assert.equal(connection.closed, false);
    answer = false;
    const call = connection.getHostname();
    const [reason] = await once(connection, 'close');
    assert.match(String(reason), /keepalive/);
    await assert.rejects(call, { name: 'LibvirtConnectionError' });
  });

  it('asks for states one by one where the daemon cannot tell all at once', async (t) => {
    const other = { ...DOMAIN, uuid: '00000000-0000-4000-8000-000000000002', id: -1 };
    const { connection } = await connected(t, (peer, packet) => {
      if (packet.procedure === 344) peer.fail(packet, 3, 20);
      if (packet.procedure === 273) peer.reply(packet, 'connectListAllDomains', { domains: [DOMAIN, other], count: 2 });
      if (packet.procedure !== STATE) return;
      if (argsOf(packet, 'domainGetState').dom.uuid === other.uuid) peer.fail(packet, 42, 10);
      else peer.reply(packet, 'domainGetState', { state: 3, reason: 1 });
    });
    const states = await connection.getAllStates();
    assert.deepEqual([...states], [[DOMAIN.uuid, { state: 'paused', reason: 1 }]], 'a vanished domain has no state');
  });

  it('says good-bye on close, and tells its listeners that nothing went wrong', async (t) => {
    const { connection, daemon } = await connected(t, () => undefined);
    const closed = once(connection, 'close');
    await connection.close();
    await connection.close();
    assert.deepEqual(await closed, [null]);
    assert.equal(daemon.peers[0]?.received.at(-1)?.procedure, 2);
  });
});

describe('connecting', () => {
  it('asks polkit when the daemon wants that, and opens the URI without transport and host', async (t) => {
    const { daemon } = await connected(t, (peer, packet) => {
      if (packet.procedure === 66) peer.reply(packet, 'authList', [2]);
      if (packet.procedure === 70) peer.reply(packet, 'authPolkit', true);
      return packet.procedure === 66 || packet.procedure === 70;
    });
    const received = daemon.peers[0]?.received ?? [];
    assert.deepEqual(
      received.map((packet) => packet.procedure),
      [66, 70, 1],
    );
    const open = received[2];
    assert.ok(open !== undefined);
    assert.deepEqual(argsOf(open, 'connectOpen'), { name: 'test:///default', flags: 0 });
  });

  it('takes an infinite deadline for none', async (t) => {
    const { connection } = await connected(
      t,
      answering((peer, call) => setTimeout(() => peer.reply(call, 'connectGetHostname', 'hv1'), 20)),
      { timeoutMs: Number.POSITIVE_INFINITY },
    );
    assert.equal(await connection.getHostname(), 'hv1');
    assert.equal(await connection.getHostname({ timeoutMs: 2 ** 40 }), 'hv1');
  });

  it('goes on when an old daemon does not know the list of ways to authenticate', async (t) => {
    await connected(t, (peer, packet) => {
      if (packet.procedure !== 66) return;
      peer.fail(packet, 3);
      return true;
    });
  });

  it('gives up at its deadline when the daemon says nothing', async (t) => {
    const daemon = await startFakeDaemon(() => true);
    t.after(() => daemon.stop());
    await assert.rejects(connect(daemon.uri, { timeoutMs: 50 }), {
      name: 'LibvirtTimeoutError',
      message: /connecting to/,
    });
  });

  it('gives up when its signal fires', async (t) => {
    const daemon = await startFakeDaemon(() => true);
    t.after(() => daemon.stop());
    const abort = new AbortController();
    const attempt = connect(daemon.uri, { signal: abort.signal });
    setTimeout(() => abort.abort(new Error('enough')), 20);
    await assert.rejects(attempt, /enough/);
    await assert.rejects(connect(daemon.uri, { signal: abort.signal }), /enough/);
  });

  it('does not send a password to a daemon that offers no mechanism it knows', async (t) => {
    const daemon = await startFakeDaemon((peer, packet) => {
      if (packet.procedure === 66) peer.reply(packet, 'authList', [1]);
      if (packet.procedure === 67) peer.reply(packet, 'authSaslInit', 'GSSAPI,EXTERNAL');
      return packet.procedure === 66;
    });
    t.after(() => daemon.stop());
    await assert.rejects(connect(daemon.uri, { username: 'u', password: 'p' }), {
      name: 'LibvirtAuthError',
      message: /GSSAPI/,
    });
  });

  it('refuses a daemon that ends SCRAM without proving itself', async (t) => {
    const daemon = await startFakeDaemon((peer, packet) => {
      if (packet.procedure === 66) peer.reply(packet, 'authList', [1]);
      if (packet.procedure === 67) peer.reply(packet, 'authSaslInit', 'SCRAM-SHA-256');
      if (packet.procedure === 68)
        peer.reply(packet, 'authSaslStart', { complete: true, nil: true, data: Buffer.alloc(0) });
      return packet.procedure === 66;
    });
    t.after(() => daemon.stop());
    await assert.rejects(connect(daemon.uri, { username: 'u', password: 'p' }), {
      name: 'LibvirtAuthError',
      message: /proving/,
    });
  });

  it('says which socket is not there', async () => {
    await assert.rejects(connect('qemu:///system?socket=/nowhere/sock'), {
      name: 'LibvirtConnectionError',
      message: /\/nowhere\/sock/,
    });
  });
});

describe('a console', () => {
  const OPEN = procedures.domainOpenConsole.number;

  /** A daemon whose console does what `act` says, once for every packet on it. */
  const console = (t: TestContext, act: (peer: Peer, packet: Packet) => void) =>
    connected(t, (peer, packet) => {
      if (packet.procedure === OPEN) act(peer, packet);
    });

  it('loses nothing of what comes together with the reply', async (t) => {
    const { connection } = await console(t, (peer, packet) => {
      if (packet.type !== PacketType.CALL) return peer.stream(packet, PacketStatus.OK);
      peer.socket.cork();
      peer.reply(packet, 'domainOpenConsole', undefined);
      peer.stream(packet, PacketStatus.CONTINUE, Buffer.from('first'));
      peer.stream(packet, PacketStatus.CONTINUE, Buffer.from(' second'));
      peer.stream(packet, PacketStatus.CONTINUE);
      peer.socket.uncork();
    });
    const terminal = await connection.openConsole(DOMAIN);
    const closed = once(terminal, 'close');
    assert.equal(Buffer.concat(await terminal.toArray()).toString(), 'first second');
    await closed;
  });

  it('sends what is typed unpadded, and finishes with OK', async (t) => {
    const sent: { status: number; text: string }[] = [];
    const { connection } = await console(t, (peer, packet) => {
      if (packet.type === PacketType.CALL) return peer.reply(packet, 'domainOpenConsole', undefined);
      sent.push({ status: packet.status, text: packet.payload.toString() });
      if (packet.status === PacketStatus.OK) peer.stream(packet, PacketStatus.OK);
    });
    const terminal = await connection.openConsole(DOMAIN);
    terminal.write('hello');
    terminal.end();
    await once(terminal, 'finish');
    assert.deepEqual(sent, [
      { status: PacketStatus.CONTINUE, text: 'hello' },
      { status: PacketStatus.OK, text: '' },
    ]);
  });

  it('is aborted by destroy, and the daemon’s answer to that disturbs nothing', async (t) => {
    let aborted: (() => void) | undefined;
    const abort = new Promise<void>((resolve) => {
      aborted = resolve;
    });
    const { connection } = await connected(t, (peer, packet) => {
      if (packet.procedure === HOSTNAME) peer.reply(packet, 'connectGetHostname', 'hv1');
      if (packet.procedure !== OPEN) return;
      if (packet.type === PacketType.CALL) return peer.reply(packet, 'domainOpenConsole', undefined);
      assert.equal(packet.status, PacketStatus.ERROR);
      peer.stream(packet, PacketStatus.CONTINUE, Buffer.from('late'));
      peer.stream(packet, PacketStatus.OK);
      aborted?.();
    });
    const terminal = await connection.openConsole(DOMAIN);
    terminal.destroy();
    await abort;
    assert.equal(await connection.getHostname(), 'hv1');
  });

  it('fails with the daemon’s error, and with the connection', async (t) => {
    const { connection, daemon } = await console(t, (peer, packet) => {
      if (packet.type === PacketType.CALL) peer.reply(packet, 'domainOpenConsole', undefined);
    });
    const terminal = await connection.openConsole(DOMAIN);
    const failed = once(terminal, 'error');
    daemon.peers[0]?.socket.destroy();
    assert.ok((await failed)[0] instanceof LibvirtError);
  });

  it('is given up, and with it nothing else, when nobody reads what comes', async (t) => {
    const { connection } = await connected(t, (peer, packet) => {
      if (packet.procedure === HOSTNAME) peer.reply(packet, 'connectGetHostname', 'hv1');
      if (packet.procedure !== OPEN || packet.type !== PacketType.CALL) return;
      peer.reply(packet, 'domainOpenConsole', undefined);
      for (let i = 0; i < 80; i++) peer.stream(packet, PacketStatus.CONTINUE, Buffer.alloc(262_120));
    });
    const terminal = await connection.openConsole(DOMAIN);
    const [error] = await once(terminal, 'error');
    assert.match(String(error), /not read/);
    assert.equal(await connection.getHostname(), 'hv1');
  });
});

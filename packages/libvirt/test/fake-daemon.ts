// SPDX-License-Identifier: Apache-2.0
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Packet, PacketSplitter, PacketStatus, PacketType, Program } from '../src/packet.ts';
import { type ArgsOf, type ProcedureName, procedures, type ResultOf } from '../src/protocol/procedures.ts';
import { remoteError } from '../src/protocol/types.ts';
import { type Codec, decode, encode } from '../src/xdr.ts';
import { encodePacket } from './encode-packet.ts';

/** One client's connection, as the fake daemon sees it. */
export class Peer {
  readonly socket: Socket;
  /** Every packet the client sent. */
  readonly received: Packet[] = [];

  constructor(socket: Socket) {
    this.socket = socket;
  }

  reply<N extends ProcedureName>(call: Packet, name: N, result: ResultOf<N>): void {
    this.socket.write(replyBytes(call, name, result));
  }

  fail(call: Packet, code: number, domain = 7, message = 'failed'): void {
    const none = { dom: null, str1: null, str2: null, str3: null, int1: -1, int2: -1, net: null };
    const payload = encode(remoteError, { code, domain, message, level: 2, ...none });
    this.socket.write(encodePacket({ ...call, type: PacketType.REPLY, status: PacketStatus.ERROR }, payload));
  }

  stream(call: Packet, status: number, bytes: Uint8Array = Buffer.alloc(0)): void {
    this.socket.write(encodePacket({ ...call, type: PacketType.STREAM, status }, bytes));
  }

  send(program: number, procedure: number, payload: Uint8Array = Buffer.alloc(0), serial = 0): void {
    this.socket.write(encodePacket({ program, procedure, type: PacketType.MESSAGE, serial, status: 0 }, payload));
  }
}

export function replyBytes<N extends ProcedureName>(call: Packet, name: N, result: ResultOf<N>): Buffer {
  const codec = procedures[name].ret as unknown as Codec<ResultOf<N>>;
  return encodePacket({ ...call, type: PacketType.REPLY, status: PacketStatus.OK }, encode(codec, result));
}

export function argsOf<N extends ProcedureName>(call: Packet, name: N): ArgsOf<N> {
  return decode(procedures[name].args as unknown as Codec<ArgsOf<N>>, call.payload);
}

export interface FakeDaemon {
  readonly uri: string;
  readonly peers: Peer[];
  stop(): Promise<void>;
}

/**
 * A daemon for faults no real one commits on request. It answers what connecting and closing needs, and leaves every other packet
 * to `handle`; `handle` may also take over the answers to connecting by returning true.
 */
export async function startFakeDaemon(handle: (peer: Peer, packet: Packet) => unknown): Promise<FakeDaemon> {
  const folder = await mkdtemp(join(tmpdir(), 'wrought-libvirt-'));
  const path = join(folder, 'sock');
  const peers: Peer[] = [];
  const server = createServer((socket) => {
    const peer = new Peer(socket);
    peers.push(peer);
    const splitter = new PacketSplitter();
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      splitter.push(chunk, (packet) => {
        peer.received.push(packet);
        if (handle(peer, packet) !== true) answerBasics(peer, packet);
        return true;
      });
    });
  });
  server.listen(path);
  await once(server, 'listening');
  return {
    uri: `test+unix:///default?socket=${path}`,
    peers,
    stop: async () => {
      for (const { socket } of peers) socket.destroy();
      server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function answerBasics(peer: Peer, packet: Packet): void {
  if (packet.program !== Program.REMOTE || packet.type !== PacketType.CALL) return;
  if (packet.procedure === procedures.authList.number) peer.reply(packet, 'authList', [0]);
  if (packet.procedure === procedures.connectOpen.number) peer.reply(packet, 'connectOpen', undefined);
  if (packet.procedure === procedures.connectClose.number) peer.reply(packet, 'connectClose', undefined);
}

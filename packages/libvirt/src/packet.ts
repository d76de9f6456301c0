// SPDX-License-Identifier: Apache-2.0
import { LibvirtProtocolError } from './errors.ts';

/** Bytes before the payload: the length word and six header words (libvirt's virnetprotocol.x). */
const HEADER_BYTES = 28;
/** The largest packet, length word included: 32 MiB after the length word. */
const MAX_PACKET = 33_554_432 + 4;
/** The largest piece of stream data both sides accept in one packet. */
export const MAX_STREAM_CHUNK = 262_120;

export const Program = {
  REMOTE: 0x20008086,
  QEMU: 0x20008087,
  KEEPALIVE: 0x6b656570,
} as const;

export const PacketType = {
  CALL: 0,
  REPLY: 1,
  MESSAGE: 2,
  STREAM: 3,
  STREAM_HOLE: 6,
} as const;

export const PacketStatus = {
  OK: 0,
  ERROR: 1,
  CONTINUE: 2,
} as const;

export const KeepAlive = { PING: 1, PONG: 2 } as const;

export interface PacketHeader {
  readonly program: number;
  readonly version: number;
  readonly procedure: number;
  readonly type: number;
  /** Chosen by the caller; the reply and all packets of its stream carry the same. */
  readonly serial: number;
  readonly status: number;
}

export interface Packet extends PacketHeader {
  /** XDR for calls, replies and messages; raw bytes for streams. A view into the received data, which is used again. */
  readonly payload: Buffer;
}

/** One packet's bytes. */
export function encodePacket(header: PacketHeader, payload: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + payload.length);
  bytes.writeUInt32BE(bytes.length, 0);
  bytes.writeUInt32BE(header.program, 4);
  bytes.writeUInt32BE(header.version, 8);
  bytes.writeInt32BE(header.procedure, 12);
  bytes.writeUInt32BE(header.type, 16);
  bytes.writeUInt32BE(header.serial, 20);
  bytes.writeUInt32BE(header.status, 24);
  bytes.set(payload, HEADER_BYTES);
  return bytes;
}

function decodePacket(bytes: Buffer): Packet {
  return {
    program: bytes.readUInt32BE(4),
    version: bytes.readUInt32BE(8),
    procedure: bytes.readInt32BE(12),
    type: bytes.readUInt32BE(16),
    serial: bytes.readUInt32BE(20),
    status: bytes.readUInt32BE(24),
    payload: bytes.subarray(HEADER_BYTES),
  };
}

/** How much is set aside for a packet that has only begun, whatever length it claims. */
const FIRST_SHARE = 65_536;

/** Cuts a byte stream into packets. Keeps nothing of a chunk but what begins a packet it does not end, and that as a copy. */
export class PacketSplitter {
  #partial = Buffer.alloc(0);
  #filled = 0;

  /**
   * Adds what was received and hands on every packet that is now complete; its payload is valid only during that call.
   * `take` ends the work by returning false.
   * @throws LibvirtProtocolError on a length word outside 28 bytes to 32 MiB + 4; the stream is then of no more use.
   */
  push(chunk: Buffer, take: (packet: Packet) => boolean): void {
    let rest = chunk;
    while (this.#filled > 0 && rest.length > 0) {
      const wanted = this.#filled < 4 ? 4 : packetLength(this.#partial);
      const share = rest.subarray(0, wanted - this.#filled);
      rest = rest.subarray(share.length);
      this.#keep(share, wanted);
      if (this.#filled < 4 || this.#filled < packetLength(this.#partial)) continue;
      const packet = decodePacket(this.#partial.subarray(0, this.#filled));
      this.#filled = 0;
      this.#partial = Buffer.alloc(0);
      if (!take(packet)) return;
    }
    while (rest.length >= 4) {
      const size = packetLength(rest);
      if (rest.length < size) break;
      const packet = decodePacket(rest.subarray(0, size));
      rest = rest.subarray(size);
      if (!take(packet)) return;
    }
    if (rest.length > 0) this.#keep(rest, rest.length < 4 ? 4 : packetLength(rest));
  }

  /** Copies to what is kept already. Room grows with what has come, not with what a length word promises. */
  #keep(bytes: Buffer, wanted: number): void {
    const needed = this.#filled + bytes.length;
    if (needed > this.#partial.length) {
      const grown = Buffer.allocUnsafe(Math.max(needed, Math.min(wanted, Math.max(FIRST_SHARE, needed * 2))));
      this.#partial.copy(grown, 0, 0, this.#filled);
      this.#partial = grown;
    }
    bytes.copy(this.#partial, this.#filled);
    this.#filled = needed;
  }
}

function packetLength(bytes: Buffer): number {
  const size = bytes.readUInt32BE(0);
  if (size < HEADER_BYTES || size > MAX_PACKET) {
    throw new LibvirtProtocolError(`packet length ${size} is outside ${HEADER_BYTES}..${MAX_PACKET}`);
  }
  return size;
}

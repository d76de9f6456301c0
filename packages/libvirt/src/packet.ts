// SPDX-License-Identifier: Apache-2.0
import { LibvirtProtocolError } from './errors.ts';
import type { XdrWriter } from './xdr.ts';

/** Bytes before the payload: the length word and six header words (libvirt's virnetprotocol.x). */
const HEADER_BYTES = 28;
/** Of every program there is. */
const VERSION = 1;
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

export const KeepAliveProcedure = { PING: 1, PONG: 2 } as const;

export interface PacketHeader {
  readonly program: number;
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

/** Appends one packet. @throws LibvirtError when the payload cannot be encoded; the writer is then as before. */
export function writePacket(writer: XdrWriter, header: PacketHeader, encodePayload: (writer: XdrWriter) => void): void {
  const start = writer.length;
  writer.uint(0);
  writer.uint(header.program);
  writer.uint(VERSION);
  writer.uint(header.procedure);
  writer.uint(header.type);
  writer.uint(header.serial);
  writer.uint(header.status);
  try {
    encodePayload(writer);
  } catch (error) {
    writer.truncate(start);
    throw error;
  }
  writer.uintAt(start, writer.length - start);
}

function decodePacket(bytes: Buffer, start: number, size: number): Packet {
  return {
    program: bytes.readUInt32BE(start + 4),
    procedure: bytes.readInt32BE(start + 12),
    type: bytes.readUInt32BE(start + 16),
    serial: bytes.readUInt32BE(start + 20),
    status: bytes.readUInt32BE(start + 24),
    payload: bytes.subarray(start + HEADER_BYTES, start + size),
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
    let at = this.#filled > 0 ? this.#complete(chunk, take) : 0;
    while (at >= 0 && chunk.length - at >= 4) {
      const size = packetLength(chunk, at);
      if (chunk.length - at < size) break;
      const packet = decodePacket(chunk, at, size);
      at += size;
      if (!take(packet)) return;
    }
    if (at < 0 || at === chunk.length) return;
    const rest = chunk.subarray(at);
    this.#keep(rest, rest.length < 4 ? 4 : packetLength(rest, 0));
  }

  /** Adds to the packet that has begun, and gives how much of the chunk belongs to it; -1 ends the work. */
  #complete(chunk: Buffer, take: (packet: Packet) => boolean): number {
    let at = 0;
    while (at < chunk.length) {
      const wanted = this.#filled < 4 ? 4 : packetLength(this.#partial, 0);
      const share = chunk.subarray(at, at + wanted - this.#filled);
      at += share.length;
      this.#keep(share, wanted);
      if (this.#filled < 4 || this.#filled < packetLength(this.#partial, 0)) continue;
      const packet = decodePacket(this.#partial, 0, this.#filled);
      this.#filled = 0;
      this.#partial = Buffer.alloc(0);
      return take(packet) ? at : -1;
    }
    return at;
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

function packetLength(bytes: Buffer, start: number): number {
  const size = bytes.readUInt32BE(start);
  if (size < HEADER_BYTES || size > MAX_PACKET) {
    throw new LibvirtProtocolError(`packet length ${size} is outside ${HEADER_BYTES}..${MAX_PACKET}`);
  }
  return size;
}

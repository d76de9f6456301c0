// SPDX-License-Identifier: Apache-2.0
import { LibvirtProtocolError } from './errors.ts';

/** Bytes before the payload: the length word and six header words (libvirt's virnetprotocol.x). */
export const HEADER_BYTES = 28;
/** The largest packet, length word included: 32 MiB after the length word. */
export const MAX_PACKET = 33_554_432 + 4;
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
  /** XDR for calls, replies and messages; raw bytes for streams. A view into the received data. */
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

/**
 * Cuts a byte stream into packets. Chunks are only joined once a packet is complete, so a large packet that comes in many
 * chunks is copied once.
 */
export class PacketSplitter {
  #chunks: Buffer[] = [];
  #length = 0;
  #wanted = 4;

  /**
   * Adds what was received and yields every packet that is now complete.
   * @throws LibvirtProtocolError on a length word outside 28 bytes to 32 MiB + 4; the stream is then of no more use.
   */
  *push(chunk: Buffer): Generator<Packet, void, void> {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    if (this.#length < this.#wanted) return;
    let data = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks, this.#length);
    this.#chunks = [];
    this.#length = 0;
    this.#wanted = 4;
    while (data.length >= 4) {
      const size = data.readUInt32BE(0);
      if (size < HEADER_BYTES || size > MAX_PACKET) {
        throw new LibvirtProtocolError(`packet length ${size} is outside ${HEADER_BYTES}..${MAX_PACKET}`);
      }
      if (data.length < size) {
        this.#wanted = size;
        break;
      }
      yield decodePacket(data.subarray(0, size));
      data = data.subarray(size);
    }
    if (data.length > 0) {
      this.#chunks.push(data);
      this.#length = data.length;
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
import { createHmac, timingSafeEqual } from 'node:crypto';
import { LibvirtProtocolError } from '../errors.ts';
import type { SecurityLayer } from '../rpc.ts';
import { Rc4 } from './rc4.ts';

interface DirectionKeys {
  readonly integrity: Buffer;
  readonly sealing: Buffer;
}

export interface DigestLayerOptions {
  readonly send: DirectionKeys;
  readonly receive: DirectionKeys;
  /** The largest unit each side takes. */
  readonly peerMaxBuf: number;
  readonly ourMaxBuf: number;
}

const MAC_BYTES = 10;
/** MAC, version and sequence number. */
const OVERHEAD = MAC_BYTES + 2 + 4;
const LENGTH_BYTES = 4;
const VERSION = 1;
const LARGEST_PLAIN = 65_000;

/**
 * DIGEST-MD5's confidentiality (RFC 2831, 2.4) with RC4: `length32 | RC4(message | HMAC-MD5(seq32 | message)[0..10)) | 0x0001 | seq32`.
 * Units are cut without regard to packets.
 */
export class DigestSecurityLayer implements SecurityLayer {
  readonly #options: DigestLayerOptions;
  readonly #seal: Rc4;
  readonly #open: Rc4;
  readonly #largestPlain: number;
  #sent = 0;
  #received = 0;
  #buffered = Buffer.alloc(0);

  constructor(options: DigestLayerOptions) {
    this.#options = options;
    this.#seal = new Rc4(options.send.sealing);
    this.#open = new Rc4(options.receive.sealing);
    this.#largestPlain = Math.max(1, Math.min(LARGEST_PLAIN, options.peerMaxBuf - OVERHEAD - LENGTH_BYTES));
  }

  wrap(plain: Buffer): Buffer {
    const units: Buffer[] = [];
    for (let offset = 0; offset < plain.length; offset += this.#largestPlain) {
      units.push(this.#wrapUnit(plain.subarray(offset, offset + this.#largestPlain)));
    }
    return Buffer.concat(units);
  }

  #wrapUnit(message: Buffer): Buffer {
    const sequence = this.#sent;
    this.#sent = (this.#sent + 1) >>> 0;
    const mac = macOf(this.#options.send.integrity, sequence, message);
    const sealed = this.#seal.apply(Buffer.concat([message, mac]));
    const unit = Buffer.allocUnsafe(LENGTH_BYTES + sealed.length + 6);
    unit.writeUInt32BE(sealed.length + 6, 0);
    unit.set(sealed, LENGTH_BYTES);
    unit.writeUInt16BE(VERSION, LENGTH_BYTES + sealed.length);
    unit.writeUInt32BE(sequence, LENGTH_BYTES + sealed.length + 2);
    return unit;
  }

  unwrap(chunk: Buffer): Buffer {
    let data = this.#buffered.length === 0 ? chunk : Buffer.concat([this.#buffered, chunk]);
    const messages: Buffer[] = [];
    while (data.length >= LENGTH_BYTES) {
      const size = data.readUInt32BE(0);
      if (size < OVERHEAD || size > this.#options.ourMaxBuf) {
        throw new LibvirtProtocolError(
          `encrypted unit of ${size} bytes is outside ${OVERHEAD}..${this.#options.ourMaxBuf}`,
        );
      }
      if (data.length < LENGTH_BYTES + size) break;
      messages.push(this.#unwrapUnit(data.subarray(LENGTH_BYTES, LENGTH_BYTES + size)));
      data = data.subarray(LENGTH_BYTES + size);
    }
    this.#buffered = Buffer.from(data);
    return messages.length === 1 && messages[0] !== undefined ? messages[0] : Buffer.concat(messages);
  }

  #unwrapUnit(unit: Buffer): Buffer {
    const sealed = unit.subarray(0, unit.length - 6);
    const version = unit.readUInt16BE(unit.length - 6);
    const sequence = unit.readUInt32BE(unit.length - 4);
    const opened = this.#open.apply(sealed);
    const message = opened.subarray(0, opened.length - MAC_BYTES);
    const mac = opened.subarray(opened.length - MAC_BYTES);
    const genuine = timingSafeEqual(mac, macOf(this.#options.receive.integrity, sequence, message));
    if (version !== VERSION || sequence !== this.#received || !genuine) {
      throw new LibvirtProtocolError('an encrypted unit was forged, damaged or out of order');
    }
    this.#received = (this.#received + 1) >>> 0;
    return message;
  }
}

function macOf(key: Buffer, sequence: number, message: Buffer): Buffer {
  const number = Buffer.allocUnsafe(4);
  number.writeUInt32BE(sequence, 0);
  return createHmac('md5', key).update(number).update(message).digest().subarray(0, MAC_BYTES);
}

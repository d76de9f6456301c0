// SPDX-License-Identifier: Apache-2.0
import { invalidArgument, LibvirtProtocolError } from './errors.ts';

/**
 * XDR (RFC 4506) as libvirt's tables use it: every type is a {@link Codec}, and structures are built from codecs, so that the
 * TypeScript type of a message follows from its table. Decoding throws nothing but LibvirtProtocolError.
 */
export interface Codec<T> {
  encode(writer: XdrWriter, value: T): void;
  decode(reader: XdrReader): T;
}

/** The TypeScript type a codec carries. */
export type ValueOf<C> = C extends Codec<infer T> ? T : never;

/** libvirt's limit for one string (REMOTE_STRING_MAX), in bytes. */
const MAX_STRING = 4_194_304;

const EMPTY = Buffer.alloc(0);
/** Room for a few dozen calls. */
const FIRST_BUFFER_BYTES = 2048;

export class XdrWriter {
  #buffer = EMPTY;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Reserves `size` bytes and gives the offset of the first. */
  #reserve(size: number): number {
    const offset = this.#length;
    this.#length += size;
    if (this.#length > this.#buffer.length) {
      const grown = Buffer.allocUnsafe(Math.max(this.#length, this.#buffer.length * 2, FIRST_BUFFER_BYTES));
      this.#buffer.copy(grown, 0, 0, offset);
      this.#buffer = grown;
    }
    return offset;
  }

  uint(value: number): void {
    const offset = this.#reserve(4);
    this.#buffer.writeUInt32BE(value >>> 0, offset);
  }

  hyper(value: bigint): void {
    const offset = this.#reserve(8);
    this.#buffer.writeBigUInt64BE(BigInt.asUintN(64, value), offset);
  }

  double(value: number): void {
    const offset = this.#reserve(8);
    this.#buffer.writeDoubleBE(value, offset);
  }

  /** Raw bytes, zero-padded to a multiple of four. */
  bytes(value: Uint8Array): void {
    const padded = (value.length + 3) & ~3;
    const offset = this.#reserve(padded);
    this.#buffer.set(value, offset);
    this.#buffer.fill(0, offset + value.length, offset + padded);
  }

  /** A length and UTF-8 text of `length` bytes, padded. */
  text(value: string, length: number): void {
    const padded = (length + 3) & ~3;
    const offset = this.#reserve(4 + padded);
    this.#buffer.writeUInt32BE(length, offset);
    if (padded === 0) return;
    this.#buffer.fill(0, offset + padded, offset + 4 + padded);
    this.#buffer.write(value, offset + 4, 'utf8');
  }

  /** 16 bytes from hexadecimal digits; false when they are not 32. */
  hex16(digits: string): boolean {
    const offset = this.#reserve(16);
    return digits.length === 32 && this.#buffer.write(digits, offset, 16, 'hex') === 16;
  }

  /** Raw bytes without padding. */
  raw(value: Uint8Array): void {
    const offset = this.#reserve(value.length);
    this.#buffer.set(value, offset);
  }

  /** Replaces a word written before. */
  uintAt(offset: number, value: number): void {
    this.#buffer.writeUInt32BE(value, offset);
  }

  /** Drops all that was written from this offset on. */
  truncate(length: number): void {
    this.#length = length;
  }

  /** Hands over what was written, and starts anew. */
  take(): Buffer {
    const bytes = this.#buffer.subarray(0, this.#length);
    this.#buffer = EMPTY;
    this.#length = 0;
    return bytes;
  }
}

export class XdrReader {
  readonly #buffer: Buffer;
  #offset = 0;

  constructor(buffer: Buffer) {
    this.#buffer = buffer;
  }

  get remaining(): number {
    return this.#buffer.length - this.#offset;
  }

  #take(size: number): number {
    if (size > this.remaining) {
      throw new LibvirtProtocolError(`message ends ${size - this.remaining} bytes early`);
    }
    const offset = this.#offset;
    this.#offset += size;
    return offset;
  }

  int(): number {
    return this.#buffer.readInt32BE(this.#take(4));
  }

  uint(): number {
    return this.#buffer.readUInt32BE(this.#take(4));
  }

  hyper(): bigint {
    return this.#buffer.readBigInt64BE(this.#take(8));
  }

  uhyper(): bigint {
    return this.#buffer.readBigUInt64BE(this.#take(8));
  }

  double(): number {
    return this.#buffer.readDoubleBE(this.#take(8));
  }

  /** `size` bytes and their padding, as a view into the message (not a copy). */
  bytes(size: number): Buffer {
    const offset = this.#take(size);
    this.#take((4 - (size & 3)) & 3);
    return this.#buffer.subarray(offset, offset + size);
  }

  /** A count or length, refused when above `max` or when the message cannot hold that many items of `minBytes`. */
  count(max: number, minBytes: number): number {
    const count = this.uint();
    if (count > max) throw new LibvirtProtocolError(`count ${count} is above the limit of ${max}`);
    if (count * minBytes > this.remaining) {
      throw new LibvirtProtocolError(`count ${count} does not fit the ${this.remaining} bytes left in the message`);
    }
    return count;
  }
}

/** Bytes of a value. */
export function encode<T>(codec: Codec<T>, value: T): Buffer {
  const writer = new XdrWriter();
  codec.encode(writer, value);
  return writer.take();
}

/** The value at the start of `bytes`; what follows it is ignored, as libvirt's own client does. */
export function decode<T>(codec: Codec<T>, bytes: Buffer): T {
  return codec.decode(new XdrReader(bytes));
}

export const int: Codec<number> = {
  encode: (w, value) => w.uint(value),
  decode: (r) => r.int(),
};

export const uint: Codec<number> = {
  encode: (w, value) => w.uint(value),
  decode: (r) => r.uint(),
};

/** `unsigned char` as a field of its own: a widened int on the wire. */
export const uchar: Codec<number> = {
  encode: (w, value) => w.uint(value & 0xff),
  decode: (r) => r.uint() & 0xff,
};

/** `unsigned short` as a field of its own. */
export const ushort: Codec<number> = {
  encode: (w, value) => w.uint(value & 0xffff),
  decode: (r) => r.uint() & 0xffff,
};

/** An int used as a truth value. */
export const bool: Codec<boolean> = {
  encode: (w, value) => w.uint(value ? 1 : 0),
  decode: (r) => r.int() !== 0,
};

export const hyper: Codec<bigint> = {
  encode: (w, value) => w.hyper(value),
  decode: (r) => r.hyper(),
};

export const uhyper: Codec<bigint> = {
  encode: (w, value) => w.hyper(value),
  decode: (r) => r.uhyper(),
};

export const double: Codec<number> = {
  encode: (w, value) => w.double(value),
  decode: (r) => r.double(),
};

/** UTF-8 text. A NUL cannot be sent: a C server would cut the text there. */
export const string: Codec<string> = {
  encode: (w, value) => {
    const length = Buffer.byteLength(value, 'utf8');
    if (length > MAX_STRING) throw invalidArgument(`a text of ${length} bytes is above libvirt's limit`);
    if (value.includes('\0')) throw invalidArgument('a text with a NUL character cannot be sent to libvirt');
    w.text(value, length);
  },
  decode: (r) => r.bytes(r.count(MAX_STRING, 1)).toString('utf8'),
};

/** The bytes of a string, as a view into the message: for documents that are searched, not kept. */
export const stringBytes: Codec<Buffer> = {
  encode: (w, value) => {
    w.uint(value.length);
    w.bytes(value);
  },
  decode: (r) => r.bytes(r.count(MAX_STRING, 1)),
};

/** `opaque x<max>`. */
export function opaque(max: number): Codec<Buffer> {
  return {
    encode: (w, value) => {
      if (value.length > max) throw invalidArgument(`${value.length} bytes are above the limit of ${max}`);
      w.uint(value.length);
      w.bytes(value);
    },
    decode: (r) => Buffer.from(r.bytes(r.count(max, 1))),
  };
}

/** `char x<max>`: four bytes per character, sign-extended by C peers; only the low byte counts. */
export function charArray(max: number): Codec<Buffer> {
  return {
    encode: (w, value) => {
      if (value.length > max) throw invalidArgument(`${value.length} characters are above the limit of ${max}`);
      w.uint(value.length);
      for (const byte of value) w.uint((byte << 24) >> 24);
    },
    decode: (r) => {
      const bytes = Buffer.allocUnsafe(r.count(max, 4));
      for (let i = 0; i < bytes.length; i++) bytes[i] = r.uint() & 0xff;
      return bytes;
    },
  };
}

/** `char x[length]` holding a NUL-terminated text. */
export function fixedCharText(length: number): Codec<string> {
  return {
    encode: (w, value) => {
      const bytes = Buffer.from(value, 'utf8').subarray(0, length - 1);
      for (let i = 0; i < length; i++) w.uint(((bytes[i] ?? 0) << 24) >> 24);
    },
    decode: (r) => {
      const bytes = Buffer.allocUnsafe(length);
      for (let i = 0; i < length; i++) bytes[i] = r.uint() & 0xff;
      const end = bytes.indexOf(0);
      return bytes.subarray(0, end < 0 ? length : end).toString('utf8');
    },
  };
}

/** 16 raw bytes on the wire; dashed lower-case text in TypeScript. Dashes and capitals do not matter when encoding, as in libvirt. */
export const uuid: Codec<string> = {
  encode: (w, value) => {
    if (!w.hex16(value.replaceAll('-', ''))) {
      throw invalidArgument(`${JSON.stringify(value.slice(0, 64))} is not a UUID`);
    }
  },
  decode: (r) => {
    const hex = r.bytes(16).toString('hex');
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  },
};

/** `T *x`: null, or a value. */
export function nullable<T>(codec: Codec<T>): Codec<T | null> {
  return {
    encode: (w, value) => {
      w.uint(value === null ? 0 : 1);
      if (value !== null) codec.encode(w, value);
    },
    decode: (r) => {
      const present = r.uint();
      if (present > 1) throw new LibvirtProtocolError(`optional value marked ${present}, expected 0 or 1`);
      return present === 1 ? codec.decode(r) : null;
    },
  };
}

/** `T x<max>`. `minBytes` is the least one item takes, so that a huge count is refused before anything is allocated. */
export function array<T>(codec: Codec<T>, max: number, minBytes = 4): Codec<T[]> {
  return {
    encode: (w, value) => {
      if (value.length > max) throw invalidArgument(`${value.length} items are above the limit of ${max}`);
      w.uint(value.length);
      for (const item of value) codec.encode(w, item);
    },
    decode: (r) => {
      const count = r.count(max, minBytes);
      const items: T[] = [];
      for (let i = 0; i < count; i++) items.push(codec.decode(r));
      return items;
    },
  };
}

type Fields = Readonly<Record<string, Codec<unknown>>>;

/** The fields in the order they are written down. */
export function struct<F extends Fields>(fields: F): Codec<{ [K in keyof F]: ValueOf<F[K]> }> {
  const entries = Object.entries(fields);
  return {
    encode: (w, value) => {
      for (const [name, codec] of entries) codec.encode(w, value[name]);
    },
    decode: (r) => {
      const value: Record<string, unknown> = {};
      for (const [name, codec] of entries) value[name] = codec.decode(r);
      return value as { [K in keyof F]: ValueOf<F[K]> };
    },
  };
}

/** No arguments, or nothing returned. */
export const nothing: Codec<void> = {
  encode: () => undefined,
  decode: () => undefined,
};

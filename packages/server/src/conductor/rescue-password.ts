// SPDX-License-Identifier: Apache-2.0

import { createHash, randomBytes } from 'node:crypto';

const ALPHABET = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const ROUNDS = 5000;

/** Byte order of the digest in the encoded form: groups of three, the last one shorter (SHA-crypt, step 22). */
const ORDER = {
  sha256: [
    [0, 10, 20],
    [21, 1, 11],
    [12, 22, 2],
    [3, 13, 23],
    [24, 4, 14],
    [15, 25, 5],
    [6, 16, 26],
    [27, 7, 17],
    [18, 28, 8],
    [9, 19, 29],
    [31, 30],
  ],
  sha512: [
    [0, 21, 42],
    [22, 43, 1],
    [44, 2, 23],
    [3, 24, 45],
    [25, 46, 4],
    [47, 5, 26],
    [6, 27, 48],
    [28, 49, 7],
    [50, 8, 29],
    [9, 30, 51],
    [31, 52, 10],
    [53, 11, 32],
    [12, 33, 54],
    [34, 55, 13],
    [56, 14, 35],
    [15, 36, 57],
    [37, 58, 16],
    [59, 17, 38],
    [18, 39, 60],
    [40, 61, 19],
    [62, 20, 41],
    [63],
  ],
} as const;

/**
 * The password in the form `/etc/shadow` takes: `$5$salt$...` or `$6$salt$...` with 5000 rounds, as the agent sets it for the
 * rescue user. Algorithm: "Unix crypt using SHA-256 and SHA-512" (Ulrich Drepper), steps 1 to 22.
 */
export function hashRescuePassword(
  password: string,
  algorithm: 'sha256' | 'sha512',
  salt: string = makeSalt(),
): string {
  const key = Buffer.from(password, 'utf8');
  const salted = Buffer.from(salt, 'utf8');
  const digest = (...parts: Buffer[]) => createHash(algorithm).update(Buffer.concat(parts)).digest();
  const b = digest(key, salted, key);
  const parts: Buffer[] = [key, salted, repeat(b, key.length)];
  for (let length = key.length; length > 0; length >>= 1) parts.push(length & 1 ? b : key);
  let a = digest(...parts);
  const p = repeat(digest(...Array.from({ length: key.length }, () => key)), key.length);
  const s = repeat(digest(...Array.from({ length: 16 + (a[0] ?? 0) }, () => salted)), salted.length);
  for (let round = 0; round < ROUNDS; round += 1) {
    const odd = round % 2 === 1;
    a = digest(odd ? p : a, round % 3 === 0 ? Buffer.alloc(0) : s, round % 7 === 0 ? Buffer.alloc(0) : p, odd ? a : p);
  }
  return `$${algorithm === 'sha256' ? 5 : 6}$${salt}$${encode(a, ORDER[algorithm])}`;
}

function repeat(block: Buffer, length: number): Buffer {
  return Buffer.concat(Array.from({ length: Math.ceil(length / block.length) }, () => block)).subarray(0, length);
}

function encode(digest: Buffer, order: readonly (readonly number[])[]): string {
  let text = '';
  for (const group of order) {
    let value = 0;
    for (const index of group) value = (value << 8) | (digest[index] ?? 0);
    for (let count = group.length + 1; count > 0; count -= 1) {
      text += ALPHABET[value & 63] ?? '';
      value >>= 6;
    }
  }
  return text;
}

function makeSalt(): string {
  return Array.from(randomBytes(16), (byte) => ALPHABET[byte & 63] ?? '.').join('');
}

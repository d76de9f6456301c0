// SPDX-License-Identifier: Apache-2.0

import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { InvalidParameterValue } from '../errors.ts';
import type { Json } from '../model/json.ts';
import { BodyRefused } from './faults.ts';

/** Reads a request body of at most `limit` bytes, whatever its framing; longer: 413. Slow bodies end by the server's request timeout. */
export async function readBody(request: IncomingMessage, limit: number): Promise<Buffer> {
  const declared = Number(request.headers['content-length'] ?? 0);
  if (declared > limit) throw tooLarge(limit);
  if (declared === 0 && request.headers['transfer-encoding'] === undefined) return EMPTY;
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > limit) throw tooLarge(limit);
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof BodyRefused) throw error;
    throw new BodyRefused(400, 'The request body ended early.');
  }
  const only = chunks[0];
  return chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks, size);
}

/** Parses a JSON body; an empty one is `{}`. Deeper nesting than `maxDepth` and bad JSON are 400, found before parsing. */
export function parseBody(bytes: Buffer, maxDepth: number): Json {
  if (bytes.length === 0) return {};
  if (nestedDeeperThan(bytes, maxDepth)) {
    throw new BodyRefused(400, 'Request body JSON is nested too deeply. Please contact the service administrator.');
  }
  if (!isUtf8(bytes)) throw new InvalidParameterValue('The request body is not UTF-8.');
  const text = bytes.toString('utf8');
  if (text.trim() === '') return {};
  const lossy = lossyNumber(bytes);
  if (lossy !== undefined) {
    throw new InvalidParameterValue(
      `The request body has the number ${lossy.slice(0, 40)}, which cannot be kept exactly; give it as a string.`,
    );
  }
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    throw new InvalidParameterValue('The request body is not valid JSON.', { cause: error });
  }
}

/** Tells whether arrays and objects nest deeper than `limit`; strings are skipped at the speed of a byte search. */
export function nestedDeeperThan(bytes: Buffer, limit: number): boolean {
  let depth = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (byte === QUOTE) {
      at = endOfString(bytes, at);
      if (at === -1) return false;
    } else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
      depth += 1;
      if (depth > limit) return true;
    } else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) depth -= 1;
  }
  return false;
}

/** The first number outside strings that would come back changed: an integer beyond 2^53, or one beyond all doubles. */
export function lossyNumber(bytes: Buffer): string | undefined {
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (byte === QUOTE) {
      at = endOfString(bytes, at);
      if (at === -1) return undefined;
    } else if (isDigit(byte)) {
      let end = at + 1;
      while (isDigit(bytes[end]) || IN_NUMBER.has(bytes[end] ?? 0)) end += 1;
      if (end - at > SAFE_LENGTH) {
        const number = bytes.toString('latin1', at, end);
        const value = Number(number);
        if (value === Number.POSITIVE_INFINITY || (/^\d+$/.test(number) && !Number.isSafeInteger(value))) return number;
      }
      at = end - 1;
    }
  }
  return undefined;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

function endOfString(bytes: Buffer, start: number): number {
  let at = start;
  for (;;) {
    at = bytes.indexOf(QUOTE, at + 1);
    if (at === -1) return -1;
    let backslashes = 0;
    while (bytes[at - 1 - backslashes] === BACKSLASH) backslashes += 1;
    if (backslashes % 2 === 0) return at;
  }
}

function tooLarge(limit: number): BodyRefused {
  return new BodyRefused(413, `Request body is too large. The limit of this operation is ${limit} bytes.`);
}

/** `.`, `e`, `E`, `+` and `-` */
const IN_NUMBER: ReadonlySet<number> = new Set([0x2e, 0x65, 0x45, 0x2b, 0x2d]);
/** Numbers up to this many characters are safe whatever they are: 1e99, 999 */
const SAFE_LENGTH = 4;
const EMPTY = Buffer.alloc(0);
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;

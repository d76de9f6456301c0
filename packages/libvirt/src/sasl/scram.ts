// SPDX-License-Identifier: Apache-2.0
import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { LibvirtAuthError } from '../errors.ts';
import { malformed, type SaslCredentials, type SaslExchange } from './mechanism.ts';

const HASHES = {
  'SCRAM-SHA-1': { name: 'sha1', bytes: 20 },
  'SCRAM-SHA-256': { name: 'sha256', bytes: 32 },
  'SCRAM-SHA-512': { name: 'sha512', bytes: 64 },
} as const;

export type ScramMechanism = keyof typeof HASHES;

/** More rounds than this is a server that wants to keep us busy. */
const MAX_ITERATIONS = 5_000_000;
/** "n,,": no channel binding, no other identity to act as. */
const GS2_HEADER = 'n,,';

const deriveKey = promisify(pbkdf2);

/**
 * SCRAM (RFC 5802; RFC 7677 for SHA-256) without channel binding: the password is proved, not sent, and the server proves that it
 * knows it too. `nonce` is for tests.
 */
export function scramExchange(
  mechanism: ScramMechanism,
  { username, password }: SaslCredentials,
  nonce: string = randomBytes(24).toString('base64'),
): SaslExchange {
  const hash = HASHES[mechanism];
  const hmac = (key: Buffer, data: string | Buffer) => createHmac(hash.name, key).update(data).digest();
  const firstBare = `n=${prepare(username).replaceAll('=', '=3D').replaceAll(',', '=2C')},r=${nonce}`;
  let state: 'first' | 'final' | 'complete' = 'first';
  let serverSignature: Buffer = Buffer.alloc(0);

  const answerFirst = async (serverFirst: string): Promise<Buffer> => {
    const { r, s, i } = attributes(serverFirst, mechanism);
    if (r === undefined || s === undefined || i === undefined) throw malformed(mechanism, 'lacks nonce, salt or count');
    if (!r.startsWith(nonce) || r.length === nonce.length) throw malformed(mechanism, 'does not continue our nonce');
    const iterations = /^[1-9]\d{0,8}$/.test(i) ? Number(i) : 0;
    if (iterations < 1 || iterations > MAX_ITERATIONS)
      throw malformed(mechanism, `asks for ${i.slice(0, 20)} iterations`);
    const salt = Buffer.from(s, 'base64');
    const salted = await deriveKey(prepare(password), salt, iterations, hash.bytes, hash.name);
    const clientKey = hmac(salted, 'Client Key');
    const storedKey = createHash(hash.name).update(clientKey).digest();
    const withoutProof = `c=${Buffer.from(GS2_HEADER).toString('base64')},r=${r}`;
    const authMessage = `${firstBare},${serverFirst},${withoutProof}`;
    const clientSignature = hmac(storedKey, authMessage);
    const proof = Buffer.from(clientKey.map((byte, at) => byte ^ (clientSignature[at] ?? 0)));
    serverSignature = hmac(hmac(salted, 'Server Key'), authMessage);
    state = 'final';
    return Buffer.from(`${withoutProof},p=${proof.toString('base64')}`, 'utf8');
  };

  const checkFinal = (serverFinal: string): null => {
    const { v, e } = attributes(serverFinal, mechanism);
    if (e !== undefined) throw new LibvirtAuthError(`${mechanism}: the server refused: ${e.slice(0, 100)}`);
    const signature = Buffer.from(v ?? '', 'base64');
    if (signature.length !== serverSignature.length || !timingSafeEqual(signature, serverSignature)) {
      throw new LibvirtAuthError(`${mechanism}: the server did not prove that it knows the password`);
    }
    state = 'complete';
    return null;
  };

  return {
    start: () => Buffer.from(`${GS2_HEADER}${firstBare}`, 'utf8'),
    step: async (challenge) => {
      const text = challenge.toString('utf8');
      if (state === 'first') return await answerFirst(text);
      if (state === 'final') return checkFinal(text);
      throw malformed(mechanism, 'comes after the end of the exchange');
    },
    get complete() {
      return state === 'complete';
    },
    securityLayer: null,
  };
}

/** `k=value,k=value`; a value may hold `=`. */
function attributes(text: string, mechanism: string): Readonly<Partial<Record<string, string>>> {
  const found: Partial<Record<string, string>> = Object.create(null);
  for (const part of text.split(',')) {
    if (!/^[A-Za-z]=/.test(part)) throw malformed(mechanism, 'is not a list of attributes');
    found[part.slice(0, 1)] = part.slice(2);
  }
  if (found.m !== undefined) throw malformed(mechanism, 'needs an extension that is not known');
  return found;
}

/** The parts of SASLprep (RFC 4013) that change a text: odd spaces, characters mapped to nothing, and compatibility forms. */
function prepare(text: string): string {
  const characters = [...text].map((character) => {
    const code = character.codePointAt(0) ?? 0;
    if (ODD_SPACES.some(([first, last]) => code >= first && code <= last)) return ' ';
    return MAPPED_TO_NOTHING.some(([first, last]) => code >= first && code <= last) ? '' : character;
  });
  return characters.join('').normalize('NFKC');
}

/** RFC 3454, table C.1.2, as ranges. */
const ODD_SPACES: readonly (readonly [number, number])[] = [
  [0x00a0, 0x00a0],
  [0x1680, 0x1680],
  [0x2000, 0x200b],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
];

/** RFC 3454, table B.1, as ranges. */
const MAPPED_TO_NOTHING: readonly (readonly [number, number])[] = [
  [0x00ad, 0x00ad],
  [0x034f, 0x034f],
  [0x1806, 0x1806],
  [0x180b, 0x180d],
  [0x200c, 0x200d],
  [0x2060, 0x2060],
  [0xfe00, 0xfe0f],
  [0xfeff, 0xfeff],
];

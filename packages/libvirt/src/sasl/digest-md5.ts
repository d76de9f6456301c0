// SPDX-License-Identifier: Apache-2.0
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { LibvirtAuthError } from '../errors.ts';
import { DigestSecurityLayer } from './digest-security-layer.ts';
import { malformed, type SaslCredentials, type SaslExchange } from './mechanism.ts';

export interface DigestOptions {
  /** The URI's host, for digest-uri. */
  readonly host: string;
  /** Take nothing but auth-conf (encryption of all that follows): for transports that do not encrypt. */
  readonly requireEncryption: boolean;
  /** For tests. */
  readonly cnonce?: string;
}

/** Bytes of H(A1) that make the sealing key, by cipher (RFC 2831, 2.4), best first. */
const CIPHER_KEY_BYTES = { rc4: 16, 'rc4-56': 7, 'rc4-40': 5 } as const;
type Cipher = keyof typeof CIPHER_KEY_BYTES;

/** The largest wrapped unit we take, length word included; told to the server. */
const OUR_MAXBUF = 65_536;
const MECHANISM = 'DIGEST-MD5';

const md5 = (...parts: (string | Buffer)[]) => {
  const hash = createHash('md5');
  for (const part of parts) hash.update(part);
  return hash.digest();
};

/** DIGEST-MD5 (RFC 2831) with qop auth, or auth-conf with RC4: the one password mechanism libvirtd takes on plain TCP. */
export function digestMd5Exchange({ username, password }: SaslCredentials, options: DigestOptions): SaslExchange {
  const cnonce = options.cnonce ?? randomBytes(18).toString('base64');
  let state: 'challenge' | 'proof' | 'complete' = 'challenge';
  let expectedProof = '';
  let securityLayer: DigestSecurityLayer | null = null;

  const answer = (challenge: string): Buffer => {
    const directives = parseChallenge(challenge);
    const nonce = directives.get('nonce')?.[0];
    if (nonce === undefined) throw malformed(MECHANISM, 'has no nonce');
    if (directives.get('algorithm')?.[0] !== 'md5-sess') throw malformed(MECHANISM, 'is not for md5-sess');
    const qop = chooseQop(directives.get('qop')?.[0] ?? 'auth', options.requireEncryption);
    const cipher = qop === 'auth-conf' ? chooseCipher(directives.get('cipher')?.[0] ?? '') : null;
    const realm = directives.get('realm')?.[0];
    const utf8 = directives.get('charset')?.[0]?.toLowerCase() === 'utf-8';
    const digestUri = `libvirt/${options.host}`;

    const secret = md5(hashable(username, utf8), ':', hashable(realm ?? '', utf8), ':', hashable(password, utf8));
    const a1 = md5(secret, ':', nonce, ':', cnonce);
    const tail = qop === 'auth' ? '' : `:${'0'.repeat(32)}`;
    const prove = (method: string) => {
      const a2 = md5(method, ':', digestUri, tail).toString('hex');
      return md5(a1.toString('hex'), ':', nonce, ':00000001:', cnonce, ':', qop, ':', a2).toString('hex');
    };
    expectedProof = prove('');
    if (cipher !== null) {
      const serverMaxBuf = Number(directives.get('maxbuf')?.[0] ?? 65_536);
      securityLayer = digestSecurityLayer(a1, cipher, serverMaxBuf);
    }
    state = 'proof';
    const parts = [
      ...(utf8 ? ['charset=utf-8'] : []),
      `username=${quoted(username)}`,
      ...(realm === undefined ? [] : [`realm=${quoted(realm)}`]),
      `nonce=${quoted(nonce)}`,
      'nc=00000001',
      `cnonce=${quoted(cnonce)}`,
      `digest-uri=${quoted(digestUri)}`,
      `response=${prove('AUTHENTICATE')}`,
      `qop=${qop}`,
      ...(cipher === null ? [] : [`cipher=${cipher}`]),
      `maxbuf=${OUR_MAXBUF}`,
    ];
    return Buffer.from(parts.join(','), utf8 ? 'utf8' : 'latin1');
  };

  const check = (text: string): null => {
    const proof = Buffer.from(parseChallenge(text).get('rspauth')?.[0] ?? '', 'utf8');
    const expected = Buffer.from(expectedProof, 'utf8');
    if (proof.length !== expected.length || !timingSafeEqual(proof, expected)) {
      throw new LibvirtAuthError(`${MECHANISM}: the server did not prove that it knows the password`);
    }
    state = 'complete';
    return null;
  };

  return {
    start: () => null,
    step: (challenge) => {
      const text = challenge.toString('utf8');
      if (state === 'challenge') return answer(text);
      if (state === 'proof') return check(text);
      throw malformed(MECHANISM, 'comes after the end of the exchange');
    },
    get complete() {
      return state === 'complete';
    },
    get securityLayer() {
      return state === 'complete' ? securityLayer : null;
    },
  };
}

function digestSecurityLayer(a1: Buffer, cipher: Cipher, peerMaxBuf: number): DigestSecurityLayer {
  const sealing = a1.subarray(0, CIPHER_KEY_BYTES[cipher]);
  return new DigestSecurityLayer({
    send: {
      integrity: md5(a1, 'Digest session key to client-to-server signing key magic constant'),
      sealing: md5(sealing, 'Digest H(A1) to client-to-server sealing key magic constant'),
    },
    receive: {
      integrity: md5(a1, 'Digest session key to server-to-client signing key magic constant'),
      sealing: md5(sealing, 'Digest H(A1) to server-to-client sealing key magic constant'),
    },
    peerMaxBuf: Number.isInteger(peerMaxBuf) ? peerMaxBuf : OUR_MAXBUF,
    ourMaxBuf: OUR_MAXBUF,
  });
}

function chooseQop(offered: string, requireEncryption: boolean): 'auth' | 'auth-conf' {
  const values = splitList(offered);
  if (!requireEncryption && values.includes('auth')) return 'auth';
  if (values.includes('auth-conf')) return 'auth-conf';
  const wanted = requireEncryption ? 'encryption (auth-conf)' : 'auth or auth-conf';
  throw malformed(MECHANISM, `does not offer ${wanted}`);
}

function chooseCipher(offered: string): Cipher {
  const values = splitList(offered);
  for (const cipher of Object.keys(CIPHER_KEY_BYTES) as Cipher[]) {
    if (values.includes(cipher)) return cipher;
  }
  throw malformed(MECHANISM, 'offers no RC4 cipher');
}

const splitList = (text: string) => text.split(',').map((value) => value.trim().toLowerCase());

/** RFC 2831 2.1.2.1: with charset utf-8, a text that fits ISO 8859-1 is hashed in it. */
function hashable(text: string, utf8: boolean): Buffer {
  const fitsLatin1 = Buffer.from(text, 'latin1').toString('latin1') === text;
  return Buffer.from(text, !utf8 || fitsLatin1 ? 'latin1' : 'utf8');
}

const quoted = (text: string) => `"${text.replace(/["\\]/g, '\\$&')}"`;

/** `name=value,name="quoted \" value"`; a name may come more than once (realm). */
function parseChallenge(text: string): Map<string, string[]> {
  const directives = new Map<string, string[]>();
  const directive = /[\s,]*([A-Za-z-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))\s*(?=,|$)/sy;
  while (directive.lastIndex < text.length) {
    const at = directive.lastIndex;
    const match = directive.exec(text);
    if (match === null) {
      if (/^[\s,\0]*$/.test(text.slice(at))) break;
      throw malformed(MECHANISM, 'cannot be parsed');
    }
    const [, name = '', quotedValue, token = ''] = match;
    const key = name.toLowerCase();
    const value = quotedValue === undefined ? token : quotedValue.replace(/\\(.)/gs, '$1');
    directives.set(key, [...(directives.get(key) ?? []), value]);
  }
  return directives;
}

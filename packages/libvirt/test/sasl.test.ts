// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { LibvirtAuthError, LibvirtError, LibvirtProtocolError } from '../src/errors.ts';
import { digestMd5Exchange } from '../src/sasl/digest-md5.ts';
import { DigestSecurityLayer } from '../src/sasl/digest-security-layer.ts';
import { plainExchange } from '../src/sasl/plain.ts';
import { Rc4 } from '../src/sasl/rc4.ts';
import { scramExchange } from '../src/sasl/scram.ts';

const hex = (text: string) => Buffer.from(text.replace(/\s/g, ''), 'hex');
const FRED = { username: 'fred', password: 'secret' };

describe('RC4', () => {
  // RFC 6229: 40-bit and 128-bit keys, key stream at offset 0 and 16.
  for (const [key, stream] of [
    ['0102030405', 'b2396305f03dc027ccc3524a0a1118a86982944f18fc82d589c403a47a0d0919'],
    ['0102030405060708090a0b0c0d0e0f10', '9ac7cc9a609d1ef7b2932899cde41b975248c4959014126a6e8a84f11d1a9e1c'],
  ] as const) {
    it(`gives the key stream of RFC 6229 for a key of ${key.length * 4} bits`, () => {
      const cipher = new Rc4(hex(key));
      const first = cipher.apply(Buffer.alloc(7));
      const rest = cipher.apply(Buffer.alloc(25));
      assert.equal(Buffer.concat([first, rest]).toString('hex'), stream);
    });
  }
});

describe('PLAIN', () => {
  it('sends user and password, each after a NUL', () => {
    const exchange = plainExchange(FRED);
    assert.deepEqual(exchange.start(), Buffer.from('\0fred\0secret'));
    assert.equal(exchange.complete, true);
  });
});

describe('SCRAM', () => {
  /** RFC 5802 section 5, RFC 7677 section 3, and an exchange recorded with libvirtd. */
  const vectors = [
    {
      mechanism: 'SCRAM-SHA-1',
      username: 'user',
      password: 'pencil',
      nonce: 'fyko+d2lbbFgONRv9qkxdawL',
      serverFirst: 'r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096',
      clientFinal: 'c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=',
      serverFinal: 'v=rmF9pqV8S7suAoZWja4dJRkFsKQ=',
    },
    {
      mechanism: 'SCRAM-SHA-256',
      username: 'user',
      password: 'pencil',
      nonce: 'rOprNGfwEbeRWgbNEkqO',
      serverFirst: 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
      clientFinal:
        'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
      serverFinal: 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
    },
    {
      mechanism: 'SCRAM-SHA-256',
      username: 'fred',
      password: 'secret',
      nonce: '/B5dgQ3BM7G3hgBFU5JlZ0Ul',
      serverFirst:
        'r=/B5dgQ3BM7G3hgBFU5JlZ0UlU4tunfpG2JyrV/ezjik8W66k7jR3JM7z,s=qlbm5q+8qzaFuyqjP2gZ5mzd5cKOtQR/Rsp60MpftQo=,i=4096',
      clientFinal:
        'c=biws,r=/B5dgQ3BM7G3hgBFU5JlZ0UlU4tunfpG2JyrV/ezjik8W66k7jR3JM7z,p=TxsuLNQqcFNPBqMxvkUrY78OckUzgYbYinyFLALLWNk=',
      serverFinal: 'v=FPo/jlQs7NrYA5TF875tVpUlqK15xxcW8OdNUStYAaI=',
    },
  ] as const;

  for (const { mechanism, username, password, nonce, serverFirst, clientFinal, serverFinal } of vectors) {
    it(`proves the password of ${username} by ${mechanism} and checks the server's proof`, async () => {
      const exchange = scramExchange(mechanism, { username, password }, nonce);
      assert.equal(exchange.start()?.toString(), `n,,n=${username},r=${nonce}`);
      assert.equal((await exchange.step(Buffer.from(serverFirst)))?.toString(), clientFinal);
      assert.equal(exchange.complete, false);
      assert.equal(await exchange.step(Buffer.from(serverFinal)), null);
      assert.equal(exchange.complete, true);
    });
  }

  it('refuses a server that does not know the password', async () => {
    const [vector] = vectors;
    const exchange = scramExchange(vector.mechanism, vector, vector.nonce);
    exchange.start();
    await exchange.step(Buffer.from(vector.serverFirst));
    await assert.rejects(async () => exchange.step(Buffer.from('v=AAAAAAAAAAAAAAAAAAAAAAAAAAA=')), LibvirtAuthError);
    assert.equal(exchange.complete, false);
  });

  for (const [what, serverFirst] of [
    ['a nonce that does not continue ours', 'r=other,s=QSXCR+Q6sek8bf92,i=4096'],
    ['our own nonce alone', 'r=mine,s=QSXCR+Q6sek8bf92,i=4096'],
    ['no salt', 'r=mine123,i=4096'],
    ['a count that would keep us busy', 'r=mine123,s=QSXCR+Q6sek8bf92,i=999999999'],
    ['a mandatory extension', 'm=ext,r=mine123,s=QSXCR+Q6sek8bf92,i=4096'],
  ] as const) {
    it(`refuses a challenge with ${what}`, async () => {
      const exchange = scramExchange('SCRAM-SHA-256', FRED, 'mine');
      exchange.start();
      await assert.rejects(async () => exchange.step(Buffer.from(serverFirst)), LibvirtAuthError);
    });
  }

  it('writes = and , of a user name as the RFC says, and folds odd characters', () => {
    const first = scramExchange('SCRAM-SHA-256', { username: 'a=b,c\u00ad\u00a0\u2168', password: 'x' }, 'n').start();
    assert.equal(first?.toString(), 'n,,n=a=3Db=2Cc IX,r=n');
  });
});

/** Recorded with libvirtd on plain TCP. */
const CHALLENGE =
  'nonce="gZSWod3om+qFCuAA7hH+hMQ6EBecS/5w7gF42rqRhyc=",realm="vm",qop="auth-conf",cipher="rc4-56,rc4,3des",maxbuf=65536,charset=utf-8,algorithm=md5-sess';
const CNONCE = 'vTC1tGaTcM4tNYqcRlRmm1uW';
const RSPAUTH = 'rspauth=76792a9dcfeebc86ba019473df4dd759';
const OPEN_QEMU = hex(`00000038200080860000000100000001000000000000000400000000000000010000000e
                       71656d753a2f2f2f73797374656d000000000000`);
const OPEN_QEMU_WRAPPED = hex(`00000048ab120c66bbf44682e5d6f8c1347d0164ca6d08f1512c613c61232f3b972f6f9a1e11e07c2684
                               72b46c02906fad9d30db76fcf4774c6c1ec7ef56f340360969efe4de000100000000`);

async function recordedDigest() {
  const exchange = digestMd5Exchange(FRED, { host: '127.0.0.1', requireEncryption: true, cnonce: CNONCE });
  const answer = await exchange.step(Buffer.from(CHALLENGE));
  return { exchange, answer: answer?.toString() ?? '' };
}

describe('DIGEST-MD5', () => {
  it('answers the recorded challenge with the recorded response and encrypts as recorded', async () => {
    const { exchange, answer } = await recordedDigest();
    assert.equal(exchange.start(), null);
    assert.match(answer, /response=3c4fb79be7896d940f61d25a941225d4/);
    assert.match(answer, /qop=auth-conf,cipher=rc4,/);
    const { securityLayer: early } = exchange;
    assert.equal(early, null, 'nothing is encrypted before the server proved itself');
    await exchange.step(Buffer.from(RSPAUTH));
    assert.equal(exchange.complete, true);
    assert.deepEqual(exchange.securityLayer?.wrap(OPEN_QEMU), OPEN_QEMU_WRAPPED);
  });

  it('answers the example of RFC 2831 (qop auth, another service) but for the service name', async () => {
    const exchange = digestMd5Exchange(
      { username: 'chris', password: 'secret' },
      { host: 'elwood.innosoft.com', requireEncryption: false, cnonce: 'OA6MHXh6VqTrRk' },
    );
    const challenge = 'realm="elwood.innosoft.com",nonce="OA6MG9tEQGm2hh",qop="auth",algorithm=md5-sess,charset=utf-8';
    const answer = (await exchange.step(Buffer.from(challenge)))?.toString() ?? '';
    assert.match(
      answer,
      /^charset=utf-8,username="chris",realm="elwood.innosoft.com",nonce="OA6MG9tEQGm2hh",nc=00000001/,
    );
    assert.match(answer, /digest-uri="libvirt\/elwood.innosoft.com"/);
  });

  it('refuses a server that does not know the password', async () => {
    const { exchange } = await recordedDigest();
    await assert.rejects(
      async () => exchange.step(Buffer.from('rspauth=00000000000000000000000000000000')),
      LibvirtAuthError,
    );
    assert.equal(exchange.securityLayer, null);
  });

  it('refuses a challenge without encryption where others can read the wire', async () => {
    const exchange = digestMd5Exchange(FRED, { host: 'hv1', requireEncryption: true });
    const downgraded = CHALLENGE.replace('auth-conf', 'auth,auth-int');
    await assert.rejects(async () => exchange.step(Buffer.from(downgraded)), /auth-conf/);
  });

  it('throws nothing but LibvirtAuthError on random challenges', async () => {
    const text = fc.oneof(fc.string(), fc.stringMatching(/^([a-z-]{1,8}="?[a-z0-9\\,-]{0,9}"?,?){0,8}$/));
    await fc.assert(
      fc.asyncProperty(text, async (challenge) => {
        for (const exchange of [
          digestMd5Exchange(FRED, { host: 'h', requireEncryption: false }),
          scramExchange('SCRAM-SHA-256', FRED, 'n'),
        ]) {
          try {
            await exchange.step(Buffer.from(challenge));
          } catch (error) {
            assert.ok(error instanceof LibvirtAuthError, String(error));
          }
        }
      }),
    );
  });
});

describe('the DIGEST-MD5 security layer', () => {
  const keys = (seed: number) => ({ integrity: Buffer.alloc(16, seed), sealing: Buffer.alloc(16, seed + 1) });
  const pair = (maxBuf = 65_536) =>
    [
      new DigestSecurityLayer({ send: keys(1), receive: keys(3), peerMaxBuf: maxBuf, ourMaxBuf: 65_536 }),
      new DigestSecurityLayer({ send: keys(3), receive: keys(1), peerMaxBuf: 65_536, ourMaxBuf: maxBuf }),
    ] as const;

  it('carries any bytes in any cuts, in both directions', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 8 }),
        fc.integer({ min: 1, max: 50 }),
        (messages, step) => {
          const [client, server] = pair(64);
          const sent = Buffer.concat(messages.map((message) => client.wrap(Buffer.from(message))));
          const received: Buffer[] = [];
          for (let at = 0; at < sent.length; at += step) received.push(server.unwrap(sent.subarray(at, at + step)));
          assert.deepEqual(Buffer.concat(received), Buffer.concat(messages));
          const back = server.wrap(Buffer.from('back'));
          assert.deepEqual(client.unwrap(back), Buffer.from('back'));
        },
      ),
    );
  });

  it('cuts what it sends to the size the peer takes', () => {
    const [client] = pair();
    const wrapped = client.wrap(Buffer.alloc(200_000));
    assert.ok(wrapped.readUInt32BE(0) <= 65_536);
  });

  it('refuses a unit that was changed, repeated, or left out', () => {
    const [client, server] = pair();
    const first = client.wrap(Buffer.from('first'));
    const changed = Buffer.from(first);
    changed[6] = (changed[6] ?? 0) ^ 1;
    assert.throws(() => pair()[1].unwrap(changed), LibvirtProtocolError);
    server.unwrap(first);
    assert.throws(() => server.unwrap(first), LibvirtProtocolError);
    const second = client.wrap(Buffer.from('second'));
    assert.throws(() => pair()[1].unwrap(second), LibvirtProtocolError);
  });

  it('throws nothing but its own error on random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        try {
          pair()[1].unwrap(Buffer.from(bytes));
        } catch (error) {
          assert.ok(error instanceof LibvirtError, String(error));
        }
      }),
    );
  });
});

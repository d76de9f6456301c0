// SPDX-License-Identifier: Apache-2.0

/**
 * The RC4 stream cipher, which OpenSSL 3 no longer offers and which DIGEST-MD5's security layer is made of. Weak by today's measure:
 * here only because libvirtd demands it on plain TCP; TLS and SSH are the better transports. The key stream runs on across calls.
 */
export class Rc4 {
  readonly #state = new Uint8Array(256);
  #i = 0;
  #j = 0;

  constructor(key: Uint8Array) {
    const state = this.#state;
    for (let i = 0; i < 256; i++) state[i] = i;
    for (let i = 0, j = 0; i < 256; i++) {
      const at = state[i] ?? 0;
      j = (j + at + (key[i % key.length] ?? 0)) & 0xff;
      state[i] = state[j] ?? 0;
      state[j] = at;
    }
  }

  /** Encrypts or decrypts, which is the same. */
  apply(input: Uint8Array): Buffer {
    const output = Buffer.allocUnsafe(input.length);
    const state = this.#state;
    let i = this.#i;
    let j = this.#j;
    for (let at = 0; at < input.length; at++) {
      i = (i + 1) & 0xff;
      const a = state[i] ?? 0;
      j = (j + a) & 0xff;
      const b = state[j] ?? 0;
      state[i] = b;
      state[j] = a;
      output[at] = (input[at] ?? 0) ^ (state[(a + b) & 0xff] ?? 0);
    }
    this.#i = i;
    this.#j = j;
    return output;
  }
}

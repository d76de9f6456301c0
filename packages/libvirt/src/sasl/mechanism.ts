// SPDX-License-Identifier: Apache-2.0
import { LibvirtAuthError } from '../errors.ts';
import type { SecurityLayer } from '../rpc.ts';

export interface SaslCredentials {
  readonly username: string;
  readonly password: string;
}

/** One exchange of one SASL mechanism (RFC 4422), client side. */
export interface SaslExchange {
  /** The first data, or null where the server speaks first. */
  start(): Buffer | null;
  /**
   * Answers a challenge; null when nothing is left to say. @throws LibvirtAuthError when the challenge is malformed, or when the
   * server fails to prove that it knows the password.
   */
  step(challenge: Buffer): Promise<Buffer | null> | Buffer | null;
  /** Whether all is said, including the server's proof where the mechanism has one. */
  readonly complete: boolean;
  /** What everything after the exchange goes through; null when the mechanism has none. */
  readonly securityLayer: SecurityLayer | null;
}

export function malformed(mechanism: string, problem: string): LibvirtAuthError {
  return new LibvirtAuthError(`${mechanism}: the server's challenge ${problem}`);
}

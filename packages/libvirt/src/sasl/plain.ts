// SPDX-License-Identifier: Apache-2.0
import { LibvirtAuthError } from '../errors.ts';
import { malformed, type SaslCredentials, type SaslExchange } from './mechanism.ts';

/** PLAIN (RFC 4616): the password itself. Only for transports that nobody else can read. */
export function plainExchange({ username, password }: SaslCredentials): SaslExchange {
  if (username.includes('\0') || password.includes('\0')) {
    throw new LibvirtAuthError('PLAIN cannot carry a NUL character in the user name or password');
  }
  return {
    start: () => Buffer.from(`\0${username}\0${password}`, 'utf8'),
    step: (challenge) => {
      if (challenge.length > 0) throw malformed('PLAIN', 'is not empty');
      return null;
    },
    complete: true,
    securityLayer: null,
  };
}

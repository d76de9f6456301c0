// SPDX-License-Identifier: Apache-2.0
import type { Duplex } from 'node:stream';
import type { TransportName } from '../uri.ts';
import { openExt } from './ext.ts';
import { openSsh } from './ssh.ts';
import { openTcp } from './tcp.ts';
import { openTls } from './tls.ts';
import type { Transport } from './transport.ts';
import { openUnix } from './unix.ts';

const TRANSPORTS: Readonly<Record<TransportName, Transport>> = {
  unix: openUnix,
  tcp: openTcp,
  tls: openTls,
  ssh: openSsh,
  ext: openExt,
};

/** Opens the byte stream a URI asks for. */
export const openTransport: (...args: Parameters<Transport>) => Promise<Duplex> = (uri, options) =>
  TRANSPORTS[uri.transport](uri, options);

// SPDX-License-Identifier: Apache-2.0
import { connected, connectFailure, createLeanSocket } from './socket.ts';
import type { Transport } from './transport.ts';

const TCP_PORT = 16_509;

/** Plain TCP. The daemon demands SASL with encryption on it, unless it was configured to trust everyone. */
export const openTcp: Transport = (uri, { signal }) => {
  const host = uri.host ?? 'localhost';
  const port = uri.port ?? TCP_PORT;
  const socket = createLeanSocket({ host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: 30_000 });
  return connected(socket, 'connect', signal, (error) => connectFailure(`${host} port ${port}`, error));
};

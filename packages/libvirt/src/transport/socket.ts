// SPDX-License-Identifier: Apache-2.0
import { createConnection, type Socket, type SocketConnectOpts } from 'node:net';
import { LibvirtConnectionError } from '../errors.ts';

/**
 * Resolves once the socket emitted its `ready` event (`connect`, `secureConnect`); destroys it on failure or abort.
 * `describe` turns the failure into the error the caller sees.
 */
export function connected<S extends Socket>(
  socket: S,
  ready: 'connect' | 'secureConnect',
  signal: AbortSignal,
  describe: (error: Error) => Error,
): Promise<S> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      signal.removeEventListener('abort', onAbort);
      socket.off(ready, onReady);
      socket.off('error', onError);
      socket.off('close', onClose);
      act();
    };
    const onReady = () => settle(() => resolve(socket));
    const fail = (error: unknown) =>
      settle(() => {
        socket.on('error', () => undefined);
        socket.destroy();
        reject(error);
      });
    const onError = (error: Error) => fail(describe(error));
    const onClose = () => fail(describe(new Error('the connection was closed')));
    const onAbort = () => fail(signal.reason);
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    socket.on(ready, onReady);
    socket.on('error', onError);
    socket.on('close', onClose);
  });
}

const READ_BUFFER_BYTES = 256 * 1024;

/**
 * A socket that reads into one buffer again and again, where Node would otherwise allocate 64 KiB for every read. So the bytes of a
 * `data` event are valid only during the event; the RPC core, the one reader of transports, keeps none of them.
 */
export function createLeanSocket(options: SocketConnectOpts): Socket {
  const buffer = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES);
  const callback = (length: number): boolean => {
    socket.emit('data', buffer.subarray(0, length));
    return true;
  };
  const socket = createConnection({ ...options, onread: { buffer, callback } });
  return socket;
}

/** A connect failure in words: Node reports several tried addresses as one AggregateError without a message. */
export function connectFailure(target: string, error: Error): LibvirtConnectionError {
  const causes = error instanceof AggregateError ? error.errors : [error];
  const texts = causes.map((cause: unknown) => (cause instanceof Error ? cause.message : String(cause)));
  return new LibvirtConnectionError(`cannot connect to libvirt at ${target}: ${[...new Set(texts)].join('; ')}`, {
    cause: error,
  });
}

// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { LibvirtAuthError, LibvirtConnectionError } from '../errors.ts';
import type { LibvirtUri } from '../uri.ts';
import { connected, connectFailure } from './socket.ts';
import type { Transport } from './transport.ts';

const TLS_PORT = 16_514;
/** What the daemon sends inside TLS once it accepted our certificate. */
const ACCEPTED = 0x01;

/** The places libvirt looks for one set of files, best first. */
interface PkiFolder {
  readonly ca: string;
  readonly crl: string;
  readonly cert: string;
  readonly key: string;
}

function pkiFolders(uri: LibvirtUri): PkiFolder[] {
  const flat = (folder: string): PkiFolder => ({
    ca: join(folder, 'cacert.pem'),
    crl: join(folder, 'cacrl.pem'),
    cert: join(folder, 'clientcert.pem'),
    key: join(folder, 'clientkey.pem'),
  });
  if (uri.parameters.pkipath !== undefined) return [flat(uri.parameters.pkipath)];
  const system: PkiFolder = {
    ca: '/etc/pki/CA/cacert.pem',
    crl: '/etc/pki/CA/cacrl.pem',
    cert: '/etc/pki/libvirt/clientcert.pem',
    key: '/etc/pki/libvirt/private/clientkey.pem',
  };
  return process.getuid?.() === 0 ? [system] : [flat(join(homedir(), '.pki', 'libvirt')), system];
}

/** A file's content; null when there is none. @throws LibvirtConnectionError when it cannot be read. */
async function readOptional(path: string): Promise<Buffer | null> {
  try {
    return await readFile(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw new LibvirtConnectionError(`cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

type Credentials = Pick<ConnectionOptions, 'ca' | 'crl' | 'cert' | 'key'>;

async function loadCredentials(uri: LibvirtUri): Promise<Credentials> {
  const folders = pkiFolders(uri);
  const credentials: Credentials = {};
  for (const folder of folders) {
    if (credentials.ca === undefined) {
      const ca = await readOptional(folder.ca);
      const crl = ca === null ? null : await readOptional(folder.crl);
      if (ca !== null) credentials.ca = ca;
      if (crl !== null) credentials.crl = crl;
    }
    if (credentials.cert === undefined) {
      const cert = await readOptional(folder.cert);
      const key = cert === null ? null : await readOptional(folder.key);
      if (cert !== null && key === null) {
        throw new LibvirtConnectionError(`the client certificate ${folder.cert} has no key at ${folder.key}`);
      }
      if (cert !== null && key !== null) Object.assign(credentials, { cert, key });
    }
  }
  if (credentials.ca === undefined && !uri.parameters.noVerify) {
    const places = folders.map((folder) => folder.ca).join(' or ');
    throw new LibvirtConnectionError(`no CA certificate at ${places} to verify the libvirt daemon with`);
  }
  return credentials;
}

/** TLS 1.2 or newer, verified against the CA and the URI's host, with our certificate if there is one. */
export const openTls: Transport = async (uri, { signal }) => {
  const host = uri.host ?? 'localhost';
  const port = uri.port ?? TLS_PORT;
  const target = `${host} port ${port} (TLS)`;
  const credentials = await loadCredentials(uri);
  signal.throwIfAborted();
  let socket: TLSSocket;
  try {
    socket = connect({
      host,
      port,
      ...credentials,
      ...(isIP(host) === 0 ? { servername: host } : {}),
      minVersion: 'TLSv1.2',
      rejectUnauthorized: !uri.parameters.noVerify,
    });
  } catch (error) {
    throw connectFailure(target, error instanceof Error ? error : new Error('unusable certificate or key'));
  }
  socket.setNoDelay(true);
  socket.setKeepAlive(true, 30_000);
  await connected(socket, 'secureConnect', signal, (error) => connectFailure(target, error));
  await acceptance(socket, target, credentials.cert !== undefined, signal);
  return socket;
};

/** Reads the one byte by which the daemon says that it accepted our certificate. TLS 1.3 itself does not tell. */
function acceptance(socket: TLSSocket, target: string, hasCertificate: boolean, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const refused = (detail: string) => {
      const whose = hasCertificate ? 'our client certificate' : 'us without a client certificate';
      return new LibvirtAuthError(`the libvirt daemon at ${target} did not accept ${whose}${detail}`);
    };
    const settle = (error: unknown) => {
      signal.removeEventListener('abort', onAbort);
      socket.off('readable', onReadable);
      socket.off('error', onError);
      socket.off('end', onEnd);
      socket.off('close', onEnd);
      if (error === undefined) return resolve();
      socket.on('error', () => undefined);
      socket.destroy();
      reject(error);
    };
    const onAbort = () => settle(signal.reason);
    const onError = (error: Error) => settle(refused(`: ${error.message}`));
    const onEnd = () => settle(refused(' and closed the connection'));
    const onReadable = () => {
      const byte: Buffer | null = socket.read(1);
      if (byte === null) return;
      settle(byte[0] === ACCEPTED ? undefined : refused(''));
    };
    signal.addEventListener('abort', onAbort, { once: true });
    socket.on('readable', onReadable);
    socket.on('error', onError);
    socket.on('end', onEnd);
    socket.on('close', onEnd);
    if (signal.aborted) onAbort();
  });
}

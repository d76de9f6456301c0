// SPDX-License-Identifier: Apache-2.0
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { LibvirtUri } from '../uri.ts';
import { connected, connectFailure, createLeanSocket } from './socket.ts';
import type { Transport } from './transport.ts';

/** Drivers of one modular daemon family whose socket has another name than the driver. */
const DAEMON_OF_DRIVER: Readonly<Record<string, string>> = { qemu: 'qemu', xen: 'xen', lxc: 'lxc', vbox: 'vbox' };

/** Folders and file names of the daemons' sockets for a URI, best first. */
export function socketNames(uri: LibvirtUri, readonly: boolean): { session: boolean; names: string[] } {
  const session = uri.path === '/session';
  const suffix = readonly && !session ? '-ro' : '';
  const daemon = DAEMON_OF_DRIVER[uri.driver] ?? uri.driver;
  const direct = `virt${daemon}d-sock${suffix}`;
  const legacy = `libvirt-sock${suffix}`;
  const names = { auto: [direct, legacy], direct: [direct], legacy: [legacy] }[uri.parameters.mode];
  return { session, names };
}

function socketPath(uri: LibvirtUri, readonly: boolean): string {
  if (uri.parameters.socket !== undefined) return uri.parameters.socket;
  const { session, names } = socketNames(uri, readonly);
  const folder = session ? join(process.env.XDG_RUNTIME_DIR ?? join(homedir(), '.cache'), 'libvirt') : '/run/libvirt';
  const paths = names.map((name) => join(folder, name));
  return paths.find((path) => existsSync(path)) ?? paths.at(-1) ?? join(folder, 'libvirt-sock');
}

/** The local daemon's socket: `socket=`, else the driver's own daemon if it runs, else libvirtd. Starts no session daemon. */
export const openUnix: Transport = (uri, { signal, readonly }) => {
  const path = socketPath(uri, readonly);
  const socket = createLeanSocket({ path });
  return connected(socket, 'connect', signal, (error) => connectFailure(path, error));
};

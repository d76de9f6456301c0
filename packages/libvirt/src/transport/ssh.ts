// SPDX-License-Identifier: Apache-2.0
import { LibvirtConnectionError, LibvirtUriError } from '../errors.ts';
import type { LibvirtUri } from '../uri.ts';
import { ChildProcessStream } from './child-process.ts';
import { commandNotAllowed } from './ext.ts';
import type { Transport } from './transport.ts';
import { socketNames } from './unix.ts';

/**
 * The system's ssh, so that the user's agent, keys, configuration and known_hosts count. It runs never asking anything: a key that
 * needs a passphrase must be in an agent, and an unknown host key fails unless `no_verify=1`.
 */
export const openSsh: Transport = async (uri, options) => {
  if (uri.parameters.command !== undefined && !options.allowCommand) throw commandNotAllowed();
  const program = uri.parameters.command ?? 'ssh';
  const args = sshArguments(uri, options.readonly, options.sshKeyFile);
  const child = await ChildProcessStream.start(`ssh to ${uri.host}`, program, args);
  if (!options.signal.aborted) return child;
  child.on('error', () => undefined);
  child.destroy();
  throw options.signal.reason;
};

/** The arguments for ssh, ending in the command for the remote shell. */
export function sshArguments(uri: LibvirtUri, readonly: boolean, sshKeyFile: string | undefined): string[] {
  if (uri.host === undefined) throw new LibvirtUriError('host', 'is needed with the ssh transport');
  const { parameters } = uri;
  const keyfile = sshKeyFile ?? parameters.keyfile;
  return [
    ...(uri.port === undefined ? [] : ['-p', String(uri.port)]),
    ...(uri.username === undefined ? [] : ['-l', uri.username]),
    ...(keyfile === undefined ? [] : ['-i', keyfile]),
    '-T',
    ...['-e', 'none'],
    ...['-o', 'BatchMode=yes'],
    ...hostKeyArguments(uri),
    ...(parameters.knownHosts === undefined ? [] : ['-o', `UserKnownHostsFile=${parameters.knownHosts}`]),
    ...(parameters.sshauth === undefined
      ? []
      : ['-o', `PreferredAuthentications=${authentications(parameters.sshauth)}`]),
    '--',
    uri.host,
    `sh -c ${shellQuote(remoteScript(uri, readonly))}`,
  ];
}

function hostKeyArguments({ parameters }: LibvirtUri): string[] {
  if (parameters.noVerify || parameters.knownHostsVerify === 'ignore') return ['-o', 'StrictHostKeyChecking=no'];
  if (parameters.knownHostsVerify === 'auto') return ['-o', 'StrictHostKeyChecking=accept-new'];
  return [];
}

/** `sshauth=` of libvirt's other SSH libraries, in OpenSSH's words. */
const AUTHENTICATIONS: Readonly<Record<string, string>> = {
  agent: 'publickey',
  privkey: 'publickey',
  password: 'password',
  'keyboard-interactive': 'keyboard-interactive',
};

function authentications(list: string): string {
  const names = list.split(',').map((name) => {
    const found = Object.hasOwn(AUTHENTICATIONS, name) ? AUTHENTICATIONS[name] : undefined;
    if (found === undefined) {
      const known = Object.keys(AUTHENTICATIONS).join(', ');
      throw new LibvirtUriError('query parameter "sshauth"', `${JSON.stringify(name)} is none of ${known}`);
    }
    return found;
  });
  return [...new Set(names)].join(',');
}

/** Joins the session's input and output to the daemon's socket: by libvirt's own helper where it is installed, else by nc. */
function remoteScript(uri: LibvirtUri, readonly: boolean): string {
  const { proxy, netcat, socket } = uri.parameters;
  // The helper has no option for a socket, and knows nothing of a particular nc: either of them asks for nc.
  const wantsNetcat = proxy === 'netcat' || netcat !== undefined || socket !== undefined;
  if (wantsNetcat) return netcatScript(uri, readonly);
  const helper = `virt-ssh-helper ${readonly ? '-r ' : ''}${shellQuote(uri.name)}`;
  if (proxy === 'native') return `exec ${helper}`;
  if (uri.path === '/session') return `exec ${helper}`;
  return `if command -v virt-ssh-helper >/dev/null 2>&1; then exec ${helper}; fi; ${netcatScript(uri, readonly)}`;
}

function netcatScript(uri: LibvirtUri, readonly: boolean): string {
  const nc = shellQuote(uri.parameters.netcat ?? 'nc');
  // Some variants of nc stay after the end of their input unless told; only those know -q and complain that it lacks a number.
  const options = `q=; if ${nc} -q 2>&1 | grep -q 'requires an argument'; then q=-q0; fi`;
  return `${findSocket(uri, readonly)}; ${options}; exec ${nc} $q -U "$s"`;
}

function findSocket(uri: LibvirtUri, readonly: boolean): string {
  if (uri.parameters.socket !== undefined) return `s=${shellQuote(uri.parameters.socket)}`;
  const { session, names } = socketNames(uri, readonly);
  if (session) {
    throw new LibvirtConnectionError(
      'a session daemon is reached over ssh by virt-ssh-helper, or with socket= in the URI',
    );
  }
  const paths = names.map((name) => shellQuote(`/var/run/libvirt/${name}`));
  const last = paths.at(-1) ?? "''";
  return `s=${last}; for f in ${paths.join(' ')}; do if [ -S "$f" ]; then s=$f; break; fi; done`;
}

/** One word for a POSIX shell, whatever is in it. */
function shellQuote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

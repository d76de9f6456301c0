// SPDX-License-Identifier: Apache-2.0
import { isIPv4, isIPv6 } from 'node:net';
import { LibvirtUriError } from './errors.ts';

export type TransportName = 'unix' | 'tcp' | 'tls' | 'ssh' | 'ext';

/** The query parameters libvirt's remote driver takes for itself; all others travel to the daemon in the name. */
export interface LibvirtUriParameters {
  /** Path of the daemon's Unix socket, here or on the SSH host. */
  readonly socket?: string;
  /** Monolithic daemon's socket, the driver's own (virtqemud), or whichever exists. */
  readonly mode: 'auto' | 'legacy' | 'direct';
  readonly auth?: { readonly type: 'sasl'; readonly mechanism?: string } | { readonly type: 'polkit' };
  /** SSH private key. */
  readonly keyfile?: string;
  /** The ssh program, or for `ext` the program whose standard input and output are the connection. */
  readonly command?: string;
  /** nc on the SSH host. */
  readonly netcat?: string;
  readonly proxy: 'auto' | 'netcat' | 'native';
  /** tls: take any server certificate; ssh: take any host key. */
  readonly noVerify: boolean;
  readonly noTty: boolean;
  readonly noSanity: boolean;
  readonly knownHosts?: string;
  readonly knownHostsVerify?: 'normal' | 'auto' | 'ignore';
  readonly sshauth?: string;
  /** Folder with cacert.pem, clientcert.pem, clientkey.pem. */
  readonly pkipath?: string;
  readonly authfile?: string;
}

export interface LibvirtUri {
  /** As given. */
  readonly href: string;
  /** Hypervisor driver: qemu, test, xen, lxc, ...; `remote` lets the daemon choose. */
  readonly driver: string;
  readonly transport: TransportName;
  readonly username?: string;
  readonly host?: string;
  readonly port?: number;
  /** With its leading slash; empty when there is none. */
  readonly path: string;
  /** What CONNECT_OPEN sends: the URI as the daemon itself would have it, without transport, host, and the parameters below. */
  readonly name: string;
  readonly parameters: LibvirtUriParameters;
}

const TRANSPORTS: Readonly<Record<string, TransportName>> = {
  unix: 'unix',
  tcp: 'tcp',
  tls: 'tls',
  ssh: 'ssh',
  // The other SSH libraries of libvirt's C client: the same session, made by the system's ssh here.
  libssh: 'ssh',
  libssh2: 'ssh',
  ext: 'ext',
};

const TEXT_PARAMETERS = ['socket', 'keyfile', 'command', 'netcat', 'pkipath', 'authfile'] as const;
const SHAPE = /^([^:/?#]*):\/\/([^/?#]*)([^?#]*)(?:\?([^#]*))?(#.*)?$/s;
const CONTROL_CHARACTERS = /[\p{Cc}\p{Zl}\p{Zp}]/u;
const HOST_NAME = /^[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_.])?$/;
const USER_NAME = /^[^\s:/@'"`$&|;<>(){}\\!*?[\]~#-][^\s:/'"`$&|;<>(){}\\!*?[\]~#]*$/;

/**
 * Parses `driver[+transport]://[user@][host][:port]/path[?parameters]` as libvirt does.
 * @throws LibvirtUriError naming the part that is wrong.
 */
export function parseLibvirtUri(uri: string): LibvirtUri {
  if (CONTROL_CHARACTERS.test(uri)) throw new LibvirtUriError('text', 'contains a control character');
  const match = SHAPE.exec(uri);
  if (match === null) {
    throw new LibvirtUriError(
      'scheme',
      'expected driver[+transport]://[user@][host][:port]/path, as in qemu:///system',
    );
  }
  const [, scheme = '', authority = '', path = '', query = '', fragment] = match;
  if (fragment !== undefined) throw new LibvirtUriError('fragment', 'a # part has no meaning here');
  const { driver, transportText } = parseScheme(scheme);
  const { username, host, port } = parseAuthority(authority);
  const { taken, rest } = splitQuery(query);
  const transport = chooseTransport(transportText, host);
  const parameters = parseParameters(taken);
  checkTransport(transport, { host, port, username, parameters });
  const name = taken.get('name') ?? daemonName(driver, path, rest);
  return {
    href: uri,
    driver,
    transport,
    ...(username === undefined ? {} : { username }),
    ...(host === undefined ? {} : { host }),
    ...(port === undefined ? {} : { port }),
    path,
    name,
    parameters,
  };
}

function parseScheme(scheme: string): { driver: string; transportText: string | undefined } {
  const plus = scheme.indexOf('+');
  const driver = (plus < 0 ? scheme : scheme.slice(0, plus)).toLowerCase();
  if (!/^[a-z][a-z0-9.-]*$/.test(driver)) {
    throw new LibvirtUriError(
      'driver',
      `${quote(driver)} is not a hypervisor driver name such as qemu, test, xen or lxc`,
    );
  }
  return { driver, transportText: plus < 0 ? undefined : scheme.slice(plus + 1).toLowerCase() };
}

function parseAuthority(authority: string): { username?: string; host?: string; port?: number } {
  const at = authority.lastIndexOf('@');
  const result: { username?: string; host?: string; port?: number } = {};
  if (at >= 0) {
    const user = decodePart('user', authority.slice(0, at));
    if (user.includes(':')) {
      throw new LibvirtUriError('user', 'a password does not belong into the URI; give it as a credential');
    }
    if (!USER_NAME.test(user)) throw new LibvirtUriError('user', 'is not a user name');
    result.username = user;
  }
  const hostPort = authority.slice(at + 1);
  const parts = /^(\[[^\]]*\]|[^:[\]]*)(?::([^:]*))?$/.exec(hostPort);
  if (parts === null) {
    throw new LibvirtUriError('host', `${quote(hostPort)} is not host[:port] (an IPv6 address stands in [ ])`);
  }
  const [, hostText = '', portText] = parts;
  const host = parseHost(hostText);
  if (host !== undefined) result.host = host;
  if (portText !== undefined && portText !== '') result.port = parsePort(portText);
  if (result.host === undefined && (result.username !== undefined || result.port !== undefined)) {
    throw new LibvirtUriError('host', 'is missing, but a user or port is given');
  }
  return result;
}

function parseHost(text: string): string | undefined {
  if (text === '') return undefined;
  if (text.startsWith('[')) {
    const address = decodePart('host', text.slice(1, -1));
    const zone = /^([^%]+)(%[A-Za-z0-9_.-]+)?$/.exec(address);
    if (zone?.[1] === undefined || !isIPv6(zone[1])) {
      throw new LibvirtUriError('host', `${quote(address)} is not an IPv6 address`);
    }
    return address;
  }
  const host = decodePart('host', text);
  if (!isIPv4(host) && !HOST_NAME.test(host)) throw new LibvirtUriError('host', `${quote(host)} is not a host name`);
  return host;
}

function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) throw new LibvirtUriError('port', `${quote(text)} is not a number from 1 to 65535`);
  return port;
}

function chooseTransport(text: string | undefined, host: string | undefined): TransportName {
  if (text === undefined) return host === undefined ? 'unix' : 'tls';
  const transport = Object.hasOwn(TRANSPORTS, text) ? TRANSPORTS[text] : undefined;
  if (transport === undefined) {
    throw new LibvirtUriError('transport', `${quote(text)} is none of ${Object.keys(TRANSPORTS).join(', ')}`);
  }
  return transport;
}

function checkTransport(
  transport: TransportName,
  parts: {
    host: string | undefined;
    port: number | undefined;
    username: string | undefined;
    parameters: LibvirtUriParameters;
  },
): void {
  if (transport === 'unix' && parts.host !== undefined) {
    throw new LibvirtUriError('host', `${quote(parts.host)} cannot be reached through a local Unix socket`);
  }
  if ((transport === 'tcp' || transport === 'tls' || transport === 'ssh') && parts.host === undefined) {
    throw new LibvirtUriError('host', `is needed with the ${transport} transport`);
  }
  if (transport === 'ext' && parts.parameters.command === undefined) {
    throw new LibvirtUriError('query parameter "command"', 'is needed with the ext transport');
  }
}

const TAKEN = new Set([
  ...TEXT_PARAMETERS,
  'name',
  'mode',
  'auth',
  'proxy',
  'no_verify',
  'no_tty',
  'no_sanity',
  'known_hosts',
  'known_hosts_verify',
  'sshauth',
  'tls_priority',
]);

/** The transport's own parameters, decoded; and the rest, as written. */
function splitQuery(query: string): { taken: Map<string, string>; rest: string[] } {
  const taken = new Map<string, string>();
  const rest: string[] = [];
  for (const pair of query.split(/[&;]/)) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const key = decodePart('query', equals < 0 ? pair : pair.slice(0, equals));
    if (TAKEN.has(key))
      taken.set(key, decodePart(`query parameter "${key}"`, equals < 0 ? '' : pair.slice(equals + 1)));
    else rest.push(pair);
  }
  return { taken, rest };
}

function parseParameters(taken: Map<string, string>): LibvirtUriParameters {
  if (taken.has('tls_priority')) {
    throw new LibvirtUriError('query parameter "tls_priority"', 'is a GnuTLS setting that this client cannot honour');
  }
  const texts: Partial<Record<(typeof TEXT_PARAMETERS)[number], string>> = {};
  for (const key of TEXT_PARAMETERS) {
    const value = taken.get(key);
    if (value === undefined) continue;
    if (value === '') throw new LibvirtUriError(`query parameter "${key}"`, 'is empty');
    texts[key] = value;
  }
  const knownHosts = taken.get('known_hosts');
  const sshauth = taken.get('sshauth');
  const verify = oneOf(taken, 'known_hosts_verify', ['normal', 'auto', 'ignore']);
  const auth = parseAuth(taken.get('auth'));
  return {
    ...texts,
    mode: oneOf(taken, 'mode', ['auto', 'legacy', 'direct']) ?? 'auto',
    proxy: oneOf(taken, 'proxy', ['auto', 'netcat', 'native']) ?? 'auto',
    noVerify: flag(taken, 'no_verify'),
    noTty: flag(taken, 'no_tty'),
    noSanity: flag(taken, 'no_sanity'),
    ...(auth === undefined ? {} : { auth }),
    ...(knownHosts === undefined ? {} : { knownHosts }),
    ...(verify === undefined ? {} : { knownHostsVerify: verify }),
    ...(sshauth === undefined ? {} : { sshauth }),
  };
}

function oneOf<const T extends string>(taken: Map<string, string>, key: string, values: readonly T[]): T | undefined {
  const text = taken.get(key);
  if (text === undefined) return undefined;
  const value = values.find((candidate) => candidate === text);
  if (value === undefined) {
    throw new LibvirtUriError(`query parameter "${key}"`, `${quote(text)} is none of ${values.join(', ')}`);
  }
  return value;
}

function flag(taken: Map<string, string>, key: string): boolean {
  const text = taken.get(key);
  if (text === undefined) return false;
  if (!/^-?\d+$/.test(text)) throw new LibvirtUriError(`query parameter "${key}"`, `${quote(text)} is not a number`);
  return Number(text) !== 0;
}

function parseAuth(text: string | undefined): LibvirtUriParameters['auth'] {
  if (text === undefined) return undefined;
  if (text === 'polkit') return { type: 'polkit' };
  if (text === 'sasl') return { type: 'sasl' };
  const mechanism = /^sasl\.([A-Za-z0-9_-]+)$/.exec(text)?.[1];
  if (mechanism === undefined) {
    throw new LibvirtUriError('query parameter "auth"', `${quote(text)} is none of sasl, sasl.MECHANISM, polkit`);
  }
  return { type: 'sasl', mechanism: mechanism.toUpperCase() };
}

function daemonName(driver: string, path: string, rest: readonly string[]): string {
  if (driver === 'remote') return '';
  return `${driver}://${path}${rest.length === 0 ? '' : `?${rest.join('&')}`}`;
}

function decodePart(part: string, text: string): string {
  let decoded: string;
  try {
    decoded = decodeURIComponent(text);
  } catch {
    throw new LibvirtUriError(part, 'has a malformed % escape');
  }
  if (CONTROL_CHARACTERS.test(decoded)) throw new LibvirtUriError(part, 'contains a control character');
  return decoded;
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 100));
}

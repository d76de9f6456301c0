// SPDX-License-Identifier: Apache-2.0

import { MAX_DELAY } from './alarm.ts';
import { readCredentials } from './auth-file.ts';
import { authenticate } from './authenticate.ts';
import { Calls } from './calls.ts';
import { LibvirtConnection } from './connection.ts';
import { LibvirtConnectionError, LibvirtTimeoutError } from './errors.ts';
import type { KeepAliveOptions } from './keepalive.ts';
import { OpenFlag } from './protocol/constants.ts';
import { RpcClient } from './rpc.ts';
import type { SaslCredentials } from './sasl/mechanism.ts';
import { openTransport } from './transport/index.ts';
import { type LibvirtUri, parseLibvirtUri } from './uri.ts';

export interface ConnectOptions {
  /** For SASL; else the URI's `authfile` is read. */
  readonly username?: string;
  readonly password?: string;
  /** For ssh; goes before the URI's `keyfile`. */
  readonly sshKeyFile?: string;
  /** Ends the attempt to connect. */
  readonly signal?: AbortSignal;
  /** Milliseconds for connecting as a whole, and the default for each call; Infinity for no bound. Default 30000. */
  readonly timeoutMs?: number;
  /** Ask for a connection that can change nothing. */
  readonly readonly?: boolean;
  /** Default: a PING after 5 s of silence, dead after 5 unanswered. */
  readonly keepAlive?: KeepAliveOptions | false;
  /** Allow `command=` in the URI, which runs a program on this machine. Leave it off where the URI comes from others. */
  readonly allowCommand?: boolean;
  readonly log?: (message: string) => void;
}

const DEFAULT_TIMEOUT_MS = 30_000;
const DEFAULT_KEEPALIVE: KeepAliveOptions = { intervalMs: 5000, count: 5 };

/**
 * Connects to the daemon a libvirt URI names, authenticates, and opens the hypervisor.
 * @example
 * const connection = await connect('qemu+tcp://hv1/system', { username: 'fred', password });
 * const [match] = await connection.findByMac(['52:54:00:12:34:56']);
 * @throws LibvirtUriError, LibvirtAuthError, LibvirtConnectionError, LibvirtTimeoutError, LibvirtError, or the signal's reason.
 */
export async function connect(uri: string, options: ConnectOptions = {}): Promise<LibvirtConnection> {
  const parsed = parseLibvirtUri(uri);
  const calls = await open(parsed, options);
  options.log?.(`connected to ${describeTarget(parsed)}`);
  // Each connection to a test driver's file has domains of its own, so a second one would be about others.
  const helps = parsed.transport === 'unix' && parsed.name.startsWith('qemu:');
  const { signal: _, ...rest } = options;
  const openHelper = () => open(parsed, { ...rest, keepAlive: false });
  return new LibvirtConnection(helps ? { calls, openHelper } : { calls }, parsed);
}

async function open(uri: LibvirtUri, options: ConnectOptions): Promise<Calls> {
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const deadline = new AbortController();
  const timer = setTimeout(
    () => {
      deadline.abort(new LibvirtTimeoutError(`connecting to ${describeTarget(uri)}`, timeoutMs));
    },
    Math.min(timeoutMs, MAX_DELAY),
  );
  const signal = options.signal === undefined ? deadline.signal : AbortSignal.any([options.signal, deadline.signal]);
  try {
    signal.throwIfAborted();
    return await openUntil(uri, options, timeoutMs, signal);
  } finally {
    clearTimeout(timer);
  }
}

async function openUntil(
  uri: LibvirtUri,
  options: ConnectOptions,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Calls> {
  const readonly = options.readonly ?? false;
  const log = options.log ?? (() => undefined);
  const credentials = await credentialsFor(uri, options);
  const transport = await openTransport(uri, {
    signal,
    readonly,
    allowCommand: options.allowCommand ?? false,
    sshKeyFile: options.sshKeyFile,
    log,
  });
  const rpc = new RpcClient(transport, { keepAlive: options.keepAlive ?? DEFAULT_KEEPALIVE, log });
  const calls = new Calls(rpc, timeoutMs);
  try {
    // The deadline of the whole covers each step.
    const untilSignal = { signal, timeoutMs: Number.POSITIVE_INFINITY };
    await authenticate((name, args) => calls.call(name, args, untilSignal), rpc, uri, credentials);
    await calls.call('connectOpen', { name: uri.name, flags: readonly ? OpenFlag.READ_ONLY : 0 }, untilSignal);
    return calls;
  } catch (error) {
    rpc.close(new LibvirtConnectionError('connecting failed', { cause: error }));
    throw error;
  }
}

async function credentialsFor(uri: LibvirtUri, options: ConnectOptions): Promise<SaslCredentials | null> {
  const { username = uri.transport === 'ssh' ? undefined : uri.username, password } = options;
  if (username !== undefined && password !== undefined) return { username, password };
  if (uri.parameters.authfile === undefined) return null;
  return await readCredentials(uri.parameters.authfile, uri.host ?? 'localhost', username);
}

function describeTarget({ driver, transport, host, port, path }: LibvirtUri): string {
  const where = host === undefined ? '' : ` on ${host}${port === undefined ? '' : `:${port}`}`;
  return `${driver}${path}${where} over ${transport}`;
}

// SPDX-License-Identifier: Apache-2.0
import { ErrorCode, LibvirtAuthError, LibvirtError } from './errors.ts';
import { AuthType } from './protocol/constants.ts';
import type { ArgsOf, ProcedureName, ResultOf } from './protocol/procedures.ts';
import type { RpcClient } from './rpc.ts';
import { digestMd5Exchange } from './sasl/digest-md5.ts';
import type { SaslCredentials, SaslExchange } from './sasl/mechanism.ts';
import { plainExchange } from './sasl/plain.ts';
import { type ScramMechanism, scramExchange } from './sasl/scram.ts';
import type { LibvirtUri } from './uri.ts';

/** One call of the connection being made. */
export type Caller = <N extends ProcedureName>(name: N, args: ArgsOf<N>) => Promise<ResultOf<N>>;

interface Offer {
  readonly name: string;
  /** May be used where others can read the wire. */
  readonly onOpenWire: boolean;
  readonly begin: (credentials: SaslCredentials, context: { host: string; openWire: boolean }) => SaslExchange;
}

const scram = (name: ScramMechanism): Offer => ({
  name,
  onOpenWire: false,
  begin: (credentials) => scramExchange(name, credentials),
});

/** Best first. On plain TCP only a mechanism that encrypts everything after it will do, as libvirtd itself demands. */
const MECHANISMS: readonly Offer[] = [
  scram('SCRAM-SHA-512'),
  scram('SCRAM-SHA-256'),
  scram('SCRAM-SHA-1'),
  {
    name: 'DIGEST-MD5',
    onOpenWire: true,
    begin: (credentials, { host, openWire }) => digestMd5Exchange(credentials, { host, requireEncryption: openWire }),
  },
  { name: 'PLAIN', onOpenWire: false, begin: (credentials) => plainExchange(credentials) },
];

/** A bound on rounds, so that a server cannot keep us busy for ever. */
const MAX_STEPS = 10;

/**
 * Does what the daemon asks for before it lets a client in: nothing, polkit, or SASL.
 * The list of ways is always asked for: with polkit it is this call by which the daemon lets root in.
 * @throws LibvirtAuthError
 */
export async function authenticate(
  call: Caller,
  rpc: RpcClient,
  uri: LibvirtUri,
  credentials: SaslCredentials | null,
): Promise<void> {
  const offered = await authTypes(call);
  const wanted = uri.parameters.auth;
  const type =
    wanted === undefined
      ? (offered[0] ?? AuthType.NONE)
      : { sasl: AuthType.SASL, polkit: AuthType.POLKIT }[wanted.type];
  if (!offered.includes(type) && !(wanted === undefined && offered.length === 0)) {
    throw new LibvirtAuthError(`the libvirt daemon does not offer ${wanted?.type} authentication`);
  }
  switch (type) {
    case AuthType.NONE:
      return;
    case AuthType.POLKIT:
      return await polkit(call);
    case AuthType.SASL:
      return await sasl(call, rpc, uri, credentials);
    default:
      throw new LibvirtAuthError(`the libvirt daemon wants authentication of unknown type ${type}`);
  }
}

async function authTypes(call: Caller): Promise<readonly number[]> {
  try {
    return await call('authList', undefined);
  } catch (error) {
    if (error instanceof LibvirtError && error.code === ErrorCode.NO_SUPPORT) return [];
    throw error;
  }
}

async function polkit(call: Caller): Promise<void> {
  try {
    if (await call('authPolkit', undefined)) return;
  } catch (error) {
    throw asAuthError(error, 'polkit');
  }
  throw new LibvirtAuthError('polkit did not let us in');
}

async function sasl(call: Caller, rpc: RpcClient, uri: LibvirtUri, credentials: SaslCredentials | null): Promise<void> {
  const openWire = uri.transport === 'tcp';
  const offered = (await call('authSaslInit', undefined)).split(',').map((name) => name.trim().toUpperCase());
  const mechanism = chooseMechanism(offered, uri, openWire);
  if (credentials === null) {
    throw new LibvirtAuthError(`the libvirt daemon wants a user name and password (SASL ${mechanism.name})`);
  }
  const exchange = mechanism.begin(credentials, { host: uri.host ?? 'localhost', openWire });
  try {
    await converse(call, mechanism.name, exchange);
  } catch (error) {
    throw asAuthError(error, `SASL ${mechanism.name}`);
  }
  if (openWire && exchange.securityLayer === null) {
    throw new LibvirtAuthError(`SASL ${mechanism.name} agreed on no encryption, which plain TCP needs`);
  }
  if (exchange.securityLayer !== null) rpc.setSecurityLayer(exchange.securityLayer);
}

function chooseMechanism(offered: readonly string[], uri: LibvirtUri, openWire: boolean): Offer {
  const wanted = uri.parameters.auth?.type === 'sasl' ? uri.parameters.auth.mechanism : undefined;
  const usable = MECHANISMS.filter((mechanism) => mechanism.onOpenWire || !openWire);
  const found = usable.find(({ name }) => offered.includes(name) && (wanted === undefined || wanted === name));
  if (found !== undefined) return found;
  const ours = usable.map(({ name }) => name).filter((name) => wanted === undefined || wanted === name);
  throw new LibvirtAuthError(
    `no common SASL mechanism: the libvirt daemon offers ${offered.join(', ') || 'none'}; ` +
      `usable here: ${ours.join(', ') || `none called ${wanted}`}`,
  );
}

async function converse(call: Caller, mech: string, exchange: SaslExchange): Promise<void> {
  const none = Buffer.alloc(0);
  const first = exchange.start();
  let reply = await call('authSaslStart', { mech, nil: first === null, data: first ?? none });
  for (let step = 0; step < MAX_STEPS; step++) {
    const answer = reply.complete && reply.nil ? null : await exchange.step(reply.nil ? none : reply.data);
    if (reply.complete) {
      if (!exchange.complete)
        throw new LibvirtAuthError(`${mech}: the server ended the exchange before proving itself`);
      return;
    }
    reply = await call('authSaslStep', { nil: answer === null, data: answer ?? none });
  }
  throw new LibvirtAuthError(`${mech}: the exchange does not end`);
}

function asAuthError(error: unknown, how: string): unknown {
  const codes: readonly number[] = [ErrorCode.AUTH_FAILED, ErrorCode.AUTH_CANCELLED, ErrorCode.AUTH_UNAVAILABLE];
  if (!(error instanceof LibvirtError) || error instanceof LibvirtAuthError || !codes.includes(error.code))
    return error;
  const { code, domain } = error;
  return new LibvirtAuthError(`${how}: ${error.message}`, { code, domain, cause: error });
}

// SPDX-License-Identifier: Apache-2.0
// Questions about many domains at once, answered in as few round trips as the protocol allows.
import { type CallOptions, type Calls, isGone } from './calls.ts';
import { ErrorCode, ErrorDomain, LibvirtError } from './errors.ts';
import { macSearch } from './mac.ts';
import { DOMAIN_STATE_NAMES, type DomainStateName, StatsType, XmlFlag } from './protocol/constants.ts';
import type { Domain } from './protocol/types.ts';
import { type Lanes, series } from './series.ts';

/** A domain as an argument. The daemon goes by the UUID; name and id only appear in its messages. */
export interface DomainRef {
  readonly uuid: string;
  readonly name?: string;
  readonly id?: number;
}

export interface DomainState {
  readonly state: DomainStateName;
  /** Its meaning depends on the state: virDomainRunningReason, virDomainShutoffReason, ... */
  readonly reason: number;
}

export interface MacMatch {
  readonly domain: Domain;
  /** Those of the wanted addresses that the domain has, normalised: twelve lower-case digits. */
  readonly macs: readonly string[];
}

export function wireDomain(ref: DomainRef): Domain {
  return { uuid: ref.uuid, name: ref.name ?? '', id: ref.id ?? -1 };
}

export function domainState(state: number, reason: number): DomainState {
  return { state: DOMAIN_STATE_NAMES[state] ?? 'nostate', reason };
}

export async function listAllDomains(calls: Calls, flags: number, options?: CallOptions): Promise<Domain[]> {
  return (await calls.call('connectListAllDomains', { needResults: 1, flags }, options)).domains;
}

/**
 * Every domain that has one of the addresses. With a hint, that domain is looked at first, in one round trip, and if it has one of
 * them nothing else is asked. The persistent configuration counts: it is what the next start uses.
 */
export async function findByMac(
  lanes: Lanes,
  macs: readonly string[],
  hint: DomainRef | null,
  options: CallOptions,
): Promise<MacMatch[]> {
  if (macs.length === 0) return [];
  const { calls } = lanes;
  const search = macSearch(macs);
  const xmlOf = ({ uuid }: DomainRef) => ({ dom: { uuid, name: '', id: -1 }, flags: XmlFlag.INACTIVE });
  if (hint !== null) {
    const [[found], lookedUp] = await Promise.all([
      series({ calls }, 'domainGetXmlDescBytes', [xmlOf(hint)], search, options),
      unlessGone(calls.call('domainLookupByUuid', { uuid: hint.uuid }, options)),
    ]);
    if (found?.length && lookedUp !== null) return [{ domain: lookedUp, macs: found }];
  }
  const domains = await listAllDomains(calls, 0, options);
  const owned = await series(lanes, 'domainGetXmlDescBytes', domains.map(xmlOf), search, options);
  const matches: MacMatch[] = [];
  for (const [index, domain] of domains.entries()) {
    const found = owned[index] ?? [];
    if (found.length > 0) matches.push({ domain, macs: found });
  }
  return matches;
}

/** The states of all domains, by UUID: one call, or one per domain (all at once) where the hypervisor driver lacks that call. */
export async function getAllStates(calls: Calls, options: CallOptions): Promise<Map<string, DomainState>> {
  try {
    const records = await calls.call(
      'connectGetAllDomainStats',
      { doms: [], stats: StatsType.STATE, flags: 0 },
      options,
    );
    return new Map(
      records.map(({ dom, params }) => {
        const value = (field: string) => Number(params.find((param) => param.field === field)?.value ?? 0);
        return [dom.uuid, domainState(value('state.state'), value('state.reason'))];
      }),
    );
  } catch (error) {
    if (!isUnsupported(error)) throw error;
  }
  const domains = await listAllDomains(calls, 0, options);
  const stateOf = (dom: Domain) => ({ dom, flags: 0 });
  const read = (answer: { state: number; reason: number }) => domainState(answer.state, answer.reason);
  const states = await series({ calls }, 'domainGetState', domains.map(stateOf), read, options);
  const byUuid = new Map<string, DomainState>();
  for (const [index, domain] of domains.entries()) {
    const state = states[index] ?? null;
    if (state !== null) byUuid.set(domain.uuid, state);
  }
  return byUuid;
}

/** Null when the domain does not exist (any more). */
async function unlessGone<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  }
}

/** The daemon's driver has no such function, or the daemon is too old to know the procedure. */
export function isUnsupported(error: unknown): boolean {
  if (!(error instanceof LibvirtError) || error.remote === undefined) return false;
  return error.code === ErrorCode.NO_SUPPORT || (error.code === ErrorCode.RPC && error.domain === ErrorDomain.RPC);
}

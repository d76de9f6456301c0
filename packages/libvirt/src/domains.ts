// SPDX-License-Identifier: Apache-2.0
// Questions about many domains at once, answered in as few round trips as the protocol allows.
import type { CallOptions, Calls } from './calls.ts';
import { ErrorCode, ErrorDomain, LibvirtError } from './errors.ts';
import { macsOfDomainXml, normalizeMac } from './mac.ts';
import { DOMAIN_STATE_NAMES, type DomainStateName, StatsType, XmlFlag } from './protocol/constants.ts';
import type { Domain } from './protocol/types.ts';
import { mapWindow } from './window.ts';

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

/** Reads under way at once in a scan: they are quick, and one round trip then serves many. */
const SCAN_WINDOW = 256;

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
  calls: Calls,
  macs: readonly string[],
  hint: DomainRef | null,
  options: CallOptions,
): Promise<MacMatch[]> {
  const wanted = new Set(macs.map(normalizeMac));
  if (wanted.size === 0) return [];
  if (hint !== null) {
    const [found, lookedUp] = await Promise.all([
      ownedMacs(calls, hint, wanted, options),
      unlessGone(calls.call('domainLookupByUuid', { uuid: hint.uuid }, options)),
    ]);
    if (found.length > 0 && lookedUp !== null) return [{ domain: lookedUp, macs: found }];
  }
  const domains = await listAllDomains(calls, 0, options);
  const owned = await mapWindow(domains, SCAN_WINDOW, (domain) => ownedMacs(calls, domain, wanted, options));
  return domains
    .map((domain, index) => ({ domain, macs: owned[index] ?? [] }))
    .filter((match) => match.macs.length > 0);
}

/** The wanted addresses a domain has; none when it vanished meanwhile. */
async function ownedMacs(
  calls: Calls,
  domain: DomainRef,
  wanted: ReadonlySet<string>,
  options: CallOptions,
): Promise<string[]> {
  const args = { dom: wireDomain(domain), flags: XmlFlag.INACTIVE };
  const xml = await unlessGone(calls.call('domainGetXmlDescBytes', args, options));
  if (xml === null) return [];
  return [...new Set(macsOfDomainXml(xml))].filter((mac) => wanted.has(mac));
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
  const states = await mapWindow(domains, SCAN_WINDOW, async (dom) => {
    const answer = await unlessGone(calls.call('domainGetState', { dom, flags: 0 }, options));
    return answer === null ? null : domainState(answer.state, answer.reason);
  });
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
    if (error instanceof LibvirtError && error.code === ErrorCode.NO_DOMAIN) return null;
    throw error;
  }
}

/** The daemon's driver has no such function, or the daemon is too old to know the procedure. */
export function isUnsupported(error: unknown): boolean {
  if (!(error instanceof LibvirtError) || error.remote === undefined) return false;
  return error.code === ErrorCode.NO_SUPPORT || (error.code === ErrorCode.RPC && error.domain === ErrorDomain.RPC);
}

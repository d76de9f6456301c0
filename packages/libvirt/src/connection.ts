// SPDX-License-Identifier: Apache-2.0
import { EventEmitter } from 'node:events';
import type { Duplex } from 'node:stream';
import type { CallOptions, Calls } from './calls.ts';
import {
  type DomainRef,
  type DomainState,
  domainState,
  findByMac,
  getAllStates,
  listAllDomains,
  type MacMatch,
  wireDomain,
} from './domains.ts';
import { LibvirtConnectionError, type LibvirtError } from './errors.ts';
import { ConsoleFlag } from './protocol/constants.ts';
import { type DomainEvent, type DomainEventKind, decodeDomainEvent } from './protocol/events.ts';
import type { ArgsOf, ProcedureName, ResultOf } from './protocol/procedures.ts';
import type { Domain } from './protocol/types.ts';
import type { Lanes } from './series.ts';
import type { LibvirtStream } from './stream.ts';
import { type DomainEventListener, Subscriptions } from './subscriptions.ts';
import type { LibvirtUri } from './uri.ts';

interface ConnectionEvents {
  /** The reason the connection was lost, or null after our own close(). */
  close: [reason: LibvirtError | null];
  /** Every event of the kinds that are subscribed to. */
  domainEvent: [event: DomainEvent];
}

/** How long the daemon gets to answer our good-bye. */
const GOODBYE_MS = 2000;

/**
 * An open connection to one hypervisor, for any number of calls at once. Made by `connect`.
 *
 * Every method rejects with LibvirtError (the daemon's answer), LibvirtTimeoutError, LibvirtConnectionError, or the signal's reason.
 * A lost connection is not made again: connect anew, subscribe anew, and read the state of what was under way.
 */
export class LibvirtConnection extends EventEmitter<ConnectionEvents> {
  readonly uri: LibvirtUri;
  readonly #calls: Calls;
  readonly #lanes: Lanes;
  readonly #subscriptions: Subscriptions;
  #closing: Promise<void> | undefined;

  /** @internal Use `connect`. */
  constructor(lanes: Lanes, uri: LibvirtUri) {
    const { calls } = lanes;
    super();
    this.uri = uri;
    this.#calls = calls;
    this.#lanes = lanes;
    this.#subscriptions = new Subscriptions(calls);
    calls.rpc.onMessage = (procedure, payload) => this.#message(procedure, payload);
    calls.rpc.onClose = (reason) => {
      const told = this.#closing === undefined ? reason : null;
      queueMicrotask(() => this.emit('close', told));
    };
  }

  get closed(): boolean {
    return this.#calls.rpc.closed;
  }

  /** Any procedure of the table, by name. */
  call<N extends ProcedureName>(name: N, args: ArgsOf<N>, options?: CallOptions): Promise<ResultOf<N>> {
    return this.#calls.call(name, args, options);
  }

  /** A procedure that opens a stream: a console, a screenshot, a volume's content. */
  openStream<N extends ProcedureName>(
    name: N,
    args: ArgsOf<N>,
    options?: CallOptions,
  ): Promise<{ stream: LibvirtStream; result: ResultOf<N> }> {
    return this.#calls.openStream(name, args, options);
  }

  // The host

  /** The daemon's libvirt version: major * 1000000 + minor * 1000 + release. */
  async getLibVersion(options?: CallOptions): Promise<number> {
    return Number(await this.call('connectGetLibVersion', undefined, options));
  }

  /** The hypervisor's version, in the same form. */
  async getVersion(options?: CallOptions): Promise<number> {
    return Number(await this.call('connectGetVersion', undefined, options));
  }

  getHostname(options?: CallOptions): Promise<string> {
    return this.call('connectGetHostname', undefined, options);
  }

  /** QEMU, TEST, LXC, Xen, ... */
  getType(options?: CallOptions): Promise<string> {
    return this.call('connectGetType', undefined, options);
  }

  // Finding domains

  /** All domains, or those that match the ListFlag bits. In no particular order. */
  listAllDomains(flags = 0, options?: CallOptions): Promise<Domain[]> {
    return listAllDomains(this.#calls, flags, options);
  }

  /** Rejects with code NO_DOMAIN when there is none. */
  lookupByUuid(uuid: string, options?: CallOptions): Promise<Domain> {
    return this.call('domainLookupByUuid', { uuid }, options);
  }

  lookupByName(name: string, options?: CallOptions): Promise<Domain> {
    return this.call('domainLookupByName', { name }, options);
  }

  /**
   * Every domain that has one of these MAC addresses (any usual notation). The hint, say where it was last time, is asked first: one
   * round trip, and if it has one of them, it alone is returned. Else the documents of all domains are read, pipelined.
   */
  findByMac(macs: readonly string[], hint?: DomainRef | null, options: CallOptions = {}): Promise<MacMatch[]> {
    return findByMac(this.#lanes, macs, hint ?? null, options);
  }

  // State

  async getState(domain: DomainRef, options?: CallOptions): Promise<DomainState> {
    const { state, reason } = await this.call('domainGetState', { dom: wireDomain(domain), flags: 0 }, options);
    return domainState(state, reason);
  }

  /** The state of every domain, by UUID, in one round trip where the hypervisor driver allows it. */
  getAllStates(options: CallOptions = {}): Promise<Map<string, DomainState>> {
    return getAllStates(this.#calls, options);
  }

  // Power

  /** Starts a domain; CreateFlag.FORCE_BOOT boots it even if a managed save image exists. The result has the new id. */
  create(domain: DomainRef, flags = 0, options?: CallOptions): Promise<Domain> {
    return this.call('domainCreateWithFlags', { dom: wireDomain(domain), flags }, options);
  }

  /** Pulls the plug. */
  destroy(domain: DomainRef, flags = 0, options?: CallOptions): Promise<void> {
    const dom = wireDomain(domain);
    if (flags === 0) return this.call('domainDestroy', { dom }, options);
    return this.call('domainDestroyFlags', { dom, flags }, options);
  }

  /** Asks the guest to power off (ACPI power button or agent) and returns at once, whether it reacts or not. */
  shutdown(domain: DomainRef, flags = 0, options?: CallOptions): Promise<void> {
    const dom = wireDomain(domain);
    if (flags === 0) return this.call('domainShutdown', { dom }, options);
    return this.call('domainShutdownFlags', { dom, flags }, options);
  }

  /** Asks the guest to reboot, and returns at once. */
  reboot(domain: DomainRef, flags = 0, options?: CallOptions): Promise<void> {
    return this.call('domainReboot', { dom: wireDomain(domain), flags }, options);
  }

  /** The reset button. The domain keeps the boot order it was started with. */
  reset(domain: DomainRef, options?: CallOptions): Promise<void> {
    return this.call('domainReset', { dom: wireDomain(domain), flags: 0 }, options);
  }

  suspend(domain: DomainRef, options?: CallOptions): Promise<void> {
    return this.call('domainSuspend', { dom: wireDomain(domain) }, options);
  }

  resume(domain: DomainRef, options?: CallOptions): Promise<void> {
    return this.call('domainResume', { dom: wireDomain(domain) }, options);
  }

  /** A non-maskable interrupt to the guest. */
  injectNmi(domain: DomainRef, options?: CallOptions): Promise<void> {
    return this.call('domainInjectNmi', { dom: wireDomain(domain), flags: 0 }, options);
  }

  // Configuration

  /** The domain's XML: live, or with XmlFlag.INACTIVE | XmlFlag.SECURE the one to change and define again. */
  getXml(domain: DomainRef, flags = 0, options?: CallOptions): Promise<string> {
    return this.call('domainGetXmlDesc', { dom: wireDomain(domain), flags }, options);
  }

  /** Defines a domain, or replaces the persistent configuration of the one with the same UUID; effective at its next start. */
  defineXml(xml: string, flags = 0, options?: CallOptions): Promise<Domain> {
    return this.call('domainDefineXmlFlags', { xml, flags }, options);
  }

  /** Removes the persistent configuration; UndefineFlag.NVRAM is needed where the domain has UEFI variables. */
  undefine(domain: DomainRef, flags = 0, options?: CallOptions): Promise<void> {
    const dom = wireDomain(domain);
    if (flags === 0) return this.call('domainUndefine', { dom }, options);
    return this.call('domainUndefineFlags', { dom, flags }, options);
  }

  // Console and events

  /**
   * The serial console, or the device with this alias (`serial0`, `console1`). One user at a time: `force` throws another out.
   * Ending or destroying the stream gives it back.
   */
  async openConsole(
    domain: DomainRef,
    device: string | null = null,
    options: CallOptions & { readonly force?: boolean } = {},
  ): Promise<Duplex> {
    const flags = options.force === true ? ConsoleFlag.FORCE : 0;
    const { stream } = await this.openStream('domainOpenConsole', { dom: wireDomain(domain), device, flags }, options);
    return stream;
  }

  /** Tells of domains defined, started, stopped, ... from now on. The result ends it. */
  subscribeDomainLifecycle(
    listener: DomainEventListener<'lifecycle'>,
    options?: CallOptions,
  ): Promise<() => Promise<void>> {
    return this.subscribe('lifecycle', listener, options);
  }

  /** As {@link subscribeDomainLifecycle} for any kind of event this client knows. */
  subscribe<K extends DomainEventKind>(
    kind: K,
    listener: DomainEventListener<K>,
    options: CallOptions = {},
  ): Promise<() => Promise<void>> {
    return this.#subscriptions.add(kind, listener, options);
  }

  /** Says good-bye and ends the connection. Calls still under way are rejected. Never rejects. */
  close(): Promise<void> {
    this.#closing ??= this.#goodbye();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #goodbye(): Promise<void> {
    if (this.closed) return;
    await this.call('connectClose', undefined, { timeoutMs: GOODBYE_MS }).catch(() => undefined);
    this.#calls.rpc.close(new LibvirtConnectionError('the connection was closed by this client'));
  }

  #message(procedure: number, payload: Buffer): void {
    const event = decodeDomainEvent(procedure, payload);
    if (event === null) return;
    // Outside the packet loop, so that a listener's exception is not taken for a broken connection.
    queueMicrotask(() => {
      this.#subscriptions.dispatch(event);
      this.emit('domainEvent', event);
    });
  }
}

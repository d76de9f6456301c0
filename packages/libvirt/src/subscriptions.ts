// SPDX-License-Identifier: Apache-2.0
import type { CallOptions, Calls } from './calls.ts';
import { type DomainEvent, type DomainEventKind, EVENT_IDS } from './protocol/events.ts';

export type DomainEventListener<K extends DomainEventKind = DomainEventKind> = (
  event: Extract<DomainEvent, { kind: K }>,
) => void;

interface Registration {
  readonly listeners: Set<(event: DomainEvent) => void>;
  /** The daemon's number for our registration, once it answered. */
  callbackId: Promise<number>;
}

/** Keeps one registration with the daemon per kind of event, for as long as somebody listens. */
export class Subscriptions {
  readonly #calls: Calls;
  readonly #registrations = new Map<DomainEventKind, Registration>();

  constructor(calls: Calls) {
    this.#calls = calls;
  }

  /** Resolves when the daemon sends the events; the result ends the subscription. */
  async add<K extends DomainEventKind>(
    kind: K,
    listener: DomainEventListener<K>,
    options: CallOptions,
  ): Promise<() => Promise<void>> {
    const heard = (event: DomainEvent) => {
      if (isKind(event, kind)) listener(event);
    };
    const registration = this.#registrations.get(kind) ?? this.#register(kind, options);
    registration.listeners.add(heard);
    try {
      await registration.callbackId;
    } catch (error) {
      registration.listeners.delete(heard);
      if (this.#registrations.get(kind) === registration) this.#registrations.delete(kind);
      throw error;
    }
    return () => this.#remove(kind, registration, heard);
  }

  dispatch(event: DomainEvent): void {
    for (const listener of this.#registrations.get(event.kind)?.listeners ?? []) listener(event);
  }

  #register(kind: DomainEventKind, options: CallOptions): Registration {
    const args = { eventId: EVENT_IDS[kind], dom: null };
    const callbackId = this.#calls.call('connectDomainEventCallbackRegisterAny', args, options);
    const registration = { listeners: new Set<(event: DomainEvent) => void>(), callbackId };
    this.#registrations.set(kind, registration);
    return registration;
  }

  async #remove(kind: DomainEventKind, registration: Registration, heard: (event: DomainEvent) => void): Promise<void> {
    if (!registration.listeners.delete(heard) || registration.listeners.size > 0) return;
    if (this.#registrations.get(kind) === registration) this.#registrations.delete(kind);
    if (this.#calls.rpc.closed) return;
    const callbackId = await registration.callbackId;
    await this.#calls.call('connectDomainEventCallbackDeregisterAny', { callbackId });
  }
}

function isKind<K extends DomainEventKind>(event: DomainEvent, kind: K): event is Extract<DomainEvent, { kind: K }> {
  return event.kind === kind;
}

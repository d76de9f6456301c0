// SPDX-License-Identifier: Apache-2.0
// Domain events (MESSAGE packets of the remote program) in their callback form: registered with procedure 316.
import { decode, int, struct } from '../xdr.ts';
import { type Domain, domain } from './types.ts';

/** virDomainEventType, by number. */
const LIFECYCLE_EVENTS = [
  'defined',
  'undefined',
  'started',
  'suspended',
  'resumed',
  'stopped',
  'shutdown',
  'pmsuspended',
  'crashed',
] as const;

export type LifecycleEventName = (typeof LIFECYCLE_EVENTS)[number];

export type DomainEvent =
  | {
      readonly kind: 'lifecycle';
      readonly domain: Domain;
      /** `unknown` for a number newer than this table. */
      readonly event: LifecycleEventName | 'unknown';
      /** What it means depends on `event`; for stopped: 0 shutdown, 1 destroyed, 2 crashed, 3 migrated, 4 saved, 5 failed. */
      readonly detail: number;
    }
  /** The guest was reset or rebooted. */
  | { readonly kind: 'reboot'; readonly domain: Domain }
  /** The daemon lost the domain's QEMU monitor. */
  | { readonly kind: 'control-error'; readonly domain: Domain };

export type DomainEventKind = DomainEvent['kind'];

/** Event ids for registration (virDomainEventID). */
export const EVENT_IDS: Readonly<Record<DomainEventKind, number>> = { lifecycle: 0, reboot: 1, 'control-error': 7 };

const lifecycleMessage = struct({ callbackId: int, dom: domain, event: int, detail: int });
const plainMessage = struct({ callbackId: int, dom: domain });

/** A MESSAGE packet's event; null for one this client does not know. */
export function decodeDomainEvent(procedure: number, payload: Buffer): DomainEvent | null {
  switch (procedure) {
    case 318: {
      const message = decode(lifecycleMessage, payload);
      const event = LIFECYCLE_EVENTS[message.event] ?? 'unknown';
      return { kind: 'lifecycle', domain: message.dom, event, detail: message.detail };
    }
    case 319:
      return { kind: 'reboot', domain: decode(plainMessage, payload).dom };
    case 325:
      return { kind: 'control-error', domain: decode(plainMessage, payload).dom };
    default:
      return null;
  }
}

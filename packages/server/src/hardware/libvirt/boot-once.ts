// SPDX-License-Identifier: Apache-2.0

/**
 * A boot device for the next start only. libvirt has no such thing: the persistent configuration gets the new order, and its
 * old one back as soon as the machine has started with it (a running machine keeps the order it was started with). What is to
 * be given back stands in the node's record, so that a restart of the service in between loses nothing.
 */

import { XmlFlag } from '@wrought/libvirt';
import { isJsonObject } from '../../model/json.ts';
import type { Task } from '../contracts.ts';
import { type BootOrder, bootOrderFrom, readBootOrder, sameOrder, writeBootOrder } from './boot-order.ts';
import type { Machine } from './machines.ts';

/** Key in driver_internal_info. */
const KEY = 'libvirt_boot_once';

/** The configuration to change and define again: persistent, passwords included. */
export const PERSISTENT_XML = XmlFlag.INACTIVE | XmlFlag.SECURE;

export interface BootOnce {
  /** UUID of the domain. */
  readonly domain: string;
  /** The order of the next start. */
  readonly order: BootOrder;
  /** The order of all later ones. */
  readonly restore: BootOrder;
}

/** What waits for the next start of this domain; undefined when nothing does, or somebody else changed the order since. */
export function pendingBootOnce(task: Pick<Task, 'node'>, domain: string, current: BootOrder): BootOnce | undefined {
  const value = task.node.driver_internal_info[KEY];
  if (!isJsonObject(value) || value.domain !== domain) return undefined;
  const order = bootOrderFrom(value.order);
  const restore = bootOrderFrom(value.restore);
  if (order === undefined || restore === undefined || !sameOrder(order, current)) return undefined;
  return { domain, order, restore };
}

/** Records what waits, or that nothing does. */
export async function saveBootOnce(task: Task, once: BootOnce | null): Promise<void> {
  const { [KEY]: before, ...others } = task.node.driver_internal_info;
  if (once === null && before === undefined) return;
  const record =
    once === null ? {} : { [KEY]: { domain: once.domain, order: store(once.order), restore: store(once.restore) } };
  await task.save({ driver_internal_info: { ...others, ...record } });
}

/** After a start: gives the domain its lasting order back. */
export async function finishBootOnce(task: Task, { connection, domain }: Machine): Promise<void> {
  if (task.node.driver_internal_info[KEY] === undefined) return;
  const xml = await connection.getXml(domain, PERSISTENT_XML, { signal: task.signal });
  const once = pendingBootOnce(task, domain.uuid, readBootOrder(xml));
  if (once !== undefined) {
    const restored = writeBootOrder(xml, once.restore);
    if (restored !== xml) await connection.defineXml(restored, 0, { signal: task.signal });
  }
  await saveBootOnce(task, null);
}

function store({ style, entries }: BootOrder) {
  return { style, entries: [...entries] };
}

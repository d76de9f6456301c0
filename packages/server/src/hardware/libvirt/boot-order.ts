// SPDX-License-Identifier: Apache-2.0

/**
 * What a domain boots from, in the two styles libvirt knows and never mixes: `<os><boot dev='hd'/></os>` by class of device, or
 * `<boot order='1'/>` inside a device.
 */

import { isJsonObject, type Json } from '../../model/json.ts';
import type { BootDevice } from '../contracts.ts';
import {
  applyEdits,
  childOf,
  childrenOf,
  contentOf,
  DomainXmlError,
  type Edit,
  insertion,
  parseXml,
  removal,
  type XmlElement,
} from './domain-xml.ts';

/**
 * Order of boot, first to last. `os`: libvirt's classes (`network`, `hd`, `cdrom`, `fd`). `device`: names of devices as
 * `bootables` gives them.
 */
export interface BootOrder {
  readonly style: 'os' | 'device';
  readonly entries: readonly string[];
}

/** A device a domain may boot from. */
interface Bootable {
  /** `interface:52:54:00:...`, `disk:vda`, or `hostdev:3` (its place among the devices). */
  readonly name: string;
  /** `network`, `hd`, `cdrom`, `fd`; null for what only the guest knows (a passed-through PCI device). */
  readonly bootClass: string | null;
  readonly element: XmlElement;
}

/** Ironic's names of boot devices and libvirt's classes. */
const CLASS_OF_DEVICE = { pxe: 'network', disk: 'hd', cdrom: 'cdrom' } as const satisfies Partial<
  Record<BootDevice, string>
>;
const DEVICE_OF_CLASS: ReadonlyMap<string, BootDevice> = new Map([
  ['network', 'pxe'],
  ['hd', 'disk'],
  ['cdrom', 'cdrom'],
  ['fd', 'floppy'],
]);
export type SettableBootDevice = keyof typeof CLASS_OF_DEVICE;
export const SETTABLE_BOOT_DEVICES = Object.keys(CLASS_OF_DEVICE) as readonly SettableBootDevice[];

/** The order a domain has. @throws DomainXmlError */
export function readBootOrder(xml: string): BootOrder {
  const root = parseXml(xml);
  const ordered = bootables(root)
    .flatMap(({ name, element }) => {
      const order = Number(childOf(element, 'boot')?.attributes.get('order') ?? Number.NaN);
      return Number.isInteger(order) ? [{ name, order }] : [];
    })
    .sort((a, b) => a.order - b.order);
  if (ordered.length > 0) return { style: 'device', entries: ordered.map(({ name }) => name) };
  const classes = childrenOf(childOf(root, 'os'), 'boot').flatMap((boot) => boot.attributes.get('dev') ?? []);
  return { style: 'os', entries: classes };
}

/** What a domain with this order boots first, in Ironic's words; null when it has none there. */
export function firstBootDevice(xml: string, order: BootOrder): BootDevice | null {
  const first = order.entries[0];
  if (first === undefined) return null;
  const bootClass =
    order.style === 'os' ? first : bootables(parseXml(xml)).find(({ name }) => name === first)?.bootClass;
  return DEVICE_OF_CLASS.get(bootClass ?? '') ?? null;
}

/**
 * The order with a device first and the others behind it, as machines do it: a failed network boot goes on to the disk.
 * Where devices have numbers, all numbered devices of the class come first; when there are none the first device of the class
 * joins, for the network one with these MAC addresses if there is one.
 * @throws DomainXmlError when the domain has no such device
 */
export function promote(xml: string, order: BootOrder, device: SettableBootDevice, macs: readonly string[]): BootOrder {
  const bootClass = CLASS_OF_DEVICE[device];
  if (order.style === 'os') {
    return { style: 'os', entries: [bootClass, ...order.entries.filter((entry) => entry !== bootClass)] };
  }
  const candidates = bootables(parseXml(xml)).filter((bootable) => bootable.bootClass === bootClass);
  const names = new Set(candidates.map(({ name }) => name));
  const numbered = order.entries.filter((entry) => names.has(entry));
  const others = order.entries.filter((entry) => !names.has(entry));
  if (numbered.length > 0) return { style: 'device', entries: [...numbered, ...others] };
  const wanted = new Set(macs.map((mac) => `interface:${mac.toLowerCase()}`));
  const joining = candidates.find(({ name }) => wanted.has(name)) ?? candidates[0];
  if (joining === undefined) throw new DomainXmlError(`the domain has no device of class ${bootClass} to boot from`);
  return { style: 'device', entries: [joining.name, ...others] };
}

/** The document with this order and nothing else changed; the same text when it has that order. @throws DomainXmlError */
export function writeBootOrder(xml: string, order: BootOrder): string {
  if (sameOrder(readBootOrder(xml), order)) return xml;
  const root = parseXml(xml);
  const os = childOf(root, 'os');
  if (os === undefined) throw new DomainXmlError('the domain has no <os> element');
  const edits: Edit[] = order.style === 'os' ? osEdits(xml, os, order) : removals(xml, os, 'dev');
  for (const { name, element } of bootables(root)) {
    const place = order.style === 'device' ? order.entries.indexOf(name) + 1 : 0;
    edits.push(...deviceEdits(xml, element, place));
  }
  return applyEdits(xml, edits);
}

export function sameOrder(a: BootOrder, b: BootOrder): boolean {
  return a.style === b.style && a.entries.join('\n') === b.entries.join('\n');
}

/** An order as it was stored in JSON; undefined when it is none. */
export function bootOrderFrom(value: Json | undefined): BootOrder | undefined {
  if (!isJsonObject(value)) return undefined;
  const { style, entries } = value;
  if ((style !== 'os' && style !== 'device') || !Array.isArray(entries)) return undefined;
  if (!entries.every((entry) => typeof entry === 'string')) return undefined;
  return { style, entries };
}

/** The MAC addresses of a domain's network interfaces, as libvirt writes them. */
export function interfaceMacs(xml: string): string[] {
  return childrenOf(childOf(parseXml(xml), 'devices'), 'interface').flatMap((element) => macOf(element) ?? []);
}

/** The manufacturer the machine's firmware will tell (SMBIOS), or undefined. */
export function manufacturer(xml: string): string | undefined {
  const system = childOf(childOf(parseXml(xml), 'sysinfo'), 'system');
  const entry = childrenOf(system, 'entry').find(({ attributes }) => attributes.get('name') === 'manufacturer');
  return entry === undefined ? undefined : contentOf(xml, entry) || undefined;
}

function bootables(root: XmlElement): Bootable[] {
  const devices = childOf(root, 'devices')?.children ?? [];
  return devices.flatMap((element, index): Bootable[] => {
    switch (element.name) {
      case 'interface':
        return [{ name: `interface:${macOf(element) ?? index}`, bootClass: 'network', element }];
      case 'disk': {
        const target = childOf(element, 'target')?.attributes.get('dev');
        return [{ name: `disk:${target ?? index}`, bootClass: diskClass(element), element }];
      }
      case 'hostdev':
      case 'redirdev':
        return [{ name: `${element.name}:${index}`, bootClass: null, element }];
      default:
        return [];
    }
  });
}

function diskClass(disk: XmlElement): string {
  const device = disk.attributes.get('device');
  if (device === 'cdrom') return 'cdrom';
  return device === 'floppy' ? 'fd' : 'hd';
}

function macOf(element: XmlElement): string | undefined {
  return childOf(element, 'mac')?.attributes.get('address')?.toLowerCase();
}

function osEdits(xml: string, os: XmlElement, { entries }: BootOrder): Edit[] {
  const markup = entries.map((entry) => `<boot dev='${entry}'/>`);
  const [first, ...rest] = childrenOf(os, 'boot');
  if (first === undefined) return [insertion(xml, os, markup)];
  const indent = /\n[ \t]*$/.exec(xml.slice(0, first.start))?.[0] ?? '';
  return [
    { start: first.start, end: first.end, text: markup.join(indent) },
    ...rest.map((element) => removal(xml, element)),
  ];
}

function removals(xml: string, os: XmlElement, attribute: string): Edit[] {
  return childrenOf(os, 'boot')
    .filter(({ attributes }) => attributes.has(attribute))
    .map((element) => removal(xml, element));
}

/** Gives a device a number, or takes it away (0). Other attributes of its boot element stay. */
function deviceEdits(xml: string, device: XmlElement, place: number): Edit[] {
  const boot = childOf(device, 'boot');
  if (place === 0) return boot === undefined ? [] : [removal(xml, boot)];
  if (boot === undefined) return [insertion(xml, device, [`<boot order='${place}'/>`])];
  const tag = xml.slice(boot.start, boot.openEnd);
  const text = tag.replace(/(\sorder\s*=\s*)(?:"[^"]*"|'[^']*')/, `$1'${place}'`);
  return text === tag ? [] : [{ start: boot.start, end: boot.openEnd, text }];
}

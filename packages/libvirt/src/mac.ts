// SPDX-License-Identifier: Apache-2.0

const MAC_TAG = Buffer.from('<mac ');
const DEVICES_TAG = Buffer.from('<devices>');
const ADDRESS = /^[^<>]*?\baddress\s*=\s*(["'])([^"'<>]*)\1/;
/** A `<mac .../>` element with its attributes is far shorter than this. */
const MAX_TAG = 256;
/** Up to so many addresses are searched for one by one in the bytes; for more, each document is taken apart. */
const MAX_NEEDLES = 16;

/** A MAC address as twelve lower-case hexadecimal digits, whatever separators it came with. */
export function normalizeMac(mac: string): string {
  return mac.replace(/[:.\-\s]/g, '').toLowerCase();
}

/**
 * The MAC addresses in a domain's XML, normalised, in document order. A scan of the bytes instead of an XML parse: libvirt writes
 * this document itself, always as `<mac address='52:54:00:...'/>` inside `<devices>`; text that a user put into the description or
 * the metadata stands before `<devices>` and is not looked at.
 */
export function macsOfDomainXml(xml: Buffer): string[] {
  const macs: string[] = [];
  let position = Math.max(0, xml.lastIndexOf(DEVICES_TAG));
  for (;;) {
    position = xml.indexOf(MAC_TAG, position);
    if (position < 0) return macs;
    position += MAC_TAG.length;
    const attributes = xml.toString('latin1', position, position + MAX_TAG);
    const address = ADDRESS.exec(attributes)?.[2];
    if (address !== undefined) macs.push(normalizeMac(address));
  }
}

/**
 * A function that gives those of the wanted addresses that a domain's XML has, normalised. Nearly all documents of a search have
 * none, which a search for the bytes of the address, as libvirt writes it, tells at once.
 */
export function macSearch(macs: Iterable<string>): (xml: Buffer) => string[] {
  const wanted = new Set([...macs].map(normalizeMac));
  const needles = [...wanted].map((mac) => Buffer.from(mac.match(/../g)?.join(':') ?? mac));
  return (xml) => {
    const worthALook = needles.length > MAX_NEEDLES || needles.some((needle) => xml.includes(needle));
    if (!worthALook) return [];
    return [...new Set(macsOfDomainXml(xml))].filter((mac) => wanted.has(mac));
  };
}

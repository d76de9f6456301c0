// SPDX-License-Identifier: Apache-2.0

const MAC_TAG = Buffer.from('<mac ');
const DEVICES_TAG = Buffer.from('<devices>');
const ADDRESS = /^[^<>]*?\baddress\s*=\s*(["'])([^"'<>]*)\1/;
/** A `<mac .../>` element with its attributes is far shorter than this. */
const MAX_TAG = 256;

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

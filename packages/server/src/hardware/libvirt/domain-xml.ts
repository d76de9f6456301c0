// SPDX-License-Identifier: Apache-2.0

/**
 * Reads a domain's XML just far enough to change a few elements in place. Domain XML holds what no model knows (QEMU command
 * lines, metadata of other programs), and comes back from libvirt as we define it: so the text is never written anew from a
 * tree; elements know where they stand, and changes replace exactly those characters.
 */

/** The document is not well-formed, or lacks what every domain has. */
export class DomainXmlError extends Error {
  override readonly name = 'DomainXmlError';
}

/** An element and where it stands in the text: `[start, openEnd)` is its start tag, `[closeStart, end)` its end tag. */
export interface XmlElement {
  readonly name: string;
  /** As written, entities included. */
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: XmlElement[];
  readonly start: number;
  readonly openEnd: number;
  /** For `<name/>` both are `openEnd`. */
  closeStart: number;
  end: number;
}

/** Replaces `[start, end)`. */
export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** A start, empty or end tag; or something to skip. Attribute values may contain `>`. */
const MARKUP =
  /<!--[\s\S]*?-->|<!\[CDATA\[[\s\S]*?\]\]>|<\?[\s\S]*?\?>|<(\/?)([^\s<>/!?'"=]+)((?:[^<>"']|"[^"<]*"|'[^'<]*')*)>|</g;
const ATTRIBUTE = /([^\s"'=<>/]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g;
/** Far above what libvirt writes; a bound for documents that are no domains. */
const MAX_DEPTH = 100;

/**
 * The root element of a document.
 * @throws DomainXmlError
 */
export function parseXml(text: string): XmlElement {
  const open: XmlElement[] = [];
  let root: XmlElement | undefined;
  for (const match of text.matchAll(MARKUP)) {
    const [whole, slash, name, rest = ''] = match;
    if (name === undefined) {
      if (whole === '<') throw new DomainXmlError(`stray "<" at character ${match.index}`);
      continue;
    }
    const end = match.index + whole.length;
    if (slash === '/') {
      const element = open.pop();
      if (element?.name !== name) throw new DomainXmlError(`</${name}> at character ${match.index} closes nothing`);
      element.closeStart = match.index;
      element.end = end;
      continue;
    }
    const parent = open.at(-1);
    if (parent === undefined && root !== undefined) throw new DomainXmlError('more than one root element');
    const element: XmlElement = {
      name,
      attributes: parseAttributes(rest),
      children: [],
      start: match.index,
      openEnd: end,
      closeStart: end,
      end,
    };
    parent?.children.push(element);
    root ??= element;
    if (rest.endsWith('/')) continue;
    if (open.push(element) > MAX_DEPTH) throw new DomainXmlError(`nested deeper than ${MAX_DEPTH}`);
  }
  const unclosed = open.pop();
  if (unclosed !== undefined) throw new DomainXmlError(`<${unclosed.name}> is not closed`);
  if (root === undefined) throw new DomainXmlError('no element');
  return root;
}

/** The children with this name. */
export function childrenOf(element: XmlElement | undefined, name: string): XmlElement[] {
  return element?.children.filter((child) => child.name === name) ?? [];
}

export function childOf(element: XmlElement | undefined, name: string): XmlElement | undefined {
  return element?.children.find((child) => child.name === name);
}

/** The text directly in an element that has no child elements, entities resolved. */
export function contentOf(text: string, element: XmlElement): string {
  return unescapeXml(text.slice(element.openEnd, element.closeStart)).trim();
}

/** Applies changes that do not overlap. */
export function applyEdits(text: string, edits: readonly Edit[]): string {
  let result = text;
  for (const { start, end, text: replacement } of [...edits].sort((a, b) => b.start - a.start || b.end - a.end)) {
    result = result.slice(0, start) + replacement + result.slice(end);
  }
  return result;
}

/** Removes an element, with its line if it has one of its own. */
export function removal(text: string, element: XmlElement): Edit {
  const lineStart = text.lastIndexOf('\n', element.start - 1);
  const ownLine = lineStart >= 0 && text.slice(lineStart, element.start).trim() === '';
  return { start: ownLine ? lineStart : element.start, end: element.end, text: '' };
}

/** Adds markup as the last children of an element, on lines of their own if its other children have such. */
export function insertion(text: string, element: XmlElement, markup: readonly string[]): Edit {
  if (element.closeStart === element.openEnd && text.slice(0, element.openEnd).endsWith('/>')) {
    const edited = `>${markup.join('')}</${element.name}>`;
    return { start: element.openEnd - 2, end: element.openEnd, text: edited };
  }
  const last = element.children.at(-1);
  const at = last?.end ?? element.openEnd;
  const indent = last === undefined ? '' : (/\n[ \t]*$/.exec(text.slice(0, last.start))?.[0] ?? '');
  return { start: at, end: at, text: markup.map((one) => indent + one).join('') };
}

function parseAttributes(text: string): Map<string, string> {
  const attributes = new Map<string, string>();
  for (const [, name, double, single] of text.matchAll(ATTRIBUTE)) {
    if (name !== undefined) attributes.set(name, double ?? single ?? '');
  }
  return attributes;
}

const ENTITIES = new Map([
  ['lt', '<'],
  ['gt', '>'],
  ['amp', '&'],
  ['quot', '"'],
  ['apos', "'"],
]);

function unescapeXml(text: string): string {
  return text.replace(/&(?:#(\d{1,7})|#x([0-9a-fA-F]{1,6})|(\w+));/g, (whole, decimal, hexadecimal, name) => {
    if (name !== undefined) return ENTITIES.get(name) ?? whole;
    const code = decimal === undefined ? Number.parseInt(hexadecimal, 16) : Number(decimal);
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}

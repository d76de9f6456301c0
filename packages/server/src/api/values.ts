// SPDX-License-Identifier: Apache-2.0

/** Parsers of single values as clients send them, in JSON or in the query. */

import { InvalidParameterValue } from '../errors.ts';
import type { Json } from '../model/json.ts';
import { show } from './request.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const NAME = /^[A-Za-z0-9\-._~]{1,255}$/;
const HOST_NAME = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/i;
const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i;
const TRUE = new Set(['1', 't', 'true', 'on', 'y', 'yes']);
const FALSE = new Set(['0', 'f', 'false', 'off', 'n', 'no']);

/** Tells whether a string is a UUID in the usual form, either case. */
export function isUuid(text: string): boolean {
  return UUID.test(text);
}

/** Tells whether a string may be a logical name: RFC 3986 unreserved characters, not like a UUID. */
export function isName(text: string): boolean {
  return NAME.test(text) && !UUID.test(text);
}

/** Tells whether a string is a host name, what names had to be before 1.10. */
export function isHostName(text: string): boolean {
  return HOST_NAME.test(text) && !UUID.test(text);
}

/** A boolean, or one of the strings clients send for one. */
export function toBoolean(name: string, value: Json): boolean {
  if (typeof value === 'boolean') return value;
  const text = typeof value === 'number' ? String(value) : typeof value === 'string' ? value.trim().toLowerCase() : '';
  if (TRUE.has(text)) return true;
  if (FALSE.has(text)) return false;
  throw new InvalidParameterValue(
    `Invalid ${name}: Unrecognized value '${show(value)}', acceptable values are: '0', '1', 'f', 'false', 'n', 'no', 'off', 'on', 't', 'true', 'y', 'yes'`,
  );
}

/** An integer, or a string of one. */
export function toInteger(name: string, value: Json): number {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
  if (typeof value === 'string' && /^\s*[+-]?\d{1,15}\s*$/.test(value)) return Number(value);
  throw new InvalidParameterValue(`Expected an integer for ${name}: ${show(value)}`);
}

/** A UUID, as given. */
export function toUuid(name: string, value: Json): string {
  if (typeof value === 'string' && isUuid(value)) return value;
  throw new InvalidParameterValue(`Expected UUID for ${name}: ${show(value)}`);
}

/** A MAC address in colon form, lower-cased. */
export function toMac(name: string, value: Json): string {
  if (typeof value === 'string' && MAC.test(value)) return value.toLowerCase();
  throw new InvalidParameterValue(`Expected valid MAC address for ${name}: ${show(value)}`);
}

/** A list given as comma-separated text, repeated or not: trimmed, without duplicates. Names of fields are lower-cased by the caller. */
export function toList(values: readonly string[]): string[] {
  const items = values.flatMap((value) => value.split(',')).map((item) => item.trim());
  return [...new Set(items.filter((item) => item !== ''))];
}

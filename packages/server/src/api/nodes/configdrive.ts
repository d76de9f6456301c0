// SPDX-License-Identifier: Apache-2.0

import { InvalidParameterValue } from '../../errors.ts';
import { isJsonObject, type Json, type JsonObject } from '../../model/json.ts';

const KEYS: Readonly<Record<string, (value: Json) => boolean>> = {
  meta_data: isJsonObject,
  network_data: isJsonObject,
  user_data: (value) => typeof value === 'string' || Array.isArray(value) || isJsonObject(value),
  vendor_data: isJsonObject,
};
const URL = /^https?:\/\/[^\s]+$/i;
/** Standard base64, line breaks allowed. */
const BASE64 = /^[A-Za-z0-9+/\s]*={0,2}\s*$/;

/**
 * Checks a config drive: a URL, the base64 text of a gzipped image, or the data to build one from. All violations are
 * 400, those of versions too. Undefined: an empty one, which is none.
 */
export function checkConfigdrive(value: Json, target: string, minor: number): string | JsonObject | undefined {
  if (value === '' || (isJsonObject(value) && Object.keys(value).length === 0)) return undefined;
  const targets = minor >= 35 ? ['active', 'rebuild'] : ['active'];
  if (!targets.includes(target)) {
    throw new InvalidParameterValue(
      `Adding a config drive is only supported when setting provision state to ${targets.join(', ')}`,
    );
  }
  if (typeof value === 'string') {
    if (URL.test(value) || BASE64.test(value)) return value;
    throw new InvalidParameterValue('Expected a URL, a base64 text or an object for configdrive');
  }
  if (!isJsonObject(value)) throw new InvalidParameterValue('Expected a string or an object for configdrive');
  if (minor < 56) throw tooOld('a JSON object for configdrive', 56);
  for (const [key, item] of Object.entries(value)) {
    const fits = Object.hasOwn(KEYS, key) ? KEYS[key] : undefined;
    if (fits === undefined) {
      throw new InvalidParameterValue(
        `Schema error for configdrive: Additional properties are not allowed ('${key.slice(0, 200)}' was unexpected)`,
      );
    }
    if (item !== null && !fits(item))
      throw new InvalidParameterValue(`Schema error for configdrive: ${key} has the wrong type`);
  }
  if (Object.hasOwn(value, 'vendor_data') && minor < 59) throw tooOld('vendor_data in configdrive', 59);
  return value;
}

function tooOld(what: string, minor: number): InvalidParameterValue {
  return new InvalidParameterValue(`Providing ${what} is only supported starting with API version 1.${minor}`);
}

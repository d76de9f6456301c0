// SPDX-License-Identifier: Apache-2.0

/** Microversion negotiation of the Bare Metal API: a request asks for 1.N, the answer says which it got. */

import type { IncomingHttpHeaders } from 'node:http';

/** Oldest and newest minor version served. */
export const MIN_MINOR = 1;
export const MAX_MINOR = 115;

/** Request header that only this API knows; `OpenStack-API-Version: baremetal 1.N` wins over it. */
export const VERSION_HEADER = 'X-OpenStack-Ironic-API-Version';
export const MIN_VERSION_HEADER = 'X-OpenStack-Ironic-API-Minimum-Version';
export const MAX_VERSION_HEADER = 'X-OpenStack-Ironic-API-Maximum-Version';

/** The version of a request, or why it cannot be served. */
export type Negotiated =
  | { readonly minor: number /** The legacy header asked for it. */; readonly legacy: boolean }
  | { readonly error: string /** Whether the answer tells the supported range in headers. */; readonly range: boolean };

const LEGACY = VERSION_HEADER.toLowerCase();
const COMMON = 'openstack-api-version';

function first(value: string | string[] | undefined): string {
  return (Array.isArray(value) ? value.join(',') : (value ?? '')).trim();
}

function fromCommonHeader(value: string): string {
  for (const item of value.split(',')) {
    const [service, version] = item.trim().split(/\s+/);
    if (service?.toLowerCase() === 'baremetal' && version !== undefined) return version;
  }
  return '';
}

function parse(text: string, legacy: boolean): Negotiated {
  if (text === '') return { minor: MIN_MINOR, legacy: false };
  if (text.toLowerCase() === 'latest') return { minor: MAX_MINOR, legacy };
  const match = /^(\d{1,9})\.(\d{1,9})$/.exec(text);
  if (match === null) return { error: `Invalid value for ${VERSION_HEADER} header`, range: false };
  const major = Number(match[1]);
  const minor = Number(match[2]);
  const range = `The supported version range is: [1.${MIN_MINOR}, 1.${MAX_MINOR}].`;
  if (major !== 1) {
    return {
      error: `Mutually exclusive versions requested. Version ${major}.${minor} requested but not supported by this service. ${range}`,
      range: true,
    };
  }
  if (minor < MIN_MINOR || minor > MAX_MINOR) {
    return {
      error: `Version 1.${minor} was requested but the minor version is not supported by this service. ${range}`,
      range: true,
    };
  }
  return { minor, legacy };
}

const cache = new Map<string, Negotiated>();

/** Decides the version of a request from its headers; without any it is 1.1. */
export function negotiate(headers: IncomingHttpHeaders): Negotiated {
  const common = headers[COMMON] === undefined ? '' : fromCommonHeader(first(headers[COMMON]));
  const legacy = common === '';
  const text = legacy ? first(headers[LEGACY]) : common;
  const key = legacy ? text : ` ${text}`;
  let result = cache.get(key);
  if (result === undefined) {
    result = parse(text, legacy);
    if (cache.size < 512) cache.set(key, result);
  }
  return result;
}

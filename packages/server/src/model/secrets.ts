// SPDX-License-Identifier: Apache-2.0

/**
 * The one rule of what is secret, for the API's answers, the nodes' history, notifications and logs: values are masked
 * by the name of their key and by what they look like.
 */

import { isJsonObject, type Json, type JsonObject } from './json.ts';

/** What stands in place of a secret. */
export const MASK = '******';

/** A key is secret when its lower-cased name contains one of these (the list of OpenStack's strutils, and `secureon`). */
const SECRET_PARTS = [
  'password',
  'adminpass',
  'admin_pass',
  'new_pass',
  'passphrase',
  'secret',
  'sys_pswd',
  'token',
  'configdrive',
  'encrypted_key',
  'private_key',
  'fernetkey',
  'sslkey',
  'rabbitcookie',
  'cephclientkey',
  'cephadminkey',
  'cephmonkey',
  'cephrgwkey',
  'cephmdskey',
  'cephclusterfsid',
  'keystonecredential',
  'migrationsshkey',
  'secureon',
];

const SECRET_NAME = new RegExp(SECRET_PARTS.join('|'), 'i');
const VALUE = `("[^"]*"|'[^']*'|[^\\s,;&"'}\\])]+)`;
/** A secret inside a text, assigned: `password=x`, `"password": "x"`, `'auth_token': 'x'`. */
const ASSIGNED = new RegExp(
  `((?:${SECRET_PARTS.join('|')}|passwd)[\\w.-]{0,64}["']?\\s{0,8}[=:]\\s{0,8})${VALUE}`,
  'gi',
);
/** A secret inside a text, as a program's option: `--password x`. */
const OPTION = new RegExp(
  `((?<![\\w.-])--?[\\w.-]{0,64}?(?:${SECRET_PARTS.join('|')}|passwd)[\\w.-]{0,64}\\s{1,8})${VALUE}`,
  'gi',
);
/** Credentials in a URL: `scheme://user:password@host`. */
const SECRET_IN_URL = /(\b[a-z][a-z0-9+.-]{0,30}:\/\/[^\s/:@]{0,256}:)[^\s/@]{1,1024}(@)/gi;

/** Keys that are secret besides the general ones, by where they stand. */
export const DRIVER_INFO_SECRETS: ReadonlySet<string> = new Set(['snmp_auth_key', 'snmp_priv_key']);
export const INSTANCE_INFO_SECRETS: ReadonlySet<string> = new Set(['image_url']);

const NONE: ReadonlySet<string> = new Set();
const names = new Map<string, boolean>();

/** Tells whether values under this key are secret. */
export function isSecretName(name: string): boolean {
  let secret = names.get(name);
  if (secret === undefined) {
    secret = SECRET_NAME.test(name);
    if (names.size < 4096 && name.length < 256) names.set(name, secret);
  }
  return secret;
}

/** A copy of a value with the secrets in it masked, at any depth. `extra` adds key names (exact) at any depth; empty values of those stay. */
export function maskSecrets(value: Json, extra: ReadonlySet<string> = NONE): Json {
  if (typeof value === 'string') return maskText(value);
  if (Array.isArray(value)) return value.map((item) => maskSecrets(item, extra));
  return isJsonObject(value) ? maskObject(value, extra) : value;
}

/** `maskSecrets` of an object. */
export function maskObject(value: JsonObject, extra: ReadonlySet<string> = NONE): JsonObject {
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      isSecretName(key) || (extra.has(key) && item !== null && item !== '') ? MASK : maskSecrets(item, extra),
    ]),
  );
}

/** Masks what looks like a secret inside a text such as a command line, a URL or a device's answer. */
export function maskText(text: string): string {
  let masked = text;
  if (text.includes('://') && text.includes('@')) masked = masked.replace(SECRET_IN_URL, `$1${MASK}$2`);
  if (HINT.test(text)) masked = masked.replace(ASSIGNED, maskValue).replace(OPTION, maskValue);
  return masked;
}

function maskValue(_whole: string, name: string, value: string): string {
  const quote = value.startsWith('"') || value.startsWith("'") ? value.slice(0, 1) : '';
  return `${name}${quote}${MASK}${quote}`;
}

/** A quick test that lets through no text with a secret name in it: every name contains one of these. */
const HINT = /pass|secret|pswd|token|drive|key|cookie|fsid|credential|secureon/i;
const RAW_HINT = /pass|secret|pswd|token|drive|key|cookie|fsid|credential|secureon|image_url|:\/\/[^"]*@/i;

/** Most texts, and the longest, whose masked form is remembered: clients list the same nodes again and again. */
const REMEMBERED = { texts: 2048, length: 2048 };
const remembered = new Map<ReadonlySet<string>, Map<string, string>>();

/** `maskSecrets` from JSON text to JSON text; text without anything that might be secret comes back as it is. */
export function maskJson(text: string, extra: ReadonlySet<string> = NONE): string {
  if (!RAW_HINT.test(text)) return text;
  let known = remembered.get(extra);
  if (known === undefined) {
    known = new Map();
    remembered.set(extra, known);
  }
  let masked = known.get(text);
  if (masked === undefined) {
    masked = JSON.stringify(maskSecrets(JSON.parse(text) as Json, extra));
    if (known.size >= REMEMBERED.texts) known.clear();
    if (text.length <= REMEMBERED.length) known.set(text, masked);
  }
  return masked;
}

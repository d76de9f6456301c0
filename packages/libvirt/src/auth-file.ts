// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises';
import { LibvirtAuthError } from './errors.ts';
import type { SaslCredentials } from './sasl/mechanism.ts';

/**
 * The user name and password for a host from libvirt's client authentication file: `[auth-libvirt-HOST]` (or `default`) names a
 * `[credentials-NAME]` section, which has `authname` and `password`. Null when the file has none for the host.
 */
export async function readCredentials(
  path: string,
  host: string,
  username: string | undefined,
): Promise<SaslCredentials | null> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new LibvirtAuthError(`cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
  return findCredentials(text, host, username);
}

export function findCredentials(text: string, host: string, username: string | undefined): SaslCredentials | null {
  const sections = parseSections(text);
  const auth = sections.get(`auth-libvirt-${host}`) ?? sections.get('auth-libvirt-default');
  const credentials = sections.get(`credentials-${auth?.get('credentials') ?? ''}`);
  const name = username ?? credentials?.get('authname');
  const password = credentials?.get('password');
  return name === undefined || password === undefined ? null : { username: name, password };
}

function parseSections(text: string): Map<string, Map<string, string>> {
  const sections = new Map<string, Map<string, string>>();
  let section: Map<string, string> | undefined;
  for (const line of text.split(/\r?\n/)) {
    const header = /^\s*\[([^\]]+)\]\s*$/.exec(line)?.[1];
    if (header !== undefined) {
      section = new Map();
      sections.set(header, section);
      continue;
    }
    const entry = /^\s*([^#;=\s][^=]*?)\s*=\s*(.*?)\s*$/.exec(line);
    if (entry?.[1] !== undefined && entry[2] !== undefined) section?.set(entry[1], entry[2]);
  }
  return sections;
}

// SPDX-License-Identifier: Apache-2.0

import { createHmac, randomBytes } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import type { IncomingHttpHeaders } from 'node:http';
import { messageOf } from '../../errors.ts';
import type { Logger } from '../../hardware/contracts.ts';
import type { AuthStrategy, Identity, Refusal } from './strategy.ts';

/** How long a verified password is remembered, in ms. */
const REMEMBERED = 60_000;
/** How often the file may be looked at, in ms. */
const LOOK_INTERVAL = 500;
/** Most remembered results, right or wrong. */
const MAX_REMEMBERED = 1000;
/** Most password checks waiting for their turn. */
const MAX_WAITING = 64;
const ENTRY = /^([^:\s][^:]*):(\$2[aby]\$\d\d\$[./A-Za-z0-9]{53})\s*$/;

interface UserFile {
  readonly users: ReadonlyMap<string, string>;
  readonly stamp: string;
}

/**
 * HTTP Basic against an Apache htpasswd file with bcrypt entries. The file is read again when it changes. A password
 * check costs a fraction of a second by design, so results are remembered for a minute under a keyed hash of the
 * credentials, and checks run one after the other.
 */
export class HttpBasicAuth implements AuthStrategy {
  readonly #path: string;
  readonly #log: Logger;
  readonly #key = randomBytes(32);
  readonly #results = new Map<string, { readonly until: number; readonly right: Promise<boolean> }>();
  #file: UserFile = { users: new Map(), stamp: '' };
  #looked = Number.NEGATIVE_INFINITY;
  #turn: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(path: string, log: Logger) {
    this.#path = path;
    this.#log = log;
  }

  async authenticate(headers: IncomingHttpHeaders): Promise<Identity | Refusal> {
    const header = headers.authorization;
    if (header === undefined || header === '') return unauthorized('Authorization required');
    const parsed = parseHeader(header);
    if ('status' in parsed) return parsed;
    const file = await this.#current();
    const right = this.#verify(file, parsed.user, parsed.password);
    if (right === undefined) return refuse(503, 'Too many logins at once');
    return (await right) ? { user: parsed.user, project: null } : unauthorized('Incorrect username or password');
  }

  /** Undefined: too many wait already. Who was let in a moment ago does not wait behind a flood of wrong passwords. */
  #verify(file: UserFile, user: string, password: string): Promise<boolean> | undefined {
    const key = createHmac('sha256', this.#key).update(`${file.stamp}\0${user}\0${password}`).digest('base64');
    const now = performance.now();
    const known = this.#results.get(key);
    if (known !== undefined && known.until > now) return known.right;
    if (this.#waiting >= MAX_WAITING) return undefined;
    const right = this.#compare(password, file.users, user);
    if (this.#results.size >= MAX_REMEMBERED) this.#forget(now);
    this.#results.set(key, { until: now + REMEMBERED, right });
    return right;
  }

  #forget(now: number): void {
    for (const [key, { until }] of this.#results) if (until <= now) this.#results.delete(key);
    if (this.#results.size >= MAX_REMEMBERED) this.#results.clear();
  }

  /** A user who is not there costs as much as one who is: somebody else's hash is compared and the result thrown away. */
  #compare(password: string, users: ReadonlyMap<string, string>, user: string): Promise<boolean> {
    const hash = users.get(user) ?? users.values().next().value;
    this.#waiting += 1;
    const result = this.#turn.then(async () => {
      if (hash === undefined) return false;
      const { default: bcrypt } = await import('bcryptjs');
      return (await bcrypt.compare(password, hash)) && users.has(user);
    });
    this.#turn = result
      .catch((error: unknown) => this.#log.error({ err: error }, 'A password could not be checked'))
      .finally(() => {
        this.#waiting -= 1;
      });
    return result;
  }

  async #current(): Promise<UserFile> {
    const now = performance.now();
    if (now - this.#looked < LOOK_INTERVAL) return this.#file;
    this.#looked = now;
    try {
      const { mtimeMs, size, ino } = await stat(this.#path);
      const stamp = `${mtimeMs}:${size}:${ino}`;
      if (stamp !== this.#file.stamp) this.#file = { users: this.#parse(await readFile(this.#path, 'utf8')), stamp };
    } catch (error) {
      this.#log.error({ path: this.#path, error: messageOf(error) }, 'The user file of http_basic cannot be read');
      this.#file = { users: new Map(), stamp: '' };
    }
    return this.#file;
  }

  #parse(text: string): Map<string, string> {
    const users = new Map<string, string>();
    for (const [index, line] of text.split('\n').entries()) {
      if (line.trim() === '' || line.startsWith('#')) continue;
      const match = ENTRY.exec(line.trim());
      if (match?.[1] !== undefined && match[2] !== undefined) users.set(match[1], match[2]);
      else this.#log.warn({ path: this.#path, line: index + 1 }, 'Only user:bcrypt entries are accepted');
    }
    return users;
  }
}

function parseHeader(header: string): { user: string; password: string } | Refusal {
  const [type, token, ...rest] = header.trim().split(/\s+/);
  if (token === undefined || rest.length > 0) return refuse(400, 'Could not parse Authorization header');
  if (type?.toLowerCase() !== 'basic') return refuse(400, `Unsupported authorization type "${type}"`);
  if (!/^[A-Za-z0-9+/_-]+={0,2}$/.test(token)) return refuse(400, 'Could not decode authorization token');
  const decoded = Buffer.from(token, 'base64').toString('utf8');
  const colon = decoded.indexOf(':');
  if (colon === -1) return refuse(400, 'Could not decode authorization token');
  return { user: decoded.slice(0, colon), password: decoded.slice(colon + 1) };
}

function unauthorized(message: string): Refusal {
  return { ...refuse(401, message), headers: { 'WWW-Authenticate': 'Basic realm="Baremetal API"' } };
}

function refuse(status: number, message: string): Refusal {
  return { status, body: JSON.stringify({ error: { message, code: status } }) };
}

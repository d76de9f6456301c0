// SPDX-License-Identifier: Apache-2.0

import { execFileSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { TestContext } from 'node:test';

/** Where programs are looked for; sbin too, which a user's PATH often lacks. */
const directories = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'];

/** The path of an installed program, or undefined. */
export function findProgram(name: string): string | undefined {
  for (const directory of directories) {
    const path = join(directory, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {}
  }
  return undefined;
}

/** Tells whether Debian's Python has a module. */
function hasPythonModule(name: string): boolean {
  try {
    execFileSync('/usr/bin/python3', ['-c', `import ${name}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/**
 * The `skip` option for a test that needs peers: false when all are there, else the reason. With WROUGHT_REQUIRE_PEERS=1 an
 * absent peer throws instead, so that CI never passes by skipping.
 *
 * @param programs program names; `python:NAME` stands for a module of Debian's Python
 */
export function missingPeers(...programs: string[]): string | false {
  const missing = programs.filter((program) =>
    program.startsWith('python:') ? !hasPythonModule(program.slice(7)) : findProgram(program) === undefined,
  );
  if (missing.length === 0) return false;
  const reason = `not installed: ${missing.join(', ')} (scripts/install-peers installs it)`;
  if (process.env.WROUGHT_REQUIRE_PEERS === '1') throw new Error(reason);
  return reason;
}

/** Skips a running test whose peers are absent; tells whether it may go on. See `missingPeers`. */
export function requirePeer(t: TestContext, ...programs: string[]): boolean {
  const reason = missingPeers(...programs);
  if (reason !== false) t.skip(reason);
  return reason === false;
}

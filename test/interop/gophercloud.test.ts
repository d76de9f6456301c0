// SPDX-License-Identifier: Apache-2.0

/** The service as Metal3's baremetal-operator meets it: gophercloud, in our own Go program that expects every code and field. */

import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type RunningService, startService, temporaryDirectory } from '../support/service.ts';
import { missingPeers } from './peers.ts';

const run = promisify(execFile);
const SOURCE = fileURLToPath(new URL('gophercloud', import.meta.url));
// Nothing here needs a C compiler, and go.mod and go.sum are not to be touched.
const go = { cwd: SOURCE, env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-mod=readonly -buildvcs=false' } };

const USER = 'metal3';
const PASSWORD = 'metal 3 geheim';
/** bcrypt of the password. */
const HASH = '$2b$04$3bN85JX4Qj28hRSxCSfaQuTau.IF8H.cFUTDwLMQNEszDi7P6jluS';

/** The reason to skip: no compiler, or no gophercloud and no way to fetch it. */
function missingGophercloud(): string | false {
  const missing = missingPeers('go');
  if (missing !== false) return missing;
  try {
    execFileSync('go', ['mod', 'download'], { ...go, stdio: 'pipe', timeout: 300_000 });
    return false;
  } catch (error) {
    if (process.env.WROUGHT_REQUIRE_PEERS === '1') throw error;
    return 'gophercloud is not in the module cache and the Go module proxy cannot be reached';
  }
}

test('gophercloud finds every code and field as it expects', {
  skip: missingGophercloud(),
  timeout: 600_000,
}, async (t) => {
  const [build, state, guardedState] = await Promise.all([
    temporaryDirectory(),
    temporaryDirectory(),
    temporaryDirectory(),
  ]);
  const services: RunningService[] = [];
  t.after(async () => {
    const codes = await Promise.all(services.map((service) => service.stop()));
    await Promise.all([build.remove(), state.remove(), guardedState.remove()]);
    assert.deepEqual(new Set(codes), new Set([0]));
  });
  const program = join(build.path, 'peer');
  await run('go', ['build', '-o', program, '.'], go);

  const users = join(guardedState.path, 'htpasswd');
  await writeFile(users, `${USER}:${HASH}\n`);
  const service = await startService(state.path);
  services.push(service);
  const guarded = await startService(
    guardedState.path,
    `[DEFAULT]\nauth_strategy = http_basic\nhttp_basic_auth_user_file = ${users}
[conductor]\ngraceful_shutdown_timeout = 1\nmax_concurrent_deploy = 1\nnode_locked_retry_attempts = 1\nautomated_clean = false\n[fake]\ndeploy_delay = 3600\n`,
  );
  services.push(guarded);

  const args = ['-endpoint', service.url, '-guarded', guarded.url, '-user', USER, '-password', PASSWORD];
  const { stdout, stderr } = await run(program, args).catch((error: { stdout?: string; stderr?: string }) => ({
    stdout: error.stdout ?? '',
    stderr: error.stderr ?? String(error),
  }));
  assert.equal(stderr, '', [stderr, ...service.log.slice(-20), ...guarded.log.slice(-20)].join('\n'));
  const { checks, failures } = JSON.parse(stdout) as { checks: number; failures: number };
  assert.equal(failures, 0);
  assert.ok(checks > 1000, `only ${checks} checks`);
});

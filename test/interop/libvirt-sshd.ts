// SPDX-License-Identifier: Apache-2.0
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort, type Libvirtd } from './libvirtd.ts';

const run = promisify(execFile);

export interface Sshd {
  /** `user@127.0.0.1:port`, for a URI. */
  readonly target: string;
  /** A key the server accepts, and one it does not. */
  readonly keyFile: string;
  readonly wrongKeyFile: string;
  /** `ssh` with known_hosts that lists the server's key, and one with an empty known_hosts. */
  readonly ssh: string;
  readonly sshKnowingNobody: string;
  stop(): Promise<void>;
}

/** A real sshd with throwaway keys on a loopback port, in the daemon's mount namespace: there the daemon's socket is at /run/libvirt. */
export async function startSshd(libvirtd: Libvirtd): Promise<Sshd> {
  const folder = join(libvirtd.root, 'ssh');
  await mkdir(folder, { mode: 0o700 });
  const file = (name: string) => join(folder, name);
  for (const name of ['host', 'client', 'wrong']) {
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', file(name)]);
  }
  await writeFile(file('authorized_keys'), await readFile(file('client.pub')));
  const port = await freePort();
  const config = [
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    `HostKey ${file('host')}`,
    `AuthorizedKeysFile ${file('authorized_keys')}`,
    'PidFile none',
    'UsePAM no',
    // The folders above are in /tmp, which is writable to all.
    'StrictModes no',
    'PermitRootLogin yes',
    'PasswordAuthentication no',
    // A session daemon's socket is looked for below this folder.
    `SetEnv XDG_RUNTIME_DIR=/run`,
  ];
  await writeFile(file('sshd_config'), `${config.join('\n')}\n`);
  const [hostKeyType, hostKey] = (await readFile(file('host.pub'), 'utf8')).split(' ');
  await writeFile(file('known_hosts'), `[127.0.0.1]:${port} ${hostKeyType} ${hostKey}\n`);
  await writeFile(file('nobody_known'), '');
  const ssh = await writeWrapper(folder, 'ssh', 'known_hosts');
  const sshKnowingNobody = await writeWrapper(folder, 'ssh-knowing-nobody', 'nobody_known');

  const args = ['-t', String(libvirtd.pid), '-m', '--', '/usr/sbin/sshd', '-D', '-e', '-f', file('sshd_config')];
  const sshd = spawn('nsenter', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let output = '';
  sshd.stderr.on('data', (chunk: Buffer) => {
    output = (output + chunk.toString()).slice(-4000);
  });
  const stop = async () => {
    if (sshd.exitCode !== null || sshd.signalCode !== null) return;
    const ended = once(sshd, 'exit');
    sshd.kill('SIGTERM');
    await ended;
  };
  try {
    await untilListening(port, () => sshd.exitCode !== null);
  } catch (error) {
    await stop();
    throw new Error(`sshd does not listen: ${output}`, { cause: error });
  }
  return {
    target: `${userInfo().username}@127.0.0.1:${port}`,
    keyFile: file('client'),
    wrongKeyFile: file('wrong'),
    ssh,
    sshKnowingNobody,
    stop,
  };
}

/** A program that is ssh without the tester's own configuration, agent and known hosts. */
async function writeWrapper(folder: string, name: string, knownHosts: string): Promise<string> {
  const config = join(folder, `${name}_config`);
  const lines = [
    `UserKnownHostsFile ${join(folder, knownHosts)}`,
    'GlobalKnownHostsFile /dev/null',
    'IdentitiesOnly yes',
    'IdentityFile none',
  ];
  await writeFile(config, `${lines.join('\n')}\n`);
  const path = join(folder, name);
  await writeFile(path, `#!/bin/sh\nunset SSH_AUTH_SOCK\nexec ssh -F '${config}' "$@"\n`);
  await chmod(path, 0o755);
  return path;
}

async function untilListening(port: number, ended: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  for (;;) {
    const socket = createConnection({ host: '127.0.0.1', port });
    try {
      await once(socket, 'connect');
      return;
    } catch (error) {
      if (ended() || performance.now() > deadline) throw error;
      await sleep(20);
    } finally {
      socket.destroy();
    }
  }
}

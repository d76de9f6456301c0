// SPDX-License-Identifier: Apache-2.0
// The libvirt client through the system's ssh, a real sshd, and both ways from there to a real libvirtd.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { chmod, readdir, readFile, writeFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type LibvirtConnection } from '@wrought/libvirt';
import { type Sshd, startSshd } from './libvirt-sshd.ts';
import { type Libvirtd, missingLibvirtd, startLibvirtd } from './libvirtd.ts';

const skip = missingLibvirtd('sshd', 'ssh', 'ssh-keygen', 'nsenter', 'nc', 'virt-ssh-helper');

describe('the libvirt client over ssh', { skip }, () => {
  let libvirtd: Libvirtd;
  let sshd: Sshd;

  before(async () => {
    libvirtd = await startLibvirtd();
    sshd = await startSshd(libvirtd);
    // /run/libvirt in the daemon's namespace is the standard place, so the URIs need no socket.
    const local = await connect(libvirtd.uri);
    await libvirtd.defineGuest(local, { name: 'guest', macs: ['52:54:00:0a:0b:0c'], disk: null });
    await local.close();
  });
  after(async () => {
    await sshd?.stop();
    await libvirtd?.stop();
  });

  const uri = (query = '', path = '/system') =>
    `qemu+ssh://${sshd.target}${path}?command=${encodeURIComponent(sshd.ssh)}${query}`;
  const options = () => ({ allowCommand: true, sshKeyFile: sshd.keyFile });

  async function works(connection: LibvirtConnection): Promise<void> {
    assert.equal(await connection.getType(), 'QEMU');
    const [match] = await connection.findByMac(['52:54:00:0a:0b:0c']);
    assert.equal(match?.domain.name, 'guest');
    await connection.close();
  }

  it('reaches the daemon by virt-ssh-helper where that is installed', async () => {
    await works(await connect(uri('&proxy=native'), options()));
    await works(await connect(uri(), options()));
  });

  it('reaches the daemon by nc, at its usual socket or another', async () => {
    await works(await connect(uri('&proxy=netcat'), options()));
    await works(await connect(uri(`&socket=${libvirtd.socket}`), options()));
    await works(await connect(uri('&netcat=/bin/nc&mode=legacy'), options()));
  });

  it('reaches a session daemon by the helper', async () => {
    await works(await connect(uri('', '/session'), options()));
  });

  it('opens read-only by both ways', async () => {
    for (const proxy of ['native', 'netcat']) {
      const connection = await connect(uri(`&proxy=${proxy}`), { ...options(), readonly: true });
      const domain = await connection.lookupByName('guest');
      await assert.rejects(connection.create(domain), { code: 29 });
      await connection.close();
    }
  });

  it('takes the key from the URI too', async () => {
    await works(await connect(uri(`&keyfile=${encodeURIComponent(sshd.keyFile)}`), { allowCommand: true }));
  });

  it('tells in ssh’s own words why it did not get in', async () => {
    await assert.rejects(connect(uri(), { ...options(), sshKeyFile: sshd.wrongKeyFile }), {
      name: 'LibvirtConnectionError',
      message: /ssh to 127\.0\.0\.1 ended \(exit status 255\): .*Permission denied/,
    });
  });

  it('refuses a host it does not know, unless told not to look', async () => {
    const stranger = (query: string) =>
      `qemu+ssh://${sshd.target}/system?command=${encodeURIComponent(sshd.sshKnowingNobody)}${query}`;
    await assert.rejects(connect(stranger(''), options()), {
      name: 'LibvirtConnectionError',
      message: /Host key verification failed/,
    });
    await works(await connect(stranger('&no_verify=1'), options()));
  });

  it('tells that the daemon’s socket is not there', async () => {
    await assert.rejects(connect(uri('&socket=/nowhere/sock'), options()), {
      name: 'LibvirtConnectionError',
      message: /No such file or directory/,
    });
  });

  it('does not take quotes and shell characters in a socket path for anything else', async () => {
    const socket = encodeURIComponent(`/nowhere/'; touch ${libvirtd.root}/owned; '$(touch ${libvirtd.root}/owned)`);
    await assert.rejects(connect(uri(`&socket=${socket}`), options()), { message: /No such file or directory/ });
    assert.equal(existsSync(`${libvirtd.root}/owned`), false);
  });

  it('runs no program that the URI names unless allowed to', async () => {
    await assert.rejects(connect(uri(), { sshKeyFile: sshd.keyFile }), {
      name: 'LibvirtUriError',
      part: 'query parameter "command"',
    });
  });

  it('leaves no ssh behind when it is aborted or closed', async () => {
    const abort = new AbortController();
    const attempt = connect(uri(), { ...options(), signal: abort.signal });
    setTimeout(() => abort.abort(new Error('enough')), 20);
    await assert.rejects(attempt, /enough/);
    const connection = await connect(uri(), options());
    assert.equal(await processesWith(`${sshd.ssh}_config`), 1);
    await connection.close();
    const deadline = performance.now() + 10_000;
    while ((await processesWith(`${sshd.ssh}_config`)) > 0) {
      assert.ok(performance.now() < deadline, 'an ssh process is left');
      await sleep(20);
    }
  });
});

/** How many processes have this text in their command line. */
async function processesWith(text: string): Promise<number> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
  return lines.filter((line) => line.includes(text)).length;
}

describe('the libvirt client over a program of the user’s own', { skip }, () => {
  let libvirtd: Libvirtd;
  before(async () => {
    libvirtd = await startLibvirtd();
  });
  after(() => libvirtd?.stop());

  it('talks through the program’s standard input and output', async () => {
    const dial = `${libvirtd.root}/dial`;
    await writeFile(dial, `#!/bin/sh\nexec nc -U '${libvirtd.socket}'\n`);
    await chmod(dial, 0o755);
    const connection = await connect(`test+ext:///default?command=${dial}`, { allowCommand: true });
    assert.equal(await connection.getType(), 'TEST');
    await connection.close();
  });
});

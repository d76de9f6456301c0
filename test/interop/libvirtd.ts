// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, open, readdir, readlink, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { connect, type Domain, type LibvirtConnection } from '@wrought/libvirt';
import { type GuestOptions, guestXml, writeGuestDisk } from './libvirt-guest.ts';
import { makePki } from './libvirt-pki.ts';
import { missingPeers } from './peers.ts';

const run = promisify(execFile);

export interface LibvirtdOptions {
  /** Listen on plain TCP with SASL (DIGEST-MD5) for {@link SASL_USER}. */
  readonly tcp?: boolean;
  /** Listen on TLS with client certificates. */
  readonly tls?: boolean;
  /** Demand SASL on the Unix socket, with these mechanisms, as in `scram-sha-256 plain`. */
  readonly unixSasl?: string;
}

export const SASL_USER = { username: 'fred', password: 'secret' } as const;

export interface Libvirtd {
  readonly pid: number;
  /** Folder for the daemon and for the test's own files; removed by stop(). */
  readonly root: string;
  readonly socket: string;
  /** `qemu:///system` of this daemon, by its Unix socket: for this client and for virsh alike. */
  readonly uri: string;
  /** `test:///default` of this daemon. */
  readonly testUri: string;
  readonly tcpUri: string | undefined;
  readonly tlsUri: string | undefined;
  /** Certificates: `pki/client`, `pki/stranger` (another CA's client), `pki/ca-only`. */
  readonly pki: string;
  /** Runs virsh against this daemon's QEMU driver and gives its output. */
  virsh(...args: string[]): Promise<string>;
  /** Runs virsh with a URI of the test's choice. */
  virshAt(uri: string, ...args: string[]): Promise<string>;
  /** Defines a guest; it has a bootable disk that reacts to the power button unless `disk` says otherwise. */
  defineGuest(
    connection: LibvirtConnection,
    guest: Omit<GuestOptions, 'disk'> & { disk?: string | null },
  ): Promise<Domain>;
  /** Ends the daemon and every guest it started, and removes the folder. */
  stop(): Promise<void>;
}

/** The `skip` option for tests that need the daemon: false, or why it cannot run here. */
export function missingLibvirtd(...more: string[]): string | false {
  const reason = missingPeers('libvirtd', 'virsh', 'qemu-system-x86_64', 'unshare', 'setpriv', 'openssl', ...more);
  if (reason !== false) return reason;
  if (spawnSync('unshare', ['-m', 'true'], { stdio: 'ignore' }).status === 0) return false;
  const refusal = 'libvirtd needs root and leave to make a mount namespace (CAP_SYS_ADMIN)';
  if (process.env.WROUGHT_REQUIRE_PEERS === '1') throw new Error(refusal);
  return refusal;
}

/**
 * Starts a real libvirtd in a mount namespace of its own, where all its folders (/etc/libvirt, /run, /var/lib/libvirt, ...) lie in
 * a temporary folder, so that it neither sees nor disturbs the machine's own libvirt. Listens on loopback only.
 */
export async function startLibvirtd(options: LibvirtdOptions = {}): Promise<Libvirtd> {
  const root = await mkdtemp(join(tmpdir(), 'wrought-libvirtd-'));
  try {
    return await start(root, options);
  } catch (error) {
    await rm(root, { recursive: true, force: true });
    throw error;
  }
}

/** The machine's folders the daemon shall not see, and ours in their place. */
const FOLDERS = [
  ['etc', '/etc/libvirt'],
  ['sasl', '/etc/sasl2'],
  ['lib', '/var/lib/libvirt'],
  ['log', '/var/log/libvirt'],
  ['run', '/run'],
] as const;

/** What the daemon learnt about QEMU, which takes it 8 s: kept from run to run. It notices by itself when QEMU changes. */
const CAPABILITIES_CACHE = join(import.meta.dirname, '..', '..', 'node_modules', '.cache', 'wrought-libvirtd');

async function start(root: string, options: LibvirtdOptions): Promise<Libvirtd> {
  await mkdir(CAPABILITIES_CACHE, { recursive: true });
  await mkdir('/var/cache/libvirt', { recursive: true });
  for (const [ours, theirs] of FOLDERS) {
    await mkdir(join(root, ours), { recursive: true });
    await mkdir(theirs, { recursive: true });
  }
  // /run/sshd is for a test's sshd; /run/lock is where the daemon locks a console's pty.
  for (const folder of ['sshd', 'lock']) await mkdir(join(root, 'run', folder));
  const pki = join(root, 'pki');
  if (options.tls === true) await makePki(pki);
  const tcpPort = options.tcp === true ? await freePort() : undefined;
  const tlsPort = options.tls === true ? await freePort() : undefined;
  await writeConfiguration(root, options, { tcpPort, tlsPort, pki });
  if (options.tcp === true || options.unixSasl !== undefined) await addSaslUser(join(root, 'sasl'));

  const daemon = await startDaemon(root, tcpPort !== undefined || tlsPort !== undefined);
  const namespace = await ownNamespace(daemon);
  const socket = join(root, 'run', 'libvirt', 'libvirt-sock');
  const uri = `qemu+unix:///system?socket=${socket}`;
  const virshAt = async (target: string, ...args: string[]) => {
    const { stdout } = await run('virsh', ['-q', '-c', target, ...args], { env: { ...process.env, LC_ALL: 'C' } });
    return stdout.trim();
  };
  const libvirtd: Libvirtd = {
    pid: daemon.process.pid ?? 0,
    root,
    socket,
    uri,
    testUri: `test+unix:///default?socket=${socket}`,
    tcpUri: tcpPort === undefined ? undefined : `qemu+tcp://127.0.0.1:${tcpPort}/system`,
    tlsUri: tlsPort === undefined ? undefined : `qemu+tls://127.0.0.1:${tlsPort}/system`,
    pki,
    virsh: (...args) => virshAt(uri, ...args),
    virshAt,
    defineGuest: async (connection, guest) => {
      const disk = guest.disk === undefined ? join(root, `${guest.name}.img`) : guest.disk;
      if (guest.disk === undefined && disk !== null) await writeGuestDisk(disk);
      const { disk: _, ...rest } = guest;
      return await connection.defineXml(guestXml({ ...rest, ...(disk === null ? {} : { disk }) }));
    },
    stop: async () => {
      await stopDaemon(daemon.process);
      await killGuests(namespace);
      await rm(root, { recursive: true, force: true });
    },
  };
  try {
    await untilReady(libvirtd, daemon, options.unixSasl !== undefined);
  } catch (error) {
    await libvirtd.stop();
    throw error;
  }
  return libvirtd;
}

async function writeConfiguration(
  root: string,
  options: LibvirtdOptions,
  { tcpPort, tlsPort, pki }: { tcpPort: number | undefined; tlsPort: number | undefined; pki: string },
): Promise<void> {
  const lines = [
    `auth_unix_rw = "${options.unixSasl === undefined ? 'none' : 'sasl'}"`,
    'auth_unix_ro = "none"',
    'listen_addr = "127.0.0.1"',
    `listen_tcp = ${tcpPort === undefined ? 0 : 1}`,
    `listen_tls = ${tlsPort === undefined ? 0 : 1}`,
    'auth_tcp = "sasl"',
    'auth_tls = "none"',
    ...(tcpPort === undefined ? [] : [`tcp_port = "${tcpPort}"`]),
    ...(tlsPort === undefined
      ? []
      : [
          `tls_port = "${tlsPort}"`,
          `ca_file = "${pki}/server/cacert.pem"`,
          `cert_file = "${pki}/server/servercert.pem"`,
          `key_file = "${pki}/server/serverkey.pem"`,
        ]),
    // A machine without DMI has no UUID of its own.
    'host_uuid = "5f1b7b52-6d0e-4d3a-9c3e-0b7f2f6a1d11"',
    'log_outputs = "3:stderr"',
  ];
  await writeFile(join(root, 'etc', 'libvirtd.conf'), `${lines.join('\n')}\n`);
  // No virtlogd, no cgroups, no security labels: none of them is there in a container.
  const qemu = [
    'stdio_handler = "file"',
    'security_driver = "none"',
    'cgroup_controllers = []',
    'namespaces = []',
    'user = "root"',
    'group = "root"',
    'remember_owner = 0',
  ];
  await writeFile(join(root, 'etc', 'qemu.conf'), `${qemu.join('\n')}\n`);
  const sasl = [
    `mech_list: ${options.unixSasl ?? 'scram-sha-256 scram-sha-1 digest-md5 plain'}`,
    'pwcheck_method: auxprop',
    'auxprop_plugin: sasldb',
    'sasldb_path: /etc/sasl2/passwd.db',
  ];
  await writeFile(join(root, 'sasl', 'libvirt.conf'), `${sasl.join('\n')}\n`);
}

async function addSaslUser(folder: string): Promise<void> {
  const args = ['-p', '-a', 'libvirt', '-f', join(folder, 'passwd.db'), '-c', SASL_USER.username];
  const child = spawn('saslpasswd2', args, { stdio: ['pipe', 'ignore', 'inherit'] });
  child.stdin.end(SASL_USER.password);
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`saslpasswd2 ended with ${code}`);
}

interface Daemon {
  readonly process: ChildProcess;
  /** What it said so far, for error texts. */
  readonly output: () => string;
}

async function startDaemon(root: string, listen: boolean): Promise<Daemon> {
  const mounts = [
    ...FOLDERS.map(([ours, theirs]) => `mount --bind '${join(root, ours)}' ${theirs}`),
    `mount --bind '${CAPABILITIES_CACHE}' /var/cache/libvirt`,
  ];
  const command = `exec libvirtd -f /etc/libvirt/libvirtd.conf -p /run/libvirtd.pid ${listen ? '--listen' : ''}`;
  // A file, not a pipe: a test that blocks would not read a pipe, and the daemon would wait for it.
  const path = join(root, 'libvirtd.log');
  const log = await open(path, 'a');
  // Each step replaces the process before it: the child is the daemon.
  // A test that dies takes its daemon along.
  const script = [...mounts, command].join(' && ');
  const process = spawn(
    'setpriv',
    ['--pdeathsig', 'KILL', 'unshare', '-m', '--propagation', 'private', 'sh', '-c', script],
    { stdio: ['ignore', 'ignore', log.fd] },
  );
  await once(process, 'spawn');
  await log.close();
  return { process, output: () => readFileSync(path, 'utf8').slice(-4000) };
}

/** Waits until the child has left our mount namespace, and names its new one. */
async function ownNamespace(daemon: Daemon): Promise<string> {
  const ours = await mountNamespace('self');
  while (daemon.process.exitCode === null) {
    const namespace = await mountNamespace(daemon.process.pid ?? 0);
    if (namespace !== '' && namespace !== ours) return namespace;
    await sleep(5);
  }
  throw new Error(`no mount namespace of its own for libvirtd: ${daemon.output()}`);
}

/** The first look at QEMU's abilities takes the daemon some seconds: that is part of starting. */
async function untilReady(libvirtd: Libvirtd, daemon: Daemon, sasl: boolean): Promise<void> {
  const deadline = performance.now() + 60_000;
  for (;;) {
    if (daemon.process.exitCode !== null) throw new Error(`libvirtd ended: ${daemon.output()}`);
    try {
      const connection = await connect(libvirtd.uri, sasl ? SASL_USER : {});
      await connection.getVersion();
      await connection.close();
      return;
    } catch (error) {
      if (performance.now() > deadline)
        throw new Error(`libvirtd does not answer: ${daemon.output()}`, { cause: error });
      await sleep(50);
    }
  }
}

async function stopDaemon(process: ChildProcess): Promise<void> {
  if (process.exitCode !== null || process.signalCode !== null) return;
  const ended = once(process, 'exit');
  process.kill('SIGTERM');
  // It may be stopped (SIGSTOP) by a test.
  process.kill('SIGCONT');
  const force = setTimeout(() => process.kill('SIGKILL'), 10_000);
  await ended;
  clearTimeout(force);
}

/**
 * Guests outlive their daemon. Whatever runs in the daemon's mount namespace is its offspring, and the namespace is nobody else's:
 * so its processes are found even when the daemon died before it could write their ids down.
 */
async function killGuests(namespace: string): Promise<void> {
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    if ((await mountNamespace(pid)) !== namespace) continue;
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch {
      // It is gone already.
    }
  }
}

/** The kernel's name of a process's mount namespace; empty when the process is gone. */
async function mountNamespace(pid: number | string): Promise<string> {
  return await readlink(`/proc/${pid}/ns/mnt`).catch(() => '');
}

/** A port of the loopback interface that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

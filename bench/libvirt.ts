// SPDX-License-Identifier: Apache-2.0
// Finding and polling virtual machines at a real libvirtd. See README.md.
import { execFile, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { connect } from '@wrought/libvirt';
import { type Libvirtd, missingLibvirtd, startLibvirtd } from '../test/interop/libvirtd.ts';
import { LibvirtTap, type Traffic } from './harness/libvirt-tap.ts';
import { median } from './harness/load.ts';
import { mac } from './harness/nodes.ts';
import { flags, Report } from './harness/report.ts';

const run = promisify(execFile);
const options = flags();
const DOMAINS = options.smoke ? 8 : 200;
const ROUNDS = options.smoke ? 2 : 20;
/** Where in the daemon's list the domains stand that are looked for: who stops early has read half of it on average. */
const PLACES = [0.1, 0.3, 0.5, 0.7, 0.9];
/** One way, for a hypervisor that is not next door. */
const DELAY_MS = 5;
const PYTHON = '/usr/bin/python3';

const reason = missingLibvirtd();
if (reason !== false) {
  console.log(`libvirt: nothing to measure, ${reason}`);
  process.exit(0);
}
const hasPython = options.peer && spawnSync(PYTHON, ['-c', 'import libvirt'], { stdio: 'ignore' }).status === 0;
const report = new Report(`libvirt: ${DOMAINS} domains at a real libvirtd`, 'peer', options, 'python3-libvirt absent');
const libvirtd = await startLibvirtd();
try {
  await measure(libvirtd);
} finally {
  await libvirtd.stop();
}
report.finish();

interface Timed {
  /** Milliseconds inside the process, connecting included, as it measured itself. */
  readonly ms: number;
  /** Milliseconds of the whole process. */
  readonly wholeMs: number;
}

async function measure(daemon: Libvirtd): Promise<void> {
  const { uri } = daemon;
  await using connection = await connect(uri);
  await Promise.all(Array.from({ length: DOMAINS }, (_, index) => connection.defineXml(domainXml(index))));

  const order = (await connection.listAllDomains()).map(({ name }) => Number(name.slice(-4)));
  const lookedFor = PLACES.map((place) => order[Math.floor(place * order.length)] ?? 0);
  const ours = await inNewProcesses(lookedFor, (address) => oursArgs(uri, address));
  const python = hasPython ? await inNewProcesses(lookedFor, (address) => pythonArgs(uri, 'find', address)) : undefined;
  const virsh = options.peer ? await virshPerDomain(uri) : undefined;
  report.add({
    what: 'find by MAC, new process | one virsh per domain',
    unit: 'ms',
    ours: ours.ms,
    ...(virsh !== undefined && { peer: virsh }),
    target: { atLeast: 100 },
    note: 'connect to found',
  });
  report.add({
    what: 'find by MAC, new process | libvirt-python listing',
    unit: 'ms',
    ours: ours.ms,
    ...(python && { peer: python.ms }),
    target: { atLeast: 2 },
    note: 'connect to found',
  });
  const warm = await medianMs(async () => {
    await using fresh = await connect(uri);
    await fresh.findByMac([mac(lookedFor[2] ?? 0)]);
  });
  report.add({
    what: 'find by MAC, new connection, warm process | one virsh per domain',
    unit: 'ms',
    ours: warm,
    ...(virsh !== undefined && { peer: virsh }),
    target: { atLeast: 100 },
    note: 'the service is such a process',
  });
  report.add({
    what: 'find by MAC, new connection, warm process | libvirt-python listing',
    unit: 'ms',
    ours: warm,
    ...(python && { peer: python.ms }),
    target: { atLeast: 2 },
    note: 'the service is such a process',
  });
  report.add({
    what: 'find by MAC, start of the process included | libvirt-python',
    unit: 'ms',
    ours: ours.wholeMs,
    ...(python && { peer: python.wholeMs }),
    note: 'interpreter and imports included',
  });

  const middle = lookedFor[2] ?? 0;
  const address = mac(middle);
  const [first] = await connection.findByMac([address]);
  if (first === undefined) throw new Error(`no domain has ${address}`);
  report.add({
    what: 'find it again, connection open | libvirt-python listing',
    unit: 'ms',
    ours: await medianMs(() => connection.findByMac([address], first.domain)),
    ...(hasPython && { peer: await pythonMedian(uri, 'again', address) }),
  });
  report.add({
    what: `states of all ${DOMAINS}, connection open | libvirt-python`,
    unit: 'ms',
    ours: await medianMs(async () => {
      const { size } = await connection.getAllStates();
      if (size !== DOMAINS) throw new Error(`${size} states of ${DOMAINS} domains`);
    }),
    ...(hasPython && { peer: await pythonMedian(uri, 'states', address) }),
  });

  await fromAfar(daemon, middle);
}

/** The same over a slow line, where round trips are what counts. */
async function fromAfar(daemon: Libvirtd, index: number): Promise<void> {
  await using tap = await LibvirtTap.listen(join(daemon.root, 'tap'), daemon.socket, DELAY_MS);
  const uri = `qemu+unix:///system?socket=${tap.path}`;
  const ours = await inNewProcesses([index], (address) => oursArgs(uri, address));
  const python = hasPython ? await inNewProcesses([index], (address) => pythonArgs(uri, 'find', address)) : undefined;
  report.add({
    what: `find by MAC, ${2 * DELAY_MS} ms away, new process | libvirt-python`,
    unit: 'ms',
    ours: ours.ms,
    ...(python && { peer: python.ms }),
    note: 'connect to found',
  });

  await using connection = await connect(uri);
  const during = async (action: () => Promise<unknown>): Promise<Traffic> => {
    tap.take();
    await action();
    return tap.take();
  };
  const [first] = await connection.findByMac([mac(index)]);
  const again = await during(() => connection.findByMac([mac(index)], first?.domain));
  const states = await during(() => connection.getAllStates());
  await connection.close();

  // With two rounds and with one: the difference is one round, without connecting.
  const pythonRound = async (what: string): Promise<Traffic | undefined> => {
    if (!hasPython) return undefined;
    const one = await during(() => pythonMedian(uri, what, mac(index), 0));
    const two = await during(() => pythonMedian(uri, what, mac(index), 1));
    return {
      calls: two.calls - one.calls,
      replies: two.replies - one.replies,
      bytes: two.bytes - one.bytes,
      roundTrips: two.roundTrips - one.roundTrips,
    };
  };
  const wire = (one: Traffic): string => `${one.calls} calls, ${one.bytes} bytes`;
  const add = (what: string, mine: Traffic, theirs: Traffic | undefined): void =>
    report.add({
      what,
      unit: 'round trips',
      ours: mine.roundTrips,
      ...(theirs && { peer: theirs.roundTrips }),
      note: wire(mine) + (theirs ? ` (peer ${wire(theirs)})` : ''),
    });
  add('find it again | libvirt-python listing', again, await pythonRound('again'));
  add(`states of all ${DOMAINS} | libvirt-python`, states, await pythonRound('states'));
}

/** Median over domains, each looked for by a process of its own. */
async function inNewProcesses(indices: readonly number[], command: (address: string) => string[]): Promise<Timed> {
  const samples: Timed[] = [];
  for (const index of indices) {
    const [program = '', ...args] = command(mac(index));
    const started = performance.now();
    const { stdout } = await run(program, args);
    const wholeMs = performance.now() - started;
    const { seconds, found }: { seconds: number[]; found: string } = JSON.parse(stdout);
    if (found !== domainName(index)) throw new Error(`${program} found ${found} for ${domainName(index)}`);
    samples.push({ ms: (seconds[0] ?? Number.NaN) * 1000, wholeMs });
  }
  return { ms: median(samples.map(({ ms }) => ms)), wholeMs: median(samples.map(({ wholeMs }) => wholeMs)) };
}

/** The way of the old SSH driver, run without SSH: list the names, then a virsh for each domain until one has the MAC. */
async function virshPerDomain(uri: string): Promise<number> {
  const index = Math.floor((DOMAINS - 1) / 2);
  const virsh = async (...args: string[]): Promise<string> => (await run('virsh', ['-q', '-c', uri, ...args])).stdout;
  const started = performance.now();
  const names = (await virsh('list', '--all', '--name')).split('\n').filter((name) => name !== '');
  for (const name of names) {
    if (!(await virsh('dumpxml', name)).includes(mac(index))) continue;
    if (name !== domainName(index)) throw new Error(`virsh found ${name}`);
    return performance.now() - started;
  }
  throw new Error('virsh found no domain');
}

function oursArgs(uri: string, address: string): string[] {
  return [process.execPath, join(import.meta.dirname, 'harness/libvirt-find.ts'), uri, address];
}

function pythonArgs(uri: string, what: string, address: string, rounds = ROUNDS): string[] {
  return [PYTHON, join(import.meta.dirname, 'peers/libvirt_python.py'), uri, what, address, String(rounds)];
}

/** Median milliseconds of an action libvirt-python repeats on one connection. */
async function pythonMedian(uri: string, what: string, address: string, rounds = ROUNDS): Promise<number> {
  const [program = '', ...args] = pythonArgs(uri, what, address, rounds);
  const { seconds }: { seconds: number[] } = JSON.parse((await run(program, args)).stdout);
  return rounds === 0 ? 0 : median(seconds) * 1000;
}

/** Median milliseconds of an action of ours, after one that is not counted. */
async function medianMs(action: () => Promise<unknown>): Promise<number> {
  await action();
  const samples: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const started = performance.now();
    await action();
    samples.push(performance.now() - started);
  }
  return median(samples);
}

/** Sorts as it counts: virsh lists by name. */
function domainName(index: number): string {
  return `bench-${String(index).padStart(4, '0')}`;
}

/** A machine as a management tool defines it: two NICs, disk, CD-ROM, serial console; never started. */
function domainXml(index: number): string {
  const nic = (address: string): string =>
    `<interface type='user'><mac address='${address}'/><model type='virtio'/></interface>`;
  return `<domain type='qemu'><name>${domainName(index)}</name><memory unit='MiB'>512</memory><vcpu>2</vcpu>
<os><type arch='x86_64' machine='q35'>hvm</type><boot dev='network'/><boot dev='hd'/></os>
<features><acpi/><apic/></features>
<devices><emulator>/usr/bin/qemu-system-x86_64</emulator>
<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/var/lib/libvirt/images/${index}.qcow2'/>
<target dev='vda' bus='virtio'/></disk>
<disk type='file' device='cdrom'><target dev='sda' bus='sata'/><readonly/></disk>
${nic(mac(index))}${nic(mac(index + 0x10_0000))}
<serial type='pty'/><console type='pty'/><rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
</devices></domain>`;
}

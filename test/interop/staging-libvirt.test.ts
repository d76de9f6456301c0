// SPDX-License-Identifier: Apache-2.0
// The staging-libvirt power and management interfaces against Debian's real libvirtd and QEMU; virsh tells what is true.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type LibvirtConnection } from '@wrought/libvirt';
import { defaultConfig } from '../../packages/server/src/config/index.ts';
import { HardwareError, InvalidParameterValue, PowerStateFailure } from '../../packages/server/src/errors.ts';
import type { ManagementInterface, PowerInterface, Task } from '../../packages/server/src/hardware/contracts.ts';
import { libvirtFamily } from '../../packages/server/src/hardware/libvirt/index.ts';
import type { JsonObject } from '../../packages/server/src/model/json.ts';
import { makeNode, makeTask, silentLog } from '../../packages/server/test/hardware-helpers.ts';
import { freePort, type Libvirtd, missingLibvirtd, SASL_USER, startLibvirtd } from './libvirtd.ts';

const skip = missingLibvirtd('saslpasswd2', 'nsenter');
const MAC = '52:54:00:aa:00:01';

describe('staging-libvirt with a real libvirtd', { skip }, () => {
  let libvirtd: Libvirtd;
  let helper: LibvirtConnection;
  let power: PowerInterface;
  let management: ManagementInterface;

  before(async () => {
    libvirtd = await startLibvirtd({ tcp: true });
    helper = await connect(libvirtd.uri);
    const { implementations } = libvirtFamily({ config: defaultConfig(), log: silentLog });
    const found = [
      implementations.power?.['staging-libvirt'],
      implementations.management?.['staging-libvirt'],
    ] as const;
    assert.ok(found[0] && found[1]);
    [power, management] = found;
  });
  afterEach(async () => {
    for (const domain of await helper.listAllDomains()) {
      if ((await helper.getState(domain)).state !== 'shutoff') await helper.destroy(domain);
      await helper.undefine(domain);
    }
  });
  after(async () => {
    await power?.close?.();
    await helper?.close();
    await libvirtd?.stop();
  });

  const task = (macs: readonly string[] = [MAC], driver_info: JsonObject = { libvirt_uri: libvirtd.uri }): Task =>
    makeTask(makeNode({ driver: 'staging-libvirt', driver_info }), { macs });
  const state = (name: string) => libvirtd.virsh('domstate', name);
  const bootLines = (xml: string) => xml.match(/<boot [^>]*>/g) ?? [];
  const without = (xml: string) => xml.replace(/\n[ \t]*<boot [^>]*>/g, '');
  /** Defines a guest as users' domains look: written by libvirt, with everything that it adds. */
  const define = (name: string, macs: readonly string[] = [MAC], more: { boot?: string[]; disk?: null } = {}) =>
    libvirtd.defineGuest(helper, { name, macs, ...more });

  it('switches a machine on, off and over, and virsh agrees', async () => {
    await define('vm');
    const one = task([MAC.toUpperCase()]);
    assert.equal(await power.getPowerState(one), 'power off');
    await power.setPowerState(one, 'power on', null);
    assert.equal(await state('vm'), 'running');
    assert.equal(await power.getPowerState(one), 'power on');
    const id = await libvirtd.virsh('domid', 'vm');
    await power.setPowerState(one, 'power on', null);
    assert.equal(await libvirtd.virsh('domid', 'vm'), id, 'a machine that is on stays as it is');
    await power.reboot(one, null);
    assert.equal(await state('vm'), 'running');
    assert.notEqual(await libvirtd.virsh('domid', 'vm'), id, 'it was off in between');
    await libvirtd.virsh('suspend', 'vm');
    assert.equal(await power.getPowerState(one), 'power on', 'paused is on');
    await power.setPowerState(one, 'power off', null);
    assert.equal(await state('vm'), 'shut off');
    await power.setPowerState(one, 'power off', null);
    await power.reboot(one, null);
    assert.equal(await state('vm'), 'running');
  });

  it('powers a guest off softly, and says so when the guest does not obey', async () => {
    await define('vm');
    const one = task();
    await power.setPowerState(one, 'power on', null);
    await powerButtonReady(helper, 'vm');
    const id = await libvirtd.virsh('domid', 'vm');
    await power.setPowerState(one, 'soft rebooting', 30);
    assert.equal(await state('vm'), 'running');
    assert.notEqual(await libvirtd.virsh('domid', 'vm'), id);
    await powerButtonReady(helper, 'vm');
    await power.setPowerState(one, 'soft power off', 30);
    assert.equal(await state('vm'), 'shut off');

    await define('deaf', ['52:54:00:aa:00:02'], { disk: null });
    const deaf = task(['52:54:00:aa:00:02']);
    await power.setPowerState(deaf, 'power on', null);
    await assert.rejects(power.setPowerState(deaf, 'soft power off', 1), (error) => {
      assert.ok(error instanceof PowerStateFailure);
      assert.match(error.message, /deaf did not power off within 1 s/);
      return true;
    });
    assert.equal(await state('deaf'), 'running');
  });

  it('boots a machine afresh even when virsh saved its memory', async () => {
    await define('vm');
    await power.setPowerState(task(), 'power on', null);
    await libvirtd.virsh('managedsave', 'vm');
    assert.equal(await power.getPowerState(task()), 'power off');
    await power.setPowerState(task(), 'power on', null);
    assert.match(await libvirtd.virsh('domstate', '--reason', 'vm'), /booted/);
  });

  it('sets the boot device for good and changes nothing else in the domain', async () => {
    await define('vm', [MAC], { boot: ['hd', 'cdrom'] });
    const one = task();
    const before = await libvirtd.virsh('dumpxml', '--inactive', '--security-info', 'vm');
    assert.deepEqual(await management.getBootDevice(one), { boot_device: 'disk', persistent: true });
    await power.setPowerState(one, 'power on', null);
    await management.setBootDevice(one, 'pxe', true);
    const changed = await libvirtd.virsh('dumpxml', '--inactive', '--security-info', 'vm');
    assert.deepEqual(bootLines(changed), ["<boot dev='network'/>", "<boot dev='hd'/>", "<boot dev='cdrom'/>"]);
    assert.equal(without(changed), without(before));
    assert.deepEqual(await management.getBootDevice(one), { boot_device: 'pxe', persistent: true });
    await power.reboot(one, null);
    assert.equal(bootLines(await libvirtd.virsh('dumpxml', 'vm'))[0], "<boot dev='network'/>");
    await management.setBootDevice(one, 'cdrom', true);
    assert.deepEqual(await management.getBootDevice(one), { boot_device: 'cdrom', persistent: true });
    await management.setBootDevice(one, 'disk', true);
    assert.deepEqual(bootLines(await libvirtd.virsh('dumpxml', '--inactive', 'vm'))[0], "<boot dev='hd'/>");
  });

  it('sets the boot device for one start, after which the domain is as it was', async () => {
    await define('vm');
    const one = task();
    const before = await libvirtd.virsh('dumpxml', '--inactive', 'vm');
    await management.setBootDevice(one, 'pxe', false);
    assert.equal(bootLines(await libvirtd.virsh('dumpxml', '--inactive', 'vm'))[0], "<boot dev='network'/>");
    assert.deepEqual(await management.getBootDevice(one), { boot_device: 'pxe', persistent: false });
    await power.setPowerState(one, 'power on', null);
    assert.equal(bootLines(await libvirtd.virsh('dumpxml', 'vm'))[0], "<boot dev='network'/>", 'as it runs');
    assert.equal(await libvirtd.virsh('dumpxml', '--inactive', 'vm'), before, 'as it starts next');
    assert.deepEqual(await management.getBootDevice(one), { boot_device: 'disk', persistent: true });
    await power.reboot(one, null);
    assert.equal(bootLines(await libvirtd.virsh('dumpxml', 'vm'))[0], "<boot dev='hd'/>");
  });

  it('keeps to numbered devices where the domain has them, and boots the NIC of the port', async () => {
    const domain = await define('vm', ['52:54:00:aa:00:09', MAC]);
    const numbered = (await helper.getXml(domain, 3))
      .replace(/\s*<boot dev='hd'\/>/, '')
      .replace(/(<target dev='hda'[^>]*>)/, "$1<boot order='1'/>");
    await helper.defineXml(numbered);
    const one = task();
    const before = await libvirtd.virsh('dumpxml', '--inactive', 'vm');
    assert.deepEqual(await management.getBootDevice(one), { boot_device: 'disk', persistent: true });
    await management.setBootDevice(one, 'pxe', false);
    const changed = await libvirtd.virsh('dumpxml', '--inactive', 'vm');
    assert.match(changed, new RegExp(`<mac address='${MAC}'/>(?:(?!</interface>)[\\s\\S])*<boot order='1'/>`));
    assert.equal(without(changed), without(before));
    assert.deepEqual(await management.getBootDevice(one), { boot_device: 'pxe', persistent: false });
    await power.setPowerState(one, 'power on', null);
    assert.equal(await libvirtd.virsh('dumpxml', '--inactive', 'vm'), before);
    await assert.rejects(management.setBootDevice(one, 'cdrom', false), (error) => {
      assert.ok(error instanceof HardwareError);
      assert.match(error.message, /no device of class cdrom/);
      return true;
    });
  });

  it('keeps what it does not know: QEMU arguments, metadata, odd names, passwords', async () => {
    const domain = await define('vm');
    const xml = (await helper.getXml(domain, 3))
      .replace("<domain type='qemu'", "<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'")
      .replace(
        '</name>',
        "</name><title>a &lt;boot dev=&apos;x&apos;/&gt; &amp; b</title><metadata><k:x xmlns:k='urn:k'><os><boot dev='y'/></os></k:x></metadata>",
      )
      .replace(
        '</devices>',
        "<graphics type='vnc' port='-1' passwd='secret' listen='127.0.0.1'/><video><model type='vga'/></video></devices>",
      )
      .replace('</domain>', "<qemu:commandline><qemu:arg value='-no-fd-bootchk'/></qemu:commandline></domain>");
    await helper.defineXml(xml);
    const before = await libvirtd.virsh('dumpxml', '--inactive', '--security-info', 'vm');
    await management.setBootDevice(task(), 'pxe', true);
    await management.setBootDevice(task(), 'disk', true);
    const back = await libvirtd.virsh('dumpxml', '--inactive', '--security-info', 'vm');
    assert.equal(back.replace("\n    <boot dev='network'/>", ''), before);
    assert.match(back, /passwd='secret'/);
    assert.match(back, /-no-fd-bootchk/);
  });

  it('refuses two domains with the same address, naming both', async () => {
    const domains = [await define('left'), await define('right', ['52:54:00:aa:00:03', MAC])];
    await assert.rejects(power.getPowerState(task()), (error) => {
      assert.ok(error instanceof InvalidParameterValue);
      for (const { name, uuid } of domains) assert.ok(error.message.includes(`${name} (${uuid})`), error.message);
      return true;
    });
    const both = task([MAC, '52:54:00:aa:00:03']);
    const bulk = await power.getPowerStates?.([both]);
    assert.ok(bulk?.get(both.node.uuid) instanceof InvalidParameterValue);
  });

  it('tells which addresses it searched where when no domain has them', async () => {
    await define('vm');
    await assert.rejects(power.getPowerState(task(['52:54:00:aa:00:ff'])), (error) => {
      assert.ok(error instanceof InvalidParameterValue);
      assert.match(error.message, /none of the 1 domains of qemu\+unix.*52:54:00:aa:00:ff/);
      return true;
    });
  });

  it('reads many states at once and hears of changes that virsh makes', async () => {
    const macs = ['52:54:00:aa:01:01', '52:54:00:aa:01:02', '52:54:00:aa:01:03'];
    for (const [index, mac] of macs.entries()) await define(`vm-${index}`, [mac], { disk: null });
    await libvirtd.virsh('start', 'vm-1');
    const tasks = macs.map((mac) => task([mac]));
    const read = async () => [...((await power.getPowerStates?.(tasks))?.values() ?? [])];
    assert.deepEqual(await read(), ['power off', 'power on', 'power off']);
    const heard: string[] = [];
    const names = new Map(tasks.map(({ node }, index) => [node.uuid, `vm-${index}`]));
    const stop = power.watchPowerStates?.((node, now) => heard.push(`${names.get(node)} ${now}`));
    await libvirtd.virsh('start', 'vm-2');
    await libvirtd.virsh('destroy', 'vm-1');
    await eventually(() => assert.deepEqual(heard, ['vm-2 power on', 'vm-1 power off']));
    stop?.();
    assert.deepEqual(await read(), ['power off', 'power off', 'power on']);
  });

  it('interrupts a guest, and reads addresses and the vendor', async () => {
    const domain = await define('vm', [MAC, '52:54:00:aa:00:04']);
    await helper.defineXml(
      (await helper.getXml(domain, 3)).replace(
        '<os>',
        "<sysinfo type='smbios'><system><entry name='manufacturer'>Acme &amp; Co</entry></system></sysinfo><os>",
      ),
    );
    assert.deepEqual(await management.getMacAddresses?.(task()), [MAC, '52:54:00:aa:00:04']);
    assert.equal(await management.detectVendor?.(task()), 'acme & co');
    await power.setPowerState(task(), 'power on', null);
    await management.injectNmi?.(task());
    await power.setPowerState(task(), 'power off', null);
    await assert.rejects(async () => management.injectNmi?.(task()), HardwareError);
  });

  it('authenticates by SASL, and a wrong password is an error without the password', async () => {
    await define('vm');
    const { username, password } = SASL_USER;
    const info = { libvirt_uri: libvirtd.tcpUri ?? '', sasl_username: username, sasl_password: password };
    assert.equal(await power.getPowerState(task([MAC], info)), 'power off');
    await assert.rejects(power.getPowerState(task([MAC], { ...info, sasl_password: 'hunter2' })), (error) => {
      assert.ok(error instanceof HardwareError);
      assert.match(error.message, /reading the power state through qemu\+tcp:.*authentication failed/);
      assert.doesNotMatch(error.message, /hunter2/);
      return true;
    });
  });

  it('tells soon that nobody listens', async () => {
    const started = performance.now();
    for (const [uri, said] of [
      [`qemu+tcp://127.0.0.1:${await freePort()}/system`, /refused/i],
      [`qemu+unix:///system?socket=${join(libvirtd.root, 'none')}`, /none/],
    ] as const) {
      const one = task([MAC], { libvirt_uri: uri });
      await assert.rejects(power.getPowerState(one), (error) => {
        assert.ok(error instanceof HardwareError);
        assert.ok(error.message.startsWith(`Node ${one.node.uuid}: reading the power state through ${uri} failed: `));
        assert.match(error.message, said);
        return true;
      });
    }
    assert.ok(performance.now() - started < 20_000);
  });

  it('heals when libvirtd is killed and started again, also in the middle of an operation', async () => {
    await define('vm', [MAC], { disk: null });
    const one = task();
    await power.setPowerState(one, 'power on', null);
    const stay = await enterNamespace(libvirtd.pid);
    let daemons = 0;
    const restart = async (pid: number) => {
      process.kill(pid, 'SIGKILL');
      await eventually(() => assert.throws(() => process.kill(pid, 0)));
      daemons += 1;
      return await startAgain(stay, libvirtd);
    };
    try {
      const second = await restart(libvirtd.pid);
      assert.equal(await power.getPowerState(one), 'power on', 'the guest outlived the daemon');

      // The guest does not obey, so this waits while the daemon goes away and comes back.
      const waiting = power.setPowerState(one, 'soft power off', 60);
      await sleep(500);
      await restart(second.pid ?? 0);
      await libvirtd.virsh('destroy', 'vm');
      await waiting;
      assert.equal(await power.getPowerState(one), 'power off');
      assert.equal(daemons, 2);
    } finally {
      // What runs in the daemon's namespace ends with stop().
      helper = await connect(libvirtd.uri);
      stay.kill('SIGKILL');
    }
  });
});

/** The test guest is ready once it has greeted on its serial line: from then on it watches the power button. */
async function powerButtonReady(connection: LibvirtConnection, name: string): Promise<void> {
  const console = await connection.openConsole(await connection.lookupByName(name));
  console.on('error', () => undefined);
  // It echoes what it gets: the greeting itself may be gone before anybody listens.
  const ask = setInterval(() => console.write('?'), 100);
  try {
    await once(console, 'data');
    await sleep(200);
  } finally {
    clearInterval(ask);
    console.destroy();
  }
}

/** A process that keeps the daemon's mount namespace alive. */
async function enterNamespace(pid: number): Promise<ChildProcess> {
  const child = spawn('nsenter', ['-t', String(pid), '-m', 'sleep', '600'], { stdio: 'ignore' });
  await once(child, 'spawn');
  await sleep(200);
  return child;
}

/** Starts libvirtd with the same configuration and folders, and waits until it answers. */
async function startAgain(namespace: ChildProcess, libvirtd: Libvirtd): Promise<ChildProcess> {
  const child = spawn(
    'nsenter',
    [
      '-t',
      String(namespace.pid),
      '-m',
      'libvirtd',
      '-f',
      '/etc/libvirt/libvirtd.conf',
      '-p',
      '/run/libvirtd.pid',
      '--listen',
    ],
    { stdio: 'ignore' },
  );
  await once(child, 'spawn');
  await eventually(() => libvirtd.virsh('version'));
  return child;
}

/** Tries until it succeeds, for up to 30 s. */
async function eventually(check: () => unknown): Promise<void> {
  const deadline = performance.now() + 30_000;
  for (;;) {
    try {
      await check();
      return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await sleep(50);
    }
  }
}

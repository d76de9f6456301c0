// SPDX-License-Identifier: Apache-2.0
// The whole service, as its users meet it: unmodified OpenStack clients on one side, real QEMU machines on the other, and virsh
// as the judge.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { connect } from '@wrought/libvirt';
import { type RunningService, startService, temporaryDirectory } from '../support/service.ts';
import { type Libvirtd, missingLibvirtd, startLibvirtd } from './libvirtd.ts';

const run = promisify(execFile);
const skip = missingLibvirtd('openstack', 'python:ironicclient', 'python:openstack');

interface Machine {
  readonly name: string;
  readonly mac: string;
}

function machinesNamed(prefix: string, count: number, net: string): Machine[] {
  return Array.from({ length: count }, (_, index) => ({
    name: `${prefix}${index}`,
    mac: `52:54:00:${net}:00:${index.toString(16).padStart(2, '0')}`,
  }));
}

describe('OpenStack clients and libvirt machines', { skip, timeout: 900_000 }, () => {
  const single: Machine = { name: 'cli0', mac: '52:54:00:c1:00:01' };
  const forSdk = machinesNamed('sdk', 2, '5d');
  const twenty = machinesNamed('vm', 20, '20');
  let libvirtd: Libvirtd;
  let service: RunningService;
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;

  before(async () => {
    libvirtd = await startLibvirtd();
    const connection = await connect(libvirtd.uri);
    for (const { name, mac } of [single, ...forSdk, ...twenty]) {
      await libvirtd.defineGuest(connection, { name, macs: [mac] });
    }
    await connection.close();
    directory = await temporaryDirectory();
    service = await startService(directory.path);
  });

  after(async () => {
    const code = await service?.stop();
    await libvirtd?.stop();
    await directory?.remove();
    assert.equal(code, 0);
  });

  async function openstack(...args: string[]): Promise<string> {
    const { stdout } = await run('openstack', ['baremetal', ...args], {
      env: { ...process.env, OS_AUTH_TYPE: 'none', OS_ENDPOINT: service.url },
    });
    return stdout.trim();
  }

  async function show(field: string): Promise<string> {
    return await openstack('node', 'show', single.name, '-f', 'value', '-c', field);
  }

  async function reaches(field: string, expected: string): Promise<void> {
    const end = performance.now() + 240_000;
    for (;;) {
      const actual = await show(field);
      if (actual === expected) return;
      assert.ok(performance.now() < end, `${field} stays ${actual}; ${await show('last_error')}`);
    }
  }

  async function python(script: string, machines: readonly Machine[]): Promise<unknown> {
    const path = fileURLToPath(new URL(`python/${script}`, import.meta.url));
    const settings = { endpoint: service.url, virsh: libvirtd.uri, libvirt_uri: libvirtd.uri, machines };
    try {
      const { stdout } = await run('/usr/bin/python3', [path, JSON.stringify(settings)]);
      return JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
    } catch (error) {
      const { stderr } = error as { stderr?: string };
      throw new Error(`${script}: ${stderr ?? error}\n${service.log.slice(-30).join('\n')}`);
    }
  }

  it('goes through the life of a machine with `openstack baremetal`, virsh agreeing at each step', async () => {
    const state = () => libvirtd.virsh('domstate', single.name).then((text) => text.trim());
    const node = JSON.parse(
      await openstack(
        ...['node', 'create', '--driver', 'staging-libvirt', '--name', single.name, '-f', 'json'],
        ...['--driver-info', `libvirt_uri=${libvirtd.uri}`, '--property', 'cpu_arch=x86_64'],
      ),
    ) as { uuid: string; provision_state: string };
    assert.equal(node.provision_state, 'enroll');
    await openstack('port', 'create', '--node', node.uuid, single.mac);

    const checks = JSON.parse(await openstack('node', 'validate', single.name, '-f', 'json')) as {
      Interface: string;
      Result: boolean;
    }[];
    for (const name of ['power', 'management']) {
      assert.equal(checks.find((row) => row.Interface === name)?.Result, true, `${name}: ${JSON.stringify(checks)}`);
    }
    await openstack('node', 'manage', single.name, '--wait', '120');
    assert.equal(await show('power_state'), 'power off');
    assert.equal(await state(), 'shut off');
    await openstack('node', 'provide', single.name, '--wait', '120');
    assert.equal(await show('provision_state'), 'available');

    await openstack('node', 'power', 'on', single.name);
    await reaches('power_state', 'power on');
    assert.equal(await state(), 'running');
    const before = await libvirtd.virsh('domid', single.name);
    await openstack('node', 'reboot', single.name);
    await reaches('target_power_state', 'None');
    assert.equal(await state(), 'running');
    assert.notEqual(await libvirtd.virsh('domid', single.name), before);
    await openstack('node', 'power', 'off', single.name, '--soft', '--power-timeout', '200');
    await reaches('power_state', 'power off');
    assert.equal(await state(), 'shut off');

    await openstack('node', 'boot', 'device', 'set', single.name, 'pxe', '--persistent');
    const device = JSON.parse(await openstack('node', 'boot', 'device', 'show', single.name, '-f', 'json'));
    assert.deepEqual(device, { boot_device: 'pxe', persistent: true });
    assert.match(await libvirtd.virsh('dumpxml', '--inactive', single.name), /<boot (dev='network'|order='1')/);
    assert.match(await openstack('node', 'boot', 'device', 'show', single.name, '--supported'), /pxe/);

    await openstack('node', 'maintenance', 'set', single.name, '--reason', 'replacing a fan');
    assert.equal(await show('maintenance_reason'), 'replacing a fan');
    await openstack('node', 'maintenance', 'unset', single.name);
    assert.equal(await show('maintenance'), 'False');

    await openstack('node', 'delete', single.name);
    assert.equal(await openstack('node', 'list', '-f', 'json'), '[]');
    assert.equal(await state(), 'shut off');
  });

  it('goes through it with openstacksdk', async () => {
    assert.deepEqual(await python('sdk_walk.py', forSdk), { walked: forSdk.length });
  });

  it('goes through it with 20 machines at once, a python-ironicclient each', async () => {
    assert.deepEqual(await python('ironicclient_walk.py', twenty), { walked: twenty.length });
  });
});

// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import {
  CreateFlag,
  type Domain,
  type DomainEvent,
  type DomainStateName,
  ErrorCode,
  ErrorDomain,
  LibvirtAuthError,
  LibvirtConnectionError,
  LibvirtError,
  macsOfDomainXml,
  normalizeMac,
} from '@wrought/libvirt';
import { defaultConfig } from '../src/config/index.ts';
import { HardwareError, InvalidParameterValue, MissingParameterValue, PowerStateFailure } from '../src/errors.ts';
import { HardwareRegistry } from '../src/hardware/composition.ts';
import { makeFamilies } from '../src/hardware/families.ts';
import { type Connect, DEFAULT_TIMES, type HypervisorConnection } from '../src/hardware/libvirt/hypervisor.ts';
import { makeLibvirtFamily } from '../src/hardware/libvirt/index.ts';
import type { NodeRecord } from '../src/model/resources.ts';
import { makeNode, makeTask, silentLog } from './hardware-helpers.ts';

const TIMES = { ...DEFAULT_TIMES, retry: [1, 1], holdOff: [40] };

interface FakeDomain extends Domain {
  state: DomainStateName;
  xml: string;
  /** The XML it was started with. */
  startedWith: string | null;
}

/** A hypervisor that behaves as libvirt's does, with a switch for each way it may fail. */
class FakeHypervisor {
  readonly domains: FakeDomain[] = [];
  readonly connections: { closed: boolean; listeners: Set<(event: Lifecycle) => void> }[] = [];
  readonly calls: string[] = [];
  attempts = 0;
  refuse: Error | null = null;
  acpi = true;
  createFails: Error | null = null;
  /** Somebody else starts this domain just before our start of it arrives. */
  startedByOther: FakeDomain | null = null;
  /** Breaks the connection at this call instead of answering it, once; `after` lets it take effect first. */
  breakAt: { call: string; after: boolean } | null = null;

  add(name: string, macs: readonly string[], state: DomainStateName = 'shutoff'): FakeDomain {
    const nics = macs.map((mac) => `<interface type='user'><mac address='${mac}'/></interface>`).join('');
    const domain: FakeDomain = {
      name,
      uuid: randomUUID(),
      id: -1,
      state,
      xml: `<domain><name>${name}</name><os><type>hvm</type><boot dev='hd'/></os><devices>${nics}</devices></domain>`,
      startedWith: null,
    };
    this.domains.push(domain);
    return domain;
  }

  emit(domain: FakeDomain, event: Lifecycle['event'], detail = 0): void {
    for (const { closed, listeners } of this.connections) {
      for (const listener of closed ? [] : listeners) listener({ kind: 'lifecycle', domain, event, detail });
    }
  }

  breakConnections(): void {
    for (const connection of this.connections) connection.closed = true;
  }

  readonly connect: Connect = async (_uri, options) => {
    this.attempts += 1;
    options.signal?.throwIfAborted();
    await Promise.resolve();
    if (this.refuse !== null) throw this.refuse;
    const line = { closed: false, listeners: new Set<(event: Lifecycle) => void>() };
    this.connections.push(line);
    return this.#connection(line);
  };

  #connection(line: FakeHypervisor['connections'][number]): HypervisorConnection {
    const call = async <T>(name: string, act: () => T): Promise<T> => {
      await Promise.resolve();
      if (line.closed) throw new LibvirtConnectionError('the connection was closed');
      this.calls.push(name);
      const broken = this.breakAt?.call === name ? this.breakAt : null;
      if (broken === null) return act();
      this.breakAt = null;
      if (broken.after) act();
      line.closed = true;
      throw new LibvirtConnectionError('the connection was lost');
    };
    const find = (uuid: string): FakeDomain => {
      const found = this.domains.find((domain) => domain.uuid === uuid);
      if (found === undefined) throw daemonError(ErrorCode.NO_DOMAIN, 'Domain not found');
      return found;
    };
    return {
      get closed() {
        return line.closed;
      },
      close: async () => {
        line.closed = true;
      },
      findByMac: (macs, hint) =>
        call('findByMac', () => {
          const wanted = new Set(macs.map(normalizeMac));
          const matches = this.domains
            .map((domain) => ({
              domain,
              macs: macsOfDomainXml(Buffer.from(domain.xml)).filter((mac) => wanted.has(mac)),
            }))
            .filter((match) => match.macs.length > 0);
          const hinted = matches.find((match) => match.domain.uuid === hint?.uuid);
          return hinted === undefined ? matches : [hinted];
        }),
      listAllDomains: () => call('listAllDomains', () => this.domains),
      getState: ({ uuid }) => call('getState', () => ({ state: find(uuid).state, reason: 0 })),
      getAllStates: () =>
        call('getAllStates', () => new Map(this.domains.map(({ uuid, state }) => [uuid, { state, reason: 0 }]))),
      create: ({ uuid }, flags) =>
        call(`create ${flags}`, () => {
          const domain = find(uuid);
          if (this.createFails !== null) throw this.createFails;
          if (this.startedByOther === domain) domain.state = 'running';
          if (domain.state !== 'shutoff') throw daemonError(ErrorCode.OPERATION_INVALID, 'domain is already running');
          domain.state = 'running';
          domain.startedWith = domain.xml;
          return domain;
        }),
      destroy: ({ uuid }) =>
        call('destroy', () => {
          const domain = find(uuid);
          if (domain.state === 'shutoff') throw daemonError(ErrorCode.OPERATION_INVALID, 'domain is not running');
          domain.state = 'shutoff';
        }),
      shutdown: ({ uuid }) =>
        call('shutdown', () => {
          if (this.acpi) find(uuid).state = 'shutoff';
        }),
      injectNmi: ({ uuid }) => call('injectNmi', () => void find(uuid)),
      getXml: ({ uuid }, flags) => call(`getXml ${flags}`, () => find(uuid).xml),
      defineXml: (xml) =>
        call('defineXml', () => {
          const name = /<name>(.*)<\/name>/.exec(xml)?.[1];
          const domain = this.domains.find((candidate) => candidate.name === name);
          if (domain === undefined) throw daemonError(ErrorCode.NO_DOMAIN, 'Domain not found');
          domain.xml = xml;
          this.emit(domain, 'defined', 1);
          return domain;
        }),
      subscribeDomainLifecycle: (listener) =>
        call('subscribe', () => {
          line.listeners.add(listener);
          return async () => undefined;
        }),
    };
  }
}

type Lifecycle = Extract<DomainEvent, { kind: 'lifecycle' }>;

function daemonError(code: number, message: string): LibvirtError {
  return new LibvirtError(message, { code, domain: ErrorDomain.QEMU });
}

const MAC = '52:54:00:CC:00:01';
const OTHER_MAC = '52:54:00:cc:00:02';

function setup(times = TIMES) {
  const hypervisor = new FakeHypervisor();
  const family = makeLibvirtFamily(hypervisor.connect, silentLog, times);
  const power = family.implementations.power?.['staging-libvirt'];
  const management = family.implementations.management?.['staging-libvirt'];
  assert.ok(power && management);
  const task = (values: Partial<NodeRecord> = {}, macs: readonly string[] = [MAC], signal?: AbortSignal) =>
    makeTask(makeNode({ driver: 'staging-libvirt', ...values }), { macs, ...(signal === undefined ? {} : { signal }) });
  return { hypervisor, power, management, task };
}

test('a machine is found by the MAC address of a port, whatever its notation', async () => {
  const { hypervisor, power, task } = setup();
  hypervisor.add('other', [OTHER_MAC], 'running');
  hypervisor.add('vm', ['52:54:00:cc:00:01']);
  assert.equal(await power.getPowerState(task()), 'power off');
  assert.equal(await power.getPowerState(task({}, ['525400CC0002'])), 'power on');
});

test('a node without a port is told what to add', async () => {
  const { power, management, task } = setup();
  const without = task({}, []);
  for (const call of [() => power.validate(without), () => management.validate(without)]) {
    assert.throws(call, (error) => error instanceof MissingParameterValue && /Create a port/.test(error.message));
  }
  await assert.rejects(power.getPowerState(without), /does not have any ports associated with it/);
});

test('validation connects to nothing', async () => {
  const { hypervisor, power, task } = setup();
  await power.validate(task());
  assert.equal(hypervisor.attempts, 0);
  assert.throws(() => power.validate(task({ driver_info: { libvirt_uri: 'nonsense' } })), InvalidParameterValue);
});

test('a machine that is not there is an error naming the node, its addresses, the hypervisor and how many it has', async () => {
  const { hypervisor, power, task } = setup();
  hypervisor.add('other', [OTHER_MAC]);
  const one = task({ driver_info: { libvirt_uri: 'qemu+tcp://hv1/system' } });
  await assert.rejects(power.getPowerState(one), (error) => {
    assert.ok(error instanceof InvalidParameterValue);
    for (const part of [one.node.uuid, '52:54:00:cc:00:01', 'qemu+tcp://hv1/system', 'none of the 1 domains']) {
      assert.ok(error.message.includes(part), part);
    }
    return true;
  });
});

test('two domains with the same address are an error naming both', async () => {
  const { hypervisor, power, task } = setup();
  const domains = [hypervisor.add('left', [MAC]), hypervisor.add('right', [OTHER_MAC, MAC])];
  for (const reading of [power.getPowerState(task()), bulkError(power.getPowerStates?.([task()]))]) {
    await assert.rejects(reading, (error) => {
      assert.ok(error instanceof InvalidParameterValue);
      for (const { name, uuid } of domains) assert.ok(error.message.includes(`${name} (${uuid})`), name);
      return true;
    });
  }
});

async function bulkError(results: Promise<Map<string, unknown>> | undefined): Promise<void> {
  for (const result of (await results)?.values() ?? []) if (result instanceof Error) throw result;
}

test('power on, off and reboot are reached and are no work when they already are', async () => {
  const { hypervisor, power, task } = setup();
  const vm = hypervisor.add('vm', [MAC]);
  const one = task();
  await power.setPowerState(one, 'power on', null);
  assert.equal(vm.state, 'running');
  await power.setPowerState(one, 'power on', null);
  assert.deepEqual(
    hypervisor.calls.filter((call) => call.startsWith('create')),
    [`create ${CreateFlag.FORCE_BOOT}`],
  );
  await power.reboot(one, null);
  assert.equal(vm.state, 'running');
  assert.equal(hypervisor.calls.filter((call) => call === 'destroy').length, 1);
  await power.setPowerState(one, 'power off', null);
  await power.setPowerState(one, 'power off', null);
  assert.equal(vm.state, 'shutoff');
  await power.reboot(one, null);
  assert.equal(vm.state, 'running', 'a reboot switches a machine that is off on');
});

test('a soft power off waits for the guest and fails when it does not follow in time', async () => {
  const { hypervisor, power, task } = setup();
  const vm = hypervisor.add('vm', [MAC], 'running');
  await power.setPowerState(task(), 'soft power off', 10);
  assert.equal(vm.state, 'shutoff');
  await power.setPowerState(task(), 'soft rebooting', 10);
  assert.equal(vm.state, 'running');
  hypervisor.acpi = false;
  await assert.rejects(power.setPowerState(task(), 'soft power off', 0.05), (error) => {
    assert.ok(error instanceof PowerStateFailure);
    assert.match(error.message, /vm did not power off within 0.05 s/);
    return true;
  });
});

test('a soft power off ends when the work is given up', async () => {
  const { hypervisor, power, task } = setup();
  hypervisor.add('vm', [MAC], 'running');
  hypervisor.acpi = false;
  const controller = new AbortController();
  const waiting = power.setPowerState(task({}, [MAC], controller.signal), 'soft power off', 600);
  setTimeout(() => controller.abort(), 20);
  await assert.rejects(waiting, { name: 'AbortError' });
});

test('all targets are supported', () => {
  const { power, task } = setup();
  assert.equal(power.supportedPowerStates(task()).length, 5);
});

test('an error of the daemon names the node, the URI and the operation, never the password', async () => {
  const { hypervisor, power, task } = setup();
  hypervisor.add('vm', [MAC]);
  hypervisor.createFails = daemonError(ErrorCode.SYSTEM_ERROR, 'Cannot access storage file');
  const driver_info = { libvirt_uri: 'qemu+tcp://hv1/system', sasl_username: 'fred', sasl_password: 'hunter2' };
  const one = task({ driver_info });
  await assert.rejects(power.setPowerState(one, 'power on', null), (error) => {
    assert.ok(error instanceof HardwareError);
    assert.equal(
      error.message,
      `Node ${one.node.uuid}: changing the power to 'power on' through qemu+tcp://hv1/system failed: Cannot access storage file`,
    );
    return true;
  });
});

test('hypervisor drivers that know no save images start machines all the same', async () => {
  const { hypervisor, power, task } = setup();
  const vm = hypervisor.add('vm', [MAC]);
  hypervisor.createFails = daemonError(ErrorCode.INVALID_ARG, 'unsupported flags (0x8)');
  const started = power.setPowerState(task(), 'power on', null);
  await assert.rejects(started, /unsupported flags/);
  assert.deepEqual(
    hypervisor.calls.filter((call) => call.startsWith('create')),
    ['create 8', 'create 0'],
  );
  assert.equal(vm.state, 'shutoff');
});

test('a refusal to start counts only when the machine is not on after all', async () => {
  const { hypervisor, power, task } = setup();
  const vm = hypervisor.add('vm', [MAC]);
  hypervisor.createFails = daemonError(ErrorCode.OPERATION_INVALID, 'domain is already running');
  await assert.rejects(power.setPowerState(task(), 'power on', null), /already running/);
  hypervisor.createFails = null;
  hypervisor.startedByOther = vm;
  await power.setPowerState(task(), 'power on', null);
  assert.equal(vm.state, 'running');
});

test('all nodes of a hypervisor share one connection, made once for all who wait', async () => {
  const { hypervisor, power, task } = setup();
  const macs = Array.from({ length: 50 }, (_, index) => `52:54:00:00:01:${index.toString(16).padStart(2, '0')}`);
  for (const mac of macs) hypervisor.add(`vm-${mac}`, [mac]);
  await Promise.all(macs.map((mac) => power.getPowerState(task({}, [mac]))));
  assert.equal(hypervisor.attempts, 1);
});

test('many states are read in one round trip once the domains are known, and in two before', async () => {
  const { hypervisor, power, task } = setup();
  const tasks = ['00', '01', '02'].map((last) => {
    hypervisor.add(`vm-${last}`, [`52:54:00:00:02:${last}`], last === '01' ? 'paused' : 'shutoff');
    return task({}, [`52:54:00:00:02:${last}`]);
  });
  const read = async () => [...((await power.getPowerStates?.(tasks))?.values() ?? [])];
  assert.deepEqual(await read(), ['power off', 'power on', 'power off']);
  assert.deepEqual(hypervisor.calls, ['subscribe', 'getAllStates', 'findByMac']);
  hypervisor.calls.length = 0;
  assert.deepEqual(await read(), ['power off', 'power on', 'power off']);
  assert.deepEqual(hypervisor.calls, ['getAllStates']);
});

test('a bulk reading gives each node its own failure', async () => {
  const { hypervisor, power, task } = setup();
  hypervisor.add('vm', [MAC]);
  const good = task();
  const portless = task({}, []);
  const missing = task({}, [OTHER_MAC]);
  const bad = task({ driver_info: { libvirt_uri: 'nonsense' } });
  const results = await power.getPowerStates?.([good, portless, missing, bad]);
  assert.equal(results?.get(good.node.uuid), 'power off');
  assert.ok(results?.get(portless.node.uuid) instanceof MissingParameterValue);
  assert.ok(results?.get(missing.node.uuid) instanceof InvalidParameterValue);
  assert.ok(results?.get(bad.node.uuid) instanceof InvalidParameterValue);
});

test('a bulk reading of a hypervisor that is down tells it of every node', async () => {
  const { hypervisor, power, task } = setup();
  hypervisor.refuse = new LibvirtConnectionError('connection refused');
  const tasks = [task(), task({}, [OTHER_MAC])];
  const results = await power.getPowerStates?.(tasks);
  for (const { node } of tasks) {
    const result = results?.get(node.uuid);
    assert.ok(result instanceof HardwareError);
    assert.match(result.message, new RegExp(`Node ${node.uuid}: reading the power state .* connection refused`));
  }
});

test('a connection that breaks under an operation is made again and the operation repeated', async () => {
  const { hypervisor, power, task } = setup();
  const vm = hypervisor.add('vm', [MAC]);
  for (const after of [false, true]) {
    vm.state = 'shutoff';
    hypervisor.breakAt = { call: 'create 8', after };
    await power.setPowerState(task(), 'power on', null);
    assert.equal(vm.state, 'running');
  }
  hypervisor.breakConnections();
  assert.equal(await power.getPowerState(task()), 'power on');
});

test('a hypervisor that refuses connections is tried a few times, then left alone for a while', async () => {
  const { hypervisor, power, task } = setup({ ...TIMES, holdOff: [3_600_000] });
  hypervisor.refuse = new LibvirtConnectionError('connection refused');
  await assert.rejects(power.getPowerState(task()), /connection refused$/);
  assert.equal(hypervisor.attempts, 3);
  await assert.rejects(
    power.getPowerState(task()),
    /connection refused \(tried \d+ s ago; the next attempt is made in \d+ s\)/,
  );
  assert.equal(hypervisor.attempts, 3);
});

test('a hypervisor that comes back is used again', async () => {
  const { hypervisor, power, task } = setup({ ...TIMES, holdOff: [0] });
  hypervisor.add('vm', [MAC]);
  hypervisor.refuse = new LibvirtConnectionError('connection refused');
  await assert.rejects(power.getPowerState(task()));
  hypervisor.refuse = null;
  assert.equal(await power.getPowerState(task()), 'power off');
});

test('wrong credentials are not tried again at once', async () => {
  const { hypervisor, power, task } = setup();
  hypervisor.refuse = new LibvirtAuthError('authentication failed');
  await assert.rejects(power.getPowerState(task()), /authentication failed/);
  assert.equal(hypervisor.attempts, 1);
});

test('a connection attempt has a bound, and a caller who gives up does not wait for it', async () => {
  const stuck: Connect = (_uri, { signal }) =>
    new Promise((_resolve, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason));
    });
  const family = makeLibvirtFamily(stuck, silentLog, { ...TIMES, connect: 30 });
  const power = family.implementations.power?.['staging-libvirt'];
  const node = makeNode();
  const controller = new AbortController();
  const givenUp = power?.getPowerState(makeTask(node, { macs: [MAC], signal: controller.signal }));
  const patient = power?.getPowerState(makeTask(node, { macs: [MAC] }));
  controller.abort();
  await assert.rejects(async () => givenUp, { name: 'AbortError' });
  await assert.rejects(async () => patient, /connecting to the hypervisor did not finish within 30 ms/);
});

test('a change of power that a hypervisor tells of reaches those who watch, for nodes seen before', async () => {
  const { hypervisor, power, task } = setup();
  const vm = hypervisor.add('vm', [MAC]);
  const heard: string[] = [];
  const stopBad = power.watchPowerStates?.(() => {
    throw new Error('a bug of the listener');
  });
  const stop = power.watchPowerStates?.((node, state) => heard.push(`${node} ${state}`));
  const one = task();
  hypervisor.emit(vm, 'started');
  await power.getPowerState(one);
  hypervisor.emit(vm, 'started');
  hypervisor.emit(vm, 'resumed');
  hypervisor.emit(vm, 'stopped', 3);
  hypervisor.emit(vm, 'stopped', 1);
  stop?.();
  stopBad?.();
  hypervisor.emit(vm, 'started');
  assert.deepEqual(heard, [`${one.node.uuid} power on`, `${one.node.uuid} power off`]);
});

test('a boot device set for good stays, and reads back', async () => {
  const { hypervisor, management, power, task } = setup();
  const vm = hypervisor.add('vm', [MAC]);
  const one = task();
  assert.deepEqual([...management.supportedBootDevices(one)].sort(), ['cdrom', 'disk', 'pxe']);
  assert.deepEqual(await management.getBootDevice(one), { boot_device: 'disk', persistent: true });
  await management.setBootDevice(one, 'pxe', true);
  assert.match(vm.xml, /<boot dev='network'\/><boot dev='hd'\/>/);
  await power.reboot(one, null);
  assert.deepEqual(await management.getBootDevice(one), { boot_device: 'pxe', persistent: true });
  assert.deepEqual(one.node.driver_internal_info, {});
  assert.ok(hypervisor.calls.every((call) => !call.startsWith('getXml') || call === 'getXml 3'));
});

test('a boot device set once is used by the next start only', async () => {
  const { hypervisor, management, power, task } = setup();
  const vm = hypervisor.add('vm', [MAC], 'running');
  const before = vm.xml;
  const one = task();
  await management.setBootDevice(one, 'pxe', false);
  assert.deepEqual(await management.getBootDevice(one), { boot_device: 'pxe', persistent: false });
  await power.reboot(one, null);
  assert.match(vm.startedWith ?? '', /<boot dev='network'\/><boot dev='hd'\/>/);
  assert.equal(vm.xml, before);
  assert.deepEqual(one.node.driver_internal_info, {});
  assert.deepEqual(await management.getBootDevice(one), { boot_device: 'disk', persistent: true });
});

test('setting boot devices again before the start remembers the lasting order', async () => {
  const { hypervisor, management, power, task } = setup();
  const vm = hypervisor.add('vm', [MAC]);
  const before = vm.xml;
  const one = task();
  await management.setBootDevice(one, 'pxe', false);
  await management.setBootDevice(one, 'cdrom', false);
  assert.match(vm.xml, /<boot dev='cdrom'\/><boot dev='hd'\/>/);
  await power.setPowerState(one, 'power on', null);
  assert.equal(vm.xml, before);
  await management.setBootDevice(one, 'pxe', false);
  await management.setBootDevice(one, 'disk', true);
  assert.equal(vm.xml, before);
  assert.deepEqual(one.node.driver_internal_info, {});
});

test('a boot order somebody changed meanwhile is left as it is', async () => {
  const { hypervisor, management, power, task } = setup();
  const vm = hypervisor.add('vm', [MAC]);
  const one = task();
  await management.setBootDevice(one, 'pxe', false);
  vm.xml = vm.xml.replace(/<boot .*\/>(?=<\/os>)/, "<boot dev='cdrom'/>");
  assert.deepEqual(await management.getBootDevice(one), { boot_device: 'cdrom', persistent: true });
  await power.setPowerState(one, 'power on', null);
  assert.match(vm.xml, /<os><type>hvm<\/type><boot dev='cdrom'\/><\/os>/);
});

test('the lasting order comes back even when the connection breaks at the start', async () => {
  const { hypervisor, management, power, task } = setup();
  const vm = hypervisor.add('vm', [MAC]);
  const before = vm.xml;
  for (const call of ['create 8', 'defineXml']) {
    vm.state = 'shutoff';
    const one = task();
    await management.setBootDevice(one, 'pxe', false);
    hypervisor.breakAt = { call, after: true };
    await power.setPowerState(one, 'power on', null);
    assert.equal(vm.xml, before, call);
  }
});

test('an unknown boot device is refused before anything is asked of the hypervisor', async () => {
  const { hypervisor, management, task } = setup();
  await assert.rejects(
    management.setBootDevice(task(), 'floppy', false),
    new InvalidParameterValue('Invalid boot device floppy specified.'),
  );
  assert.equal(hypervisor.attempts, 0);
});

test('NMI, MAC addresses and the vendor come from the machine', async () => {
  const { hypervisor, management, task } = setup();
  const vm = hypervisor.add('vm', ['52:54:00:cc:00:01', OTHER_MAC]);
  await management.injectNmi?.(task());
  assert.ok(hypervisor.calls.includes('injectNmi'));
  assert.deepEqual(await management.getMacAddresses?.(task()), ['52:54:00:cc:00:01', OTHER_MAC]);
  assert.equal(await management.detectVendor?.(task()), null);
  vm.xml = vm.xml.replace(
    '<os>',
    "<sysinfo type='smbios'><system><entry name='manufacturer'>Dell Inc.</entry></system></sysinfo><os>",
  );
  assert.equal(await management.detectVendor?.(task()), 'dell inc.');
});

test('a domain whose XML makes no sense is an error of the device', async () => {
  const { hypervisor, management, task } = setup();
  const vm = hypervisor.add('vm', [MAC]);
  vm.xml += '<extra>';
  await assert.rejects(management.getBootDevice(task()), HardwareError);
});

test('a machine that moved to another domain is found again', async () => {
  const { hypervisor, power, task } = setup();
  const vm = hypervisor.add('vm', [MAC]);
  const one = task();
  await power.getPowerState(one);
  hypervisor.domains.splice(hypervisor.domains.indexOf(vm), 1);
  hypervisor.add('vm', [MAC], 'running');
  assert.equal(await power.getPowerState(one), 'power on');
  hypervisor.domains.length = 0;
  hypervisor.add('vm', [MAC], 'shutoff');
  assert.deepEqual([...((await power.getPowerStates?.([one]))?.values() ?? [])], ['power off']);
});

test('closing ends the connections, and an idle one is closed by itself', async () => {
  const { hypervisor, power, task } = setup();
  hypervisor.add('vm', [MAC]);
  await power.getPowerState(task());
  await power.close?.();
  assert.ok(hypervisor.connections[0]?.closed);

  const idle = setup({ ...TIMES, idle: 5 });
  idle.hypervisor.add('vm', [MAC]);
  await idle.power.getPowerState(idle.task());
  while (idle.hypervisor.connections[0]?.closed !== true) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(await idle.power.getPowerState(idle.task()), 'power off', 'and made again');
  await idle.power.close?.();
});

test('the hardware type takes its own power and management, the classic name the same with fake deploys', () => {
  const config = defaultConfig();
  const registry = new HardwareRegistry(makeFamilies({ config, log: silentLog }), config);
  const defaults = registry.defaultInterfaces('staging-libvirt');
  assert.equal(defaults.power, 'staging-libvirt');
  assert.equal(defaults.management, 'staging-libvirt');
  assert.equal(defaults.raid, 'no-raid');
  const classic = registry.compose(makeNode({ driver: 'fake_libvirt_fake' }));
  const dynamic = registry.compose(makeNode({ driver: 'staging-libvirt' }));
  assert.equal(classic.power, dynamic.power);
  assert.equal(classic.management, dynamic.management);
  assert.equal(classic.deploy, registry.compose(makeNode()).deploy);
  assert.equal(registry.isAbsent('fake_libvirt_fake', 'boot'), true);
  assert.deepEqual(Object.keys(registry.properties('staging-libvirt')), [
    'libvirt_uri',
    'sasl_username',
    'sasl_password',
    'ssh_key_filename',
  ]);
});

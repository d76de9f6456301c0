// SPDX-License-Identifier: Apache-2.0

/** A conductor over an in-memory database and a scriptable machine, for the tests of the conductor. */

import { setTimeout as sleep } from 'node:timers/promises';
import type { RequestContext } from '../src/conductor/commands.ts';
import { type ConductorService, createConductor } from '../src/conductor/index.ts';
import { type Config, defaultConfig } from '../src/config/index.ts';
import { HardwareRegistry } from '../src/hardware/composition.ts';
import type {
  HardwareFamily,
  Logger,
  PowerInterface,
  PowerReading,
  StepDeclaration,
} from '../src/hardware/contracts.ts';
import { FAMILIES } from '../src/hardware/families.ts';
import { decodeRow } from '../src/model/columns.ts';
import type { NodeRecord, NodeRow } from '../src/model/resources.ts';
import { INTERFACE_TYPES, nodeColumns } from '../src/model/resources.ts';
import { openStore } from '../src/store/open.ts';
import type { Store } from '../src/store/store.ts';

export const CONTEXT: RequestContext = { requestId: 'req-test', user: 'tester', project: 'tests', minor: 115 };

type Overrides = Parameters<typeof defaultConfig>[0];

/** Log lines, kept for failures. */
interface TestLog extends Logger {
  readonly lines: { level: string; message: string; fields: object }[];
}

function testLog(lines: TestLog['lines'] = []): TestLog {
  const write = (level: string) => (fields: object, message: string) => {
    lines.push({ level, message, fields });
  };
  return {
    lines,
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: () => testLog(lines),
  };
}

/**
 * What the machine of the `scripted` hardware type does: methods by name, called with the task; `calls` holds what was
 * called, as `interface.method`. A method that is not set succeeds.
 */
interface Script {
  readonly calls: string[];
  readonly on: Record<string, (...args: never[]) => unknown>;
  power: PowerReading;
  steps: Partial<Record<'deploy' | 'raid' | 'management' | 'bios', StepDeclaration[]>>;
}

function makeScript(): Script {
  return {
    calls: [],
    on: {},
    power: 'power off',
    steps: { deploy: [{ step: 'deploy', kinds: ['deploy'], priority: 100, run: async () => undefined }] },
  };
}

/** A hardware type whose every interface is answered by `script`. */
function scriptedFamily(script: Script): HardwareFamily {
  const call =
    (name: string, fallback: (...args: never[]) => unknown = () => undefined) =>
    async (...args: never[]) => {
      script.calls.push(name);
      return await (script.on[name] ?? fallback)(...args);
    };
  const validated = (type: string) => ({ validate: call(`${type}.validate`) as () => Promise<void> });
  const implementations = {
    power: {
      ...validated('power'),
      supportedPowerStates: () => ['power on', 'power off', 'rebooting', 'soft rebooting', 'soft power off'],
      getPowerState: call('power.getPowerState', () => script.power),
      setPowerState: call('power.setPowerState', ((_task: unknown, target: string) => {
        script.power = target.endsWith('off') ? 'power off' : 'power on';
      }) as never),
      reboot: call('power.reboot', () => {
        script.power = 'power on';
      }),
      supportsPowerSync: () => script.on['power.supportsPowerSync']?.() !== false,
    },
    management: {
      ...validated('management'),
      supportedBootDevices: () => ['pxe', 'disk'],
      setBootDevice: call('management.setBootDevice'),
      getBootDevice: call('management.getBootDevice', () => ({ boot_device: 'pxe', persistent: false })),
      setBootMode: call('management.setBootMode'),
      setSecureBoot: call('management.setSecureBoot'),
    },
    boot: {
      ...validated('boot'),
      capabilities: [],
      prepareRamdisk: call('boot.prepareRamdisk'),
      cleanUpRamdisk: call('boot.cleanUpRamdisk'),
      prepareInstance: call('boot.prepareInstance'),
      cleanUpInstance: call('boot.cleanUpInstance'),
    },
    deploy: {
      ...validated('deploy'),
      prepare: call('deploy.prepare'),
      cleanUp: call('deploy.cleanUp'),
      tearDown: call('deploy.tearDown'),
      takeOver: call('deploy.takeOver'),
      prepareCleaning: call('deploy.prepareCleaning'),
      tearDownCleaning: call('deploy.tearDownCleaning'),
      prepareService: call('deploy.prepareService'),
      tearDownService: call('deploy.tearDownService'),
    },
    inspect: {
      ...validated('inspect'),
      inspectHardware: call('inspect.inspectHardware'),
      abort: call('inspect.abort'),
    },
    rescue: {
      ...validated('rescue'),
      rescue: call('rescue.rescue'),
      unrescue: call('rescue.unrescue'),
      cleanUp: call('rescue.cleanUp'),
    },
    network: {
      ...validated('network'),
      listVifs: call('network.listVifs', () => []),
      attachVif: call('network.attachVif'),
      detachVif: call('network.detachVif'),
    },
    console: {
      ...validated('console'),
      startConsole: call('console.startConsole'),
      stopConsole: call('console.stopConsole'),
      getConsole: call('console.getConsole', () => ({ type: 'socat', url: 'tcp://127.0.0.1:1' })),
    },
    raid: { ...validated('raid'), validateRaidConfig: () => undefined, logicalDiskProperties: {} },
    bios: { ...validated('bios') },
  };
  for (const type of ['deploy', 'raid', 'management', 'bios'] as const) {
    Object.defineProperty(implementations[type], 'steps', { get: () => script.steps[type] ?? [] });
  }
  return {
    hardwareTypes: [
      {
        name: 'scripted',
        classic: false,
        supported: Object.fromEntries(
          INTERFACE_TYPES.map((type) => [
            type,
            type in implementations ? ['scripted'] : type === 'storage' ? ['noop'] : [`no-${type}`],
          ]),
        ) as unknown as HardwareFamily['hardwareTypes'][number]['supported'],
      },
    ],
    implementations: Object.fromEntries(
      Object.entries(implementations).map(([type, implementation]) => [type, { scripted: implementation }]),
    ) as unknown as HardwareFamily['implementations'],
  };
}

/** A conductor under test with what it works on. */
export interface Bench {
  readonly conductor: ConductorService;
  readonly store: Store;
  readonly config: Config;
  readonly script: Script;
  readonly log: TestLog;
  /** The scripted power interface. */
  readonly power: PowerInterface;
  node(uuid: string): Promise<NodeRecord>;
  /** A stored node in a state of one's choice, on the scripted hardware. */
  insert(values?: Partial<NodeRecord>): Promise<NodeRow>;
  /** Waits until the node is not locked and in a state that lasts. */
  settled(uuid: string): Promise<NodeRecord>;
  verb(uuid: string, target: string, more?: object): Promise<void>;
  /** Another conductor on the same database, as after a restart. */
  restart(host?: string): Promise<ConductorService>;
  [Symbol.asyncDispose](): Promise<void>;
}

const QUICK: Overrides = {
  conductor: {
    node_locked_retry_interval: 0.01,
    sync_power_state_interval: 0,
    power_failure_recovery_interval: 0,
    check_provision_state_interval: 0,
  },
};

/**
 * Makes a conductor that is started unless `start` is false. Options override those that keep tests quick; a given `store` is
 * left open, and `script` may be shared by several benches.
 */
export async function makeBench(
  options: { config?: Overrides; start?: boolean; host?: string; store?: Store; script?: Script } = {},
): Promise<Bench> {
  const config = defaultConfig({
    ...options.config,
    conductor: { ...QUICK?.conductor, ...options.config?.conductor },
  });
  const store = options.store ?? (await openStore('sqlite://'));
  const script = options.script ?? makeScript();
  const log = testLog();
  const scripted = scriptedFamily(script);
  const power = scripted.implementations.power?.scripted;
  if (power === undefined) throw new Error('the scripted hardware has no power');
  const families = () => [...FAMILIES.map((family) => family({ config, log })), scripted];
  const conductors: ConductorService[] = [];
  const make = (host: string) => {
    const hardware = new HardwareRegistry(families(), config);
    const conductor = createConductor({ config, store, hardware, log, host });
    conductors.push(conductor);
    return conductor;
  };
  const conductor = make(options.host ?? 'host-1');
  if (options.start !== false) await conductor.start();
  const node = async (uuid: string) => {
    const row = await store.nodes.find('uuid', uuid);
    if (row === undefined) throw new Error(`no node ${uuid}`);
    return decodeRow(nodeColumns, row) as NodeRecord;
  };
  return {
    conductor,
    store,
    config,
    script,
    log,
    power,
    node,
    insert: async (values = {}) => {
      const interfaces = Object.fromEntries(INTERFACE_TYPES.map((type) => [`${type}_interface`, null]));
      return await store.nodes.insert({ driver: 'scripted', ...interfaces, ...values });
    },
    settled: async (uuid) => {
      for (let tries = 0; tries < 2000; tries += 1) {
        const record = await node(uuid);
        if (record.reservation === null && !/ing$/.test(record.provision_state)) return record;
        await sleep(2);
      }
      throw new Error(`node ${uuid} does not settle: ${JSON.stringify(await node(uuid))}`);
    },
    verb: (uuid, target, more = {}) => conductor.provision(CONTEXT, uuid, { target, ...more }),
    restart: async (host = 'host-1') => {
      const next = make(host);
      await next.start();
      return next;
    },
    async [Symbol.asyncDispose]() {
      for (const one of conductors) await one.stop(2000);
      if (options.store === undefined) await store.close();
    },
  };
}

/** A promise one can settle from outside. */
export function gate<T = void>(): { promise: Promise<T>; open: (value: T) => void } {
  let open: (value: T) => void = () => undefined;
  const promise = new Promise<T>((resolve) => {
    open = resolve;
  });
  return { promise, open };
}

// SPDX-License-Identifier: Apache-2.0

import { setMaxListeners } from 'node:events';
import type { Config } from '../config/index.ts';
import { DriverNotFound } from '../errors.ts';
import { type HardwareRegistry, VALIDATED_INTERFACES } from '../hardware/composition.ts';
import type { Logger } from '../hardware/contracts.ts';
import type { Store } from '../store/store.ts';
import * as allocations from './allocations.ts';
import type { Conductor, DriverDescription } from './commands.ts';
import * as consoles from './console.ts';
import type { Core } from './core.ts';
import { purgeHistory } from './history.ts';
import * as management from './management.ts';
import { Membership } from './membership.ts';
import type { MetricsRegister } from './metrics.ts';
import * as nodes from './nodes.ts';
import { type PeriodicJob, PeriodicJobs } from './periodic.ts';
import * as ports from './ports.ts';
import { changePower } from './power.ts';
import { recoverFromPowerFailure } from './power-recovery.ts';
import { PowerSync } from './power-sync.ts';
import { provision } from './provision.ts';
import {
  disownWork,
  failAbandoned,
  releaseLocks,
  releaseLostLocks,
  restartReasons,
  TAKEOVER_REASONS,
  takeOverActive,
  takeUpWork,
} from './recovery.ts';
import { ConductorStatistics } from './statistics.ts';
import { withShared } from './task.ts';
import { failSilentNodes, timeoutWorkflow } from './timeouts.ts';
import { validateNode } from './validate.ts';
import * as vendor from './vendor.ts';
import * as volumes from './volumes.ts';
import { WorkerPool } from './workers.ts';
import { Engine } from './workflows/engine.ts';
import { WORKFLOWS } from './workflows/index.ts';

/** What a conductor is made of. */
export interface ConductorParts {
  readonly config: Config;
  readonly store: Store;
  readonly hardware: HardwareRegistry;
  readonly log: Logger;
  /** Name of this process; it must stay the same across restarts, because locks are released by it. */
  readonly host: string;
}

/** The conductor with its life cycle. */
export interface ConductorService extends Conductor {
  /** Repairs what an earlier life left, announces this process, starts the periodic jobs. */
  start(): Promise<void>;
  /** Ends the jobs, lets running work end within `timeoutMs`, aborts the rest (it is resumed at the next start). */
  stop(timeoutMs: number): Promise<void>;
  /** Adds the conductor's gauges to a prom-client registry; they are computed when it is scraped. */
  registerMetrics(register: MetricsRegister): Promise<void>;
  /** Goes on with a node that waits for a call-back. False when it does not wait (any more). */
  continueNode: Engine['continueNode'];
  /** The periodic jobs by name, for running one at once (tests, operators). */
  runJob(name: string): Promise<void>;
}

const STATES_OF_MAIN_CHECK = ['wait call-back', 'clean wait', 'service wait', 'inspect wait'];

/** Makes a conductor; nothing runs until `start`. */
export function createConductor(parts: ConductorParts): ConductorService {
  const { config, store, hardware, host } = parts;
  const abort = new AbortController();
  setMaxListeners(0, abort.signal);
  const drivers = hardware.drivers();
  const core: Core = {
    config,
    store,
    hardware,
    host,
    log: parts.log.child({ component: 'conductor' }),
    workers: new WorkerPool(config.conductor.workers_pool_size, config.conductor.reserved_workers_pool_percentage),
    signal: abort.signal,
    members: new Membership(
      store,
      config,
      host,
      drivers.map((driver) => driver.name),
    ),
    statistics: new ConductorStatistics(),
    held: new Map(),
  };
  const engine = new Engine(core, [...WORKFLOWS, timeoutWorkflow]);
  const powerSync = new PowerSync(core);
  const periodic = new PeriodicJobs(core);
  const jobs = periodicJobs(core, engine, powerSync);
  let background: Promise<unknown> = Promise.resolve();

  async function start(): Promise<void> {
    const reasons = restartReasons(core);
    const mine = host.toLowerCase();
    const released = await releaseLocks(core, (holder) => holder.toLowerCase() === mine, reasons);
    await disownWork(core);
    if (await core.members.register()) {
      core.log.warn({}, `A conductor named ${host} is registered as online already; its place is taken over`);
    }
    const failed = await failAbandoned(core, engine, reasons);
    if (released + failed > 0) core.log.warn({ released, failed }, 'Repaired what an earlier life of the process left');
    background = takeUpWork(core, engine, reasons)
      .then(() => consoles.restartConsoles(core))
      .then(() => allocations.resumeAllocations(core))
      .catch((error: unknown) => {
        if (!core.signal.aborted) core.log.error({ err: error }, 'Interrupted work could not be taken up');
      });
    powerSync.watch();
    periodic.start(jobs);
  }

  async function stop(timeoutMs: number): Promise<void> {
    powerSync.unwatch();
    const stopped = periodic.stop();
    if (!(await core.workers.drain(timeoutMs))) {
      core.log.warn({ workers: core.workers.busy }, 'Work still runs at shutdown; it is taken up at the next start');
    }
    abort.abort(new Error('the service is shutting down'));
    await core.workers.drain(5000);
    await Promise.all([stopped, background, powerSync.settle()]);
    await core.members.deregister();
  }

  return {
    host,
    start,
    stop,
    registerMetrics: async (register) => (await import('./metrics.ts')).registerConductorMetrics(core, register),
    continueNode: (...args) => engine.continueNode(...args),
    runJob: async (name) => {
      await jobs.find((job) => job.name === name)?.run();
    },

    createNode: (context, values) => nodes.createNode(core, context, values),
    updateNode: (context, node, edit) => nodes.updateNode(core, context, node, edit),
    destroyNode: (context, node) => nodes.destroyNode(core, context, node),
    setMaintenance: (_context, node, maintenance, reason) => nodes.setMaintenance(core, node, maintenance, reason),
    setTraits: (_context, node, change) => nodes.setTraits(core, node, change),

    changePower: (context, node, target, timeout) => changePower(core, context, node, target, timeout),
    provision: (context, node, request) => provision(core, engine, context, node, request),
    validate: (context, node) =>
      withShared(core, node, context, (task) => validateNode(core, task, VALIDATED_INTERFACES)),

    supportedBootDevices: (context, node) => management.supportedBootDevices(core, context, node),
    getBootDevice: (context, node) => management.getBootDevice(core, context, node),
    setBootDevice: (context, node, device, persistent) =>
      management.setBootDevice(core, context, node, device, persistent),
    setBootMode: (context, node, mode) => management.setBootMode(core, context, node, mode),
    setSecureBoot: (context, node, enabled) => management.setSecureBoot(core, context, node, enabled),
    injectNmi: (context, node) => management.injectNmi(core, context, node),
    listIndicators: (context, node, component) => management.listIndicators(core, context, node, component),
    getIndicator: (context, node, component, indicator) =>
      management.getIndicator(core, context, node, component, indicator),
    setIndicator: (context, node, component, indicator, state) =>
      management.setIndicator(core, context, node, component, indicator, state),
    getVirtualMedia: (context, node) => management.getVirtualMedia(core, context, node),
    attachVirtualMedia: (context, node, device, imageUrl, source) =>
      management.attachVirtualMedia(core, context, node, { device, imageUrl, source }),
    detachVirtualMedia: (context, node, devices) => management.detachVirtualMedia(core, context, node, devices),
    setRaidConfig: (context, node, raid) => management.setRaidConfig(core, context, node, raid),
    getConsole: (context, node) => consoles.getConsole(core, context, node),
    setConsole: (context, node, enabled) => consoles.setConsole(core, context, node, enabled),
    listVifs: (context, node) => management.listVifs(core, context, node),
    attachVif: (context, node, vif) => management.attachVif(core, context, node, vif),
    detachVif: (context, node, id) => management.detachVif(core, context, node, id),

    nodeVendorMethods: (context, node) => vendor.nodeVendorMethods(core, context, node),
    callNodeVendor: (context, node, method, httpMethod, args) =>
      vendor.callNodeVendor(core, context, node, method, httpMethod, args),
    driverVendorMethods: (driver) => vendor.driverVendorMethods(core, driver),
    callDriverVendor: (_context, driver, method, httpMethod, args) =>
      vendor.callDriverVendor(core, driver, method, httpMethod, args),

    createPort: (_context, values) => ports.createPort(core, values),
    updatePort: (_context, port, edit) => ports.updatePort(core, port, edit),
    destroyPort: (_context, port) => ports.destroyPort(core, port),
    createPortgroup: (_context, values) => ports.createPortgroup(core, values),
    updatePortgroup: (_context, group, edit) => ports.updatePortgroup(core, group, edit),
    destroyPortgroup: (_context, group) => ports.destroyPortgroup(core, group),

    updateVolumeConnector: (_context, connector, edit) => volumes.updateVolumeConnector(core, connector, edit),
    destroyVolumeConnector: (_context, connector) => volumes.destroyVolumeConnector(core, connector),
    updateVolumeTarget: (_context, target, edit) => volumes.updateVolumeTarget(core, target, edit),
    destroyVolumeTarget: (_context, target) => volumes.destroyVolumeTarget(core, target),

    createAllocation: (_context, values) => allocations.createAllocation(core, values),
    backfillAllocation: (_context, node, values) => allocations.backfillAllocation(core, node, values),
    destroyAllocation: (_context, allocation) => allocations.destroyAllocation(core, allocation),

    drivers: () => describeDrivers(core, drivers),
    driverProperties: (driver) => hardware.properties(served(core, driver)),
    raidProperties: (driver) => hardware.raidProperties(served(core, driver)),
    conductors: () => core.members.list(),
    conductorOf: (node) => core.members.ownerOf(node),
  };
}

function served(core: Core, driver: string): string {
  if (!core.hardware.hasDriver(driver)) throw new DriverNotFound(driver);
  return driver;
}

function describeDrivers(core: Core, known: readonly Omit<DriverDescription, 'hosts'>[]): DriverDescription[] {
  const hosts = core.members.hostsByDriver();
  return known.map((driver) => ({ ...driver, hosts: hosts.get(driver.name) ?? [core.host] }));
}

function periodicJobs(core: Core, engine: Engine, powerSync: PowerSync): PeriodicJob[] {
  const { conductor } = core.config;
  return [
    {
      name: 'heartbeat',
      interval: conductor.heartbeat_interval,
      run: async () => {
        await engine.renewLeases();
        await core.members.heartbeat();
      },
    },
    {
      name: 'take-over',
      interval: conductor.check_provision_state_interval,
      run: async () => {
        await core.members.refresh();
        await releaseLostLocks(core, TAKEOVER_REASONS);
        await releaseLocks(core, (holder) => !core.members.isAlive(holder), TAKEOVER_REASONS);
        await takeUpWork(core, engine, TAKEOVER_REASONS);
        await failAbandoned(core, engine, TAKEOVER_REASONS);
      },
    },
    {
      name: 'check-provision-state',
      interval: conductor.check_provision_state_interval,
      run: () => failSilentNodes(core, engine, STATES_OF_MAIN_CHECK),
    },
    {
      name: 'check-rescue-state',
      interval: conductor.check_rescue_state_interval,
      run: () => failSilentNodes(core, engine, ['rescue wait']),
    },
    { name: 'take-over-active', interval: conductor.sync_local_state_interval, run: () => takeOverActive(core) },
    { name: 'power-sync', interval: conductor.sync_power_state_interval, run: () => powerSync.pass() },
    {
      name: 'power-failure-recovery',
      interval: conductor.power_failure_recovery_interval,
      run: () => recoverFromPowerFailure(core),
    },
    {
      name: 'orphan-allocations',
      interval: conductor.check_allocations_interval,
      run: () => allocations.takeOverAllocations(core),
    },
    { name: 'history-purge', interval: conductor.node_history_cleanup_interval, run: () => purgeHistory(core) },
    { name: 'conductor-cleanup', interval: conductor.conductor_cleanup_interval, run: () => core.members.forget() },
  ];
}

// SPDX-License-Identifier: Apache-2.0

/** Boot device, boot mode, NMI, indicators, virtual media, RAID configuration, VIFs: direct calls to a node's interfaces. */

import { Conflict, InvalidParameterValue, messageOf, NotFound, UnsupportedDriverExtension } from '../errors.ts';
import { requireInterface } from '../hardware/composition.ts';
import type {
  BootDevice,
  BootMode,
  IndicatorEntry,
  IndicatorState,
  ManagementInterface,
} from '../hardware/contracts.ts';
import type { JsonObject } from '../model/json.ts';
import { UNSTABLE_STATES } from '../model/states.ts';
import type { Core, Origin } from './core.ts';
import { LockLost } from './errors.ts';
import { reserveWorker } from './reserve-worker.ts';
import { NodeTask, withLock, withShared } from './task.ts';

type Components = Readonly<Record<string, Readonly<Record<string, IndicatorEntry>>>>;

export async function supportedBootDevices(core: Core, origin: Origin, uuid: string): Promise<readonly BootDevice[]> {
  return await withShared(core, uuid, origin, (task) => task.hardware.management.supportedBootDevices(task));
}

/** Reads without the lock: a question must not fail because the node is busy. */
export async function getBootDevice(core: Core, origin: Origin, uuid: string) {
  return await withShared(core, uuid, origin, async (task) => {
    await task.hardware.management.validate(task);
    return await task.hardware.management.getBootDevice(task);
  });
}

export async function setBootDevice(
  core: Core,
  origin: Origin,
  uuid: string,
  device: string,
  persistent: boolean,
): Promise<void> {
  await withLock(core, uuid, origin, async (task) => {
    const { management } = task.hardware;
    await management.validate(task);
    const known = management.supportedBootDevices(task).find((supported) => supported === device);
    if (known === undefined) throw new InvalidParameterValue(`Invalid boot device ${device} specified.`);
    await management.setBootDevice(task, known, persistent);
  });
}

export async function setBootMode(core: Core, origin: Origin, uuid: string, mode: BootMode): Promise<void> {
  await inBackground(core, origin, uuid, 'boot mode', async (task) => {
    const { management, driver } = task.hardware;
    if (management.setBootMode === undefined) throw new UnsupportedDriverExtension(driver, 'set_boot_mode');
    await management.setBootMode(task, mode);
    return { boot_mode: mode };
  });
}

export async function setSecureBoot(core: Core, origin: Origin, uuid: string, enabled: boolean): Promise<void> {
  await inBackground(core, origin, uuid, 'secure boot', async (task) => {
    const { management, driver } = task.hardware;
    if (management.setSecureBoot === undefined) throw new UnsupportedDriverExtension(driver, 'set_secure_boot_state');
    await management.setSecureBoot(task, enabled);
    return { secure_boot: enabled };
  });
}

/** Accepts now, works later; failures end in last_error. 409 in a transient provision state. */
async function inBackground(
  core: Core,
  origin: Origin,
  uuid: string,
  what: string,
  body: (task: NodeTask) => Promise<Parameters<NodeTask['save']>[0]>,
): Promise<void> {
  const task = await NodeTask.exclusive(core, uuid, origin);
  let handedOver = false;
  try {
    await task.hardware.management.validate(task);
    if (UNSTABLE_STATES.has(task.node.provision_state)) {
      throw new Conflict(
        `The ${what} of node ${uuid} can not be changed while it is in state "${task.node.provision_state}".`,
      );
    }
    const slot = await reserveWorker(core, task);
    slot.run(async () => {
      try {
        await task.release({ ...(await body(task)), last_error: null });
      } catch (error) {
        if (core.signal.aborted || error instanceof LockLost) return;
        task.log.error({ err: error }, `The ${what} could not be changed`);
        await task.release({ last_error: `Failed to change the ${what}: ${messageOf(error)}` }).catch((second) => {
          task.log.error({ err: second }, 'The failure could not be recorded');
        });
      }
    });
    handedOver = true;
  } finally {
    if (!handedOver) await task.release();
  }
}

export async function injectNmi(core: Core, origin: Origin, uuid: string): Promise<void> {
  await withLock(core, uuid, origin, async (task) => {
    const { management, driver } = task.hardware;
    await management.validate(task);
    if (management.injectNmi === undefined) throw new UnsupportedDriverExtension(driver, 'inject_nmi');
    await management.injectNmi(task);
  });
}

export async function listIndicators(
  core: Core,
  origin: Origin,
  uuid: string,
  component?: string,
): Promise<Components> {
  return await withShared(core, uuid, origin, (task) => {
    const { management, driver } = task.hardware;
    if (management.supportedIndicators === undefined) {
      throw new UnsupportedDriverExtension(driver, 'get_supported_indicators');
    }
    return management.supportedIndicators(task, component);
  });
}

export async function getIndicator(
  core: Core,
  origin: Origin,
  uuid: string,
  component: string,
  indicator: string,
): Promise<IndicatorState> {
  return await withShared(core, uuid, origin, async (task) => {
    const { management, driver } = task.hardware;
    if (management.getIndicator === undefined) throw new UnsupportedDriverExtension(driver, 'get_indicator_state');
    checkIndicator(task, management, component, indicator);
    return await management.getIndicator(task, component, indicator);
  });
}

export async function setIndicator(
  core: Core,
  origin: Origin,
  uuid: string,
  component: string,
  indicator: string,
  state: IndicatorState,
): Promise<void> {
  await withLock(core, uuid, origin, async (task) => {
    const { management, driver } = task.hardware;
    if (management.setIndicator === undefined) throw new UnsupportedDriverExtension(driver, 'set_indicator_state');
    checkIndicator(task, management, component, indicator);
    await management.setIndicator(task, component, indicator, state);
  });
}

function checkIndicator(task: NodeTask, management: ManagementInterface, component: string, indicator: string): void {
  const all = management.supportedIndicators?.(task, component);
  const indicators = all !== undefined && Object.hasOwn(all, component) ? all[component] : undefined;
  if (all === undefined || (indicators !== undefined && Object.hasOwn(indicators, indicator))) return;
  throw new NotFound(`Node ${task.node.uuid} has no indicator ${indicator}@${component}.`);
}

export async function getVirtualMedia(core: Core, origin: Origin, uuid: string): Promise<JsonObject[]> {
  return await withShared(core, uuid, origin, async (task) => {
    const { management, driver } = task.hardware;
    if (management.getVirtualMedia === undefined) throw new UnsupportedDriverExtension(driver, 'get_virtual_media');
    return await management.getVirtualMedia(task);
  });
}

export async function attachVirtualMedia(
  core: Core,
  origin: Origin,
  uuid: string,
  media: { device: string; imageUrl: string; source: string },
): Promise<void> {
  await withLock(core, uuid, origin, async (task) => {
    const { management, driver } = task.hardware;
    if (management.attachVirtualMedia === undefined) {
      throw new UnsupportedDriverExtension(driver, 'attach_virtual_media');
    }
    await management.validate(task);
    await management.attachVirtualMedia(task, media.device, media.imageUrl, media.source);
  });
}

export async function detachVirtualMedia(
  core: Core,
  origin: Origin,
  uuid: string,
  devices: readonly string[] | null,
): Promise<void> {
  await withLock(core, uuid, origin, async (task) => {
    const { management, driver } = task.hardware;
    if (management.detachVirtualMedia === undefined) {
      throw new UnsupportedDriverExtension(driver, 'detach_virtual_media');
    }
    await management.validate(task);
    await management.detachVirtualMedia(task, devices);
  });
}

/** Stores the wanted RAID configuration, checked by the driver; `{}` clears it. 404 without a RAID interface. */
export async function setRaidConfig(core: Core, origin: Origin, uuid: string, config: JsonObject): Promise<void> {
  await withLock(core, uuid, origin, async (task) => {
    const { raid, driver } = task.hardware;
    if (raid === undefined) throw new NotFound(new UnsupportedDriverExtension(driver, 'raid').message);
    if (Object.keys(config).length > 0) raid.validateRaidConfig(task, config);
    await task.save({ target_raid_config: config });
  });
}

export async function listVifs(core: Core, origin: Origin, uuid: string): Promise<JsonObject[]> {
  return await withShared(core, uuid, origin, async (task) => {
    const network = requireInterface(task.hardware, 'network');
    await network.validate(task);
    return await network.listVifs(task);
  });
}

export async function attachVif(core: Core, origin: Origin, uuid: string, vif: JsonObject): Promise<void> {
  await withLock(core, uuid, origin, async (task) => {
    await task.hardware.network.validate(task);
    await task.hardware.network.attachVif(task, vif);
  });
}

export async function detachVif(core: Core, origin: Origin, uuid: string, id: string): Promise<void> {
  await withLock(core, uuid, origin, async (task) => {
    await task.hardware.network.validate(task);
    await task.hardware.network.detachVif(task, id);
  });
}

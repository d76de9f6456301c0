// SPDX-License-Identifier: Apache-2.0

import type {
  BootInterface,
  ConsoleInterface,
  DeployInterface,
  InspectInterface,
  PropertyTable,
  RescueInterface,
  StorageInterface,
  Task,
} from '../contracts.ts';
import type { Delay } from './delay.ts';

/** Taken as by other drivers, so that automation can be tried unchanged; nothing is read from them. */
const FAKE_PROPERTIES = {
  deploy_kernel: { description: 'Kernel of the deploy ramdisk. Accepted and never used.' },
  deploy_ramdisk: { description: 'Deploy ramdisk. Accepted and never used.' },
} as const satisfies PropertyTable;

/** An action that takes its time and always succeeds. */
function succeed(delay: Delay): (task: Task) => Promise<undefined> {
  return async (task) => {
    await delay(task.signal);
  };
}

export function fakeBoot(delay: Delay): BootInterface {
  const act = succeed(delay);
  return {
    capabilities: ['ipxe_boot', 'pxe_boot'],
    properties: FAKE_PROPERTIES,
    validate: () => undefined,
    prepareRamdisk: act,
    cleanUpRamdisk: act,
    prepareInstance: act,
    cleanUpInstance: act,
  };
}

/** Deploys at once, without an agent. */
export function fakeDeploy(delay: Delay): DeployInterface {
  const act = succeed(delay);
  return {
    properties: FAKE_PROPERTIES,
    validate: () => undefined,
    steps: [{ step: 'deploy', kinds: ['deploy'], priority: 100, run: act }],
    prepare: act,
    cleanUp: act,
    tearDown: act,
    takeOver: act,
    prepareCleaning: act,
    tearDownCleaning: act,
    prepareService: act,
    tearDownService: act,
  };
}

/** Finds nothing and changes nothing. */
export function fakeInspect(delay: Delay): InspectInterface {
  return { validate: () => undefined, inspectHardware: succeed(delay) };
}

export function fakeRescue(delay: Delay): RescueInterface {
  const act = succeed(delay);
  return { validate: () => undefined, rescue: act, unrescue: act, cleanUp: act };
}

export function fakeStorage(delay: Delay): StorageInterface {
  const act = succeed(delay);
  return { validate: () => undefined, attachVolumes: act, detachVolumes: act, shouldWriteImage: () => true };
}

async function nothing(): Promise<void> {}

export const fakeConsole: ConsoleInterface = {
  validate: () => undefined,
  startConsole: nothing,
  stopConsole: nothing,
  getConsole: async () => ({}),
};

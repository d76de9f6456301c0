// SPDX-License-Identifier: Apache-2.0

/**
 * Implementations that do nothing and may serve any machine: for work that somebody else does (an operator, the machine's own
 * firmware, a network that needs no change).
 */

import { InvalidParameterValue } from '../../errors.ts';
import type {
  BootInterface,
  DeployInterface,
  ManagementInterface,
  NetworkInterface,
  StepDeclaration,
  StorageInterface,
} from '../contracts.ts';

async function nothing(): Promise<undefined> {}

/** Networks of nodes are left as they are: flat provisioning networks and machines somebody else cables. */
export const noopNetwork: NetworkInterface = {
  validate: () => undefined,
  listVifs: async () => [],
  attachVif: nothing,
  detachVif: nothing,
};

/** Nodes boot from disks of their own. */
export const noopStorage: StorageInterface = {
  validate: () => undefined,
  attachVolumes: nothing,
  detachVolumes: nothing,
  shouldWriteImage: () => true,
};

const NOOP_BOOT_DEVICES = ['pxe', 'disk'] as const;

/**
 * For machines whose boot device nobody can set from outside: their firmware must try the network first, then the disk.
 * `pxe` and `disk` are accepted and nothing is done.
 */
export const noopManagement: ManagementInterface = {
  validate: () => undefined,
  supportedBootDevices: () => NOOP_BOOT_DEVICES,
  async setBootDevice(_task, device) {
    if (!NOOP_BOOT_DEVICES.some((supported) => supported === device)) {
      throw new InvalidParameterValue(`Invalid boot device ${device} specified.`);
    }
  },
  getBootDevice: async () => ({ boot_device: 'pxe', persistent: true }),
};

/** The machine boots by itself whatever it boots. */
export const noopBoot: BootInterface = {
  capabilities: [],
  validate: () => undefined,
  prepareRamdisk: nothing,
  cleanUpRamdisk: nothing,
  prepareInstance: nothing,
  cleanUpInstance: nothing,
};

/** The core deploy step of interfaces that have nothing to write. */
const emptyDeployStep: StepDeclaration = { step: 'deploy', kinds: ['deploy'], priority: 100, run: nothing };

/** The machine is installed by other means: a node goes through deploying and deleting without being touched. */
export const noopDeploy: DeployInterface = {
  validate: () => undefined,
  steps: [emptyDeployStep],
  prepare: nothing,
  cleanUp: nothing,
  tearDown: nothing,
  takeOver: nothing,
  prepareCleaning: nothing,
  tearDownCleaning: nothing,
  prepareService: nothing,
  tearDownService: nothing,
};

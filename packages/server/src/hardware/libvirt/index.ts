// SPDX-License-Identifier: Apache-2.0

import { connect } from '@wrought/libvirt';
import type { FamilyFactory, HardwareFamily, HardwareType, Logger } from '../contracts.ts';
import { GENERIC_INTERFACES } from '../generic/index.ts';
import { type Connect, Hypervisors, type HypervisorTimes } from './hypervisor.ts';
import { Machines } from './machines.ts';
import { libvirtManagement } from './management.ts';
import { libvirtPower } from './power.ts';

const NAME = 'staging-libvirt';

const HARDWARE_TYPES: readonly HardwareType[] = [
  {
    name: NAME,
    classic: false,
    supported: { ...GENERIC_INTERFACES, power: [NAME], management: [NAME] },
  },
  {
    name: 'fake_libvirt_fake',
    classic: true,
    supported: {
      bios: [],
      boot: [],
      console: [],
      deploy: ['fake'],
      firmware: [],
      inspect: [],
      management: [NAME],
      network: GENERIC_INTERFACES.network,
      power: [NAME],
      raid: [],
      rescue: [],
      storage: GENERIC_INTERFACES.storage,
      vendor: [],
    },
  },
];

/** Virtual machines of libvirt hypervisors, found by the MAC addresses of their nodes' ports. */
export const libvirtFamily: FamilyFactory = ({ log }) => makeLibvirtFamily(connect, log);

/** The family over a given way to connect, for tests. */
export function makeLibvirtFamily(connect: Connect, log: Logger, times?: HypervisorTimes): HardwareFamily {
  const hypervisors = new Hypervisors(connect, log, times);
  const machines = new Machines(hypervisors);
  return {
    hardwareTypes: HARDWARE_TYPES,
    implementations: {
      management: { [NAME]: libvirtManagement(machines) },
      power: { [NAME]: libvirtPower(hypervisors, machines) },
    },
  };
}

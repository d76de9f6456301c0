// SPDX-License-Identifier: Apache-2.0

import type { FamilyFactory } from '../contracts.ts';
import { GENERIC_INTERFACES } from '../generic/index.ts';
import { fakeBios, fakeFirmware, fakeRaid } from './configuration.ts';
import { makeDelay } from './delay.ts';
import { fakeManagement } from './management.ts';
import { fakePower } from './power.ts';
import { fakeBoot, fakeConsole, fakeDeploy, fakeInspect, fakeRescue, fakeStorage } from './provisioning.ts';
import { fakeVendor } from './vendor.ts';

/** Machines that do not exist: everything succeeds, after the time `[fake]` gives it. For trying out automation. */
export const fakeFamily: FamilyFactory = ({ config: { fake } }) => ({
  hardwareTypes: [
    {
      name: 'fake-hardware',
      classic: false,
      acceptsAny: true,
      supported: {
        bios: ['fake', ...GENERIC_INTERFACES.bios],
        boot: ['fake', ...GENERIC_INTERFACES.boot],
        console: ['fake', ...GENERIC_INTERFACES.console],
        deploy: ['fake', ...GENERIC_INTERFACES.deploy],
        firmware: ['fake', ...GENERIC_INTERFACES.firmware],
        inspect: ['fake', ...GENERIC_INTERFACES.inspect],
        management: ['fake', 'noop'],
        network: GENERIC_INTERFACES.network,
        power: ['fake'],
        raid: ['fake', ...GENERIC_INTERFACES.raid],
        rescue: ['fake', ...GENERIC_INTERFACES.rescue],
        storage: ['fake', ...GENERIC_INTERFACES.storage],
        vendor: ['fake', ...GENERIC_INTERFACES.vendor],
      },
    },
  ],
  implementations: {
    bios: { fake: fakeBios(makeDelay(fake.bios_delay)) },
    boot: { fake: fakeBoot(makeDelay(fake.boot_delay)) },
    console: { fake: fakeConsole },
    deploy: { fake: fakeDeploy(makeDelay(fake.deploy_delay)) },
    firmware: { fake: fakeFirmware(makeDelay(fake.firmware_delay)) },
    inspect: { fake: fakeInspect(makeDelay(fake.inspect_delay)) },
    management: { fake: fakeManagement(makeDelay(fake.management_delay)) },
    power: { fake: fakePower(makeDelay(fake.power_delay)) },
    raid: { fake: fakeRaid(makeDelay(fake.raid_delay)) },
    rescue: { fake: fakeRescue(makeDelay(fake.rescue_delay)) },
    storage: { fake: fakeStorage(makeDelay(fake.storage_delay)) },
    vendor: { fake: fakeVendor(makeDelay(fake.vendor_delay)) },
  },
});

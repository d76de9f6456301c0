// SPDX-License-Identifier: Apache-2.0

import type { InterfaceType } from '../../model/resources.ts';
import type { FamilyFactory } from '../contracts.ts';
import { noopBoot, noopDeploy, noopManagement, noopNetwork, noopStorage } from './noop.ts';

/**
 * What every hardware type supports besides its own power and management, the default first. A `no-<type>` name stands for
 * the absence of an interface; it needs no implementation.
 */
export const GENERIC_INTERFACES = {
  bios: ['no-bios'],
  boot: ['noop'],
  console: ['no-console'],
  deploy: ['noop'],
  firmware: ['no-firmware'],
  inspect: ['no-inspect'],
  network: ['noop'],
  raid: ['no-raid'],
  rescue: ['no-rescue'],
  storage: ['noop'],
  vendor: ['no-vendor'],
} as const satisfies Readonly<Record<Exclude<InterfaceType, 'power' | 'management'>, readonly string[]>>;

/** Implementations any hardware type may use; no hardware type of its own. */
export const genericFamily: FamilyFactory = () => ({
  hardwareTypes: [],
  implementations: {
    boot: { noop: noopBoot },
    deploy: { noop: noopDeploy },
    management: { noop: noopManagement },
    network: { noop: noopNetwork },
    storage: { noop: noopStorage },
  },
});

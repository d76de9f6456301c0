// SPDX-License-Identifier: Apache-2.0

import type { FamilyContext, FamilyFactory, HardwareFamily } from './contracts.ts';
import { fakeFamily } from './fake/index.ts';
import { genericFamily } from './generic/index.ts';
import { libvirtFamily } from './libvirt/index.ts';

/** Every hardware family there is. Adding one touches its folder and this list. */
export const FAMILIES: readonly FamilyFactory[] = [genericFamily, fakeFamily, libvirtFamily];

/** Makes all families, once per service. */
export function makeFamilies(context: FamilyContext): HardwareFamily[] {
  return FAMILIES.map((family) => family(context));
}

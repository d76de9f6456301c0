// SPDX-License-Identifier: Apache-2.0

import { allocationRoutes } from './allocations.ts';
import { chassisRoutes } from './chassis.ts';
import { conductorRoutes } from './conductors.ts';
import { driverRoutes } from './drivers.ts';
import { inspectionRuleRoutes } from './inspection-rules.ts';
import { allNodeRoutes } from './nodes/index.ts';
import { portgroupRoutes } from './ports/portgroups.ts';
import { portRoutes } from './ports/ports.ts';
import type { Services } from './request.ts';
import { rootRoutes } from './root.ts';
import type { Route } from './router.ts';
import { deployTemplateRoutes } from './templates/deploy-templates.ts';
import { runbookTraitRoutes } from './templates/runbook-traits.ts';
import { runbookRoutes } from './templates/runbooks.ts';
import { volumeRoutes } from './volume.ts';

/** Every route of the API. A resource adds itself here. */
export function apiRoutes(services: Services): Route[] {
  return [
    ...rootRoutes,
    ...allNodeRoutes(services),
    ...portRoutes(services),
    ...portgroupRoutes(services),
    ...chassisRoutes(services),
    ...driverRoutes(services),
    ...conductorRoutes(services),
    ...allocationRoutes(services),
    ...deployTemplateRoutes(services),
    ...runbookRoutes(services),
    ...runbookTraitRoutes(services),
    ...inspectionRuleRoutes(services),
    ...volumeRoutes(services),
  ];
}

// SPDX-License-Identifier: Apache-2.0

import type { Services } from '../request.ts';
import type { Route } from '../router.ts';
import { nodeDataRoutes } from './data.ts';
import { managementRoutes } from './management.ts';
import { nodeRoutes } from './nodes.ts';
import { stateRoutes } from './states.ts';
import { traitRoutes } from './traits.ts';
import { nodeVendorRoutes } from './vendor.ts';
import { vifRoutes } from './vifs.ts';

/** Everything under `/v1/nodes` but the lists of other resources there (ports, portgroups, volume, allocation). */
export function allNodeRoutes(services: Services): Route[] {
  return [
    ...nodeRoutes(services),
    ...stateRoutes(services),
    ...managementRoutes(services),
    ...nodeVendorRoutes(services),
    ...traitRoutes(services),
    ...vifRoutes(services),
    ...nodeDataRoutes(services),
  ];
}

// SPDX-License-Identifier: Apache-2.0

import { allNodeRoutes } from './nodes/index.ts';
import type { Services } from './request.ts';
import { rootRoutes } from './root.ts';
import type { Route } from './router.ts';

/** Every route of the API. A resource adds itself here. */
export function apiRoutes(services: Services): Route[] {
  return [...rootRoutes, ...allNodeRoutes(services)];
}

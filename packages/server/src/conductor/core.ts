// SPDX-License-Identifier: Apache-2.0

import type { Config } from '../config/index.ts';
import type { HardwareRegistry } from '../hardware/composition.ts';
import type { Logger } from '../hardware/contracts.ts';
import type { Store } from '../store/store.ts';
import type { Membership } from './membership.ts';
import type { ConductorStatistics } from './statistics.ts';
import type { WorkerPool } from './workers.ts';

/** What every part of the conductor works with. */
export interface Core {
  readonly config: Config;
  readonly store: Store;
  readonly hardware: HardwareRegistry;
  readonly log: Logger;
  /** Name of this process: what `reservation` holds while it works on a node. */
  readonly host: string;
  readonly workers: WorkerPool;
  /** Aborted when the service gives up what still runs at shutdown. */
  readonly signal: AbortSignal;
  readonly members: Membership;
  readonly statistics: ConductorStatistics;
  /** The locks this process holds, by node: a reservation in its name that is not here was lost and is given back. */
  readonly held: Map<string, object>;
}

/** Who caused something, as far as logs and the history tell. */
export interface Origin {
  readonly requestId: string | null;
  readonly user: string | null;
  readonly project: string | null;
}

/** The conductor itself. */
export const INTERNAL: Origin = { requestId: null, user: null, project: null };

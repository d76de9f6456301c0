// SPDX-License-Identifier: Apache-2.0

import { NoFreeConductorWorker } from '../errors.ts';
import type { Core } from './core.ts';
import { remember } from './history.ts';
import type { NodeTask } from './task.ts';
import type { WorkerSlot } from './workers.ts';

/**
 * A worker for an API request on a node, before anything is written. When none is free the node keeps its states and its
 * last_error says why. @throws NoFreeConductorWorker (503)
 */
export async function reserveWorker(core: Core, task: NodeTask): Promise<WorkerSlot> {
  try {
    return core.workers.reserve('api');
  } catch (error) {
    if (error instanceof NoFreeConductorWorker) {
      const event = 'No free conductor workers available';
      const { uuid } = task.node;
      const [changed] = await Promise.all([
        core.store.nodes.update(uuid, { last_error: event }, [{ column: 'reservation', op: 'is null' }]),
        remember(core, core.store, task.node, { severity: 'ERROR', type: 'provisioning', event }, task.origin),
      ]);
      if (changed === undefined) task.log.debug({}, 'The node was locked meanwhile; its last_error is kept');
    }
    throw error;
  }
}

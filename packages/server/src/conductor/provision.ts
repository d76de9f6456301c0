// SPDX-License-Identifier: Apache-2.0

/** `PUT states/provision`: from a verb to the first state and the work that follows. */

import { InvalidParameterValue, InvalidStateRequested, NodeLocked, NodeNotFound } from '../errors.ts';
import type { NodeRow } from '../model/resources.ts';
import { transitionFor, VERBS, verbAllowed } from '../model/states.ts';
import type { ProvisionRequest } from './commands.ts';
import type { Core, Origin } from './core.ts';
import { reserveWorker } from './reserve-worker.ts';
import { decodeNode, Locked, NodeTask, retryLocked } from './task.ts';
import { checkMaintenance, planFor } from './verbs.ts';
import type { Engine } from './workflows/engine.ts';

/** A node that changes under every look is somebody else's; more tries than this make no sense. */
const MAX_CHANGES = 20;

/** Accepts a verb: checks it, stores state, target, lock and work row at once, starts the worker. */
export async function provision(
  core: Core,
  engine: Engine,
  origin: Origin,
  uuid: string,
  request: ProvisionRequest,
): Promise<void> {
  let changed = 0;
  await retryLocked<true>(core, uuid, async () => {
    for (;;) {
      const row = await core.store.nodes.find('uuid', uuid);
      if (row === undefined) throw new NodeNotFound(uuid);
      checkVerb(row, request.target);
      if (row.reservation !== null) return new Locked(row.reservation);
      const task = new NodeTask(core, decodeNode(row), origin, false);
      await task.load();
      const plan = await planFor(core, task, request);
      const slot = plan.work === undefined ? undefined : await reserveWorker(core, task);
      let accepted = false;
      try {
        accepted = await engine.accept(task, row, plan, slot);
      } finally {
        if (!accepted) slot?.release();
      }
      if (accepted) return true;
      changed += 1;
      if (changed > MAX_CHANGES) return new Locked(null);
    }
  });
}

/**
 * Whether the verb is known and the machine lets a client send it now. What is illegal while the node is locked may be legal
 * a moment later, hence 409 then.
 */
function checkVerb(row: NodeRow, target: string): void {
  const state = row.provision_state;
  if (!Object.hasOwn(VERBS, target)) {
    if (transitionFor(state, target) !== undefined) {
      throw new InvalidParameterValue(`The requested action "${target}" could not be understood.`);
    }
    throw illegal(row, target);
  }
  const event = VERBS[target]?.event;
  if (event === 'deploy' || event === 'rebuild') checkMaintenance(row, target);
  if (!verbAllowed(state, target)) throw illegal(row, target);
}

function illegal(row: NodeRow, target: string): Error {
  return row.reservation === null
    ? new InvalidStateRequested(target, row.uuid, row.provision_state)
    : new NodeLocked(row.uuid, row.reservation);
}

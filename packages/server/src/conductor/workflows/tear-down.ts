// SPDX-License-Identifier: Apache-2.0

/** deleting: takes the instance off the node, then hands it to cleaning. */

import { messageOf } from '../../errors.ts';
import type { JsonObject } from '../../model/json.ts';
import type { NodeRecord } from '../../model/resources.ts';
import { withoutFlow, withoutSteps } from '../agent-memory.ts';
import type { NodeTask } from '../task.ts';
import type { Outcome, Run, Workflow } from './workflow.ts';

export const tearDown: Workflow = {
  name: 'tear-down',
  steps: { tearDown: tearDownNode },
  failed: async (run, error) => ({
    event: 'fail',
    changes: { ...(await forgetInstance(run)), last_error: `Failed to tear down: ${messageOf(error)}` },
  }),
};

async function tearDownNode(run: Run): Promise<Outcome> {
  const { task } = run;
  const { hardware, node } = task;
  const from = String(run.data.from ?? '');
  if (hardware.rescue !== undefined && (from.startsWith('rescue') || from === 'unrescue failed')) {
    await hardware.rescue.cleanUp(task);
  }
  if (node.console_enabled && hardware.console !== undefined) await hardware.console.stopConsole(task);
  await hardware.deploy.cleanUp(task);
  await hardware.deploy.tearDown(task);
  return { event: 'clean', workflow: 'clean', next: 'prepare', data: {}, changes: await forgetInstance(run) };
}

/** Whatever came of it, the node carries no instance any more. */
async function forgetInstance({ core, task }: Run): Promise<Partial<NodeRecord>> {
  const { node } = task;
  await detachVifs(task);
  if (node.allocation_uuid !== null) await core.store.allocations.delete(node.allocation_uuid);
  const info: JsonObject = withoutSteps(withoutFlow(node.driver_internal_info, 'deploy'), 'service');
  const automatic = info.automatic_lessee === true;
  for (const key of ['automatic_lessee', 'is_whole_disk_image', 'is_source_a_path', 'root_uuid_or_disk_id']) {
    delete info[key];
  }
  return {
    instance_info: {},
    instance_uuid: null,
    instance_name: null,
    allocation_uuid: null,
    deploy_step: {},
    ...(Object.keys(node.service_step).length > 0 ? { service_step: {} } : {}),
    driver_internal_info: info,
    ...(automatic ? { lessee: null } : {}),
  };
}

async function detachVifs(task: NodeTask): Promise<void> {
  try {
    const { network } = task.hardware;
    for (const vif of await network.listVifs(task)) await network.detachVif(task, String(vif.id));
  } catch (error) {
    if (task.signal.aborted) throw error;
    task.log.warn({ err: error }, 'Not all VIFs could be detached');
  }
}

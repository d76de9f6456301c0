// SPDX-License-Identifier: Apache-2.0

/** Nodes that share a power supply: a parent (a chassis, say) and its children. */

import { Conflict, NodeLocked } from '../errors.ts';
import type { PowerTarget } from '../hardware/contracts.ts';
import type { Core } from './core.ts';
import { nodePowerAction } from './power-action.ts';
import { NodeTask } from './task.ts';

/**
 * What a power change of a node asks of its relatives: a child without a supply of its own
 * (`driver_info.has_dedicated_power_supply`) needs its parent on; a parent that goes off takes such children along.
 * @throws Conflict when one of them is locked
 */
export async function switchRelatives(core: Core, task: NodeTask, target: PowerTarget): Promise<void> {
  const { node } = task;
  if (target === 'power on') {
    if (node.parent_node === null || node.driver_info.has_dedicated_power_supply === true) return;
    await using parent = await lock(core, task, node.parent_node, 'Parent');
    await nodePowerAction(parent, 'power on');
  } else if (target === 'power off' || target === 'soft power off') {
    const children = await core.store.nodes.list({
      where: [{ column: 'parent_node', op: '=', value: node.uuid }],
      columns: ['uuid'],
    });
    for (const { uuid } of children) {
      await using child = await lock(core, task, uuid, 'Child');
      if (child.node.driver_info.has_dedicated_power_supply === true) continue;
      await nodePowerAction(child, 'power off');
    }
  }
}

async function lock(core: Core, task: NodeTask, uuid: string, who: 'Parent' | 'Child'): Promise<NodeTask> {
  try {
    return await NodeTask.exclusive(core, uuid, task.origin);
  } catch (error) {
    if (!(error instanceof NodeLocked)) throw error;
    throw new Conflict(`${who} node ${uuid} of node ${task.node.uuid} is locked: ${error.message}`);
  }
}

// SPDX-License-Identifier: Apache-2.0

import { messageOf } from '../errors.ts';
import type { InterfaceType } from '../model/resources.ts';
import type { ValidationResult } from './commands.ts';
import type { Core } from './core.ts';
import type { NodeTask } from './task.ts';
import { checkInstanceTraits } from './verbs.ts';
import { userDeploySteps } from './workflows/deploy.ts';
import { deploySteps } from './workflows/steps.ts';

/** `GET /v1/nodes/{node}/validate`: one entry per interface; the deploy entry covers traits and requested steps too. */
export async function validateNode(
  core: Core,
  task: NodeTask,
  interfaces: readonly InterfaceType[],
): Promise<Record<string, ValidationResult>> {
  const results: Record<string, ValidationResult> = {};
  try {
    task.hardware;
  } catch (error) {
    for (const type of interfaces) results[type] = { result: false, reason: messageOf(error) };
    return results;
  }
  for (const type of interfaces) results[type] = await core.hardware.validateInterface(task, type);
  if (results.deploy?.result === true) {
    try {
      checkInstanceTraits(task.node);
      deploySteps(core.config, task.hardware, await userDeploySteps(core.store, task.node), undefined);
    } catch (error) {
      results.deploy = { result: false, reason: messageOf(error) };
    }
  }
  return results;
}

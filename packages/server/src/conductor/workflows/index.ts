// SPDX-License-Identifier: Apache-2.0

import { adopt } from './adopt.ts';
import { clean } from './clean.ts';
import { deploy } from './deploy.ts';
import { inspect } from './inspect.ts';
import { rescue, unrescue } from './rescue.ts';
import { service } from './service.ts';
import { tearDown } from './tear-down.ts';
import { verify } from './verify.ts';
import type { Workflow } from './workflow.ts';

/** All workflows a node may be in. */
export const WORKFLOWS: readonly Workflow[] = [
  verify,
  clean,
  deploy,
  tearDown,
  inspect,
  adopt,
  rescue,
  unrescue,
  service,
];

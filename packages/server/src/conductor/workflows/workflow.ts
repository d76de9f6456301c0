// SPDX-License-Identifier: Apache-2.0

/** What a workflow is: the terms the engine and the workflows share. */

import type { JsonObject } from '../../model/json.ts';
import type { NodeRecord } from '../../model/resources.ts';
import type { ProvisionState } from '../../model/states.ts';
import type { Core } from '../core.ts';
import type { NodeTask } from '../task.ts';

/** What a workflow step left to do. */
export interface Outcome {
  /** Node changes, written together with the move. */
  readonly changes?: Partial<NodeRecord>;
  /** Moves the provision state. */
  readonly event?: string;
  /** The target the move sets, where it is not the machine's default. */
  readonly target?: ProvisionState;
  /** The step that runs next; absent: the work is done and the lock is given back. */
  readonly next?: string;
  /** `next` belongs to another workflow. */
  readonly workflow?: string;
  /** Gives the lock back and leaves `next` for whoever continues the node. */
  readonly park?: boolean;
  /** Replaces the work's own notes. */
  readonly data?: JsonObject;
}

/** A running workflow. */
export interface Run {
  readonly core: Core;
  readonly task: NodeTask;
  readonly data: JsonObject;
}

/** A list of named steps. Each is safe to run again unless `repeatable` says otherwise. */
export interface Workflow {
  readonly name: string;
  readonly steps: Readonly<Record<string, (run: Run) => Promise<Outcome>>>;
  /** What a step's error leads to. It may clean up; errors of its own end in the node's last_error. */
  failed(run: Run, error: unknown, step: string): Promise<Outcome>;
  /** Whether an interrupted step may be begun again. Default: always. */
  repeatable?(run: Run, step: string): boolean;
}

/** What a verb starts. */
export interface Plan {
  readonly changes: Partial<NodeRecord>;
  readonly work?: { readonly workflow: string; readonly step: string; readonly data?: JsonObject };
}

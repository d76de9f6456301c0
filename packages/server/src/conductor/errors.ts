// SPDX-License-Identifier: Apache-2.0

/** Errors only the conductor raises. */

import { Conflict, InvalidParameterValue, messageOf, Unavailable, WroughtError } from '../errors.ts';

/** 400: the node is retired. */
export class NodeIsRetired extends InvalidParameterValue {
  constructor(operation: string, node: string) {
    super(`The ${operation} operation can't be performed on node ${node} because it is retired.`);
  }
}

/** 409: the node carries an instance. */
export class NodeAssociated extends Conflict {
  constructor(node: string, instance: string) {
    super(`Node ${node} is associated with instance ${instance}.`);
  }
}

/** 409: another node carries the instance. */
export class InstanceAssociated extends Conflict {
  constructor(instance: string, node: string) {
    super(
      `Instance ${instance} is already associated with a node, it cannot be associated with this other node ${node}`,
    );
  }
}

/** 503: as many nodes as allowed are deploying, or cleaning. */
export class ConcurrentActionLimit extends Unavailable {
  constructor(action: string) {
    super(
      `Unable to process ${action} because the concurrent process limit for it has been reached. ` +
        'Try again when some of the running ones have ended.',
    );
  }
}

/** No node was found for an allocation; the text is the reason its `last_error` gives. */
export class AllocationFailed extends WroughtError {
  constructor(reason: string) {
    super(500, reason);
  }
}

/** A verb was refused because an interface found the node's settings wrong; the status is that of what failed. */
export class ValidationFailed extends WroughtError {
  constructor(prefix: string, cause: unknown) {
    super(cause instanceof WroughtError ? cause.status : 500, `${prefix}${messageOf(cause)}`, { cause });
  }
}

/** A workflow step failed; the text is what `last_error` says. */
export class StepFailed extends WroughtError {
  constructor(message: string, options?: ErrorOptions) {
    super(500, message, options);
  }
}

/** The lock is no longer ours (another process took the node over); the run must write nothing more. */
export class LockLost extends WroughtError {
  constructor(node: string) {
    super(409, `The lock of node ${node} was lost to another conductor.`);
  }
}

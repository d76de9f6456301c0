// SPDX-License-Identifier: Apache-2.0

/** An error a user can cause or must know of. `status` is the HTTP status the API answers with. */
export class WroughtError extends Error {
  /** HTTP status. */
  readonly status: number;

  constructor(status: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.status = status;
  }
}

/** 400: a value is wrong; the message names the field and what would be right. */
export class InvalidParameterValue extends WroughtError {
  constructor(message: string, options?: ErrorOptions) {
    super(400, message, options);
  }
}

/** 400: a value is missing. */
export class MissingParameterValue extends WroughtError {
  constructor(message: string) {
    super(400, message);
  }
}

/** 400: the action does not fit the state of the node. */
export class InvalidStateRequested extends WroughtError {
  constructor(action: string, node: string, state: string | null) {
    super(
      400,
      `The requested action "${action}" can not be performed on node "${node}" while it is in state "${state ?? 'None'}".`,
    );
  }
}

/** 400: the operation is refused in maintenance mode. */
export class NodeInMaintenance extends WroughtError {
  constructor(operation: string, node: string) {
    super(400, `The ${operation} operation can't be performed on node ${node} because it's in maintenance mode.`);
  }
}

/** 400: the driver lacks this ability. */
export class UnsupportedDriverExtension extends WroughtError {
  constructor(driver: string, extension: string) {
    super(400, `Driver ${driver} does not support ${extension} (disabled or not implemented).`);
  }
}

/** 403 */
export class Forbidden extends WroughtError {
  constructor(message: string) {
    super(403, message);
  }
}

/** 403: the node is protected. */
export class NodeProtected extends Forbidden {
  constructor(node: string) {
    super(`Node ${node} is protected and cannot be undeployed, rebuilt or deleted`);
  }
}

/** 404 */
export class NotFound extends WroughtError {
  constructor(message: string) {
    super(404, message);
  }
}

/** 404 for a node. */
export class NodeNotFound extends NotFound {
  constructor(node: string) {
    super(`Node ${node} could not be found.`);
  }
}

/** 404 for a driver. */
export class DriverNotFound extends NotFound {
  constructor(driver: string) {
    super(`Could not find the following driver(s) or hardware type(s): ${driver}.`);
  }
}

/** 406: the request needs a newer API version. */
export class NotAcceptable extends WroughtError {
  constructor(message = 'Request not acceptable.') {
    super(406, message);
  }
}

/** 409 */
export class Conflict extends WroughtError {
  constructor(message: string) {
    super(409, message);
  }
}

/** 409: a unique value is taken. `field` is the column. */
export class AlreadyExists extends Conflict {
  readonly field: string;

  constructor(field: string, message: string) {
    super(message);
    this.field = field;
  }
}

/** 409: another operation holds the node. */
export class NodeLocked extends Conflict {
  constructor(node: string, host: string) {
    super(`Node ${node} is locked by host ${host}, please retry after the current operation is completed.`);
  }
}

/** 409: the power state could not be reached. */
export class PowerStateFailure extends Conflict {
  constructor(state: string, why?: string) {
    super(`Failed to set node power state to ${state}.${why === undefined ? '' : ` ${why}`}`);
  }
}

/** 503: try again later. */
export class Unavailable extends WroughtError {
  constructor(message: string) {
    super(503, message);
  }
}

/** 503: the worker limit is reached. */
export class NoFreeConductorWorker extends Unavailable {
  constructor() {
    super('Requested action cannot be performed due to lack of free conductor workers.');
  }
}

/** 500: a device failed or answered nonsense. The message names node, address and operation, never a secret. */
export class HardwareError extends WroughtError {
  constructor(message: string, options?: ErrorOptions) {
    super(500, message, options);
  }
}

/** The text of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

// SPDX-License-Identifier: Apache-2.0

/**
 * Error answers. Bodies of this API are JSON within JSON: `{"error_message": "<string that holds JSON>"}`, with two
 * inner shapes: `faultcode/faultstring/debuginfo` for what an operation raises and `code/title/description` for routing.
 */

// An import of node:http would evaluate its lazy WebSocket export too, several megabytes that nothing here uses.
const { STATUS_CODES } = process.getBuiltinModule('node:http');

/** An answer whose inner JSON is `code/title/description`: no such route, method not allowed, bad path or version. */
export class RoutingError extends Error {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, description = '', headers: Readonly<Record<string, string>> = {}) {
    super(description);
    this.status = status;
    this.headers = headers;
  }
}

/** A body refused before it is understood (size, depth): a flat fault without the outer wrapper. */
export class BodyRefused extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** What clients are told of a failure that is ours. */
export const UNEXPECTED = 'The service failed unexpectedly; its log tells more under the id of this request.';

function wrap(inner: unknown): string {
  return JSON.stringify({ error_message: JSON.stringify(inner) });
}

/** The body of an error raised inside an operation. */
export function faultBody(status: number, text: string): string {
  return wrap({ faultcode: faultCode(status), faultstring: text, debuginfo: null });
}

/** The body of a routing error. */
export function codeBody(status: number, description: string): string {
  return wrap({ code: status, title: STATUS_CODES[status] ?? '', description });
}

/** The body of a refused request body. */
export function flatBody(status: number, text: string): string {
  return JSON.stringify({ faultcode: faultCode(status), faultstring: text });
}

function faultCode(status: number): 'Client' | 'Server' {
  return status < 500 ? 'Client' : 'Server';
}

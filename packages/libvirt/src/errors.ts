// SPDX-License-Identifier: Apache-2.0

/** What a daemon says about a failure, beyond the code: libvirt's `remote_error`, with the parts a caller can use. */
export interface RemoteErrorDetails {
  /** 1 = warning, 2 = error. */
  readonly level: number;
  readonly str1: string | null;
  readonly str2: string | null;
  readonly str3: string | null;
  /** For code 38 (SYSTEM_ERROR) the errno, else -1. */
  readonly int1: number;
  readonly int2: number;
}

/**
 * Any failure of a libvirt operation. Thrown as it stands for an error the daemon answered with; the subclasses below are failures
 * on our side of the wire, and carry the code libvirt's own client uses for the same thing, so that `code` can always be looked at.
 * Texts are localised by the daemon: decide by `code` (see {@link ErrorCode}), never by `message`.
 */
export class LibvirtError extends Error {
  override readonly name: string = 'LibvirtError';
  /** virErrorNumber: see {@link ErrorCode}. */
  readonly code: number;
  /** virErrorDomain, the part of libvirt that failed: see {@link ErrorDomain}. */
  readonly domain: number;
  /** Present when the daemon sent the error. */
  readonly remote: RemoteErrorDetails | undefined;
  /** The call the daemon refused, by its name in the procedure table. */
  readonly procedure: string | undefined;

  constructor(
    message: string,
    options: { code: number; domain: number; remote?: RemoteErrorDetails; procedure?: string; cause?: unknown },
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = options.code;
    this.domain = options.domain;
    this.remote = options.remote;
    this.procedure = options.procedure;
  }
}

/** The connection could not be made, or was lost. The outcome of a call that was under way is unknown: read the state again. */
export class LibvirtConnectionError extends LibvirtError {
  override readonly name = 'LibvirtConnectionError';
  constructor(message: string, options: { cause?: unknown } = {}) {
    super(message, { code: ErrorCode.SYSTEM_ERROR, domain: ErrorDomain.RPC, cause: options.cause });
  }
}

/** A deadline passed. The outcome of the call is unknown: the daemon may still carry it out. */
export class LibvirtTimeoutError extends LibvirtError {
  override readonly name = 'LibvirtTimeoutError';
  readonly timeoutMs: number;
  constructor(what: string, timeoutMs: number) {
    super(`${what} did not finish within ${timeoutMs} ms`, {
      code: ErrorCode.OPERATION_TIMEOUT,
      domain: ErrorDomain.RPC,
    });
    this.timeoutMs = timeoutMs;
  }
}

/** The daemon did not accept who we are, or did not prove who it is. Trying again with the same credentials is useless. */
export class LibvirtAuthError extends LibvirtError {
  override readonly name = 'LibvirtAuthError';
  constructor(message: string, options: { code?: number; domain?: number; cause?: unknown } = {}) {
    super(message, {
      code: options.code ?? ErrorCode.AUTH_FAILED,
      domain: options.domain ?? ErrorDomain.AUTH,
      cause: options.cause,
    });
  }
}

/** The peer sent bytes that are not libvirt's protocol. */
export class LibvirtProtocolError extends LibvirtError {
  override readonly name = 'LibvirtProtocolError';
  constructor(message: string) {
    super(message, { code: ErrorCode.RPC, domain: ErrorDomain.RPC });
  }
}

/** The connection URI is wrong; `part` names the part to change. */
export class LibvirtUriError extends LibvirtError {
  override readonly name = 'LibvirtUriError';
  /** For instance `transport`, `port` or `query parameter "mode"`. */
  readonly part: string;
  constructor(part: string, problem: string) {
    super(`libvirt URI: ${part}: ${problem}`, { code: ErrorCode.INVALID_ARG, domain: ErrorDomain.URI });
    this.part = part;
  }
}

/** An argument that cannot be put on the wire, such as a malformed UUID. */
export function invalidArgument(message: string): LibvirtError {
  return new LibvirtError(message, { code: ErrorCode.INVALID_ARG, domain: ErrorDomain.NONE });
}

/** virErrorNumber (include/libvirt/virterror.h): the codes a client decides by. Numbers never change meaning. */
export const ErrorCode = {
  OK: 0,
  INTERNAL_ERROR: 1,
  NO_SUPPORT: 3,
  NO_CONNECT: 5,
  INVALID_DOMAIN: 7,
  INVALID_ARG: 8,
  OPERATION_FAILED: 9,
  XML_ERROR: 27,
  OPERATION_DENIED: 29,
  XML_DETAIL: 35,
  SYSTEM_ERROR: 38,
  RPC: 39,
  NO_DOMAIN: 42,
  NO_NETWORK: 43,
  AUTH_FAILED: 45,
  NO_STORAGE_POOL: 49,
  NO_STORAGE_VOL: 50,
  OPERATION_INVALID: 55,
  CONFIG_UNSUPPORTED: 67,
  OPERATION_TIMEOUT: 68,
  ARGUMENT_UNSUPPORTED: 74,
  OPERATION_ABORTED: 78,
  AUTH_CANCELLED: 79,
  OPERATION_UNSUPPORTED: 84,
  AGENT_UNRESPONSIVE: 86,
  RESOURCE_BUSY: 87,
  ACCESS_DENIED: 88,
  STORAGE_VOL_EXIST: 90,
  AUTH_UNAVAILABLE: 94,
  DEVICE_MISSING: 99,
} as const;

/** virErrorDomain: which part of libvirt an error comes from. */
export const ErrorDomain = {
  NONE: 0,
  RPC: 7,
  QEMU: 10,
  TEST: 12,
  REMOTE: 13,
  STORAGE: 18,
  NETWORK: 19,
  DOMAIN: 20,
  STREAMS: 38,
  URI: 45,
  AUTH: 46,
  POLKIT: 60,
} as const;

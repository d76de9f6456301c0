// SPDX-License-Identifier: Apache-2.0
import { ErrorCode, LibvirtError } from './errors.ts';
import { type ArgsOf, type Procedure, type ProcedureName, procedures, type ResultOf } from './protocol/procedures.ts';
import type { RpcCall, RpcClient } from './rpc.ts';
import { LibvirtStream } from './stream.ts';
import { decode } from './xdr.ts';

export interface CallOptions {
  /** Ends the wait; the daemon may still carry the call out. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds; else the connection's default, or more where the procedure is known to be slow. */
  readonly timeoutMs?: number | undefined;
}

/** The typed table over the RPC core: names and structures in, structures out. */
export class Calls {
  readonly rpc: RpcClient;
  readonly #timeoutMs: number;

  constructor(rpc: RpcClient, timeoutMs: number) {
    this.rpc = rpc;
    this.#timeoutMs = timeoutMs;
  }

  async call<N extends ProcedureName>(name: N, args: ArgsOf<N>, options: CallOptions = {}): Promise<ResultOf<N>> {
    const { ret } = entry(name);
    return await this.rpc.call(this.prepare(name, args, options, (payload) => decode(ret, payload)));
  }

  async openStream<N extends ProcedureName>(
    name: N,
    args: ArgsOf<N>,
    options: CallOptions = {},
  ): Promise<{ stream: LibvirtStream; result: ResultOf<N> }> {
    const { ret } = entry(name);
    return await LibvirtStream.open(
      this.rpc,
      this.prepare(name, args, options, (payload) => decode(ret, payload)),
    );
  }

  /** A call for the RPC core. */
  prepare<N extends ProcedureName, T>(
    name: N,
    args: ArgsOf<N>,
    options: CallOptions,
    decodeReply: (payload: Buffer) => T,
  ): RpcCall<T> {
    const procedure = entry(name);
    return {
      label: name,
      procedure: procedure.number,
      encode: (writer) => procedure.args.encode(writer, args),
      decode: decodeReply,
      timeoutMs: options.timeoutMs ?? Math.max(this.#timeoutMs, procedure.patienceMs ?? 0),
      signal: options.signal,
    };
  }
}

/** The domain asked about does not exist (any more). */
export function isGone(error: unknown): boolean {
  return error instanceof LibvirtError && error.code === ErrorCode.NO_DOMAIN;
}

/** The table's line for a procedure. */
export function entry<N extends ProcedureName>(name: N): Procedure<ArgsOf<N>, ResultOf<N>> {
  // The table's type says this for every single name, but not for a name that is still open.
  return procedures[name] as unknown as Procedure<ArgsOf<N>, ResultOf<N>>;
}

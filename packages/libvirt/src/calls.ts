// SPDX-License-Identifier: Apache-2.0
import { type ArgsOf, type Procedure, type ProcedureName, procedures, type ResultOf } from './protocol/procedures.ts';
import type { RpcCall, RpcClient } from './rpc.ts';
import { LibvirtStream } from './stream.ts';
import { decode, encode } from './xdr.ts';

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
    const procedure = entry(name);
    const payload = await this.rpc.call(this.#prepare(name, procedure, args, options));
    return decode(procedure.ret, payload);
  }

  async openStream<N extends ProcedureName>(
    name: N,
    args: ArgsOf<N>,
    options: CallOptions = {},
  ): Promise<{ stream: LibvirtStream; result: ResultOf<N> }> {
    const procedure = entry(name);
    const { stream, reply } = await LibvirtStream.open(this.rpc, this.#prepare(name, procedure, args, options));
    try {
      return { stream, result: decode(procedure.ret, reply) };
    } catch (error) {
      stream.destroy();
      throw error;
    }
  }

  #prepare<A, R>(label: string, procedure: Procedure<A, R>, args: A, options: CallOptions): RpcCall {
    return {
      label,
      procedure: procedure.number,
      args: encode(procedure.args, args),
      timeoutMs: options.timeoutMs ?? Math.max(this.#timeoutMs, procedure.patienceMs ?? 0),
      signal: options.signal,
    };
  }
}

function entry<N extends ProcedureName>(name: N): Procedure<ArgsOf<N>, ResultOf<N>> {
  // The table's type says this for every single name, but not for a name that is still open.
  return procedures[name] as unknown as Procedure<ArgsOf<N>, ResultOf<N>>;
}

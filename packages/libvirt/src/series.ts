// SPDX-License-Identifier: Apache-2.0
import { type CallOptions, type Calls, entry, isGone } from './calls.ts';
import { LibvirtConnectionError } from './errors.ts';
import type { ArgsOf, ProcedureName, ResultOf } from './protocol/procedures.ts';
import { decode } from './xdr.ts';

/** Where a series of calls runs: on the connection, and where it pays on a second one. */
export interface Lanes {
  readonly calls: Calls;
  /** Opens a second connection to the same daemon; absent where that would cost more than it gives. */
  readonly openHelper?: () => Promise<Calls>;
}

/** Calls of a series on the wire at once: enough that one round trip serves many. */
const WINDOW = 256;
/** The same where a helper takes half of the work. */
const SHARED_WINDOW = 64;
const GOODBYE_MS = 2000;
/** A shorter series is over before a second connection is open. */
const WORTH_A_HELPER = 96;

/**
 * The same call for many domains, pipelined; `use` gets each result while its bytes are in the receive buffer, and what it returns
 * is kept, in the order of the arguments. Null stands for a domain that does not exist (any more). The first other failure ends it.
 *
 * libvirtd works on five calls of one client at a time and moves them through one thread, call by call. Near by, where the line
 * costs nothing, a second connection therefore makes a long series nearly twice as fast.
 */
export function series<N extends ProcedureName, T>(
  lanes: Lanes,
  name: N,
  all: readonly ArgsOf<N>[],
  use: (result: ResultOf<N>) => T,
  options: CallOptions,
): Promise<(T | null)[]> {
  if (all.length === 0) return Promise.resolve([]);
  return new Series(lanes, name, all, use, options).run();
}

interface Lane {
  readonly calls: Calls;
  readonly window: number;
  underWay: number;
}

class Series<N extends ProcedureName, T> {
  readonly #lanes: Lanes;
  readonly #name: N;
  readonly #all: readonly ArgsOf<N>[];
  readonly #use: (result: ResultOf<N>) => T;
  readonly #options: CallOptions;
  readonly #results: (T | null)[];
  readonly #end = Promise.withResolvers<(T | null)[]>();
  #next = 0;
  #unanswered: number;
  #helper: Calls | undefined;
  #over = false;

  constructor(lanes: Lanes, name: N, all: readonly ArgsOf<N>[], use: (result: ResultOf<N>) => T, options: CallOptions) {
    this.#lanes = lanes;
    this.#name = name;
    this.#all = all;
    this.#use = use;
    this.#options = options;
    this.#results = new Array(all.length).fill(null);
    this.#unanswered = all.length;
  }

  async run(): Promise<(T | null)[]> {
    const openHelper = this.#all.length < WORTH_A_HELPER ? undefined : this.#lanes.openHelper;
    this.#fill({ calls: this.#lanes.calls, window: openHelper === undefined ? WINDOW : SHARED_WINDOW, underWay: 0 });
    // Without a helper the work is done all the same.
    openHelper?.().then(
      (helper) => this.#helpedBy(helper),
      () => undefined,
    );
    try {
      return await this.#end.promise;
    } finally {
      this.#over = true;
      if (this.#helper !== undefined) dismiss(this.#helper);
    }
  }

  #helpedBy(helper: Calls): void {
    if (this.#over) {
      dismiss(helper);
      return;
    }
    this.#helper = helper;
    this.#fill({ calls: helper, window: SHARED_WINDOW, underWay: 0 });
  }

  /** New calls leave in bursts: each write costs the daemon's one thread as much as a call. */
  #fill(lane: Lane): void {
    if (lane.underWay > lane.window / 2) return;
    while (lane.underWay < lane.window && this.#next < this.#all.length && !this.#over) {
      this.#start(lane, this.#next++);
    }
  }

  #start(lane: Lane, index: number): void {
    const args = this.#all[index];
    if (args === undefined) return;
    const { ret } = entry(this.#name);
    const use = (payload: Buffer) => this.#use(decode(ret, payload));
    const answered = (result: T | null): void => {
      lane.underWay -= 1;
      this.#results[index] = result;
      this.#unanswered -= 1;
      if (this.#unanswered === 0) this.#end.resolve(this.#results);
      else this.#fill(lane);
    };
    const failed = (error: unknown): void => {
      if (isGone(error)) answered(null);
      else if (lane.calls === this.#lanes.calls) this.#end.reject(error);
      else if (!this.#over) this.#start({ ...lane, calls: this.#lanes.calls }, index);
    };
    lane.underWay += 1;
    lane.calls.rpc.start(lane.calls.prepare(this.#name, args, this.#options, use), answered, failed);
  }
}

/** Says good-bye in the background: a daemon takes note of clients that leave without. */
function dismiss(helper: Calls): void {
  const close = () => helper.rpc.close(new LibvirtConnectionError('the series is over'));
  helper.call('connectClose', undefined, { timeoutMs: GOODBYE_MS }).then(close, close);
}

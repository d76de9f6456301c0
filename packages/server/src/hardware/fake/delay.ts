// SPDX-License-Identifier: Apache-2.0

import { setTimeout as sleep } from 'node:timers/promises';

/** Waits as long as the fake device would take; rejects with AbortError when the signal aborts. */
export type Delay = (signal: AbortSignal) => Promise<void>;

async function none(): Promise<void> {}

/**
 * A `[fake]` delay option, in seconds: `a` always takes a; `a,b` a random time of the triangular distribution from a to b
 * whose most likely value is a. No timer is made for zero. The option's form was checked when it was read.
 */
export function makeDelay(option: string): Delay {
  const [low = 0, high = low] = option.split(',').map(Number);
  if (low === 0 && high === 0) return none;
  return async (signal) => {
    await sleep(triangular(low, high, Math.random()) * 1000, undefined, { signal });
  };
}

/** The value below which a share of `share` (0 to 1) of the triangular distribution from `mode` to `end` lies. */
export function triangular(mode: number, end: number, share: number): number {
  return end - (end - mode) * Math.sqrt(1 - share);
}

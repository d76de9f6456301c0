// SPDX-License-Identifier: Apache-2.0

/** The longest a Node timer can wait; a later deadline is set again when it rings. */
export const MAX_DELAY = 2 ** 31 - 1;

/** One timer for many deadlines: it rings at the earliest that was set. Does not keep the process alive. */
export class Alarm {
  readonly #ring: () => void;
  #timer: NodeJS.Timeout | undefined;
  #at = Number.POSITIVE_INFINITY;

  constructor(ring: () => void) {
    this.#ring = ring;
  }

  /** Rings at `at` (of `performance.now()`) at the latest. */
  set(at: number): void {
    if (at >= this.#at) return;
    clearTimeout(this.#timer);
    this.#at = at;
    this.#timer = setTimeout(
      () => {
        this.#at = Number.POSITIVE_INFINITY;
        this.#ring();
      },
      Math.min(MAX_DELAY, Math.max(1, Math.ceil(at - performance.now()))),
    );
    this.#timer.unref();
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#at = Number.POSITIVE_INFINITY;
  }
}

// SPDX-License-Identifier: Apache-2.0

/** A queue whose items are worked on a bounded number at a time, in order of arrival. */
export class Lane<T> {
  readonly #limit: number;
  readonly #body: (item: T) => Promise<void>;
  readonly #queue: T[] = [];
  #next = 0;
  #running = 0;
  #error: unknown;
  #failed = false;
  #wake: (() => void) | undefined;

  /** @param limit items at the same time @param body must handle the errors it does not want to end the lane */
  constructor(limit: number, body: (item: T) => Promise<void>) {
    this.#limit = limit;
    this.#body = body;
  }

  push(items: readonly T[]): void {
    this.#queue.push(...items);
    this.#fill();
  }

  /** Resolves when every item is at least being worked on: time to bring more. @throws what an item threw */
  async hungry(): Promise<void> {
    await this.#until(() => this.#next >= this.#queue.length);
  }

  /** Resolves when everything is done. @throws what an item threw */
  async idle(): Promise<void> {
    await this.#until(() => this.#next >= this.#queue.length && this.#running === 0);
  }

  async #until(reached: () => boolean): Promise<void> {
    while (!this.#failed && !reached()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#failed) throw this.#error;
  }

  #fill(): void {
    while (this.#running < this.#limit && !this.#failed) {
      const item = this.#queue[this.#next];
      if (item === undefined) break;
      this.#next += 1;
      this.#running += 1;
      this.#body(item).then(
        () => this.#ended(),
        (error: unknown) => {
          this.#failed = true;
          this.#error = error;
          this.#ended();
        },
      );
    }
    if (this.#next >= this.#queue.length) {
      this.#queue.length = 0;
      this.#next = 0;
    }
  }

  #ended(): void {
    this.#running -= 1;
    this.#fill();
    this.#wake?.();
  }
}

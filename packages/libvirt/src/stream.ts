// SPDX-License-Identifier: Apache-2.0
import { Duplex } from 'node:stream';
import { LibvirtConnectionError, type LibvirtError } from './errors.ts';
import { MAX_STREAM_CHUNK, PacketStatus } from './packet.ts';
import type { RpcCall, RpcClient } from './rpc.ts';

/**
 * The protocol has no flow control, and pausing the connection would stop every other call on it. So a reader that falls this many
 * bytes behind loses its stream.
 */
const MAX_UNREAD_STREAM_BYTES = 16 * 1024 * 1024;

/**
 * One libvirt stream (a serial console, a screenshot, an upload) as a Duplex. `end()` finishes it: the daemon flushes, and `finish`
 * comes once it confirmed. `destroy()` aborts it.
 */
export class LibvirtStream extends Duplex {
  readonly #rpc: RpcClient;
  readonly #procedure: number;
  readonly #maxUnread: number;
  #serial = -1;
  #state: 'opening' | 'open' | 'finishing' | 'over' = 'opening';
  #finished: ((error?: Error | null) => void) | undefined;
  #ended = false;

  private constructor(rpc: RpcClient, procedure: number, maxUnread: number) {
    super({ allowHalfOpen: false, emitClose: true });
    this.#rpc = rpc;
    this.#procedure = procedure;
    this.#maxUnread = maxUnread;
  }

  /** Makes the call that opens a stream. `result` is the call's own. */
  static async open<T>(
    rpc: RpcClient,
    call: Omit<RpcCall<T>, 'stream'>,
    maxUnread = MAX_UNREAD_STREAM_BYTES,
  ): Promise<{ stream: LibvirtStream; result: T }> {
    const stream = new LibvirtStream(rpc, call.procedure, maxUnread);
    const handler = {
      data: (bytes: Buffer) => stream.#received(bytes),
      end: () => stream.#endOfData(),
      confirmed: () => stream.#confirmed(),
      failed: (error: LibvirtError) => stream.#failed(error),
    };
    try {
      const result = await new Promise<T>((resolve, reject) => {
        stream.#serial = rpc.start({ ...call, stream: handler }, resolve, reject);
      });
      if (stream.#state === 'opening') stream.#state = 'open';
      return { stream, result };
    } catch (error) {
      stream.#state = 'over';
      stream.destroy();
      throw error;
    }
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    let room = true;
    for (let offset = 0; offset < chunk.length; offset += MAX_STREAM_CHUNK) {
      const piece = chunk.subarray(offset, offset + MAX_STREAM_CHUNK);
      room = this.#rpc.sendStream(this.#procedure, this.#serial, PacketStatus.CONTINUE, piece);
    }
    if (room) callback();
    else this.#rpc.writable().then(() => callback(), callback);
  }

  override _final(callback: (error?: Error | null) => void): void {
    if (this.#state !== 'open') {
      callback();
      return;
    }
    this.#state = 'finishing';
    this.#finished = callback;
    this.#rpc.sendStream(this.#procedure, this.#serial, PacketStatus.OK);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    // While finishing the daemon's confirmation is on its way already; in every other case it must be told.
    if (this.#state === 'open') this.#rpc.sendStream(this.#procedure, this.#serial, PacketStatus.ERROR);
    this.#state = 'over';
    const finished = this.#finished;
    this.#finished = undefined;
    finished?.(error);
    callback(error);
  }

  #received(bytes: Buffer): void {
    if (this.#state === 'over' || this.#ended) return;
    // Copied: the bytes are a view into the receive buffer, which is used again.
    this.push(Buffer.from(bytes));
    if (this.readableLength > this.#maxUnread) {
      this.destroy(new LibvirtConnectionError(`libvirt stream given up: ${this.readableLength} bytes were not read`));
    }
  }

  #endOfData(): void {
    if (this.#ended || this.#state === 'over') return;
    this.#ended = true;
    this.push(null);
  }

  #confirmed(): void {
    const finished = this.#finished;
    this.#finished = undefined;
    this.#endOfData();
    this.#state = 'over';
    finished?.();
  }

  #failed(error: LibvirtError): void {
    const waiting = this.#state !== 'over';
    this.#state = 'over';
    if (waiting) this.destroy(error);
  }
}

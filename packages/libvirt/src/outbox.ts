// SPDX-License-Identifier: Apache-2.0
import type { Duplex } from 'node:stream';
import { type PacketHeader, writePacket } from './packet.ts';
import type { SecurityLayer } from './rpc.ts';
import { XdrWriter } from './xdr.ts';

/** Collects the packets made in one turn of the event loop, so that they leave in one write. */
export class Outbox {
  readonly #transport: Duplex;
  readonly #writer = new XdrWriter();
  #security: SecurityLayer | undefined;
  #waiting: (() => void)[] = [];

  constructor(transport: Duplex) {
    this.#transport = transport;
    transport.on('drain', () => this.release());
  }

  /** @throws LibvirtError when the payload cannot be encoded; nothing of it is then sent. */
  add(header: PacketHeader, encodePayload: (writer: XdrWriter) => void): void {
    if (this.#writer.length === 0) queueMicrotask(() => this.flush());
    writePacket(this.#writer, header, encodePayload);
  }

  flush(): void {
    if (this.#writer.length === 0) return;
    const bytes = this.#writer.take();
    if (this.#transport.writable) this.#transport.write(this.#security?.wrap(bytes) ?? bytes);
  }

  /** What is added from now on goes through the layer. */
  secure(layer: SecurityLayer): void {
    this.flush();
    this.#security = layer;
  }

  /** Whether more can be added without piling up. */
  get hasRoom(): boolean {
    const { writableLength, writableHighWaterMark, writableNeedDrain } = this.#transport;
    return !writableNeedDrain && writableLength + this.#writer.length < writableHighWaterMark;
  }

  /** Resolves when the transport takes more. */
  room(): Promise<void> {
    this.flush();
    if (!this.#transport.writableNeedDrain) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Ends every wait for room. */
  release(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

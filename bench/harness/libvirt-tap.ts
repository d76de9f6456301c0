// SPDX-License-Identifier: Apache-2.0
import { createConnection, createServer, type Server, type Socket } from 'node:net';

/** What went over a tapped connection. */
export interface Traffic {
  /** Packets the client sent, and the daemon sent. */
  readonly calls: number;
  readonly replies: number;
  readonly bytes: number;
  /** How often the client waited: sent something after it had heard the daemon. */
  readonly roundTrips: number;
}

/** A Unix socket that passes everything on to libvirtd's, as late as a network would, and counts it. */
export class LibvirtTap implements AsyncDisposable {
  readonly path: string;
  readonly #delayMs: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #calls = 0;
  #replies = 0;
  #bytes = 0;
  #roundTrips = 0;

  private constructor(path: string, target: string, delayMs: number) {
    this.path = path;
    this.#delayMs = delayMs;
    this.#server = createServer((client) => this.#pass(client, createConnection({ path: target })));
  }

  /** Listens at `path` for connections to the daemon at `target`; each direction takes `delayMs`. */
  static async listen(path: string, target: string, delayMs: number): Promise<LibvirtTap> {
    const tap = new LibvirtTap(path, target, delayMs);
    await new Promise<void>((resolve, reject) => {
      tap.#server.once('error', reject);
      tap.#server.listen(path, resolve);
    });
    return tap;
  }

  /** The traffic since the last call of this method. */
  take(): Traffic {
    const traffic = {
      calls: this.#calls,
      replies: this.#replies,
      bytes: this.#bytes,
      roundTrips: this.#roundTrips,
    };
    this.#calls = this.#replies = this.#bytes = this.#roundTrips = 0;
    return traffic;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #pass(client: Socket, daemon: Socket): void {
    let heard = true;
    const sent = packetCounter();
    const received = packetCounter();
    client.on('data', (chunk) => {
      this.#bytes += chunk.length;
      this.#calls += sent(chunk);
      if (heard) this.#roundTrips += 1;
      heard = false;
    });
    daemon.on('data', (chunk) => {
      this.#bytes += chunk.length;
      this.#replies += received(chunk);
      heard = true;
    });
    for (const [from, to] of [
      [client, daemon],
      [daemon, client],
    ] as const) {
      this.#sockets.add(from);
      // Timers of one length go off in the order they were set.
      const later = (action: () => void): void => void setTimeout(action, this.#delayMs);
      from.on('data', (chunk) => later(() => to.writable && to.write(chunk)));
      from.on('error', () => to.destroy());
      from.on('close', () => {
        this.#sockets.delete(from);
        later(() => to.end());
      });
    }
  }
}

/** Counts the packets that begin in a byte stream: each starts with its length, four bytes, itself included. */
function packetCounter(): (chunk: Buffer) => number {
  let pending = Buffer.alloc(0);
  let skip = 0;
  return (chunk) => {
    let begun = 0;
    let rest: Buffer = pending.length > 0 ? Buffer.concat([pending, chunk]) : chunk;
    pending = Buffer.alloc(0);
    while (rest.length > 0) {
      if (skip > 0) {
        const taken = Math.min(skip, rest.length);
        skip -= taken;
        rest = rest.subarray(taken);
      } else if (rest.length < 4) {
        pending = Buffer.from(rest);
        break;
      } else {
        skip = Math.max(4, rest.readUInt32BE(0));
        begun += 1;
      }
    }
    return begun;
  };
}

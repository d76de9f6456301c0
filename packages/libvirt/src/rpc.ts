// SPDX-License-Identifier: Apache-2.0
import type { Duplex } from 'node:stream';
import {
  LibvirtConnectionError,
  LibvirtError,
  LibvirtProtocolError,
  LibvirtTimeoutError,
  type RemoteErrorDetails,
} from './errors.ts';
import { encodePacket, KeepAlive, type Packet, PacketSplitter, PacketStatus, PacketType, Program } from './packet.ts';
import { remoteError } from './protocol/types.ts';
import { decode } from './xdr.ts';

/** Encrypts and checks everything after a SASL exchange that agreed on it (DIGEST-MD5 with auth-conf). */
export interface SecurityLayer {
  wrap(plain: Buffer): Buffer;
  /** Gives the plain bytes that are complete. @throws LibvirtProtocolError when a unit is forged or malformed. */
  unwrap(chunk: Buffer): Buffer;
}

/** Gets the packets of one stream (a console, an upload), by the serial of the call that opened it. */
export interface StreamHandler {
  data(bytes: Buffer): void;
  /** The daemon will send no more data. */
  end(): void;
  /** The daemon confirmed our finish or abort: the serial is forgotten. */
  confirmed(): void;
  /** The stream, or the connection under it, died. */
  failed(error: LibvirtError): void;
}

export interface KeepAliveOptions {
  /** Milliseconds of silence before a PING. */
  readonly intervalMs: number;
  /** PINGs without an answer after which the connection counts as dead. */
  readonly count: number;
}

export interface RpcOptions {
  readonly keepAlive: KeepAliveOptions | false;
  readonly log: (message: string) => void;
  /** Calls that may be on the wire without an answer; more wait here. */
  readonly window?: number;
}

export interface RpcCall<T> {
  /** For error texts: libvirt's name of the procedure. */
  readonly label: string;
  readonly procedure: number;
  readonly args: Uint8Array;
  /** Makes the result of the reply, whose bytes are valid only during this call. @throws LibvirtError */
  readonly decode: (payload: Buffer) => T;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  readonly program?: number;
  /** Installed before the call leaves, because the first stream packet may come with the reply. */
  readonly stream?: StreamHandler;
}

interface PendingCall {
  readonly call: RpcCall<unknown>;
  readonly serial: number;
  /** Decodes the payload and tells the caller. */
  readonly resolve: (payload: Buffer) => void;
  readonly reject: (error: unknown) => void;
  timer: NodeJS.Timeout | undefined;
  onAbort: (() => void) | undefined;
  sentAt: number;
  /** The caller was answered already; the reply, when it comes, is dropped. */
  abandoned: 'no' | 'aborted' | 'timed-out';
}

/** libvirtd's `max_client_requests`: with so many calls in its hands it stops reading from us, PINGs included. */
const SERVER_REQUEST_SLOTS = 5;
const DEFAULT_WINDOW = 512;
const UINT32 = 2 ** 32;
const EMPTY = Buffer.alloc(0);

/**
 * libvirt's RPC over one byte stream: many calls at once, matched to their replies by serial (replies overtake one another),
 * events, streams, and keepalive. Knows nothing of what the procedures mean.
 *
 * A call that passes its deadline is rejected and its late reply dropped. If the daemon was silent for that whole time, or holds
 * five such calls (all it works on per client), the connection is given up, since it could only make more calls wait.
 */
export class RpcClient {
  /** Called for every event of the remote program. */
  onMessage: ((procedure: number, payload: Buffer) => void) | undefined;
  /** Called once, with the reason. */
  onClose: ((reason: LibvirtError) => void) | undefined;

  readonly #transport: Duplex;
  readonly #options: RpcOptions;
  readonly #window: number;
  readonly #splitter = new PacketSplitter();
  readonly #pending = new Map<number, PendingCall>();
  readonly #queue: PendingCall[] = [];
  readonly #streams = new Map<number, StreamHandler>();
  #outgoing: Buffer[] = [];
  #security: SecurityLayer | undefined;
  #nextSerial = 0;
  #timedOut = 0;
  #lastReceived = performance.now();
  #missedPings = 0;
  #keepAliveTimer: NodeJS.Timeout | undefined;
  #closeReason: LibvirtError | undefined;
  #drainWaiters: (() => void)[] = [];

  constructor(transport: Duplex, options: RpcOptions) {
    this.#transport = transport;
    this.#options = options;
    this.#window = options.window ?? DEFAULT_WINDOW;
    transport.on('data', (chunk: Buffer) => this.#receive(chunk));
    transport.on('error', (error) => this.close(connectionLost(error)));
    transport.on('end', () => this.close(new LibvirtConnectionError('the libvirt daemon closed the connection')));
    transport.on('close', () => this.close(new LibvirtConnectionError('the connection to libvirt was closed')));
    transport.on('drain', () => this.#drained());
    if (options.keepAlive !== false) {
      this.#keepAliveTimer = setInterval(() => this.#keepAliveTick(), options.keepAlive.intervalMs);
      this.#keepAliveTimer.unref();
    }
  }

  get closed(): boolean {
    return this.#closeReason !== undefined;
  }

  get closeReason(): LibvirtError | undefined {
    return this.#closeReason;
  }

  /**
   * Makes a call and gives its result.
   * @throws LibvirtError as the daemon answered, LibvirtTimeoutError, LibvirtConnectionError, or the signal's reason.
   */
  call<T>(call: RpcCall<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.start(call, resolve, reject);
    });
  }

  /** As {@link call}, but by callbacks, exactly one of which is called. Gives the serial, which the packets of a stream need. */
  start<T>(call: RpcCall<T>, resolve: (result: T) => void, reject: (error: unknown) => void): number {
    const serial = this.#takeSerial();
    const pending: PendingCall = {
      call,
      serial,
      resolve: (payload) => {
        let result: T;
        try {
          result = call.decode(payload);
        } catch (error) {
          return reject(error);
        }
        resolve(result);
      },
      reject,
      timer: undefined,
      onAbort: undefined,
      sentAt: 0,
      abandoned: 'no',
    };
    if (this.#closeReason !== undefined) reject(repeated(this.#closeReason));
    else if (call.signal?.aborted) reject(call.signal.reason);
    else this.#begin(pending);
    return serial;
  }

  #begin(pending: PendingCall): void {
    const { signal, timeoutMs } = pending.call;
    if (timeoutMs < Number.POSITIVE_INFINITY) pending.timer = setTimeout(() => this.#expired(pending), timeoutMs);
    if (signal !== undefined) {
      pending.onAbort = () => this.#abandon(pending, 'aborted', signal.reason);
      signal.addEventListener('abort', pending.onAbort, { once: true });
    }
    if (this.#pending.size < this.#window) this.#transmit(pending);
    else this.#queue.push(pending);
  }

  /** Sends one packet of an open stream. False when the transport is full: wait for {@link writable}. */
  sendStream(procedure: number, serial: number, status: number, bytes: Uint8Array = EMPTY): boolean {
    if (this.closed) return true;
    const header = { program: Program.REMOTE, version: 1, procedure, type: PacketType.STREAM, serial, status };
    this.#send(encodePacket(header, bytes));
    return !this.#transport.writableNeedDrain && this.#transport.writableLength < this.#transport.writableHighWaterMark;
  }

  /** Resolves when the transport takes more bytes, or is closed. */
  writable(): Promise<void> {
    if (this.closed || !this.#transport.writableNeedDrain) return Promise.resolve();
    return new Promise((resolve) => this.#drainWaiters.push(resolve));
  }

  /** From now on every byte in both directions goes through the layer. Call it between the last SASL reply and the next call. */
  setSecurityLayer(layer: SecurityLayer): void {
    this.#flush();
    this.#security = layer;
  }

  /** Ends the connection; every call under way is rejected with the reason. Only the first call has an effect. */
  close(reason: LibvirtError): void {
    if (this.#closeReason !== undefined) return;
    this.#closeReason = reason;
    clearInterval(this.#keepAliveTimer);
    this.#flush();
    this.#transport.end();
    this.#transport.destroy();
    const calls = [...this.#pending.values(), ...this.#queue.splice(0)];
    this.#pending.clear();
    for (const pending of calls) {
      if (pending.abandoned === 'no') this.#settle(pending, () => pending.reject(repeated(reason)));
    }
    const streams = [...this.#streams.values()];
    this.#streams.clear();
    for (const stream of streams) stream.failed(repeated(reason));
    this.#drained();
    this.onClose?.(reason);
  }

  #takeSerial(): number {
    while (this.#pending.has(this.#nextSerial) || this.#streams.has(this.#nextSerial)) {
      this.#nextSerial = (this.#nextSerial + 1) % UINT32;
    }
    const serial = this.#nextSerial;
    this.#nextSerial = (serial + 1) % UINT32;
    return serial;
  }

  #transmit(pending: PendingCall): void {
    const { call, serial } = pending;
    this.#pending.set(serial, pending);
    if (call.stream !== undefined) this.#streams.set(serial, call.stream);
    pending.sentAt = performance.now();
    const header = { program: call.program ?? Program.REMOTE, version: 1, procedure: call.procedure };
    this.#send(encodePacket({ ...header, type: PacketType.CALL, serial, status: PacketStatus.OK }, call.args));
  }

  /** Packets made in the same turn leave in one write. */
  #send(packet: Buffer): void {
    this.#outgoing.push(packet);
    if (this.#outgoing.length === 1) queueMicrotask(() => this.#flush());
  }

  #flush(): void {
    if (this.#outgoing.length === 0) return;
    const [first = EMPTY] = this.#outgoing;
    const bytes = this.#outgoing.length === 1 ? first : Buffer.concat(this.#outgoing);
    this.#outgoing = [];
    if (this.#transport.writable) this.#transport.write(this.#security?.wrap(bytes) ?? bytes);
  }

  #receive(chunk: Buffer): void {
    if (this.closed) return;
    this.#lastReceived = performance.now();
    this.#missedPings = 0;
    try {
      const plain = this.#security?.unwrap(chunk) ?? chunk;
      this.#splitter.push(plain, (packet) => {
        this.#dispatch(packet);
        return !this.closed;
      });
    } catch (error) {
      if (!(error instanceof LibvirtError)) throw error;
      this.close(error);
    }
  }

  #dispatch(packet: Packet): void {
    if (packet.program === Program.KEEPALIVE) {
      if (packet.procedure === KeepAlive.PING) this.#sendKeepAlive(KeepAlive.PONG);
      return;
    }
    // The type decides before the serial: libvirtd's events carry serial 1.
    switch (packet.type) {
      case PacketType.MESSAGE:
        if (packet.program === Program.REMOTE) this.onMessage?.(packet.procedure, packet.payload);
        return;
      case PacketType.REPLY:
        this.#reply(packet);
        return;
      case PacketType.STREAM:
        this.#streamPacket(packet);
        return;
      case PacketType.STREAM_HOLE:
        throw new LibvirtProtocolError('a sparse stream packet came, but no stream was opened as sparse');
      default:
        throw new LibvirtProtocolError(`packet of unexpected type ${packet.type}`);
    }
  }

  #reply(packet: Packet): void {
    const pending = this.#pending.get(packet.serial);
    if (pending === undefined) throw new LibvirtProtocolError(`reply with serial ${packet.serial}, which no call has`);
    const { call } = pending;
    if (packet.procedure !== call.procedure || packet.program !== (call.program ?? Program.REMOTE)) {
      throw new LibvirtProtocolError(`reply to procedure ${packet.procedure} for a call of ${call.procedure}`);
    }
    this.#pending.delete(packet.serial);
    const error = packet.status === PacketStatus.OK ? null : decodeRemoteError(packet.payload, call.label);
    if (error !== null) this.#streams.delete(packet.serial);
    if (pending.abandoned === 'timed-out') this.#timedOut -= 1;
    if (pending.abandoned === 'no') {
      this.#settle(pending, () => (error === null ? pending.resolve(packet.payload) : pending.reject(error)));
    }
    this.#sendQueued();
  }

  #sendQueued(): void {
    while (this.#pending.size < this.#window) {
      const next = this.#queue.shift();
      if (next === undefined) return;
      this.#transmit(next);
    }
  }

  #settle(pending: PendingCall, settle: () => void): void {
    clearTimeout(pending.timer);
    if (pending.onAbort !== undefined) pending.call.signal?.removeEventListener('abort', pending.onAbort);
    settle();
  }

  #expired(pending: PendingCall): void {
    const { label, timeoutMs } = pending.call;
    this.#abandon(pending, 'timed-out', new LibvirtTimeoutError(label, timeoutMs));
    if (!this.#pending.has(pending.serial)) return;
    this.#timedOut += 1;
    if (this.#lastReceived < pending.sentAt || this.#timedOut >= SERVER_REQUEST_SLOTS) {
      this.close(new LibvirtConnectionError(`the libvirt daemon did not answer ${label} within ${timeoutMs} ms`));
    }
  }

  /** Answers the caller now. A call still in our queue is forgotten; one on the wire stays known until its reply. */
  #abandon(pending: PendingCall, how: 'aborted' | 'timed-out', reason: unknown): void {
    if (pending.abandoned !== 'no') return;
    pending.abandoned = how;
    const queued = this.#queue.indexOf(pending);
    if (queued >= 0) this.#queue.splice(queued, 1);
    this.#settle(pending, () => pending.reject(reason));
  }

  #streamPacket(packet: Packet): void {
    const stream = this.#streams.get(packet.serial);
    if (stream === undefined) return;
    switch (packet.status) {
      case PacketStatus.CONTINUE:
        if (packet.payload.length > 0) stream.data(packet.payload);
        else stream.end();
        return;
      case PacketStatus.OK:
        this.#streams.delete(packet.serial);
        stream.confirmed();
        return;
      default:
        this.#streams.delete(packet.serial);
        stream.failed(decodeRemoteError(packet.payload, 'stream') ?? new LibvirtProtocolError('stream failed'));
    }
  }

  #sendKeepAlive(procedure: number): void {
    const header = {
      program: Program.KEEPALIVE,
      version: 1,
      procedure,
      type: PacketType.MESSAGE,
      serial: 0,
      status: 0,
    };
    this.#send(encodePacket(header, EMPTY));
  }

  #keepAliveTick(): void {
    const { keepAlive } = this.#options;
    if (keepAlive === false || this.closed) return;
    if (performance.now() - this.#lastReceived < keepAlive.intervalMs) return;
    // A daemon that works on all the calls it takes from us does not read our PINGs; the calls' deadlines watch it then.
    if (this.#pending.size >= SERVER_REQUEST_SLOTS) return;
    if (this.#missedPings >= keepAlive.count) {
      const silence = Math.round((performance.now() - this.#lastReceived) / 1000);
      this.close(new LibvirtConnectionError(`the libvirt daemon has been silent for ${silence} s (keepalive)`));
      return;
    }
    this.#missedPings += 1;
    if (this.#missedPings > 1) this.#options.log(`no answer to ${this.#missedPings - 1} keepalive pings`);
    this.#sendKeepAlive(KeepAlive.PING);
  }

  #drained(): void {
    for (const resolve of this.#drainWaiters.splice(0)) resolve();
  }
}

/** The error a failed reply carries; null when its code says that nothing failed. @throws LibvirtProtocolError */
function decodeRemoteError(payload: Buffer, procedure: string): LibvirtError | null {
  const { code, domain, message, level, str1, str2, str3, int1, int2 } = decode(remoteError, payload);
  if (code === 0) return null;
  const remote: RemoteErrorDetails = { level, str1, str2, str3, int1, int2 };
  return new LibvirtError(message ?? `libvirt error ${code}`, { code, domain, remote, procedure });
}

function connectionLost(error: Error): LibvirtError {
  if (error instanceof LibvirtError) return error;
  return new LibvirtConnectionError(`the connection to libvirt was lost: ${error.message}`, { cause: error });
}

/** Each rejected call gets an error of its own, of the same class as the reason. */
function repeated(reason: LibvirtError): LibvirtError {
  if (reason instanceof LibvirtConnectionError) return new LibvirtConnectionError(reason.message, { cause: reason });
  return new LibvirtConnectionError(`connection closed: ${reason.message}`, { cause: reason });
}

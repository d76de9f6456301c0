// SPDX-License-Identifier: Apache-2.0
import type { Duplex } from 'node:stream';
import { Alarm } from './alarm.ts';
import {
  LibvirtConnectionError,
  LibvirtError,
  LibvirtProtocolError,
  LibvirtTimeoutError,
  type RemoteErrorDetails,
} from './errors.ts';
import { KeepAlive, type KeepAliveOptions } from './keepalive.ts';
import { Outbox } from './outbox.ts';
import { KeepAliveProcedure, type Packet, PacketSplitter, PacketStatus, PacketType, Program } from './packet.ts';
import { remoteError } from './protocol/types.ts';
import { decode, type XdrWriter } from './xdr.ts';

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
  /** Writes the arguments. @throws LibvirtError when they cannot be encoded. */
  readonly encode: (writer: XdrWriter) => void;
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
  /** Of `performance.now()`. */
  readonly deadline: number;
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
  readonly #window: number;
  readonly #outbox: Outbox;
  readonly #keepAlive: KeepAlive | undefined;
  readonly #alarm = new Alarm(() => this.#checkDeadlines());
  readonly #splitter = new PacketSplitter();
  readonly #pending = new Map<number, PendingCall>();
  readonly #queue: PendingCall[] = [];
  readonly #streams = new Map<number, StreamHandler>();
  #security: SecurityLayer | undefined;
  #nextSerial = 0;
  #timedOut = 0;
  #lastReceived = performance.now();
  #closeReason: LibvirtError | undefined;

  constructor(transport: Duplex, options: RpcOptions) {
    this.#transport = transport;
    this.#window = options.window ?? DEFAULT_WINDOW;
    this.#outbox = new Outbox(transport);
    this.#keepAlive = options.keepAlive === false ? undefined : this.#watch(options.keepAlive, options.log);
    transport.on('data', (chunk: Buffer) => this.#receive(chunk));
    transport.on('error', (error) => this.close(connectionLost(error)));
    transport.on('end', () => this.close(new LibvirtConnectionError('the libvirt daemon closed the connection')));
    transport.on('close', () => this.close(new LibvirtConnectionError('the connection to libvirt was closed')));
  }

  get closed(): boolean {
    return this.#closeReason !== undefined;
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
    const { signal, timeoutMs } = call;
    if (this.#closeReason !== undefined) {
      reject(repeated(this.#closeReason));
      return serial;
    }
    if (signal?.aborted) {
      reject(signal.reason);
      return serial;
    }
    const pending: PendingCall = {
      call,
      serial,
      resolve: (payload) => {
        let result: T;
        try {
          result = call.decode(payload);
        } catch (error) {
          reject(error);
          return;
        }
        resolve(result);
      },
      reject,
      deadline: performance.now() + timeoutMs,
      onAbort: undefined,
      sentAt: 0,
      abandoned: 'no',
    };
    if (signal !== undefined) {
      pending.onAbort = () => this.#abandon(pending, 'aborted', signal.reason);
      signal.addEventListener('abort', pending.onAbort, { once: true });
    }
    this.#alarm.set(pending.deadline);
    if (this.#pending.size < this.#window) this.#transmit(pending);
    else this.#queue.push(pending);
    return serial;
  }

  /** Sends one packet of an open stream. False when the transport is full: wait for {@link writable}. */
  sendStream(procedure: number, serial: number, status: number, bytes: Uint8Array = EMPTY): boolean {
    if (this.closed) return true;
    const header = { program: Program.REMOTE, procedure, type: PacketType.STREAM, serial, status };
    this.#outbox.add(header, (writer) => writer.raw(bytes));
    return this.#outbox.hasRoom;
  }

  /** Resolves when the transport takes more bytes, or is closed. */
  writable(): Promise<void> {
    return this.closed ? Promise.resolve() : this.#outbox.room();
  }

  /** From now on every byte in both directions goes through the layer. Call it between the last SASL reply and the next call. */
  setSecurityLayer(layer: SecurityLayer): void {
    this.#outbox.secure(layer);
    this.#security = layer;
  }

  /** Ends the connection; every call under way is rejected with the reason. Only the first call has an effect. */
  close(reason: LibvirtError): void {
    if (this.#closeReason !== undefined) return;
    this.#closeReason = reason;
    this.#keepAlive?.stop();
    this.#alarm.clear();
    this.#outbox.flush();
    this.#transport.end();
    this.#transport.destroy();
    const calls = [...this.#pending.values(), ...this.#queue.splice(0)];
    this.#pending.clear();
    for (const pending of calls) {
      if (pending.abandoned === 'no') this.#refuse(pending, repeated(reason));
    }
    const streams = [...this.#streams.values()];
    this.#streams.clear();
    for (const stream of streams) stream.failed(repeated(reason));
    this.#outbox.release();
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
    const program = call.program ?? Program.REMOTE;
    const header = { program, procedure: call.procedure, type: PacketType.CALL, serial, status: PacketStatus.OK };
    try {
      this.#outbox.add(header, call.encode);
    } catch (error) {
      this.#refuse(pending, error);
      return;
    }
    this.#pending.set(serial, pending);
    if (call.stream !== undefined) this.#streams.set(serial, call.stream);
    pending.sentAt = performance.now();
  }

  #receive(chunk: Buffer): void {
    if (this.closed) return;
    this.#lastReceived = performance.now();
    this.#keepAlive?.heard(this.#lastReceived);
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
      if (packet.procedure === KeepAliveProcedure.PING) this.#sendKeepAlive(KeepAliveProcedure.PONG);
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
      if (error !== null) this.#refuse(pending, error);
      else {
        this.#unhook(pending);
        pending.resolve(packet.payload);
      }
    }
    if (this.#queue.length > 0) this.#sendQueued();
  }

  #sendQueued(): void {
    while (this.#pending.size < this.#window) {
      const next = this.#queue.shift();
      if (next === undefined) return;
      this.#transmit(next);
    }
  }

  #unhook(pending: PendingCall): void {
    if (pending.onAbort !== undefined) pending.call.signal?.removeEventListener('abort', pending.onAbort);
  }

  #refuse(pending: PendingCall, error: unknown): void {
    this.#unhook(pending);
    pending.reject(error);
  }

  #checkDeadlines(): void {
    const now = performance.now();
    for (const pending of [...this.#pending.values(), ...this.#queue]) {
      if (pending.abandoned !== 'no') continue;
      if (pending.deadline <= now) this.#expired(pending);
      else this.#alarm.set(pending.deadline);
      if (this.closed) return;
    }
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
    this.#refuse(pending, reason);
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
    const header = { program: Program.KEEPALIVE, procedure, type: PacketType.MESSAGE, serial: 0, status: 0 };
    this.#outbox.add(header, () => undefined);
  }

  #watch(options: KeepAliveOptions, log: (message: string) => void): KeepAlive {
    return new KeepAlive(options, {
      ping: () => this.#sendKeepAlive(KeepAliveProcedure.PING),
      dead: (silentMs) => {
        const seconds = Math.round(silentMs / 1000);
        this.close(new LibvirtConnectionError(`the libvirt daemon has been silent for ${seconds} s (keepalive)`));
      },
      busy: () => this.#pending.size >= SERVER_REQUEST_SLOTS,
      log,
    });
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

// SPDX-License-Identifier: Apache-2.0
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { Duplex } from 'node:stream';
import { LibvirtConnectionError } from '../errors.ts';

/** How much of the program's complaints is kept for the error text. */
const MAX_STDERR = 2000;
/** How long a program gets to leave after its input was closed. */
const KILL_AFTER_MS = 2000;

/**
 * A program's standard input and output as one byte stream. When the program ends, the stream fails with what it wrote to its
 * standard error; when the stream is destroyed, the program is ended.
 */
export class ChildProcessStream extends Duplex {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #what: string;
  #stderr = '';
  #gone = false;

  private constructor(child: ChildProcessWithoutNullStreams, what: string) {
    super({ allowHalfOpen: true });
    this.#child = child;
    this.#what = what;
    child.stdout.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) child.stdout.pause();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString('utf8')).slice(-MAX_STDERR);
    });
    // A broken pipe is told by the program's end, which knows the reason.
    child.stdin.on('error', () => undefined);
    child.stdout.on('error', () => undefined);
    child.on('error', (error) => this.#ended(error.message));
    child.on('close', (code, signal) => this.#ended(signal === null ? `exit status ${code}` : `signal ${signal}`));
  }

  /** Starts the program; resolves once it runs. Whether it reached a daemon shows only in the stream. */
  static start(
    what: string,
    program: string,
    args: readonly string[],
    options: { env?: NodeJS.ProcessEnv } = {},
  ): Promise<ChildProcessStream> {
    return new Promise((resolve, reject) => {
      const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], windowsHide: true, ...options });
      const stream = new ChildProcessStream(child, what);
      const onError = (error: Error) => {
        stream.on('error', () => undefined);
        reject(new LibvirtConnectionError(`cannot run ${program}: ${error.message}`, { cause: error }));
      };
      child.once('error', onError);
      child.once('spawn', () => {
        child.off('error', onError);
        resolve(stream);
      });
    });
  }

  override _read(): void {
    this.#child.stdout.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    if (this.#gone || this.#child.stdin.write(chunk)) {
      callback();
      return;
    }
    const done = () => {
      this.#child.stdin.off('drain', done);
      this.#child.stdin.off('close', done);
      callback();
    };
    this.#child.stdin.on('drain', done);
    this.#child.stdin.on('close', done);
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#child.stdin.end();
    callback();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#child.stdin.destroy();
    this.#child.stdout.destroy();
    this.#child.stderr.destroy();
    if (!this.#gone && this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#child.kill('SIGTERM');
      const timer = setTimeout(() => this.#child.kill('SIGKILL'), KILL_AFTER_MS);
      timer.unref();
      this.#child.once('exit', () => clearTimeout(timer));
    }
    callback(error);
  }

  #ended(how: string): void {
    if (this.#gone) return;
    this.#gone = true;
    if (this.destroyed) return;
    const said = this.#stderr.trim().replace(/\s*\n\s*/g, '; ');
    this.destroy(new LibvirtConnectionError(`${this.#what} ended (${how})${said === '' ? '' : `: ${said}`}`));
  }
}

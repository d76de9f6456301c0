// SPDX-License-Identifier: Apache-2.0
import type { Duplex } from 'node:stream';
import type { LibvirtUri } from '../uri.ts';

interface TransportOptions {
  /** Ends the attempt. */
  readonly signal: AbortSignal;
  readonly readonly: boolean;
  /** Allow `command=`, which runs a program on this machine. */
  readonly allowCommand: boolean;
  readonly sshKeyFile?: string | undefined;
  readonly log: (message: string) => void;
}

/**
 * Makes the connection to a daemon: a byte stream on which libvirt's packets can start at once. The bytes of its `data` events may
 * lie in a buffer that is used again after the event.
 * Rejects with LibvirtConnectionError, LibvirtAuthError, LibvirtUriError, or the signal's reason.
 */
export type Transport = (uri: LibvirtUri, options: TransportOptions) => Promise<Duplex>;

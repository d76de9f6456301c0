// SPDX-License-Identifier: Apache-2.0
import { LibvirtUriError } from '../errors.ts';
import { ChildProcessStream } from './child-process.ts';
import type { Transport } from './transport.ts';

/** A program of the user's own, whose standard input and output are the connection. */
export const openExt: Transport = async (uri, { allowCommand }) => {
  const { command } = uri.parameters;
  if (command === undefined) throw new LibvirtUriError('query parameter "command"', 'is needed with the ext transport');
  if (!allowCommand) throw commandNotAllowed();
  return await ChildProcessStream.start(`the command ${command}`, command, []);
};

/** The refusal of `command=` where the URI is not trusted to name programs to run. */
export function commandNotAllowed(): LibvirtUriError {
  return new LibvirtUriError('query parameter "command"', 'runs a program on this machine, which is not allowed here');
}

// SPDX-License-Identifier: Apache-2.0

import { accessSync, constants, statSync } from 'node:fs';
import { LibvirtUriError, parseLibvirtUri } from '@wrought/libvirt';
import { InvalidParameterValue, MissingParameterValue } from '../../errors.ts';
import type { NodeRecord } from '../../model/resources.ts';
import type { PropertyTable } from '../contracts.ts';

/** What driver_info takes of nodes whose power or management is libvirt's. */
export const LIBVIRT_PROPERTIES = {
  libvirt_uri: {
    description:
      'URI of the libvirt daemon that runs the machine, as virsh takes it: qemu:///system (the default), ' +
      'qemu+ssh://root@host/system, qemu+tls://host/system, qemu+tcp://host/system. It holds no password.',
  },
  sasl_username: { description: 'User name for a daemon that asks for SASL authentication; needs sasl_password.' },
  sasl_password: { description: 'Password of sasl_username.', secret: true },
  ssh_key_filename: {
    description:
      'File on the conductor with the private key for a qemu+ssh URI, without a passphrase. ' +
      'Not together with sasl_username and sasl_password.',
  },
} as const satisfies PropertyTable;

const DEFAULT_URI = 'qemu:///system';

/** How to reach a hypervisor. */
export interface HypervisorAddress {
  /** Without any secret: fit for messages. */
  readonly uri: string;
  readonly username?: string;
  readonly password?: string;
  readonly sshKeyFile?: string;
}

/**
 * Reads and checks a node's driver_info. Looks at files, connects to nothing.
 * @throws InvalidParameterValue, MissingParameterValue naming the field and what would be right
 */
export function parseDriverInfo(node: Pick<NodeRecord, 'uuid' | 'driver_info'>): HypervisorAddress {
  const uri = text(node, 'libvirt_uri') ?? DEFAULT_URI;
  const transport = checkUri(node.uuid, uri);
  const username = text(node, 'sasl_username');
  const password = text(node, 'sasl_password');
  const sshKeyFile = text(node, 'ssh_key_filename');
  if ((username === undefined) !== (password === undefined)) {
    const [present, missing] =
      username === undefined ? ['sasl_password', 'sasl_username'] : ['sasl_username', 'sasl_password'];
    throw new MissingParameterValue(
      `Node ${node.uuid}: driver_info has ${present} but no ${missing}; SASL authentication needs both.`,
    );
  }
  if (sshKeyFile !== undefined) {
    if (username !== undefined) {
      throw new InvalidParameterValue(
        `Node ${node.uuid}: driver_info has both ssh_key_filename and sasl_username; give one and only one of the ` +
          'authentications.',
      );
    }
    if (transport !== 'ssh') {
      throw new InvalidParameterValue(
        `Node ${node.uuid}: driver_info has ssh_key_filename but libvirt_uri ${uri} does not go over ssh; ` +
          'make it a qemu+ssh:// URI or remove ssh_key_filename.',
      );
    }
    checkReadable(node.uuid, 'ssh_key_filename', sshKeyFile, 'file');
  }
  return {
    uri,
    ...(username === undefined || password === undefined ? {} : { username, password }),
    ...(sshKeyFile === undefined ? {} : { sshKeyFile }),
  };
}

/** Checks the URI and returns its transport. */
function checkUri(node: string, uri: string): string {
  // Before anything that could quote the URI in a message.
  if (/^[^/]*\/\/[^/?#]*:[^/?#]*@/.test(uri)) {
    throw new InvalidParameterValue(
      `Node ${node}: driver_info libvirt_uri has a password in it, where it would be shown to everyone; ` +
        'give it as sasl_username and sasl_password.',
    );
  }
  try {
    const { transport, parameters } = parseLibvirtUri(uri);
    if (transport === 'ext' || parameters.command !== undefined) {
      throw new InvalidParameterValue(
        `Node ${node}: driver_info libvirt_uri may not name a program to run (the ext transport or command=); ` +
          'use the unix, ssh, tls or tcp transport.',
      );
    }
    if (parameters.keyfile !== undefined) checkReadable(node, 'libvirt_uri keyfile', parameters.keyfile, 'file');
    if (parameters.authfile !== undefined) checkReadable(node, 'libvirt_uri authfile', parameters.authfile, 'file');
    if (parameters.pkipath !== undefined) checkReadable(node, 'libvirt_uri pkipath', parameters.pkipath, 'directory');
    return transport;
  } catch (error) {
    if (!(error instanceof LibvirtUriError)) throw error;
    throw new InvalidParameterValue(
      `Node ${node}: driver_info libvirt_uri is not a URI of a libvirt daemon that can be used: ${error.message}.`,
      { cause: error },
    );
  }
}

function text(node: Pick<NodeRecord, 'uuid' | 'driver_info'>, field: keyof typeof LIBVIRT_PROPERTIES) {
  const value = node.driver_info[field];
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value !== 'string') {
    throw new InvalidParameterValue(`Node ${node.uuid}: driver_info ${field} has to be a string.`);
  }
  return value;
}

function checkReadable(node: string, field: string, path: string, kind: 'file' | 'directory'): void {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined || (kind === 'file' ? !stats.isFile() : !stats.isDirectory())) {
    throw new InvalidParameterValue(
      `Node ${node}: driver_info ${field}: ${kind} ${path} not found on the conductor host.`,
    );
  }
  try {
    accessSync(path, constants.R_OK);
  } catch {
    throw new InvalidParameterValue(
      `Node ${node}: driver_info ${field}: ${path} cannot be read by the service; check its owner and mode.`,
    );
  }
}

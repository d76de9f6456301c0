// SPDX-License-Identifier: Apache-2.0

import { type Domain, LibvirtError, type MacMatch, normalizeMac } from '@wrought/libvirt';
import { HardwareError, InvalidParameterValue, MissingParameterValue } from '../../errors.ts';
import type { NodeRecord } from '../../model/resources.ts';
import type { Task } from '../contracts.ts';
import { DomainXmlError } from './domain-xml.ts';
import { type HypervisorAddress, parseDriverInfo } from './driver-info.ts';
import type { Hypervisor, HypervisorConnection, Hypervisors } from './hypervisor.ts';

/** A node's domain, and the connection to reach it. */
export interface Machine {
  readonly connection: HypervisorConnection;
  readonly domain: Domain;
}

/** The part of a task that tells which machine is meant. */
export type MachineTask = Pick<Task, 'node' | 'ports' | 'signal'>;

/** Finds nodes' domains by the MAC addresses of their ports, and gives errors the names a user knows. */
export class Machines {
  readonly #hypervisors: Hypervisors;

  constructor(hypervisors: Hypervisors) {
    this.#hypervisors = hypervisors;
  }

  /** Checks what can be checked without the hypervisor. @throws InvalidParameterValue, MissingParameterValue */
  validate(task: MachineTask): void {
    parseDriverInfo(task.node);
    portMacs(task);
  }

  /**
   * Runs an action on a node's machine; a second time when the connection broke under it.
   *
   * @param operation what is done, for error messages: "reading the power state"
   * @throws InvalidParameterValue, MissingParameterValue when the machine cannot be found; HardwareError when libvirt fails;
   * and what the action throws
   */
  async with<T>(task: MachineTask, operation: string, action: (machine: Machine) => Promise<T>): Promise<T> {
    const address = parseDriverInfo(task.node);
    const macs = portMacs(task);
    const hypervisor = this.#hypervisors.get(address);
    try {
      return await hypervisor.run(task.signal, async (connection) => {
        const domain = await locate(hypervisor, connection, task, macs);
        return await action({ connection, domain });
      });
    } catch (error) {
      throw deviceError(error, task.node, address, operation);
    }
  }

  /**
   * Runs an action for each hypervisor and the tasks of its nodes, all hypervisors at once. The result has an entry for every
   * task's node; an Error is that node's failure.
   */
  async group<T>(
    tasks: readonly Task[],
    operation: string,
    action: (
      members: readonly Member[],
      hypervisor: Hypervisor,
      connection: HypervisorConnection,
    ) => Promise<Map<string, T | Error>>,
  ): Promise<Map<string, T | Error>> {
    const results = new Map<string, T | Error>();
    const groups = new Map<Hypervisor, Member[]>();
    for (const task of tasks) {
      try {
        const hypervisor = this.#hypervisors.get(parseDriverInfo(task.node));
        const members = groups.get(hypervisor) ?? [];
        members.push({ task, macs: portMacs(task) });
        groups.set(hypervisor, members);
      } catch (error) {
        results.set(task.node.uuid, asError(error));
      }
    }
    const signal = commonSignal(tasks);
    await Promise.all(
      [...groups].map(async ([hypervisor, members]) => {
        let found: Map<string, T | Error> | undefined;
        let failure: unknown;
        try {
          found = await hypervisor.run(signal, (connection) => action(members, hypervisor, connection));
        } catch (error) {
          failure = error;
        }
        for (const { task } of members) {
          const result = found?.get(task.node.uuid);
          if (result !== undefined) results.set(task.node.uuid, result);
          else results.set(task.node.uuid, deviceError(failure, task.node, hypervisor.address, operation));
        }
      }),
    );
    return results;
  }
}

/** Aborted when one of the tasks is. */
export function commonSignal(tasks: readonly Pick<Task, 'signal'>[]): AbortSignal {
  return AbortSignal.any([...new Set(tasks.map(({ signal }) => signal))]);
}

/** A node of a group. */
export interface Member {
  readonly task: Task;
  /** Normalised. */
  readonly macs: readonly string[];
}

/** The MAC addresses of a node's ports, as libvirt writes them. */
export function portAddresses(task: Pick<Task, 'ports'>): string[] {
  return task.ports.map(({ address }) => address.toLowerCase());
}

/**
 * The one domain among matches that has an address of this node.
 * @param countDomains how many domains the hypervisor has, for the message when it is none of them
 * @throws InvalidParameterValue
 */
export async function chooseDomain(
  matches: readonly MacMatch[],
  { task, macs }: { readonly task: Pick<Task, 'node'>; readonly macs: readonly string[] },
  hypervisor: Hypervisor,
  countDomains: () => number | Promise<number>,
): Promise<Domain> {
  const mine = matches.filter((match) => match.macs.some((mac) => macs.includes(mac)));
  const { uri } = hypervisor.address;
  const { uuid } = task.node;
  const [first, ...more] = mine;
  if (first === undefined) {
    hypervisor.remember(uuid, null);
    throw new InvalidParameterValue(
      `Node ${uuid}: none of the ${await countDomains()} domains of ${uri} has a network interface with a MAC address of its ports ` +
        `(${macs.map(printMac).join(', ')}). Correct the ports' addresses or driver_info libvirt_uri.`,
    );
  }
  if (more.length > 0) {
    hypervisor.remember(uuid, null);
    const domains = mine.map(
      ({ domain, macs: shared }) =>
        `${domain.name} (${domain.uuid}) has ${shared
          .filter((mac) => macs.includes(mac))
          .map(printMac)
          .join(', ')}`,
    );
    throw new InvalidParameterValue(
      `Node ${uuid}: its ports' MAC addresses belong to ${mine.length} domains of ${uri}: ${domains.join('; ')}. ` +
        'Give the domains different addresses, or remove the port that is not of this machine.',
    );
  }
  hypervisor.remember(uuid, first.domain);
  return first.domain;
}

async function locate(
  hypervisor: Hypervisor,
  connection: HypervisorConnection,
  task: MachineTask,
  macs: readonly string[],
): Promise<Domain> {
  const matches = await connection.findByMac(macs, hypervisor.hint(task.node.uuid), { signal: task.signal });
  return await chooseDomain(matches, { task, macs }, hypervisor, async () => {
    return (await connection.listAllDomains(0, { signal: task.signal })).length;
  });
}

function portMacs(task: MachineTask): string[] {
  if (task.ports.length === 0) {
    throw new MissingParameterValue(
      `Node ${task.node.uuid} does not have any ports associated with it; its machine is found by the MAC addresses of ` +
        'its ports. Create a port with the address of one of its network interfaces.',
    );
  }
  return task.ports.map(({ address }) => normalizeMac(address));
}

function deviceError(error: unknown, node: NodeRecord, address: HypervisorAddress, operation: string): Error {
  if (error instanceof LibvirtError || error instanceof DomainXmlError) {
    return new HardwareError(`Node ${node.uuid}: ${operation} through ${address.uri} failed: ${error.message}`, {
      cause: error,
    });
  }
  return asError(error);
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

function printMac(mac: string): string {
  return mac.match(/../g)?.join(':') ?? mac;
}

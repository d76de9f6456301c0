// SPDX-License-Identifier: Apache-2.0

import { setTimeout as sleep } from 'node:timers/promises';
import { CreateFlag, type DomainState, ErrorCode, LibvirtError, LibvirtTimeoutError } from '@wrought/libvirt';
import { messageOf, PowerStateFailure } from '../../errors.ts';
import type { PowerInterface, PowerReading, PowerState, PowerTarget, Task } from '../contracts.ts';
import { finishBootOnce } from './boot-once.ts';
import { LIBVIRT_PROPERTIES } from './driver-info.ts';
import type { Hypervisors } from './hypervisor.ts';
import { chooseDomain, commonSignal, type Machine, type Machines } from './machines.ts';

const TARGETS: readonly PowerTarget[] = ['power on', 'power off', 'rebooting', 'soft rebooting', 'soft power off'];

/** Milliseconds between two presses of the power button: a guest whose system is not up yet loses the first. */
const ASK_AGAIN_AFTER = 10_000;

/** Milliseconds between two looks at a machine that was asked to power off. */
const POLL = { first: 250, longest: 2000 } as const;

/** Power of libvirt domains: start, destroy, and shutdown by ACPI for the soft targets. */
export function libvirtPower(hypervisors: Hypervisors, machines: Machines): PowerInterface {
  return {
    properties: LIBVIRT_PROPERTIES,
    validate: (task) => machines.validate(task),
    supportedPowerStates: () => TARGETS,

    getPowerState: (task) =>
      machines.with(task, 'reading the power state', async ({ connection, domain }) =>
        powerOf(await connection.getState(domain, { signal: task.signal })),
      ),

    async setPowerState(task, target, timeout) {
      const change = () => new PowerChange(task, machines, target, timeout);
      if (target === 'power on') return await change().on();
      if (target === 'power off') return await change().off();
      if (target === 'rebooting') return await change().reboot();
      await change().softOff();
      if (target === 'soft rebooting') await change().on();
    },

    reboot: (task, timeout) => new PowerChange(task, machines, 'rebooting', timeout).reboot(),

    /** One round trip for each hypervisor, and a second where a node's domain is not known yet. */
    getPowerStates: (tasks) =>
      machines.group<PowerReading>(tasks, 'reading the power state', async (members, hypervisor, connection) => {
        const signal = commonSignal(members.map(({ task }) => task));
        const states = await connection.getAllStates({ signal });
        const known = (uuid: string) => states.get(hypervisor.knownDomain(uuid) ?? '');
        const unknown = members.filter(({ task }) => known(task.node.uuid) === undefined);
        const failures = new Map<string, Error>();
        if (unknown.length > 0) {
          const matches = await connection.findByMac([...new Set(unknown.flatMap(({ macs }) => macs))], null, {
            signal,
          });
          for (const member of unknown) {
            try {
              await chooseDomain(matches, member, hypervisor, () => states.size);
            } catch (error) {
              failures.set(member.task.node.uuid, error instanceof Error ? error : new Error(messageOf(error)));
            }
          }
        }
        return new Map(
          members.map(({ task: { node } }) => {
            const state = known(node.uuid);
            return [node.uuid, failures.get(node.uuid) ?? (state === undefined ? null : powerOf(state))];
          }),
        );
      }),

    watchPowerStates: (listener) => hypervisors.watch(listener),
    close: () => hypervisors.close(),
  };
}

/** Anything but shut off is on: paused, crashed and suspended machines still hold their memory and devices. */
function powerOf({ state }: DomainState): PowerState {
  return state === 'shutoff' ? 'power off' : 'power on';
}

/** One change of a node's power. Every method looks before it acts, and so may run again after a broken connection. */
class PowerChange {
  readonly #task: Task;
  readonly #machines: Machines;
  readonly #target: PowerTarget;
  readonly #timeout: number | null;
  /** When the change must be done; performance.now() milliseconds. */
  readonly #deadline: number;

  constructor(task: Task, machines: Machines, target: PowerTarget, timeout: number | null) {
    this.#task = task;
    this.#machines = machines;
    this.#target = target;
    this.#timeout = timeout;
    this.#deadline = timeout === null ? Number.POSITIVE_INFINITY : performance.now() + timeout * 1000;
  }

  on(): Promise<void> {
    let created = false;
    return this.#run(async (machine) => {
      if ((await this.#state(machine)) === 'power off') {
        created = true;
        await this.#create(machine);
        await this.#expect(machine, 'power on');
      }
      if (created) await this.#finishBootOnce(machine);
    });
  }

  off(): Promise<void> {
    return this.#run((machine) => this.#destroy(machine));
  }

  /** Off and on again: a reset would keep the boot order the machine was started with. */
  reboot(): Promise<void> {
    return this.#run(async (machine) => {
      await this.#destroy(machine);
      await this.#create(machine);
      await this.#expect(machine, 'power on');
      await this.#finishBootOnce(machine);
    });
  }

  /** Asks the guest to power off and waits until it has. */
  softOff(): Promise<void> {
    const seconds = this.#timeout ?? this.#task.config.conductor.soft_power_off_timeout;
    const deadline = performance.now() + seconds * 1000;
    return this.#run(async (machine) => {
      const { connection, domain } = machine;
      let askAgain = 0;
      for (let pause: number = POLL.first; ; pause = Math.min(pause * 1.5, POLL.longest)) {
        if ((await this.#state(machine)) === 'power off') return;
        if (performance.now() >= askAgain) {
          await this.#unlessAlready(machine, 'power off', connection.shutdown(domain, 0, this.#bounded()));
          askAgain = performance.now() + ASK_AGAIN_AFTER;
        }
        const left = deadline - performance.now();
        if (left <= 0) {
          throw new PowerStateFailure(
            this.#target,
            `Domain ${domain.name} did not power off within ${seconds} s after it was asked to.`,
          );
        }
        await sleep(Math.min(pause, left), undefined, { signal: this.#task.signal });
      }
    });
  }

  async #run(action: (machine: Machine) => Promise<void>): Promise<void> {
    try {
      await this.#machines.with(this.#task, `changing the power to '${this.#target}'`, action);
    } catch (error) {
      if (this.#timeout !== null && error instanceof Error && error.cause instanceof LibvirtTimeoutError) {
        throw new PowerStateFailure(this.#target, `It was not reached within ${this.#timeout} s. ${error.message}`);
      }
      throw error;
    }
  }

  /** A managed save image would bring back old memory instead of booting: it is dropped. */
  async #create(machine: Machine): Promise<void> {
    const { connection, domain } = machine;
    const start = async () => {
      try {
        await connection.create(domain, CreateFlag.FORCE_BOOT, this.#bounded());
      } catch (error) {
        if (!isFlagRefused(error)) throw error;
        // Hypervisor drivers without save images.
        await connection.create(domain, 0, this.#bounded());
      }
    };
    await this.#unlessAlready(machine, 'power on', start());
  }

  async #destroy(machine: Machine): Promise<void> {
    if ((await this.#state(machine)) === 'power off') return;
    const { connection, domain } = machine;
    await this.#unlessAlready(machine, 'power off', connection.destroy(domain, 0, this.#bounded()));
    await this.#expect(machine, 'power off');
  }

  /** The daemon refuses what is already so; the codes for it differ between hypervisor drivers. */
  async #unlessAlready(machine: Machine, wanted: PowerState, call: Promise<unknown>): Promise<void> {
    try {
      await call;
    } catch (error) {
      const refused =
        error instanceof LibvirtError &&
        (error.code === ErrorCode.OPERATION_INVALID || error.code === ErrorCode.INTERNAL_ERROR);
      if (!refused || (await this.#state(machine)) !== wanted) throw error;
    }
  }

  async #expect(machine: Machine, wanted: PowerState): Promise<void> {
    if ((await this.#state(machine)) === wanted) return;
    throw new PowerStateFailure(
      this.#target,
      `libvirt reported success, but domain ${machine.domain.name} is not in state '${wanted}'.`,
    );
  }

  /** A domain without a persistent configuration is gone when it is off. */
  async #state({ connection, domain }: Machine): Promise<PowerState> {
    try {
      return powerOf(await connection.getState(domain, { signal: this.#task.signal }));
    } catch (error) {
      if (error instanceof LibvirtError && error.code === ErrorCode.NO_DOMAIN) return 'power off';
      throw error;
    }
  }

  /** The machine runs: a boot order that cannot be put back is a warning, not a failed power change. */
  async #finishBootOnce(machine: Machine): Promise<void> {
    try {
      await finishBootOnce(this.#task, machine);
    } catch (error) {
      this.#task.signal.throwIfAborted();
      this.#task.log.warn(
        { err: error, node: this.#task.node.uuid, domain: machine.domain.name },
        'the machine was started, but its boot order could not be set back; the next start will try again',
      );
    }
  }

  /** For calls that change something: they may take what is left of the time. */
  #bounded(): { signal: AbortSignal; timeoutMs?: number } {
    const { signal } = this.#task;
    if (this.#deadline === Number.POSITIVE_INFINITY) return { signal };
    return { signal, timeoutMs: Math.max(1, Math.round(this.#deadline - performance.now())) };
  }
}

function isFlagRefused(error: unknown): boolean {
  return (
    error instanceof LibvirtError &&
    (error.code === ErrorCode.INVALID_ARG ||
      error.code === ErrorCode.ARGUMENT_UNSUPPORTED ||
      error.code === ErrorCode.NO_SUPPORT)
  );
}

// SPDX-License-Identifier: Apache-2.0

import { InvalidParameterValue } from '../../errors.ts';
import type { BootDevice, ManagementInterface, Task } from '../contracts.ts';
import { PERSISTENT_XML, pendingBootOnce, saveBootOnce } from './boot-once.ts';
import {
  firstBootDevice,
  interfaceMacs,
  manufacturer,
  promote,
  readBootOrder,
  SETTABLE_BOOT_DEVICES,
  type SettableBootDevice,
  writeBootOrder,
} from './boot-order.ts';
import { LIBVIRT_PROPERTIES } from './driver-info.ts';
import { type Machine, type Machines, portAddresses } from './machines.ts';

/** Boot devices in the domain's persistent configuration, and what else libvirt knows of a machine. */
export function libvirtManagement(machines: Machines): ManagementInterface {
  const persistentXml = ({ connection, domain }: Machine, task: Task) =>
    connection.getXml(domain, PERSISTENT_XML, { signal: task.signal });
  return {
    properties: LIBVIRT_PROPERTIES,
    validate: (task) => machines.validate(task),
    supportedBootDevices: () => SETTABLE_BOOT_DEVICES,

    /** Takes effect at the next start from off: a running domain keeps its order, also through resets. */
    async setBootDevice(task, device, persistent) {
      if (!isSettable(device)) throw new InvalidParameterValue(`Invalid boot device ${device} specified.`);
      await machines.with(task, `setting the boot device to ${device}`, async (machine) => {
        const { connection, domain } = machine;
        const xml = await persistentXml(machine, task);
        const current = readBootOrder(xml);
        const lasting = pendingBootOnce(task, domain.uuid, current)?.restore ?? current;
        const order = promote(xml, lasting, device, portAddresses(task));
        const changed = writeBootOrder(xml, order);
        // The record first: without the order in the domain it means nothing.
        await saveBootOnce(task, persistent ? null : { domain: domain.uuid, order, restore: lasting });
        if (changed !== xml) await connection.defineXml(changed, 0, { signal: task.signal });
      });
    },

    getBootDevice: (task) =>
      machines.with(task, 'reading the boot device', async (machine) => {
        const xml = await persistentXml(machine, task);
        const order = readBootOrder(xml);
        const device = firstBootDevice(xml, order);
        if (device === null) return { boot_device: null, persistent: null };
        return { boot_device: device, persistent: pendingBootOnce(task, machine.domain.uuid, order) === undefined };
      }),

    injectNmi: (task) =>
      machines.with(task, 'injecting an NMI', ({ connection, domain }) =>
        connection.injectNmi(domain, { signal: task.signal }),
      ),

    /** What the machine's firmware tells the guest, where the domain sets it. */
    detectVendor: (task) =>
      machines.with(
        task,
        'reading the vendor',
        async (machine) => manufacturer(await persistentXml(machine, task))?.toLowerCase() ?? null,
      ),

    getMacAddresses: (task) =>
      machines.with(task, 'reading the MAC addresses', async (machine) =>
        interfaceMacs(await persistentXml(machine, task)),
      ),
  };
}

function isSettable(device: BootDevice): device is SettableBootDevice {
  return SETTABLE_BOOT_DEVICES.some((settable) => settable === device);
}

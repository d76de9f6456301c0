// SPDX-License-Identifier: Apache-2.0

import type { Task } from '../../hardware/contracts.ts';
import type { NodeRecord } from '../../model/resources.ts';

/**
 * What the management interface tells of the machine itself: vendor (once), boot mode, secure boot; BIOS settings and
 * firmware go into tables of their own. Returns node changes; whatever cannot be read is left as it was.
 */
export async function readFacts(task: Task, options: { tables: boolean }): Promise<Partial<NodeRecord>> {
  const { management, bios, firmware } = task.hardware;
  const { node } = task;
  const changes: Partial<NodeRecord> = {};
  if (management.detectVendor !== undefined && !node.properties.vendor) {
    const vendor = await attempt(task, 'vendor', () => management.detectVendor?.(task));
    if (vendor) changes.properties = { ...node.properties, vendor };
  }
  if (management.getBootMode !== undefined) {
    const mode = await attempt(task, 'boot mode', () => management.getBootMode?.(task));
    if (mode !== undefined && mode !== node.boot_mode) changes.boot_mode = mode;
  }
  if (management.getSecureBoot !== undefined) {
    const secure = await attempt(task, 'secure boot state', () => management.getSecureBoot?.(task));
    if (secure !== undefined && secure !== node.secure_boot) changes.secure_boot = secure;
  }
  if (options.tables) {
    if (bios?.cacheBiosSettings) await attempt(task, 'BIOS settings', () => bios.cacheBiosSettings?.(task));
    if (firmware?.cacheFirmwareComponents) {
      await attempt(task, 'firmware components', () => firmware.cacheFirmwareComponents?.(task));
    }
  }
  return changes;
}

async function attempt<R>(task: Task, what: string, read: () => Promise<R> | undefined): Promise<R | undefined> {
  try {
    return await read();
  } catch (error) {
    if (task.signal.aborted) throw error;
    task.log.debug({ err: error }, `The ${what} of the node could not be read`);
    return undefined;
  }
}

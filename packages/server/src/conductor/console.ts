// SPDX-License-Identifier: Apache-2.0

/** Serial consoles: told, started and stopped. */

import { messageOf, UnsupportedDriverExtension } from '../errors.ts';
import { requireInterface } from '../hardware/composition.ts';
import type { JsonObject } from '../model/json.ts';
import type { Core, Origin } from './core.ts';
import { LockLost } from './errors.ts';
import { reserveWorker } from './reserve-worker.ts';
import { NodeTask, withShared } from './task.ts';

export async function getConsole(
  core: Core,
  origin: Origin,
  uuid: string,
): Promise<{ console_enabled: boolean; console_info: JsonObject | null }> {
  return await withShared(core, uuid, origin, async (task) => {
    const { console } = task.hardware;
    if (!task.node.console_enabled || console === undefined) return { console_enabled: false, console_info: null };
    await console.validate(task);
    return { console_enabled: true, console_info: await console.getConsole(task) };
  });
}

/** Accepts now; the console is started or stopped by a worker, `console_enabled` and `last_error` tell the result. */
export async function setConsole(core: Core, origin: Origin, uuid: string, enabled: boolean): Promise<void> {
  const shared = await NodeTask.shared(core, uuid, origin);
  const console = shared.hardware.console;
  if (console === undefined) throw new UnsupportedDriverExtension(shared.node.driver, 'console');
  await console.validate(shared);
  if (shared.node.console_enabled === enabled) return;
  const task = await NodeTask.exclusive(core, uuid, origin);
  let handedOver = false;
  try {
    const slot = await reserveWorker(core, task);
    slot.run(() => switchConsole(core, task, enabled));
    handedOver = true;
  } finally {
    if (!handedOver) await task.release();
  }
}

async function switchConsole(core: Core, task: NodeTask, enabled: boolean): Promise<void> {
  try {
    const console = requireInterface(task.hardware, 'console');
    if (enabled) await console.startConsole(task);
    else await console.stopConsole(task);
    await task.release({ console_enabled: enabled, last_error: null });
  } catch (error) {
    if (core.signal.aborted || error instanceof LockLost) return;
    const text = `Error ${enabled ? 'enabling' : 'disabling'} console. Reason: ${messageOf(error)}`;
    task.log.error({ err: error }, text);
    await task.release({ last_error: text, ...(enabled ? { console_enabled: false } : {}) }).catch((second) => {
      task.log.error({ err: second }, 'The failure could not be recorded');
    });
  }
}

/** Consoles do not outlive the process that serves them: starts those that are enabled again. */
export async function restartConsoles(core: Core): Promise<void> {
  const rows = await core.store.nodes.list({ where: [{ column: 'console_enabled', op: '=', value: true }] });
  for (const row of rows) {
    if (core.signal.aborted || core.members.ownerOf(row) !== core.host || row.reservation !== null) continue;
    try {
      const slot = await core.workers.wait();
      try {
        const task = await NodeTask.exclusive(core, row.uuid, { requestId: null, user: null, project: null });
        slot.run(() => switchConsole(core, task, true));
      } finally {
        slot.release();
      }
    } catch (error) {
      core.log.warn({ node: row.uuid, reason: messageOf(error) }, 'The console could not be started again');
    }
  }
}

// SPDX-License-Identifier: Apache-2.0

/** Vendor passthru: methods a driver offers beyond the API, on nodes and on drivers. */

import { HardwareError, InvalidParameterValue, messageOf, WroughtError } from '../errors.ts';
import type { VendorInterface, VendorMethod } from '../hardware/contracts.ts';
import type { JsonObject } from '../model/json.ts';
import type { VendorMethodEntry, VendorResult } from './commands.ts';
import type { Core, Origin } from './core.ts';
import { LockLost } from './errors.ts';
import { reserveWorker } from './reserve-worker.ts';
import { NodeTask, withShared } from './task.ts';

export async function nodeVendorMethods(
  core: Core,
  origin: Origin,
  uuid: string,
): Promise<Record<string, VendorMethodEntry>> {
  return await withShared(core, uuid, origin, (task) =>
    Object.fromEntries(
      Object.entries(task.hardware.vendor?.methods ?? {}).map(([name, method]) => [
        name,
        { ...entryOf(method), require_exclusive_lock: method.requireExclusiveLock ?? true },
      ]),
    ),
  );
}

/** Calls a node's method: checked, under the lock where it asks for it; 202 when it runs in a worker. */
export async function callNodeVendor(
  core: Core,
  origin: Origin,
  uuid: string,
  method: string,
  httpMethod: string,
  args: JsonObject,
): Promise<VendorResult> {
  let task = await NodeTask.shared(core, uuid, origin);
  const found = findMethod(task.hardware.vendor?.methods, method, httpMethod);
  if (found.requireExclusiveLock ?? true) task = await NodeTask.exclusive(core, uuid, origin);
  let handedOver = false;
  try {
    const given = { ...args, http_method: httpMethod };
    await checked(method, () => found.validate?.(task, given));
    if (found.async === false) {
      const value = await checked(method, () => found.run(task, given));
      return { async: false, attach: found.attach ?? false, value };
    }
    const slot = await reserveWorker(core, task);
    slot.run(() => runAsync(core, task, method, found, given));
    handedOver = true;
    return { async: true };
  } finally {
    if (!handedOver) await task.release();
  }
}

async function runAsync(
  core: Core,
  task: NodeTask,
  name: string,
  method: VendorMethod,
  args: JsonObject,
): Promise<void> {
  try {
    await method.run(task, args);
    await task.release();
  } catch (error) {
    if (core.signal.aborted || error instanceof LockLost) return;
    const text = `Async execution of ${name} failed with error: ${messageOf(error)}`;
    task.log.error({ err: error, method: name }, text);
    try {
      if (task.isExclusive) await task.release({ last_error: text });
    } catch (second) {
      task.log.error({ err: second }, 'The failure could not be recorded');
    }
  } finally {
    task.abandon();
  }
}

/** @throws DriverNotFound */
export function driverVendorMethods(core: Core, driver: string): Record<string, VendorMethodEntry> {
  const methods = core.hardware.vendorOf(driver)?.driverMethods ?? {};
  return Object.fromEntries(Object.entries(methods).map(([name, method]) => [name, entryOf(method)]));
}

/** Calls a driver's method: no node, no lock. */
export async function callDriverVendor(
  core: Core,
  driver: string,
  method: string,
  httpMethod: string,
  args: JsonObject,
): Promise<VendorResult> {
  const found = findMethod(core.hardware.vendorOf(driver)?.driverMethods, method, httpMethod);
  const log = core.log.child({ driver, method });
  const context = { config: core.config, log, signal: core.signal };
  const given = { ...args, http_method: httpMethod };
  if (found.async === false) {
    const value = await checked(method, () => found.run(given, context));
    return { async: false, attach: found.attach ?? false, value };
  }
  core.workers.reserve('api').run(async () => {
    try {
      await found.run(given, context);
    } catch (error) {
      log.error({ err: error }, 'A vendor method of a driver failed');
    }
  });
  return { async: true };
}

function findMethod<M extends VendorMethodLike>(
  methods: Readonly<Record<string, M>> | undefined,
  name: string,
  httpMethod: string,
): M {
  const found = methods !== undefined && Object.hasOwn(methods, name) ? methods[name] : undefined;
  if (found === undefined) throw new InvalidParameterValue(`No handler for method ${name}`);
  if (!found.httpMethods.includes(httpMethod)) {
    throw new InvalidParameterValue(`The method ${name} does not support HTTP ${httpMethod}`);
  }
  return found;
}

type VendorMethodLike = VendorInterface['methods'][string] | NonNullable<VendorInterface['driverMethods']>[string];

function entryOf(method: VendorMethodLike): VendorMethodEntry {
  return {
    http_methods: method.httpMethods,
    async: method.async ?? true,
    attach: method.attach ?? false,
    description: method.description,
  };
}

/** Errors other than the service's own are the vendor's: 500, named after the method. */
async function checked<R>(method: string, body: () => R | Promise<R>): Promise<R> {
  try {
    return await body();
  } catch (error) {
    if (error instanceof WroughtError) throw error;
    throw new HardwareError(`Vendor passthru method ${method} failed: ${messageOf(error)}`, { cause: error });
  }
}

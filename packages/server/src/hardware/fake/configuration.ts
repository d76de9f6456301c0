// SPDX-License-Identifier: Apache-2.0

import { InvalidParameterValue } from '../../errors.ts';
import { isJsonObject, type Json, type JsonObject } from '../../model/json.ts';
import type { BiosInterface, FirmwareInterface, RaidInterface, StepDeclaration, Task } from '../contracts.ts';
import { LOGICAL_DISK_PROPERTIES } from '../generic/logical-disk.ts';
import type { Delay } from './delay.ts';

/** RAID volumes are made and deleted without effect. */
export function fakeRaid(delay: Delay): RaidInterface {
  const step = (name: string, argsinfo: NonNullable<StepDeclaration['argsinfo']>): StepDeclaration => ({
    step: name,
    kinds: ['clean'],
    priority: 0,
    argsinfo,
    requiresRamdisk: false,
    run: async (task) => {
      await delay(task.signal);
    },
  });
  return {
    validate: () => undefined,
    validateRaidConfig: () => undefined,
    logicalDiskProperties: LOGICAL_DISK_PROPERTIES,
    steps: [
      step('create_configuration', {
        create_root_volume: { description: 'Whether to create the root volume; by default it is.' },
        create_nonroot_volumes: { description: 'Whether to create the other volumes; by default they are.' },
        delete_existing: { description: 'Whether to delete existing volumes first; by default they stay.' },
      }),
      step('delete_configuration', {}),
    ],
  };
}

/** BIOS settings exist in the table of settings only. */
export function fakeBios(delay: Delay): BiosInterface {
  const step = (
    name: string,
    act: (task: Task, args: JsonObject) => Promise<void>,
    argsinfo: NonNullable<StepDeclaration['argsinfo']> = {},
  ): StepDeclaration => ({
    step: name,
    kinds: ['clean'],
    priority: 0,
    argsinfo,
    requiresRamdisk: false,
    run: async (task, args) => {
      await delay(task.signal);
      await act(task, args);
      return undefined;
    },
  });
  const cache = async () => {};
  return {
    validate: () => undefined,
    cacheBiosSettings: cache,
    steps: [
      step('apply_configuration', async (task, args) => task.biosSettings?.replace(readSettings(args.settings)), {
        settings: { description: 'List of {"name": ..., "value": ...}, one for each BIOS setting.', required: true },
      }),
      step('factory_reset', async (task) => task.biosSettings?.replace([])),
      step('cache_bios_settings', cache),
    ],
  };
}

/** Firmware updates succeed and change nothing. */
export function fakeFirmware(delay: Delay): FirmwareInterface {
  return {
    validate: () => undefined,
    cacheFirmwareComponents: async () => {},
    steps: [
      {
        step: 'update',
        kinds: ['clean', 'service'],
        priority: 0,
        argsinfo: {
          settings: { description: 'List of {"component": ..., "url": ...}, one for each update.', required: true },
        },
        requiresRamdisk: false,
        run: async (task) => {
          await delay(task.signal);
          return undefined;
        },
      },
    ],
  };
}

function readSettings(settings: Json | undefined): { name: string; value: string | null }[] {
  if (!Array.isArray(settings)) {
    throw new InvalidParameterValue('settings has to be a list of {"name": ..., "value": ...} objects');
  }
  return settings.map((setting) => {
    if (!isJsonObject(setting) || typeof setting.name !== 'string' || setting.name === '') {
      throw new InvalidParameterValue('every element of settings has to be an object with a name and a value');
    }
    const { name, value = null } = setting;
    return { name, value: value === null ? null : typeof value === 'string' ? value : JSON.stringify(value) };
  });
}

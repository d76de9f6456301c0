// SPDX-License-Identifier: Apache-2.0

import { InvalidParameterValue } from '../../errors.ts';
import { isJsonObject, type Json, type JsonObject } from '../../model/json.ts';

const LEVELS = new Set(['JBOD', '0', '1', '2', '5', '6', '1+0', '5+0', '6+0']);

const isText = (value: Json): boolean => typeof value === 'string';
const isFlag = (value: Json): boolean => typeof value === 'boolean';
const isCount = (value: Json): boolean => typeof value === 'number' && Number.isSafeInteger(value) && value > 0;
const oneOf =
  (...values: string[]) =>
  (value: Json) =>
    typeof value === 'string' && values.includes(value);

/** What a logical disk may say of itself (api-ref "Set RAID Config"). */
const MEMBERS: Readonly<Record<string, (value: Json) => boolean>> = {
  raid_level: (value) => typeof value === 'string' && LEVELS.has(value),
  size_gb: (value) => value === 'MAX' || isCount(value) || value === 0,
  volume_name: isText,
  is_root_volume: isFlag,
  share_physical_disks: isFlag,
  disk_type: oneOf('hdd', 'ssd'),
  interface_type: oneOf('sata', 'scsi', 'sas'),
  number_of_physical_disks: isCount,
  controller: isText,
  physical_disks: (value) =>
    Array.isArray(value) && (value.every(isText) || (value.length >= 2 && value.every((disk) => isJsonObject(disk)))),
};

/** Checks a target RAID configuration; `{}` clears it. 400 names what is wrong. */
export function checkRaidConfig(config: JsonObject): void {
  if (Object.keys(config).length === 0) return;
  const extra = Object.keys(config).find((key) => key !== 'logical_disks');
  if (extra !== undefined) throw unexpected(extra);
  const disks = config.logical_disks;
  if (!Array.isArray(disks)) throw wrong('logical_disks must be a list');
  if (disks.length === 0) throw wrong('[] should be non-empty');
  for (const [index, disk] of disks.entries()) checkDisk(`logical_disks[${index}]`, disk);
}

function checkDisk(where: string, disk: Json): void {
  if (!isJsonObject(disk)) throw wrong(`${where} must be an object`);
  for (const name of ['raid_level', 'size_gb']) {
    if (!Object.hasOwn(disk, name)) throw wrong(`'${name}' is a required property`);
  }
  for (const [name, value] of Object.entries(disk)) {
    const fits = Object.hasOwn(MEMBERS, name) ? MEMBERS[name] : undefined;
    if (fits === undefined) throw unexpected(name);
    if (!fits(value)) throw wrong(`${where}.${name} has a wrong value`);
  }
  if (Object.hasOwn(disk, 'physical_disks') && !Object.hasOwn(disk, 'controller')) {
    throw wrong("'controller' is a dependency of 'physical_disks'");
  }
}

function unexpected(name: string): InvalidParameterValue {
  return wrong(`Additional properties are not allowed ('${name.slice(0, 200)}' was unexpected)`);
}

function wrong(reason: string): InvalidParameterValue {
  return new InvalidParameterValue(`RAID config validation error: ${reason}`);
}

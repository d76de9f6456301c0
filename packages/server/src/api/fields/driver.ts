// SPDX-License-Identifier: Apache-2.0

import type { InterfaceType } from '../../model/resources.ts';
import type { Field } from './field.ts';

/** Interface types in the order drivers tell of them, and the version each appears in. */
const INTERFACES: readonly (readonly [InterfaceType, number])[] = [
  ['boot', 30],
  ['console', 30],
  ['deploy', 30],
  ['inspect', 30],
  ['management', 30],
  ['network', 30],
  ['power', 30],
  ['raid', 30],
  ['vendor', 30],
  ['storage', 33],
  ['rescue', 38],
  ['bios', 40],
  ['firmware', 86],
];

/** What a list of drivers can show of each. */
export const DRIVER_LIST_FIELDS: readonly Field[] = [
  { name: 'name', type: 'string', since: 1, list: true },
  { name: 'hosts', type: 'list', since: 1, list: true },
  { name: 'links', type: 'links', since: 1, list: true },
  { name: 'properties', type: 'links', since: 14, list: true, below: '/properties' },
  { name: 'type', type: 'string', since: 30, list: true },
];

/** All there is to a driver (api-ref "Drivers"); the interfaces of classic drivers are null. */
export const DRIVER_FIELDS: readonly Field[] = [
  ...DRIVER_LIST_FIELDS,
  ...INTERFACES.flatMap(([type, since]): Field[] => [
    { name: `default_${type}_interface`, type: 'string', since, nullable: true },
    { name: `enabled_${type}_interfaces`, type: 'list', since, nullable: true },
  ]),
];

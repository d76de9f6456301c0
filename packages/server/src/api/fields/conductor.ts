// SPDX-License-Identifier: Apache-2.0

import type { Field } from './field.ts';

/** Fields of a conductor (1.49; api-ref "Conductors"). */
export const CONDUCTOR_FIELDS: readonly Field[] = [
  { name: 'hostname', type: 'string', since: 49, list: true },
  { name: 'conductor_group', type: 'string', since: 49, list: true },
  { name: 'alive', type: 'boolean', since: 49, list: true, unsortable: true },
  { name: 'drivers', type: 'list', since: 49 },
  { name: 'created_at', type: 'timestamp', since: 49 },
  { name: 'updated_at', type: 'timestamp', since: 49, nullable: true },
  { name: 'links', type: 'links', since: 49, list: true },
];

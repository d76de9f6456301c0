// SPDX-License-Identifier: Apache-2.0

import type { Field } from './field.ts';

/** Fields of a port (api-ref "Ports"). */
export const PORT_FIELDS: readonly Field[] = [
  { name: 'uuid', type: 'uuid', since: 1, create: true, nullable: true, list: true },
  { name: 'created_at', type: 'timestamp', since: 1 },
  { name: 'updated_at', type: 'timestamp', since: 1, nullable: true },
  { name: 'address', type: 'mac', since: 1, create: true, patch: true, required: true, list: true },
  { name: 'node_uuid', type: 'uuid', since: 1, create: true, patch: true, required: true },
  { name: 'extra', type: 'object', since: 1, create: true, patch: true },
  { name: 'internal_info', type: 'object', since: 18 },
  { name: 'local_link_connection', type: 'object', since: 19, create: true, patch: true },
  { name: 'pxe_enabled', type: 'boolean', since: 19, create: true, patch: true, empty: true },
  { name: 'portgroup_uuid', type: 'uuid', since: 24, create: true, patch: true, nullable: true },
  { name: 'physical_network', type: 'string', since: 34, create: true, patch: true, nullable: true, min: 1, max: 64 },
  { name: 'is_smartnic', type: 'boolean', since: 53, create: true, patch: true },
  { name: 'name', type: 'name', since: 88, create: true, patch: true, nullable: true },
  { name: 'description', type: 'string', since: 97, create: true, patch: true, nullable: true },
  { name: 'vendor', type: 'string', since: 100, create: true, patch: true, nullable: true, max: 32 },
  { name: 'category', type: 'string', since: 101, create: true, patch: true, nullable: true, max: 80 },
  {
    name: 'available_for_dynamic_portgroup',
    type: 'boolean',
    since: 111,
    create: true,
    patch: true,
    empty: true,
    strict: true,
  },
  { name: 'links', type: 'links', since: 1, list: true },
];

// SPDX-License-Identifier: Apache-2.0

import type { Field } from './field.ts';

/** Fields of a port group (1.23; api-ref "Portgroups"). A mode that is null is the configured default. */
export const PORTGROUP_FIELDS: readonly Field[] = [
  { name: 'uuid', type: 'uuid', since: 23, create: true, nullable: true, list: true },
  { name: 'created_at', type: 'timestamp', since: 23 },
  { name: 'updated_at', type: 'timestamp', since: 23, nullable: true },
  { name: 'address', type: 'mac', since: 23, create: true, patch: true, nullable: true, list: true },
  { name: 'name', type: 'name', since: 23, create: true, patch: true, nullable: true, list: true },
  { name: 'node_uuid', type: 'uuid', since: 23, create: true, patch: true, required: true },
  { name: 'extra', type: 'object', since: 23, create: true, patch: true },
  { name: 'internal_info', type: 'object', since: 23 },
  { name: 'standalone_ports_supported', type: 'boolean', since: 23, create: true, patch: true, empty: true },
  { name: 'mode', type: 'string', since: 26, create: true, patch: true, nullable: true },
  { name: 'properties', type: 'object', since: 26, create: true, patch: true },
  { name: 'physical_network', type: 'string', since: 102, create: true, patch: true, nullable: true, min: 1, max: 64 },
  { name: 'category', type: 'string', since: 103, create: true, patch: true, nullable: true, max: 80 },
  { name: 'dynamic_portgroup', type: 'boolean', since: 111 },
  { name: 'links', type: 'links', since: 23, list: true },
  { name: 'ports', type: 'links', since: 23, below: '/ports' },
];

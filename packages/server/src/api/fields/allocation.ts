// SPDX-License-Identifier: Apache-2.0

import type { Field } from './field.ts';

/** Fields of an allocation (1.52; api-ref "Allocations"). A list shows them all. */
export const ALLOCATION_FIELDS: readonly Field[] = (
  [
    { name: 'uuid', type: 'uuid', since: 52, create: true, nullable: true },
    { name: 'created_at', type: 'timestamp', since: 52 },
    { name: 'updated_at', type: 'timestamp', since: 52, nullable: true },
    { name: 'name', type: 'name', since: 52, create: true, patch: true, nullable: true },
    { name: 'state', type: 'string', since: 52 },
    { name: 'resource_class', type: 'string', since: 52, create: true, nullable: true, min: 1, max: 80 },
    { name: 'traits', type: 'list', since: 52, create: true },
    { name: 'candidate_nodes', type: 'list', since: 52, create: true },
    { name: 'extra', type: 'object', since: 52, create: true, patch: true },
    { name: 'owner', type: 'string', since: 60, create: true, nullable: true },
    { name: 'node_uuid', type: 'uuid', since: 52, nullable: true },
    { name: 'last_error', type: 'text', since: 52, nullable: true },
    { name: 'links', type: 'links', since: 52 },
  ] as const satisfies readonly Field[]
).map((field) => ({ ...field, list: true }));

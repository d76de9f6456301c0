// SPDX-License-Identifier: Apache-2.0

import type { Field } from './field.ts';

/** Fields of a deploy template (1.55; api-ref "Deploy Templates"). */
export const DEPLOY_TEMPLATE_FIELDS: readonly Field[] = [
  { name: 'uuid', type: 'uuid', since: 55, create: true, nullable: true, list: true },
  { name: 'created_at', type: 'timestamp', since: 55 },
  { name: 'updated_at', type: 'timestamp', since: 55, nullable: true },
  { name: 'name', type: 'string', since: 55, create: true, patch: true, required: true, min: 1, list: true },
  { name: 'steps', type: 'list', since: 55, create: true, patch: true, required: true },
  { name: 'extra', type: 'object', since: 55, create: true, patch: true },
  { name: 'links', type: 'links', since: 55, list: true },
];

/** Fields of a runbook (1.92; api-ref "Runbooks"). Its booleans are not to be given as strings. */
export const RUNBOOK_FIELDS: readonly Field[] = [
  { name: 'uuid', type: 'uuid', since: 92, create: true, nullable: true, list: true },
  { name: 'created_at', type: 'timestamp', since: 92 },
  { name: 'updated_at', type: 'timestamp', since: 92, nullable: true },
  { name: 'name', type: 'string', since: 92, create: true, patch: true, required: true, min: 1, list: true },
  { name: 'steps', type: 'list', since: 92, create: true, patch: true, required: true },
  { name: 'disable_ramdisk', type: 'boolean', since: 92, create: true, patch: true, strict: true },
  { name: 'extra', type: 'object', since: 92, create: true, patch: true },
  { name: 'public', type: 'boolean', since: 92, create: true, patch: true, strict: true },
  { name: 'owner', type: 'string', since: 92, create: true, patch: true, nullable: true },
  { name: 'description', type: 'string', since: 112, create: true, patch: true, nullable: true },
  { name: 'traits', type: 'list', since: 112 },
  { name: 'links', type: 'links', since: 92, list: true },
];

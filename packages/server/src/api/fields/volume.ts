// SPDX-License-Identifier: Apache-2.0

import type { Field } from './field.ts';

const NO_EXTRA: ReadonlySet<string> = new Set();

const BASE: readonly Field[] = [
  { name: 'uuid', type: 'uuid', since: 32, create: true, nullable: true, list: true },
  { name: 'created_at', type: 'timestamp', since: 32 },
  { name: 'updated_at', type: 'timestamp', since: 32, nullable: true },
  { name: 'node_uuid', type: 'uuid', since: 32, create: true, patch: true, required: true, list: true },
  { name: 'extra', type: 'object', since: 32, create: true, patch: true },
  { name: 'links', type: 'links', since: 32, list: true },
];

function required(name: string): Field {
  return { name, type: 'string', since: 32, create: true, patch: true, required: true, list: true };
}

/** Fields of a volume connector (1.32; api-ref "Volume"). */
export const VOLUME_CONNECTOR_FIELDS: readonly Field[] = [...BASE, required('type'), required('connector_id')];

/** Fields of a volume target (1.32); its properties hold credentials, which are masked. */
export const VOLUME_TARGET_FIELDS: readonly Field[] = [
  ...BASE,
  required('volume_type'),
  required('volume_id'),
  { name: 'boot_index', type: 'integer', since: 32, create: true, patch: true, required: true, list: true },
  { name: 'properties', type: 'object', since: 32, create: true, patch: true, mask: NO_EXTRA },
];

// SPDX-License-Identifier: Apache-2.0

/** Fields of what a node's hardware told and of what happened to it. */

import { MASK } from '../../model/secrets.ts';
import { links } from '../render.ts';
import type { Field, Row } from './field.ts';

/** BIOS settings (1.40; descriptions of settings 1.74). The value of a password is never shown. */
export const BIOS_FIELDS: readonly Field[] = [
  { name: 'name', type: 'string', since: 40, list: true },
  {
    name: 'value',
    type: 'string',
    since: 40,
    list: true,
    nullable: true,
    columns: ['value', 'attribute_type'],
    render: (row) => JSON.stringify(row.value && row.attribute_type === 'Password' ? MASK : row.value),
  },
  { name: 'created_at', type: 'timestamp', since: 40, list: true },
  { name: 'updated_at', type: 'timestamp', since: 40, list: true, nullable: true },
  { name: 'attribute_type', type: 'string', since: 74, nullable: true },
  { name: 'allowable_values', type: 'list', since: 74, nullable: true },
  { name: 'lower_bound', type: 'integer', since: 74, nullable: true },
  { name: 'upper_bound', type: 'integer', since: 74, nullable: true },
  { name: 'min_length', type: 'integer', since: 74, nullable: true },
  { name: 'max_length', type: 'integer', since: 74, nullable: true },
  { name: 'read_only', type: 'boolean', since: 74, nullable: true },
  { name: 'reset_required', type: 'boolean', since: 74, nullable: true },
  { name: 'unique', type: 'boolean', since: 74, nullable: true },
  {
    name: 'links',
    type: 'links',
    since: 40,
    list: true,
    columns: ['node_uuid', 'name'],
    render: (row, view) => links(view.base, `nodes/${row.node_uuid}/bios/${encodeURIComponent(String(row.name))}`),
  },
];

/** Firmware components (1.86). */
export const FIRMWARE_FIELDS: readonly Field[] = [
  { name: 'component', type: 'string', since: 86 },
  { name: 'initial_version', type: 'string', since: 86 },
  { name: 'current_version', type: 'string', since: 86, nullable: true },
  { name: 'last_version_flashed', type: 'string', since: 86, nullable: true },
  { name: 'created_at', type: 'timestamp', since: 86 },
  { name: 'updated_at', type: 'timestamp', since: 86, nullable: true },
  { name: 'vendor', type: 'string', since: 114, nullable: true },
  { name: 'model', type: 'string', since: 114, nullable: true },
  { name: 'serial_number', type: 'string', since: 114, nullable: true },
];

function shortEvent(row: Row): string {
  const event = String(row.event ?? '');
  return JSON.stringify(event.length > 255 ? `${event.slice(0, 251)}...` : event);
}

const HISTORY_BASE: readonly Field[] = [
  { name: 'uuid', type: 'uuid', since: 78 },
  { name: 'created_at', type: 'timestamp', since: 78 },
  { name: 'severity', type: 'string', since: 78 },
  {
    name: 'links',
    type: 'links',
    since: 78,
    columns: ['node_uuid', 'uuid'],
    render: (row, view) => `[{"href":"${view.base}/v1/nodes/${row.node_uuid}/history/${row.uuid}","rel":"self"}]`,
  },
];

/** History entries (1.78) in the short list, where long events are cut. */
export const HISTORY_SHORT_FIELDS: readonly Field[] = [
  ...HISTORY_BASE,
  { name: 'event', type: 'text', since: 78, render: shortEvent },
];

/** History entries with all there is. */
export const HISTORY_FIELDS: readonly Field[] = [
  ...HISTORY_BASE,
  { name: 'event', type: 'text', since: 78 },
  { name: 'event_type', type: 'string', since: 78, render: (row) => JSON.stringify(row.event_type ?? 'UNKNOWN') },
  { name: 'conductor', type: 'string', since: 78, nullable: true },
  { name: 'user', type: 'string', since: 78, nullable: true },
  { name: 'project', type: 'string', since: 113, nullable: true },
  { name: 'state', type: 'string', since: 115, nullable: true },
  { name: 'target_provision_state', type: 'string', since: 115, nullable: true },
  { name: 'duration_seconds', type: 'integer', since: 115, nullable: true },
];

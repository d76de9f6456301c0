// SPDX-License-Identifier: Apache-2.0

import type { Field, Row } from './field.ts';

/** What a sensitive rule does is told to nobody. */
function hidden(column: string): Pick<Field, 'columns' | 'render'> {
  return {
    columns: [column, 'sensitive'],
    render: (row: Row) => (Number(row.sensitive) === 0 ? String(row[column]) : 'null'),
  };
}

/** Fields of an inspection rule (1.96; api-ref "Inspection rules"). */
export const INSPECTION_RULE_FIELDS: readonly Field[] = [
  { name: 'uuid', type: 'uuid', since: 96, create: true, nullable: true, list: true },
  { name: 'created_at', type: 'timestamp', since: 96 },
  { name: 'updated_at', type: 'timestamp', since: 96, nullable: true },
  { name: 'description', type: 'string', since: 96, create: true, patch: true, nullable: true, list: true },
  { name: 'priority', type: 'integer', since: 96, create: true, patch: true, empty: 0, list: true },
  { name: 'phase', type: 'string', since: 96, create: true, patch: true, empty: 'main', values: ['main'], list: true },
  { name: 'sensitive', type: 'boolean', since: 96, create: true, patch: true },
  { name: 'conditions', type: 'list', since: 96, create: true, patch: true, ...hidden('conditions') },
  { name: 'actions', type: 'list', since: 96, create: true, patch: true, required: true, ...hidden('actions') },
  { name: 'links', type: 'links', since: 96, list: true },
];

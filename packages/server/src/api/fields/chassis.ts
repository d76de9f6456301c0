// SPDX-License-Identifier: Apache-2.0

import { links } from '../render.ts';
import type { Field } from './field.ts';

/** Fields of a chassis (api-ref "Chassis"). `nodes` is a list in a list: clients have come to rely on it. */
export const CHASSIS_FIELDS: readonly Field[] = [
  { name: 'uuid', type: 'uuid', since: 1, create: true, nullable: true, list: true },
  { name: 'created_at', type: 'timestamp', since: 1 },
  { name: 'updated_at', type: 'timestamp', since: 1, nullable: true },
  { name: 'description', type: 'string', since: 1, create: true, patch: true, nullable: true, list: true },
  { name: 'extra', type: 'object', since: 1, create: true, patch: true },
  { name: 'links', type: 'links', since: 1, list: true },
  {
    name: 'nodes',
    type: 'links',
    since: 1,
    below: '/nodes',
    render: (row, view) => `[${links(view.base, `chassis/${row.uuid}/nodes`)}]`,
  },
];

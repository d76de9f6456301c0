// SPDX-License-Identifier: Apache-2.0

/** What the column tables of the model do not say: table names, defaults, unique rules, references and indices. */

import type { Columns } from '../model/columns.ts';
import {
  allocationColumns,
  biosSettingColumns,
  chassisColumns,
  conductorColumns,
  deployTemplateColumns,
  firmwareComponentColumns,
  historyColumns,
  inspectionRuleColumns,
  inventoryColumns,
  nodeColumns,
  portColumns,
  portgroupColumns,
  runbookColumns,
  volumeConnectorColumns,
  volumeTargetColumns,
  workColumns,
} from '../model/resources.ts';

/** A value as it is bound to a statement. */
export type Stored = string | number | null;

/** Columns that must be unique together, and the sentence for the one who breaks it. */
export interface UniqueRule {
  readonly columns: readonly string[];
  /** `values` holds what the write named, for an update also the row's `uuid`. */
  readonly taken: (values: Readonly<Record<string, Stored | undefined>>) => string;
}

/** `column` holds the `uuid` of a row of `table`. */
export interface Reference {
  readonly column: string;
  readonly table: string;
  /** What happens to this row when that one is deleted; `refuse` makes the deletion fail. */
  readonly onDelete: 'cascade' | 'refuse';
}

/** An index beside those the unique rules bring. `present` leaves rows out whose first column is null. */
interface Index {
  readonly columns: readonly string[];
  readonly present?: boolean;
}

/** One table. */
export interface Table<T extends Columns = Columns> {
  readonly name: string;
  /** What the API calls a row: `Node` in "Node x could not be found." */
  readonly label: string;
  readonly columns: T;
  /** Stored values for columns an insert leaves out, where `defaultOf` would say otherwise. */
  readonly defaults: Readonly<Record<string, Stored>>;
  readonly unique: readonly UniqueRule[];
  readonly references: readonly Reference[];
  readonly indices: readonly Index[];
}

/** JSON columns that hold a list; all others hold an object. */
const LISTS: ReadonlySet<string> = new Set(['traits', 'steps', 'candidate_nodes', 'conditions', 'actions', 'drivers']);

/** The stored value of a column an insert leaves out; `undefined` when it must be given. */
export function defaultOf(table: Table, column: string): Stored | undefined {
  const explicit = table.defaults[column];
  if (explicit !== undefined) return explicit;
  const kind = table.columns[column];
  if (kind?.endsWith('?')) return null;
  if (kind === 'json') return LISTS.has(column) ? '[]' : '{}';
  if (kind === 'boolean') return 0;
  return undefined;
}

function table<T extends Columns>(
  name: string,
  label: string,
  columns: T,
  rules: Partial<Omit<Table<T>, 'name' | 'label' | 'columns'>> = {},
): Table<T> {
  const uuid = taken(`${label.toLowerCase()} with UUID`, 'uuid');
  return {
    name,
    label,
    columns,
    defaults: rules.defaults ?? {},
    unique: [uuid, ...(rules.unique ?? [])],
    references: rules.references ?? [],
    indices: rules.indices ?? [],
  };
}

/** "A node with name ex0 already exists." */
function taken(what: string, column: string): UniqueRule {
  const article = /^[aeio]/.test(what) ? 'An' : 'A';
  return { columns: [column], taken: (values) => `${article} ${what} ${values[column]} already exists.` };
}

const OF_NODE: Reference = { column: 'node_uuid', table: 'nodes', onDelete: 'cascade' };
const BY_NODE: Index = { columns: ['node_uuid'] };

/** Every table, in an order that lets references point backwards. */
export const TABLES = {
  chassis: table('chassis', 'Chassis', chassisColumns),
  nodes: table('nodes', 'Node', nodeColumns, {
    defaults: { provision_state: 'enroll', conductor_group: '' },
    unique: [
      taken('node with name', 'name'),
      {
        columns: ['instance_uuid'],
        taken: ({ instance_uuid, uuid }) =>
          `Instance ${instance_uuid} is already associated with another node and cannot be given to node ${uuid}.`,
      },
    ],
    references: [{ column: 'chassis_uuid', table: 'chassis', onDelete: 'refuse' }],
    indices: [
      { columns: ['provision_state'] },
      { columns: ['driver'] },
      { columns: ['reservation'], present: true },
      { columns: ['conductor_affinity'], present: true },
      { columns: ['chassis_uuid'], present: true },
      { columns: ['allocation_uuid'], present: true },
      { columns: ['parent_node'], present: true },
      { columns: ['resource_class'], present: true },
      { columns: ['owner'], present: true },
      { columns: ['lessee'], present: true },
      { columns: ['shard'] },
      { columns: ['instance_name'], present: true },
    ],
  }),
  portgroups: table('portgroups', 'Portgroup', portgroupColumns, {
    defaults: { mode: 'active-backup', standalone_ports_supported: 1 },
    unique: [taken('portgroup with name', 'name'), taken('portgroup with MAC address', 'address')],
    references: [OF_NODE],
    indices: [BY_NODE],
  }),
  ports: table('ports', 'Port', portColumns, {
    defaults: { pxe_enabled: 1, available_for_dynamic_portgroup: 1 },
    unique: [taken('port with MAC address', 'address'), taken('port with name', 'name')],
    references: [OF_NODE, { column: 'portgroup_uuid', table: 'portgroups', onDelete: 'refuse' }],
    indices: [BY_NODE, { columns: ['portgroup_uuid'], present: true }],
  }),
  conductors: table('conductors', 'Conductor', conductorColumns, {
    defaults: { conductor_group: '', online: 1 },
    unique: [{ columns: ['hostname'], taken: ({ hostname }) => `Conductor ${hostname} is already registered.` }],
  }),
  history: table('node_history', 'History event', historyColumns, {
    defaults: { severity: 'INFO' },
    references: [OF_NODE],
    indices: [BY_NODE],
  }),
  biosSettings: table('bios_settings', 'BIOS setting', biosSettingColumns, {
    unique: [
      {
        columns: ['node_uuid', 'name'],
        taken: ({ node_uuid, name }) => `A BIOS setting ${name} for node ${node_uuid} already exists.`,
      },
    ],
    references: [OF_NODE],
  }),
  firmwareComponents: table('firmware_components', 'Firmware component', firmwareComponentColumns, {
    unique: [
      {
        columns: ['node_uuid', 'component'],
        taken: ({ node_uuid, component }) => `A firmware component ${component} for node ${node_uuid} already exists.`,
      },
    ],
    references: [OF_NODE],
  }),
  inventories: table('node_inventory', 'Inventory', inventoryColumns, {
    unique: [{ columns: ['node_uuid'], taken: ({ node_uuid }) => `An inventory of node ${node_uuid} already exists.` }],
    references: [OF_NODE],
  }),
  allocations: table('allocations', 'Allocation', allocationColumns, {
    defaults: { state: 'allocating' },
    unique: [taken('allocation with name', 'name')],
    references: [OF_NODE],
    indices: [{ columns: ['node_uuid'], present: true }],
  }),
  deployTemplates: table('deploy_templates', 'Deploy template', deployTemplateColumns, {
    unique: [taken('deploy template with name', 'name')],
  }),
  runbooks: table('runbooks', 'Runbook', runbookColumns, { unique: [taken('runbook with name', 'name')] }),
  inspectionRules: table('inspection_rules', 'Inspection rule', inspectionRuleColumns, {
    defaults: { priority: 0, phase: 'main' },
  }),
  volumeConnectors: table('volume_connectors', 'Volume connector', volumeConnectorColumns, {
    unique: [
      {
        columns: ['type', 'connector_id'],
        taken: ({ type, connector_id }) =>
          `A volume connector with ${
            type === undefined ? 'this type' : `type ${type}`
          } and connector ID ${connector_id ?? 'of this one'} already exists.`,
      },
    ],
    references: [OF_NODE],
    indices: [BY_NODE],
  }),
  volumeTargets: table('volume_targets', 'Volume target', volumeTargetColumns, {
    unique: [
      {
        columns: ['node_uuid', 'boot_index'],
        taken: ({ boot_index }) => `A volume target with boot index ${boot_index} for the same node already exists.`,
      },
    ],
    references: [OF_NODE],
  }),
  work: table('work', 'Work', workColumns, {
    defaults: { attempt: 0 },
    unique: [{ columns: ['node_uuid'], taken: ({ node_uuid }) => `Node ${node_uuid} already has work under way.` }],
    references: [OF_NODE],
    indices: [{ columns: ['lease_owner'], present: true }, { columns: ['run_after'] }],
  }),
} as const;

/** The name of the constraint behind a unique rule. */
export function uniqueName(table: Table, rule: UniqueRule): string {
  return `${table.name}_${rule.columns.join('_')}_unique`;
}

/** The name of the constraint behind a reference. */
export function referenceName(table: Table, reference: Reference): string {
  return `${table.name}_${reference.column}_reference`;
}

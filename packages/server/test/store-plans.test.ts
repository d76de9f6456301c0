// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type CompiledQuery, Kysely } from 'kysely';
import { migrate } from '../src/store/migrations.ts';
import type { Database } from '../src/store/schema.ts';
import { SqliteDialect } from '../src/store/sqlite-dialect.ts';
import { Statements } from '../src/store/statements.ts';
import type { Condition } from '../src/store/store.ts';
import { TABLES } from '../src/store/tables.ts';

let db: Kysely<Database>;
before(async () => {
  db = new Kysely<Database>({ dialect: new SqliteDialect(':memory:') });
  await migrate(db, 'sqlite');
});
after(() => db.destroy());

async function planOf(query: CompiledQuery): Promise<string> {
  const { rows } = await db.executeQuery<{ detail: string }>({ ...query, sql: `explain query plan ${query.sql}` });
  return rows.map((row) => row.detail).join('; ');
}

const page = (where: readonly Condition[]) => ({
  where,
  sortKey: 'id',
  descending: false,
  limit: 1000,
  after: undefined,
  columns: undefined,
});

test('the filters that pick few nodes find them by an index and need no sorting', async () => {
  const nodes = new Statements(TABLES.nodes, db, 'sqlite');
  const columns = ['provision_state', 'driver', 'resource_class', 'owner', 'lessee', 'shard', 'parent_node'];
  for (const column of [
    ...columns,
    'chassis_uuid',
    'instance_uuid',
    'instance_name',
    'reservation',
    'allocation_uuid',
  ]) {
    const plan = await planOf(nodes.page(page([{ column, op: '=', value: 'x' }])));
    assert.match(plan, /USING INDEX/, column);
    assert.doesNotMatch(plan, /TEMP B-TREE/, column);
  }
  const states = { column: 'provision_state', op: 'in', value: ['a', 'b'] } as const;
  assert.match(await planOf(nodes.page(page([states]))), /USING INDEX nodes_provision_state_index/);
});

test('the plain list walks the nodes in their order', async () => {
  const nodes = new Statements(TABLES.nodes, db, 'sqlite');
  const plan = await planOf(nodes.page(page([{ column: 'parent_node', op: 'is null' }])));
  assert.equal(plan, 'SCAN nodes');
  const next = { ...page([]), after: { id: 5, key: 5 } };
  assert.match(await planOf(nodes.page(next)), /USING INTEGER PRIMARY KEY/);
});

test('what belongs to a node is found by an index', async () => {
  for (const table of Object.values(TABLES)) {
    if (!Object.hasOwn(table.columns, 'node_uuid')) continue;
    const statements = new Statements(table, db, 'sqlite');
    const where = [{ column: 'node_uuid', op: '=', value: 'x' }] as const;
    assert.match(await planOf(statements.page(page(where))), /USING INDEX/, table.name);
    assert.match(await planOf(statements.delete(where)), /USING (COVERING )?INDEX/, table.name);
  }
});

// SPDX-License-Identifier: Apache-2.0

/** Queries that are more than the rows of one table. */

import { type Kysely, sql } from 'kysely';
import { type RowOf, timestamp } from '../model/columns.ts';
import type { workColumns } from '../model/resources.ts';
import type { Executor } from './collection.ts';
import { translate } from './errors.ts';
import type { Database, DialectName } from './schema.ts';

/** Node counts by shard; nodes without one under null. */
export async function countByShard(
  executor: Executor,
  db: Kysely<Database>,
): Promise<{ shard: string | null; count: number }[]> {
  const query = sql`select shard, count(*) as count from nodes group by shard order by count(*) desc, shard`;
  const rows = (await run(executor, db, query)) as { shard: string | null; count: number }[];
  return rows.map(({ shard, count }) => ({ shard, count }));
}

/** Takes the work that is due and held by nobody, oldest first. One statement, so two callers never get the same row. */
export async function leaseWork(
  executor: Executor,
  db: Kysely<Database>,
  dialect: DialectName,
  { owner, leaseSeconds, limit }: { owner: string; leaseSeconds: number; limit: number },
): Promise<RowOf<typeof workColumns>[]> {
  const time = new Date();
  const now = timestamp(time);
  const until = timestamp(new Date(time.getTime() + leaseSeconds * 1000));
  const due = sql`
    select id from work
    where (lease_owner is null or lease_until is null or lease_until <= ${now})
      and (run_after is null or run_after <= ${now})
    order by coalesce(run_after, created_at), id
    limit ${limit}`;
  const change = sql`lease_owner = ${owner}, lease_until = ${until}, updated_at = ${now}`;
  // In a plain subquery PostgreSQL may run the locking select more than once and so take more than `limit` rows.
  const query =
    dialect === 'postgres'
      ? sql`with due as materialized (${due} for update skip locked)
            update work set ${change} from due where work.id = due.id returning work.*`
      : sql`update work set ${change} where id in (${due}) returning *`;
  const rows = (await run(executor, db, query)) as RowOf<typeof workColumns>[];
  return rows.sort((a, b) => a.id - b.id);
}

async function run(executor: Executor, db: Kysely<Database>, query: ReturnType<typeof sql>): Promise<unknown[]> {
  try {
    return (await executor.executeQuery(query.compile(db))).rows;
  } catch (error) {
    throw translate(error);
  }
}

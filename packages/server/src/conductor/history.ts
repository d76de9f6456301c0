// SPDX-License-Identifier: Apache-2.0

import type { NodeRecord } from '../model/resources.ts';
import { maskText } from '../model/secrets.ts';
import type { Tables } from '../store/store.ts';
import type { Core, Origin } from './core.ts';

/** One thing worth remembering about a node. */
export interface HistoryEvent {
  readonly severity: 'ERROR' | 'INFO';
  /** `provisioning`, `monitoring`, `transition`, `verify`, ... */
  readonly type: string;
  readonly event: string;
  /** State the entry belongs to; the node's when absent. */
  readonly state?: string;
  readonly target?: string | null;
}

/** Keeps an event in the node's history unless `[conductor]node_history` is off. */
export async function remember(
  core: Core,
  tables: Tables,
  node: Pick<NodeRecord, 'uuid' | 'provision_state' | 'target_provision_state' | 'provision_updated_at'>,
  event: HistoryEvent,
  origin: Origin,
): Promise<void> {
  if (!core.config.conductor.node_history) return;
  const since = node.provision_updated_at === null ? Number.NaN : Date.parse(node.provision_updated_at);
  await tables.history.insert({
    node_uuid: node.uuid,
    conductor: core.host,
    event_type: event.type,
    severity: event.severity,
    event: maskText(event.event),
    user: origin.user,
    project: origin.project,
    state: event.state ?? node.provision_state,
    target_provision_state: event.target === undefined ? node.target_provision_state : event.target,
    duration_seconds: Number.isNaN(since) ? null : Math.max(0, Math.round((Date.now() - since) / 1000)),
  });
}

/**
 * Deletes old entries: of each node all but the newest `[conductor]node_history_max_entries`, those younger than
 * `node_history_minimum_days` excepted, at most `node_history_cleanup_batch_count` of them. Returns how many went.
 */
export async function purgeHistory(core: Core): Promise<number> {
  const { node_history_max_entries, node_history_cleanup_batch_count, node_history_minimum_days } =
    core.config.conductor;
  const youngest = Date.now() - node_history_minimum_days * 86_400_000;
  const kept = new Map<string, number>();
  const doomed: number[] = [];
  let before: number | undefined;
  while (doomed.length < node_history_cleanup_batch_count && !core.signal.aborted) {
    const rows = await core.store.history.list({
      columns: ['node_uuid', 'created_at'],
      sortDir: 'desc',
      limit: 1000,
      ...(before === undefined ? {} : { where: [{ column: 'id', op: '<', value: before }] }),
    });
    for (const row of rows) {
      before = row.id;
      const count = (kept.get(row.node_uuid) ?? 0) + 1;
      kept.set(row.node_uuid, count);
      if (count > node_history_max_entries && Date.parse(row.created_at) <= youngest) doomed.push(row.id);
    }
    if (rows.length < 1000) break;
  }
  const batch = doomed.slice(0, node_history_cleanup_batch_count);
  if (batch.length === 0) return 0;
  return await core.store.history.deleteWhere([{ column: 'id', op: 'in', value: batch }]);
}

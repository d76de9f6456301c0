// SPDX-License-Identifier: Apache-2.0

import { Counter, Gauge, type Registry } from 'prom-client';
import { timestamp } from '../model/columns.ts';
import type { Core } from './core.ts';

/** A prom-client registry. */
export type MetricsRegister = Registry;

/** Adds gauges that are computed when the registry is scraped, so that working on nodes costs nothing for them. */
export function registerConductorMetrics(core: Core, register: MetricsRegister): void {
  const { statistics, workers } = core;
  const gauge = (name: string, help: string, collect: (gauge: Gauge) => void | Promise<void>): void => {
    new Gauge({
      name,
      help,
      registers: [register],
      async collect() {
        await collect(this);
      },
    });
  };
  const labelled = (
    name: string,
    help: string,
    labelNames: readonly string[],
    collect: (gauge: Gauge<string>) => void | Promise<void>,
  ): void => {
    new Gauge({
      name,
      help,
      labelNames: [...labelNames],
      registers: [register],
      async collect() {
        this.reset();
        await collect(this);
      },
    });
  };

  /** A counter kept elsewhere: `entries` gives label and total. */
  const counter = (name: string, help: string, label: string, entries: () => Iterable<[string, number]>): void => {
    new Counter({
      name,
      help,
      labelNames: [label],
      registers: [register],
      collect() {
        this.reset();
        for (const [value, total] of entries()) this.inc({ [label]: value }, total);
      },
    });
  };

  let counted: Promise<Counts> | undefined;
  const counts = (): Promise<Counts> => {
    // Several gauges of one scrape share one look at the nodes.
    counted ??= countNodes(core).finally(() => {
      counted = undefined;
    });
    return counted;
  };
  labelled('wrought_nodes', 'Nodes by provision state.', ['provision_state'], async (target) => {
    for (const [state, count] of (await counts()).provision) target.set({ provision_state: state }, count);
  });
  labelled('wrought_nodes_power', 'Nodes by recorded power state.', ['power_state'], async (target) => {
    for (const [state, count] of (await counts()).power) target.set({ power_state: state }, count);
  });
  gauge('wrought_nodes_maintenance', 'Nodes in maintenance.', async (target) =>
    target.set((await counts()).maintenance),
  );
  gauge('wrought_workers_busy', 'Workers at work.', (target) => target.set(workers.busy));
  gauge('wrought_workers', 'Size of the worker pool.', (target) => target.set(workers.size));
  gauge('wrought_work_waiting', 'Interrupted work nobody does yet.', async (target) =>
    target.set(
      await core.store.work.count([
        { column: 'lease_owner', op: 'is null' },
        { column: 'created_at', op: '<=', value: timestamp() },
      ]),
    ),
  );
  gauge('wrought_power_sync_nodes', 'Nodes looked at by the last power sync.', (target) =>
    target.set(statistics.powerSync.nodes),
  );
  gauge('wrought_power_sync_failures', 'Nodes the last power sync could not read.', (target) =>
    target.set(statistics.powerSync.failures),
  );
  gauge('wrought_power_sync_corrections', 'Differences the last power sync found.', (target) =>
    target.set(statistics.powerSync.corrections),
  );
  gauge('wrought_power_sync_seconds', 'Duration of the last power sync, seconds.', (target) =>
    target.set(statistics.powerSync.seconds),
  );
  counter(
    'wrought_transitions_total',
    'Provision state transitions by state entered.',
    'state',
    () => statistics.transitions,
  );
  counter(
    'wrought_workflow_failures_total',
    'Failed workflow steps by workflow.',
    'workflow',
    () => statistics.failures,
  );
  labelled('wrought_job_seconds', 'Duration of the last run of a periodic job, seconds.', ['job'], (target) => {
    for (const [job, entry] of statistics.jobs) target.set({ job }, entry.seconds);
  });
  counter('wrought_job_failures_total', 'Failed runs of a periodic job.', 'job', () =>
    [...statistics.jobs].map(([job, entry]) => [job, entry.failures]),
  );
}

interface Counts {
  readonly provision: Map<string, number>;
  readonly power: Map<string, number>;
  readonly maintenance: number;
}

async function countNodes(core: Core): Promise<Counts> {
  const rows = await core.store.nodes.list({ columns: ['provision_state', 'power_state', 'maintenance'] });
  const provision = new Map<string, number>();
  const power = new Map<string, number>();
  let maintenance = 0;
  for (const row of rows) {
    provision.set(row.provision_state, (provision.get(row.provision_state) ?? 0) + 1);
    const state = row.power_state ?? 'unknown';
    power.set(state, (power.get(state) ?? 0) + 1);
    if (Number(row.maintenance) !== 0) maintenance += 1;
  }
  return { provision, power, maintenance };
}

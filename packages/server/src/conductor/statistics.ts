// SPDX-License-Identifier: Apache-2.0

/** Plain counters the hot paths write and the metrics read on scrape. */
export class ConductorStatistics {
  /** The last complete pass of the power sync. */
  powerSync = { nodes: 0, failures: 0, corrections: 0, seconds: 0 };
  /** Transitions by the state entered. */
  readonly transitions = new Map<string, number>();
  /** Workflow steps that ended in an error, by workflow. */
  readonly failures = new Map<string, number>();
  /** The last run of each periodic job. */
  readonly jobs = new Map<string, { runs: number; failures: number; seconds: number }>();

  entered(state: string): void {
    this.transitions.set(state, (this.transitions.get(state) ?? 0) + 1);
  }

  failed(workflow: string): void {
    this.failures.set(workflow, (this.failures.get(workflow) ?? 0) + 1);
  }

  ran(job: string, seconds: number, failed: boolean): void {
    const entry = this.jobs.get(job) ?? { runs: 0, failures: 0, seconds: 0 };
    entry.runs += 1;
    entry.seconds = seconds;
    if (failed) entry.failures += 1;
    this.jobs.set(job, entry);
  }
}

// SPDX-License-Identifier: Apache-2.0

/**
 * Runs workflows. What a node is doing is a row of the table `work`: workflow, step, attempt, data. The row is written in
 * the transaction that changes the node, its step before the step runs, so that whoever finds the row later - this process
 * after a restart, or another one when the lease has ended - knows where to go on.
 */

import { messageOf, NodeNotFound } from '../../errors.ts';
import { decodeRow } from '../../model/columns.ts';
import type { JsonObject } from '../../model/json.ts';
import { type NodeRecord, type NodeRow, type WorkRecord, workColumns } from '../../model/resources.ts';
import { INTERRUPTED, isFailed, type ProvisionState, STABLE_STATES, STATES } from '../../model/states.ts';
import type { Condition, Tables } from '../../store/store.ts';
import { type Core, INTERNAL, type Origin } from '../core.ts';
import { LockLost } from '../errors.ts';
import { remember } from '../history.ts';
import { decodeNode, FREE, fitTexts, Locked, NodeTask, retryLocked } from '../task.ts';
import { fromNow, NEVER } from '../time.ts';
import { move } from '../transition.ts';
import type { WorkerSlot } from '../workers.ts';
import type { Outcome, Plan, Run, Workflow } from './workflow.ts';

/** How often a step is begun before the operation is given up as not resumable. */
const MAX_ATTEMPTS = 3;

interface ActiveWork {
  readonly uuid: string;
  readonly origin: Origin;
  workflow: Workflow;
  step: string;
  attempt: number;
  data: JsonObject;
}

export class Engine {
  readonly #core: Core;
  readonly #workflows: ReadonlyMap<string, Workflow>;
  /** Work rows somebody in this process works on. */
  readonly #active = new Set<string>();

  constructor(core: Core, workflows: readonly Workflow[]) {
    this.#core = core;
    this.#workflows = new Map(workflows.map((workflow) => [workflow.name, workflow]));
  }

  /**
   * Writes what a verb decided - state, lock and work row in one transaction - and starts the work on `slot`. `row` is what
   * the decision was made from: when the node has changed since, nothing happens and the answer is false.
   */
  async accept(task: NodeTask, row: NodeRow, plan: Plan, slot: WorkerSlot | undefined): Promise<boolean> {
    const core = this.#core;
    const { work } = plan;
    const changes = fitTexts(core.config, {
      ...plan.changes,
      ...(work === undefined ? {} : { reservation: core.host }),
    });
    const stored = await core.store.transaction(async (tables) => {
      const after = await tables.nodes.update(row.uuid, changes, unchangedSince(row));
      if (after === undefined) return undefined;
      const kind = kindOf(row.provision_state);
      if (kind !== 'stable' && changes.provision_state !== undefined) await this.#dropOrKeep(tables, plan, row);
      if (changes.provision_state !== undefined && (changes.last_error || work === undefined)) {
        await this.#rememberMove(tables, task.node, changes, task.origin);
      }
      const record =
        work === undefined
          ? undefined
          : await tables.work.insert({
              node_uuid: row.uuid,
              workflow: work.workflow,
              step: work.step,
              attempt: 1,
              lease_owner: core.host,
              lease_until: fromNow(core.config.conductor.heartbeat_timeout),
              run_after: null,
              data: work.data ?? {},
            });
      return { after, record };
    });
    if (stored === undefined) return false;
    if (changes.provision_state !== undefined) this.#announce(task, changes);
    if (work === undefined || stored.record === undefined || slot === undefined) return true;
    this.#start(slot, task.locked(stored.after), {
      uuid: stored.record.uuid,
      origin: task.origin,
      workflow: this.#workflow(work.workflow),
      step: work.step,
      attempt: 1,
      data: work.data ?? {},
    });
    return true;
  }

  /**
   * Goes on with a node that waits: takes its lock (patiently), moves it by `event` and runs the step its work row names.
   * Returns false when the node waits no more. @throws NodeNotFound, NodeLocked, NoFreeConductorWorker
   */
  async continueNode(
    uuid: string,
    origin: Origin,
    options: { event?: string; changes?: (node: NodeRecord) => Partial<NodeRecord>; attempts?: number } = {},
  ): Promise<boolean> {
    const core = this.#core;
    const slot = core.workers.reserve('background');
    try {
      const begun = await retryLocked<(() => void) | undefined>(
        core,
        uuid,
        async () => {
          const row = await core.store.nodes.find('uuid', uuid);
          if (row === undefined) throw new NodeNotFound(uuid);
          if (row.reservation !== null) return new Locked(row.reservation);
          const node = decodeNode(row);
          const work = await core.store.work.find('node_uuid', uuid);
          if (work === undefined || kindOf(row.provision_state) !== 'waiting') return undefined;
          const task = new NodeTask(core, node, origin, false);
          const changes: Partial<NodeRecord> = {
            ...move(node, options.event ?? 'resume'),
            ...options.changes?.(node),
            reservation: core.host,
          };
          const after = await core.store.transaction(async (tables) => {
            const taken = await tables.nodes.update(uuid, changes, unchangedSince(row));
            if (taken === undefined) return undefined;
            await tables.work.update(work.uuid, this.#lease(1));
            return taken;
          });
          if (after === undefined) return new Locked(null);
          this.#announce(task, changes);
          return () => this.#start(slot, task.locked(after), this.#activate(work, origin));
        },
        options.attempts,
      );
      begun?.();
      return begun !== undefined;
    } finally {
      slot.release();
    }
  }

  /**
   * Takes up work a dead process left (or this one before a restart): the same step once more, or, when it must not be
   * repeated, the state's failure. Waits for a free worker. `reason` is the text of that failure.
   */
  async resume(row: WorkRecord, reason: (state: string) => string): Promise<void> {
    const core = this.#core;
    const slot = await core.workers.wait();
    let task: NodeTask | undefined;
    try {
      const node = await core.store.nodes.update(row.node_uuid, { reservation: core.host }, [FREE]);
      if (node === undefined) {
        core.log.debug({ node: row.node_uuid }, 'Interrupted work is left alone: its node is locked');
        await core.store.work.update(row.uuid, { lease_owner: row.lease_owner === core.host ? null : row.lease_owner });
        return;
      }
      task = new NodeTask(core, decodeNode(node), INTERNAL, true);
      const workflow = this.#workflows.get(row.workflow);
      const run: Run = { core, task, data: row.data };
      const attempt = row.attempt + 1;
      const known = workflow?.steps[row.step] !== undefined;
      if (
        workflow === undefined ||
        !known ||
        attempt > MAX_ATTEMPTS ||
        workflow.repeatable?.(run, row.step) === false
      ) {
        await this.giveUp(task, row.uuid, reason(task.node.provision_state));
        return;
      }
      await core.store.work.update(row.uuid, this.#lease(attempt));
      task.log.warn({ workflow: row.workflow, step: row.step, attempt }, 'Interrupted work is taken up again');
      this.#start(slot, task, {
        uuid: row.uuid,
        origin: INTERNAL,
        workflow,
        step: row.step,
        attempt,
        data: row.data,
      });
    } catch (error) {
      task?.abandon();
      throw error;
    } finally {
      slot.release();
    }
  }

  /** Fails what cannot go on: the node leaves its working state, the work row goes, the lock is free. */
  async giveUp(task: NodeTask, work: string | undefined, text: string): Promise<void> {
    const { node } = task;
    const core = this.#core;
    const changes: Partial<NodeRecord> = { last_error: text };
    if (Object.hasOwn(INTERRUPTED, node.provision_state)) {
      Object.assign(changes, move(node, 'fail'), { clean_step: {}, deploy_step: {}, service_step: {} });
    }
    await core.store.transaction(async (tables) => {
      await this.#rememberMove(tables, node, changes, task.origin);
      await task.saveIn(tables, { ...changes, reservation: null });
      if (work !== undefined) await tables.work.delete(work);
    });
    task.released();
    Object.assign(node, changes);
    this.#announce(task, changes);
  }

  /** Extends the leases of everything this process works on. What it lost (a broken database, say) runs out and is taken up. */
  async renewLeases(): Promise<void> {
    const core = this.#core;
    if (this.#active.size === 0) return;
    await core.store.work.updateWhere([{ column: 'uuid', op: 'in', value: [...this.#active] }], {
      lease_until: fromNow(core.config.conductor.heartbeat_timeout),
    });
  }

  #workflow(name: string): Workflow {
    const workflow = this.#workflows.get(name);
    if (workflow === undefined) throw new Error(`there is no workflow ${name}`);
    return workflow;
  }

  #activate(row: Parameters<typeof decodeWork>[0], origin: Origin): ActiveWork {
    const { uuid, workflow, step, data } = decodeWork(row);
    return { uuid, origin, workflow: this.#workflow(workflow), step, attempt: 1, data };
  }

  #lease(attempt: number): Partial<WorkRecord> {
    return {
      attempt,
      lease_owner: this.#core.host,
      lease_until: fromNow(this.#core.config.conductor.heartbeat_timeout),
      run_after: null,
    };
  }

  #start(slot: WorkerSlot, task: NodeTask, work: ActiveWork): void {
    this.#active.add(work.uuid);
    slot.run(() => this.#execute(task, work));
  }

  async #execute(task: NodeTask, work: ActiveWork): Promise<void> {
    const core = this.#core;
    try {
      if (!task.isLoaded) await task.load();
      for (;;) {
        const outcome = await this.#step(task, work);
        await this.#apply(task, work, outcome);
        if (!task.isExclusive) return;
      }
    } catch (error) {
      if (core.signal.aborted) {
        task.log.info({ workflow: work.workflow.name, step: work.step }, 'Work is interrupted by the shutdown');
      } else if (error instanceof LockLost) {
        task.log.warn({ workflow: work.workflow.name, step: work.step }, error.message);
      } else {
        await this.#lastResort(task, work, error);
      }
    } finally {
      this.#active.delete(work.uuid);
      task.abandon();
    }
  }

  async #step(task: NodeTask, work: ActiveWork): Promise<Outcome> {
    const run: Run = { core: this.#core, task, data: work.data };
    const { workflow, step } = work;
    try {
      const body = workflow.steps[step];
      if (body === undefined) throw new Error(`workflow ${workflow.name} has no step ${step}`);
      return await body(run);
    } catch (error) {
      if (this.#core.signal.aborted || error instanceof LockLost) throw error;
      this.#core.statistics.failed(workflow.name);
      task.log.error({ err: error, workflow: workflow.name, step }, 'Work on the node failed');
      return await workflow.failed(run, error, step);
    }
  }

  async #apply(task: NodeTask, work: ActiveWork, outcome: Outcome): Promise<void> {
    const { event, next } = outcome;
    const ends = next === undefined || outcome.park === true;
    const changes: Partial<NodeRecord> = { ...outcome.changes };
    if (event !== undefined) Object.assign(changes, move(task.node, event, outcome.target));
    if (ends) changes.reservation = null;
    const workChanges: Partial<WorkRecord> =
      next === undefined
        ? {}
        : {
            step: next,
            attempt: 1,
            ...(outcome.workflow === undefined ? {} : { workflow: outcome.workflow }),
            ...(outcome.data === undefined ? {} : { data: outcome.data }),
            ...(outcome.park === true ? { lease_owner: null, lease_until: null, run_after: NEVER } : {}),
          };
    const { store } = this.#core;
    if (Object.keys(changes).length === 0) await store.work.update(work.uuid, workChanges);
    else {
      const saved = await store.transaction(async (tables) => {
        if (event !== undefined) await this.#rememberMove(tables, task.node, changes, work.origin);
        const fitted = await task.saveIn(tables, changes);
        if (next === undefined) await tables.work.delete(work.uuid);
        else await tables.work.update(work.uuid, workChanges);
        return fitted;
      });
      task.saved(saved);
    }
    if (event !== undefined) this.#announce(task, changes);
    if (ends) task.released();
    if (next === undefined) return;
    work.step = next;
    work.attempt = 1;
    if (outcome.workflow !== undefined) work.workflow = this.#workflow(outcome.workflow);
    if (outcome.data !== undefined) work.data = outcome.data;
  }

  /** A workflow's own failure handling failed: the node must not stay in a working state for ever. */
  async #lastResort(task: NodeTask, work: ActiveWork, error: unknown): Promise<void> {
    const text = `Async execution of ${work.workflow.name} failed with error: ${messageOf(error)}`;
    task.log.error({ err: error, workflow: work.workflow.name, step: work.step }, text);
    try {
      await this.giveUp(task, work.uuid, text);
    } catch (second) {
      task.log.error({ err: second }, 'The failure could not be recorded');
    }
  }

  /** Work that waited is replaced by what the verb starts, or ends; `unhold` only moves the node and keeps it. */
  async #dropOrKeep(tables: Tables, plan: Plan, row: NodeRow): Promise<void> {
    const to = plan.changes.provision_state ?? row.provision_state;
    const keeps = plan.work === undefined && ['waiting', 'held'].includes(kindOf(to));
    if (!keeps) await tables.work.deleteWhere([{ column: 'node_uuid', op: '=', value: row.uuid }]);
  }

  /** Errors are always remembered, moves when they end in a state that lasts. */
  async #rememberMove(tables: Tables, node: NodeRecord, changes: Partial<NodeRecord>, origin: Origin): Promise<void> {
    const state = changes.provision_state ?? node.provision_state;
    const target = changes.target_provision_state ?? null;
    const failed = changes.last_error !== undefined && changes.last_error !== null && changes.last_error !== '';
    if (failed) {
      const event = changes.last_error ?? '';
      await remember(
        this.#core,
        tables,
        node,
        { severity: 'ERROR', type: 'provisioning', event, state, target },
        origin,
      );
    } else if (STABLE_STATES.has(state) && changes.provision_state !== undefined) {
      const event = `Node moved to provision state "${state}" from state "${node.provision_state}"`;
      await remember(this.#core, tables, node, { severity: 'INFO', type: 'transition', event, state, target }, origin);
    }
  }

  #announce(task: NodeTask, changes: Partial<NodeRecord>): void {
    const state = changes.provision_state;
    if (state === undefined) return;
    this.#core.statistics.entered(state);
    const fields = { provision_state: state, target_provision_state: changes.target_provision_state ?? null };
    if (isFailed(state) || state === 'error')
      task.log.error({ ...fields, last_error: changes.last_error }, 'Node failed');
    else task.log.info(fields, 'Node moved');
  }
}

/** Conditions under which a decision made from `row` still holds: nobody wrote the node or took its lock since. */
export function unchangedSince(row: NodeRow): Condition[] {
  return [
    FREE,
    { column: 'provision_state', op: '=', value: row.provision_state },
    row.updated_at === null
      ? { column: 'updated_at', op: 'is null' }
      : { column: 'updated_at', op: '=', value: row.updated_at },
  ];
}

/** A stored work row as code works with it. */
export function decodeWork(row: Parameters<typeof decodeRow<typeof workColumns>>[1]): WorkRecord {
  return decodeRow(workColumns, row) as WorkRecord;
}

function kindOf(state: string): string {
  return STATES[state as ProvisionState]?.kind ?? 'stable';
}

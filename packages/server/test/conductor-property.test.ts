// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { WroughtError } from '../src/errors.ts';
import { isFailed, STABLE_STATES, TRANSITIONS, VERBS, verbAllowed } from '../src/model/states.ts';
import type { Store } from '../src/store/store.ts';
import { type Bench, CONTEXT, makeBench } from './conductor-support.ts';

const LISTED = new Set(TRANSITIONS.map(([from, , to]) => `${from} -> ${to}`));

/** Methods a machine may fail in, or ask to wait in. */
const METHODS = [
  'power.getPowerState',
  'deploy.prepare',
  'deploy.tearDown',
  'deploy.prepareCleaning',
  'deploy.tearDownCleaning',
  'deploy.prepareService',
  'inspect.inspectHardware',
  'rescue.rescue',
  'rescue.unrescue',
  'deploy.takeOver',
  'step',
] as const;

const action = fc.oneof(
  { weight: 1, arbitrary: fc.record({ verb: fc.constantFrom(...Object.keys(VERBS)) }) },
  { weight: 8, arbitrary: fc.record({ legal: fc.nat(9) }) },
  { weight: 2, arbitrary: fc.constant({ continue: true }) },
  {
    weight: 3,
    arbitrary: fc.record({ method: fc.constantFrom(...METHODS), does: fc.constantFrom('fail', 'wait', 'succeed') }),
  },
);

const MORE = {
  cleanSteps: [
    { interface: 'raid', step: 'any' },
    { interface: 'deploy', step: 'hold' },
    { interface: 'raid', step: 'any' },
  ],
  serviceSteps: [
    { interface: 'raid', step: 'any' },
    { interface: 'deploy', step: 'hold' },
  ],
  rescuePassword: 'x',
};

/** Records every state the node is stored in, and what no reader may ever see. */
function traceStates(store: Store, uuid: string, from: string): { states: string[]; wrong: string[] } {
  const trace: { states: string[]; wrong: string[] } = { states: [from], wrong: [] };
  const transaction = store.transaction.bind(store);
  Object.assign(store, {
    transaction: (body: Parameters<Store['transaction']>[0]) =>
      transaction(async (tables) => {
        const nodes = new Proxy(tables.nodes, {
          get(target, property) {
            if (property !== 'update') {
              const value: unknown = Reflect.get(target, property, target);
              return typeof value === 'function' ? value.bind(target) : value;
            }
            return async (...args: Parameters<typeof target.update>) => {
              const row = await target.update(...args);
              const state = row?.uuid === uuid ? row.provision_state : undefined;
              if (row === undefined || state === undefined) return row;
              if (state !== trace.states.at(-1)) trace.states.push(state);
              const { target_provision_state: goal, last_error: error } = row;
              const failed = isFailed(state) || state === 'error';
              if (STABLE_STATES.has(state) !== (goal === null)) trace.wrong.push(`${state} has target ${goal}`);
              if (failed && !error) trace.wrong.push(`${state} has no last_error`);
              return row;
            };
          },
        });
        return await body({ ...tables, nodes });
      }),
  });
  return trace;
}

async function play(bench: Bench, uuid: string, step: object): Promise<void> {
  if ('verb' in step || 'legal' in step) {
    try {
      await bench.verb(
        uuid,
        'verb' in step ? String(step.verb) : await legalVerb(bench, uuid, Number('legal' in step && step.legal)),
        MORE,
      );
    } catch (error) {
      assert.ok(error instanceof WroughtError && error.status < 500, String(error));
    }
  } else if ('method' in step && 'does' in step) {
    const { method, does } = step as { method: string; does: string };
    if (method === 'step') {
      bench.script.on.step = () => behave(does);
    } else if (does === 'succeed') delete bench.script.on[method];
    else bench.script.on[method] = () => behave(does, method === 'power.getPowerState');
  } else await bench.conductor.continueNode(uuid, CONTEXT);
}

/** One of the verbs the node's state allows. */
async function legalVerb(bench: Bench, uuid: string, index: number): Promise<string> {
  const { provision_state } = await bench.node(uuid);
  const legal = Object.keys(VERBS).filter((verb) => verbAllowed(provision_state, verb));
  return legal[index % Math.max(1, legal.length)] ?? 'abort';
}

function behave(does: string, noWait = false): unknown {
  if (does === 'fail') throw new Error('the machine failed');
  return does === 'wait' && !noWait ? 'wait' : undefined;
}

test('whatever clients ask and machines do, the node only moves as listed and never gets stuck', async () => {
  const seen = new Set<string>();
  await fc.assert(
    fc.asyncProperty(fc.array(action, { minLength: 5, maxLength: 40 }), async (actions) => {
      await using bench = await makeBench();
      const run = async () => (await bench.script.on.step?.()) as 'wait' | undefined;
      bench.script.steps.raid = [
        { step: 'any', kinds: ['clean', 'service'], priority: 10, requiresRamdisk: false, run },
      ];
      const { uuid } = await bench.insert();
      const trace = traceStates(bench.store, uuid, 'enroll');
      for (const step of actions) {
        await play(bench, uuid, step);
        const node = await bench.settled(uuid);
        if (STABLE_STATES.has(node.provision_state)) assert.equal(node.target_provision_state, null);
        else assert.notEqual(node.target_provision_state, null, node.provision_state);
        if (isFailed(node.provision_state) || node.provision_state === 'error') assert.ok(node.last_error);
        assert.equal(node.reservation, null);
        const works = await bench.store.work.count();
        assert.equal(works, /wait|hold/.test(node.provision_state) ? 1 : 0, node.provision_state);
        if (node.maintenance) await bench.conductor.setMaintenance(CONTEXT, uuid, false, null);
      }
      assert.deepEqual(trace.wrong, []);
      for (const [index, state] of trace.states.entries()) {
        const before = trace.states[index - 1];
        // An abort of service passes `service failed` on its way to active within one write.
        const known =
          before === undefined || LISTED.has(`${before} -> ${state}`) || /^service (wait|hold)$/.test(before);
        assert.ok(known, `${before} -> ${state}`);
        seen.add(`${before} -> ${state}`);
      }
    }),
    { numRuns: 80 },
  );
  assert.ok(seen.size > 25, `only ${seen.size} transitions were tried`);
});

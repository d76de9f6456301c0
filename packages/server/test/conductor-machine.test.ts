// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isManualClean, move } from '../src/conductor/transition.ts';
import { InvalidStateRequested } from '../src/errors.ts';
import { type ProvisionState, STABLE_STATES, STATES, TRANSITIONS } from '../src/model/states.ts';

const at = (provision_state: string, target_provision_state: string | null = null) => ({
  uuid: 'u',
  provision_state,
  target_provision_state,
});

test('every listed transition leads to its state, with a target unless the state is stable', () => {
  assert.equal(TRANSITIONS.length, 93);
  for (const [from, event, to, , target] of TRANSITIONS) {
    const changes = move(at(from, STATES[from].defaultTarget), event);
    assert.equal(changes.provision_state, to);
    const expected = STABLE_STATES.has(to) ? null : (target ?? STATES[to].defaultTarget);
    assert.equal(changes.target_provision_state, expected, `${from} --${event}--> ${to}`);
    assert.equal(changes.target_provision_state === null, STABLE_STATES.has(to));
  }
});

test('an event the machine does not list is refused', () => {
  const events = new Set(TRANSITIONS.map((transition) => transition[1]));
  for (const state of Object.keys(STATES) as ProvisionState[]) {
    for (const event of events) {
      if (TRANSITIONS.some((transition) => transition[0] === state && transition[1] === event)) continue;
      assert.throws(() => move(at(state), event), InvalidStateRequested);
    }
  }
});

test('a manual clean keeps its target manageable through every state of cleaning', () => {
  let node = at('manageable');
  for (const event of ['clean', 'wait', 'resume', 'hold', 'unhold', 'resume', 'wait', 'fail']) {
    node = { ...node, ...move(node, event) } as typeof node;
    assert.equal(node.target_provision_state, 'manageable', event);
    assert.equal(isManualClean(node), true);
  }
  assert.equal(node.provision_state, 'clean failed');
  assert.equal(move(node, 'manage').target_provision_state, null);
});

test('an automated clean keeps its target available', () => {
  let node = at('manageable');
  for (const event of ['provide', 'wait', 'resume', 'fail']) node = { ...node, ...move(node, event) } as typeof node;
  assert.equal(node.target_provision_state, 'available');
  assert.equal(isManualClean(node), false);
});

test('inspection times are kept with the inspection states', () => {
  const begun = move(at('manageable'), 'inspect');
  assert.equal(typeof begun.inspection_started_at, 'string');
  assert.equal(begun.inspection_finished_at, null);
  const resumed = move(at('inspect wait', 'manageable'), 'resume');
  assert.equal('inspection_started_at' in resumed, false);
  const done = move(at('inspecting', 'manageable'), 'done');
  assert.equal(typeof done.inspection_finished_at, 'string');
  assert.equal(done.inspection_started_at, null);
  assert.equal(move(at('inspecting', 'manageable'), 'fail').inspection_started_at, null);
});

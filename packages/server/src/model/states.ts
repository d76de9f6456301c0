// SPDX-License-Identifier: Apache-2.0

/**
 * The provision state machine as data: states, transitions, verbs. Terms: a *verb* is what a client asks for
 * (`PUT states/provision {"target": ...}`), an *event* moves the machine, a *target* is the stable state the node is on its way to.
 */

/** What a state means for those who wait: stable, working (a worker runs), waiting for a call-back, held by a step, or failed. */
export type StateKind = 'stable' | 'working' | 'waiting' | 'held' | 'failed';

export interface StateEntry {
  readonly kind: StateKind;
  /** What `target_provision_state` becomes on entry unless the caller overrides it. */
  readonly defaultTarget: string | null;
}

/** Every provision state that can be stored. */
export const STATES = {
  enroll: { kind: 'stable', defaultTarget: null },
  manageable: { kind: 'stable', defaultTarget: null },
  available: { kind: 'stable', defaultTarget: null },
  active: { kind: 'stable', defaultTarget: null },
  error: { kind: 'stable', defaultTarget: null },
  rescue: { kind: 'stable', defaultTarget: null },
  verifying: { kind: 'working', defaultTarget: 'manageable' },
  deploying: { kind: 'working', defaultTarget: 'active' },
  cleaning: { kind: 'working', defaultTarget: 'available' },
  deleting: { kind: 'working', defaultTarget: 'available' },
  inspecting: { kind: 'working', defaultTarget: 'manageable' },
  adopting: { kind: 'working', defaultTarget: 'active' },
  rescuing: { kind: 'working', defaultTarget: 'rescue' },
  unrescuing: { kind: 'working', defaultTarget: 'active' },
  servicing: { kind: 'working', defaultTarget: 'active' },
  'wait call-back': { kind: 'waiting', defaultTarget: 'active' },
  'clean wait': { kind: 'waiting', defaultTarget: 'available' },
  'inspect wait': { kind: 'waiting', defaultTarget: 'manageable' },
  'rescue wait': { kind: 'waiting', defaultTarget: 'rescue' },
  'service wait': { kind: 'waiting', defaultTarget: 'active' },
  'deploy hold': { kind: 'held', defaultTarget: 'active' },
  'clean hold': { kind: 'held', defaultTarget: 'available' },
  'service hold': { kind: 'held', defaultTarget: 'active' },
  'deploy failed': { kind: 'failed', defaultTarget: 'active' },
  'clean failed': { kind: 'failed', defaultTarget: 'available' },
  'inspect failed': { kind: 'failed', defaultTarget: 'manageable' },
  'adopt failed': { kind: 'failed', defaultTarget: 'active' },
  'rescue failed': { kind: 'failed', defaultTarget: 'rescue' },
  'unrescue failed': { kind: 'failed', defaultTarget: 'active' },
  'service failed': { kind: 'failed', defaultTarget: 'active' },
} as const satisfies Record<string, StateEntry>;

/** The name of a provision state. */
export type ProvisionState = keyof typeof STATES;

/** Who may cause a transition: a client's verb, or only the conductor. */
export type Trigger = 'api' | 'internal';

/** `[from, event, to, trigger]` or, where the transition sets a target other than the default, `[..., target]`. */
export type Transition = readonly [ProvisionState, string, ProvisionState, Trigger, ProvisionState?];

/** All transitions. What is not listed is illegal. */
export const TRANSITIONS: readonly Transition[] = [
  ['enroll', 'manage', 'verifying', 'api'],
  ['manageable', 'adopt', 'adopting', 'api'],
  ['manageable', 'clean', 'cleaning', 'api', 'manageable'],
  ['manageable', 'inspect', 'inspecting', 'api'],
  ['manageable', 'provide', 'cleaning', 'api'],
  ['available', 'deploy', 'deploying', 'api'],
  ['available', 'manage', 'manageable', 'api'],
  ['active', 'delete', 'deleting', 'api'],
  ['active', 'rebuild', 'deploying', 'api'],
  ['active', 'rescue', 'rescuing', 'api'],
  ['active', 'service', 'servicing', 'api'],
  ['error', 'delete', 'deleting', 'api'],
  ['error', 'rebuild', 'deploying', 'api'],
  ['rescue', 'delete', 'deleting', 'api'],
  ['rescue', 'rescue', 'rescuing', 'api'],
  ['rescue', 'unrescue', 'unrescuing', 'api'],
  ['verifying', 'done', 'manageable', 'internal'],
  ['verifying', 'fail', 'enroll', 'internal'],
  ['deploying', 'done', 'active', 'internal'],
  ['deploying', 'fail', 'deploy failed', 'internal'],
  ['deploying', 'hold', 'deploy hold', 'internal'],
  ['deploying', 'wait', 'wait call-back', 'internal'],
  ['cleaning', 'done', 'available', 'internal'],
  ['cleaning', 'fail', 'clean failed', 'internal'],
  ['cleaning', 'hold', 'clean hold', 'internal'],
  ['cleaning', 'manage', 'manageable', 'internal'],
  ['cleaning', 'wait', 'clean wait', 'internal'],
  ['deleting', 'clean', 'cleaning', 'internal'],
  ['deleting', 'fail', 'error', 'internal'],
  ['inspecting', 'done', 'manageable', 'internal'],
  ['inspecting', 'fail', 'inspect failed', 'internal'],
  ['inspecting', 'wait', 'inspect wait', 'internal'],
  ['adopting', 'done', 'active', 'internal'],
  ['adopting', 'fail', 'adopt failed', 'internal'],
  ['rescuing', 'done', 'rescue', 'internal'],
  ['rescuing', 'fail', 'rescue failed', 'internal'],
  ['rescuing', 'wait', 'rescue wait', 'internal'],
  ['unrescuing', 'done', 'active', 'internal'],
  ['unrescuing', 'fail', 'unrescue failed', 'internal'],
  ['servicing', 'done', 'active', 'internal'],
  ['servicing', 'fail', 'service failed', 'internal'],
  ['servicing', 'hold', 'service hold', 'internal'],
  ['servicing', 'wait', 'service wait', 'internal'],
  ['wait call-back', 'abort', 'deploy failed', 'api'],
  ['wait call-back', 'delete', 'deleting', 'api'],
  ['wait call-back', 'fail', 'deploy failed', 'internal'],
  ['wait call-back', 'hold', 'deploy hold', 'internal'],
  ['wait call-back', 'resume', 'deploying', 'internal'],
  ['clean wait', 'abort', 'clean failed', 'api'],
  ['clean wait', 'fail', 'clean failed', 'internal'],
  ['clean wait', 'hold', 'clean hold', 'internal'],
  ['clean wait', 'resume', 'cleaning', 'internal'],
  ['inspect wait', 'abort', 'inspect failed', 'api'],
  ['inspect wait', 'done', 'manageable', 'internal'],
  ['inspect wait', 'fail', 'inspect failed', 'internal'],
  ['inspect wait', 'resume', 'inspecting', 'internal'],
  ['rescue wait', 'abort', 'rescue failed', 'api'],
  ['rescue wait', 'delete', 'deleting', 'api'],
  ['rescue wait', 'fail', 'rescue failed', 'internal'],
  ['rescue wait', 'resume', 'rescuing', 'internal'],
  ['service wait', 'abort', 'service failed', 'api'],
  ['service wait', 'delete', 'deleting', 'api'],
  ['service wait', 'fail', 'service failed', 'internal'],
  ['service wait', 'hold', 'service hold', 'internal'],
  ['service wait', 'resume', 'servicing', 'internal'],
  ['deploy hold', 'abort', 'deploy failed', 'api'],
  ['deploy hold', 'unhold', 'wait call-back', 'api'],
  ['clean hold', 'abort', 'clean failed', 'api'],
  ['clean hold', 'unhold', 'clean wait', 'api'],
  ['service hold', 'abort', 'service failed', 'api'],
  ['service hold', 'fail', 'service failed', 'internal'],
  ['service hold', 'service', 'servicing', 'api'],
  ['service hold', 'unhold', 'service wait', 'api'],
  ['deploy failed', 'delete', 'deleting', 'api'],
  ['deploy failed', 'deploy', 'deploying', 'api'],
  ['deploy failed', 'rebuild', 'deploying', 'api'],
  ['clean failed', 'manage', 'manageable', 'api'],
  ['inspect failed', 'inspect', 'inspecting', 'api'],
  ['inspect failed', 'manage', 'manageable', 'api'],
  ['adopt failed', 'adopt', 'adopting', 'api'],
  ['adopt failed', 'manage', 'manageable', 'api'],
  ['rescue failed', 'delete', 'deleting', 'api'],
  ['rescue failed', 'rescue', 'rescuing', 'api'],
  ['rescue failed', 'unrescue', 'unrescuing', 'api'],
  ['unrescue failed', 'delete', 'deleting', 'api'],
  ['unrescue failed', 'rescue', 'rescuing', 'api'],
  ['unrescue failed', 'unrescue', 'unrescuing', 'api'],
  ['service failed', 'abort', 'active', 'api'],
  ['service failed', 'delete', 'deleting', 'api'],
  ['service failed', 'hold', 'service hold', 'internal'],
  ['service failed', 'rescue', 'rescuing', 'api'],
  ['service failed', 'service', 'servicing', 'api'],
  ['service failed', 'wait', 'service wait', 'internal'],
];

/** A verb: its event, the first API minor version that knows it, what handles it and the state it ends in. */
export interface Verb {
  readonly event: string;
  readonly minMinor: number;
  readonly handler: 'deploy' | 'tearDown' | 'clean' | 'inspect' | 'rescue' | 'unrescue' | 'service' | 'action';
}

/** The verbs of `PUT /v1/nodes/{node}/states/provision`. `undeploy` is not gated in practice. */
export const VERBS: Readonly<Record<string, Verb>> = {
  active: { event: 'deploy', minMinor: 1, handler: 'deploy' },
  deploy: { event: 'deploy', minMinor: 73, handler: 'deploy' },
  rebuild: { event: 'rebuild', minMinor: 1, handler: 'deploy' },
  deleted: { event: 'delete', minMinor: 1, handler: 'tearDown' },
  undeploy: { event: 'delete', minMinor: 1, handler: 'tearDown' },
  manage: { event: 'manage', minMinor: 4, handler: 'action' },
  provide: { event: 'provide', minMinor: 4, handler: 'action' },
  inspect: { event: 'inspect', minMinor: 6, handler: 'inspect' },
  abort: { event: 'abort', minMinor: 13, handler: 'action' },
  clean: { event: 'clean', minMinor: 15, handler: 'clean' },
  adopt: { event: 'adopt', minMinor: 17, handler: 'action' },
  rescue: { event: 'rescue', minMinor: 38, handler: 'rescue' },
  unrescue: { event: 'unrescue', minMinor: 38, handler: 'unrescue' },
  unhold: { event: 'unhold', minMinor: 85, handler: 'action' },
  service: { event: 'service', minMinor: 87, handler: 'service' },
};

/** Nothing happens in these without a request. */
export const STABLE_STATES: ReadonlySet<string> = new Set([
  'enroll',
  'manageable',
  'available',
  'active',
  'error',
  'rescue',
]);

/** States on the way somewhere (classifies notifications; boot mode changes are refused in them). */
export const UNSTABLE_STATES: ReadonlySet<string> = new Set([
  'deploying',
  'wait call-back',
  'cleaning',
  'clean wait',
  'verifying',
  'deleting',
  'inspecting',
  'inspect wait',
  'adopting',
  'rescuing',
  'rescue wait',
  'unrescuing',
  'servicing',
  'service wait',
]);

/** A PATCH is accepted in these although a target is set. */
export const UPDATE_ALLOWED_STATES: ReadonlySet<string> = new Set([
  'deploy failed',
  'inspecting',
  'inspect failed',
  'inspect wait',
  'clean failed',
  'error',
  'verifying',
  'adopt failed',
  'rescue failed',
  'unrescue failed',
  'service hold',
  'service failed',
]);

/** Driver and interfaces may change here (or in maintenance). */
export const INTERFACE_UPDATE_STATES: ReadonlySet<string> = new Set([
  'enroll',
  'inspecting',
  'inspect wait',
  'manageable',
  'available',
]);

/** Connectivity fields of a port may change here (or in maintenance). */
export const PORT_CONNECTIVITY_STATES: ReadonlySet<string> = new Set([
  'enroll',
  'inspecting',
  'inspect wait',
  'manageable',
]);

/** A node may be deleted here; also in `available` while [conductor]allow_deleting_available_nodes, and anywhere in maintenance. */
export const DELETE_ALLOWED_STATES: ReadonlySet<string> = new Set(['manageable', 'enroll', 'adopt failed']);

/** The power sync leaves these alone. */
export const POWER_SYNC_EXCLUDED_STATES: ReadonlySet<string> = new Set([
  'wait call-back',
  'clean wait',
  'enroll',
  'adopt failed',
]);

/** Where a working state goes when its operation cannot be resumed after a restart. */
export const INTERRUPTED: Readonly<Record<string, ProvisionState>> = {
  deploying: 'deploy failed',
  cleaning: 'clean failed',
  verifying: 'enroll',
  inspecting: 'inspect failed',
  adopting: 'adopt failed',
  rescuing: 'rescue failed',
  unrescuing: 'unrescue failed',
  deleting: 'error',
  servicing: 'service failed',
};

const byState = new Map<string, Map<string, Transition>>();
for (const transition of TRANSITIONS) {
  const events = byState.get(transition[0]) ?? new Map<string, Transition>();
  events.set(transition[1], transition);
  byState.set(transition[0], events);
}

/** The transition an event causes from a state, or undefined when it is illegal. */
export function transitionFor(state: string, event: string): Transition | undefined {
  return byState.get(state)?.get(event);
}

/** Tells whether a client may send this verb in this state (the event must be legal and the API may trigger it). */
export function verbAllowed(state: string, verb: string): boolean {
  const entry = VERBS[verb];
  return entry !== undefined && transitionFor(state, entry.event)?.[3] === 'api';
}

/** Tells whether a string is a provision state that can be stored. */
export function isProvisionState(state: string): state is ProvisionState {
  return Object.hasOwn(STATES, state);
}

/** Tells whether a state is one of the failed ones. */
export function isFailed(state: string): boolean {
  return isProvisionState(state) && STATES[state].kind === 'failed';
}

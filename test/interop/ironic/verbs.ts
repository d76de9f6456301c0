// SPDX-License-Identifier: Apache-2.0

/** Every verb in every state that 21.4 knows. */

import type { Request } from './compare.ts';

/** Provision states, stable ones and those in which a node waits or is being worked on. */
export const STATES = [
  'enroll',
  'verifying',
  'manageable',
  'available',
  'active',
  'wait call-back',
  'deploying',
  'deploy failed',
  'deleting',
  'cleaning',
  'clean wait',
  'clean failed',
  'error',
  'inspecting',
  'inspect wait',
  'inspect failed',
  'adopting',
  'adopt failed',
  'rescue',
  'rescuing',
  'rescue wait',
  'rescue failed',
  'unrescuing',
  'unrescue failed',
] as const;

/** Where each state leads, as `target_provision_state` says while a node waits or is worked on. */
export const TARGETS: Readonly<Partial<Record<(typeof STATES)[number], string>>> = {
  verifying: 'manageable',
  'wait call-back': 'active',
  deploying: 'active',
  deleting: 'available',
  cleaning: 'available',
  'clean wait': 'available',
  inspecting: 'manageable',
  'inspect wait': 'manageable',
  adopting: 'active',
  rescuing: 'rescue',
  'rescue wait': 'rescue',
  unrescuing: 'active',
};

const VERBS: readonly (readonly [verb: string, more?: object])[] = [
  ['manage'],
  ['provide'],
  ['inspect'],
  ['adopt'],
  ['active'],
  ['rebuild'],
  ['deleted'],
  ['clean', { clean_steps: [{ interface: 'bios', step: 'factory_reset' }] }],
  ['abort'],
  ['rescue', { rescue_password: 'secret' }],
  ['unrescue'],
  ['deploy'],
  ['undeploy'],
];

const node = (path: string) => `nodes/{VERBS}${path}`;
const patch = (path: string, value: unknown): Request => ['PATCH', node(''), [{ op: 'add', path, value }]];

/** What is sent in each state; the node is put back into the state after each request that changed it. */
export const IN_EACH_STATE: readonly Request[] = [
  ...VERBS.map(([target, more]): Request => ['PUT', node('/states/provision'), { target, ...more }]),
  ['PUT', node('/states/power'), { target: 'power on' }],
  ['PUT', node('/states/power'), { target: 'soft power off' }],
  ['PUT', node('/management/boot_device'), { boot_device: 'pxe' }],
  ['PUT', node('/states/boot_mode'), { target: 'uefi' }],
  ['PUT', node('/traits'), { traits: ['CUSTOM_A'] }],
  patch('/extra/a', 1),
  patch('/resource_class', 'other'),
  patch('/deploy_interface', 'fake'),
  patch('/raid_interface', 'no-raid'),
  patch('/instance_uuid', '{INSTANCE}'),
  patch('/protected', true),
  patch('/retired', true),
  patch('/maintenance', true),
  ['GET', node('/states')],
  ['GET', node(''), undefined, 1],
  ['GET', node(''), undefined, 38],
];

/** Sent to a node in maintenance. */
export const IN_MAINTENANCE: readonly Request[] = VERBS.map(([target, more]) => [
  'PUT',
  node('/states/provision'),
  { target, ...more },
]);

// SPDX-License-Identifier: Apache-2.0

/** What differs between the workflows made of steps, as data. */

import type { InterfaceType, NodeRecord } from '../../model/resources.ts';

/** Workflows whose steps can wait for an agent. */
export type FlowKind = 'clean' | 'deploy' | 'service';

export interface FlowKindEntry {
  /** Node field that shows the current step. */
  readonly field: 'clean_step' | 'deploy_step' | 'service_step';
  /** Keys of driver_internal_info. */
  readonly list: string;
  readonly index: string;
  readonly skip: string;
  readonly polling: string;
  readonly reboot: string;
  readonly disableRamdisk: string;
  readonly abortable: boolean;
  readonly requiresRamdisk: boolean;
  /** The words of "By request, the <words> operation was aborted". */
  readonly noun: string;
  /** `Clean step ... failed` */
  readonly title: string;
  readonly working: 'cleaning' | 'deploying' | 'servicing';
}

export const FLOW_KINDS: Readonly<Record<FlowKind, FlowKindEntry>> = {
  clean: {
    field: 'clean_step',
    list: 'clean_steps',
    index: 'clean_step_index',
    skip: 'skip_current_clean_step',
    polling: 'cleaning_polling',
    reboot: 'cleaning_reboot',
    disableRamdisk: 'cleaning_disable_ramdisk',
    abortable: false,
    requiresRamdisk: true,
    noun: 'clean',
    title: 'Clean',
    working: 'cleaning',
  },
  deploy: {
    field: 'deploy_step',
    list: 'deploy_steps',
    index: 'deploy_step_index',
    skip: 'skip_current_deploy_step',
    polling: 'deployment_polling',
    reboot: 'deployment_reboot',
    disableRamdisk: 'deploy_disable_ramdisk',
    abortable: true,
    requiresRamdisk: false,
    noun: 'deploy',
    title: 'Deploy',
    working: 'deploying',
  },
  service: {
    field: 'service_step',
    list: 'service_steps',
    index: 'service_step_index',
    skip: 'skip_current_service_step',
    polling: 'servicing_polling',
    reboot: 'servicing_reboot',
    disableRamdisk: 'service_disable_ramdisk',
    abortable: false,
    requiresRamdisk: true,
    noun: 'service',
    title: 'Service',
    working: 'servicing',
  },
};

/** Order of steps with equal priority: higher first. */
const FLOW_RANK: Partial<Record<InterfaceType, number>> = {
  network: 8,
  vendor: 7,
  power: 6,
  management: 5,
  firmware: 4,
  deploy: 3,
  bios: 2,
  raid: 1,
};

const VERIFY_RANK: Partial<Record<InterfaceType, number>> = {
  power: 13,
  management: 12,
  firmware: 11,
  inspect: 10,
  deploy: 9,
  boot: 8,
  bios: 7,
  raid: 6,
  vendor: 5,
  network: 4,
  storage: 3,
  console: 2,
  rescue: 1,
};

/** The interfaces a kind of step may belong to, with their rank. */
export const RANKS: Readonly<Record<FlowKind | 'verify', Partial<Record<InterfaceType, number>>>> = {
  clean: FLOW_RANK,
  deploy: FLOW_RANK,
  service: FLOW_RANK,
  verify: VERIFY_RANK,
};

/** Steps known by name alone, whatever their interface. */
export const RESERVED_STEPS: ReadonlySet<string> = new Set(['power_on', 'power_off', 'reboot', 'hold', 'wait']);

/** The node field of a kind, set. */
export function stepField(kind: FlowKind, step: NodeRecord['clean_step']): Partial<NodeRecord> {
  return { [FLOW_KINDS[kind].field]: step };
}

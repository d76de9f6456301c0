// SPDX-License-Identifier: Apache-2.0

/** What `driver_internal_info` remembers of an agent and of running steps, and when it is forgotten. */

import type { JsonObject } from '../model/json.ts';

/** Gone as soon as the machine is switched off or restarted: the agent that knew it is gone. */
const AGENT_KEYS = [
  'agent_url',
  'agent_cached_deploy_steps',
  'agent_cached_clean_steps',
  'agent_cached_service_steps',
  'agent_verify_ca',
  'agent_start_attempted',
] as const;

const STEP_KEYS = {
  clean: [
    'agent_cached_clean_steps',
    'clean_steps',
    'clean_step_index',
    'cleaning_reboot',
    'cleaning_polling',
    'cleaning_disable_ramdisk',
    'skip_current_clean_step',
    'steps_validated',
    'declarative_cleaning',
    'ramdisk_used',
  ],
  deploy: [
    'agent_cached_deploy_steps',
    'deploy_steps',
    'deploy_step_index',
    'user_deploy_steps',
    'deployment_reboot',
    'deployment_polling',
    'skip_current_deploy_step',
    'steps_validated',
    'ramdisk_used',
  ],
  service: [
    'agent_cached_service_steps',
    'service_steps',
    'service_step_index',
    'servicing_reboot',
    'servicing_polling',
    'service_disable_ramdisk',
    'skip_current_service_step',
    'steps_validated',
    'ramdisk_used',
  ],
} as const;

/** `driver_internal_info` without what belongs to a running agent; a token made in advance stays. */
export function withoutAgent(info: JsonObject): JsonObject {
  const kept = without(info, AGENT_KEYS);
  if (kept.agent_secret_token_pregenerated !== true) delete kept.agent_secret_token;
  return kept;
}

/** Whether `withoutAgent` would change anything. */
export function remembersAgent(info: JsonObject): boolean {
  return AGENT_KEYS.some((key) => key in info) || 'agent_secret_token' in info;
}

/** `driver_internal_info` without the traces of a workflow's steps. */
export function withoutSteps(info: JsonObject, kind: keyof typeof STEP_KEYS): JsonObject {
  return without(info, STEP_KEYS[kind]);
}

/** Both, and a token made in advance too: the flow is over or begins anew. */
export function withoutFlow(info: JsonObject, kind: keyof typeof STEP_KEYS): JsonObject {
  const kept = without(without(info, STEP_KEYS[kind]), AGENT_KEYS);
  delete kept.agent_secret_token;
  delete kept.agent_secret_token_pregenerated;
  return kept;
}

function without(info: JsonObject, keys: readonly string[]): JsonObject {
  const kept = { ...info };
  for (const key of keys) delete kept[key];
  return kept;
}

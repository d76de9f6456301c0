// SPDX-License-Identifier: Apache-2.0

/** What each verb checks and starts. */

import { InvalidParameterValue, InvalidStateRequested, NodeInMaintenance, NodeProtected } from '../errors.ts';
import { requireInterface } from '../hardware/composition.ts';
import type { JsonObject } from '../model/json.ts';
import type { NodeRecord, NodeRow, Step } from '../model/resources.ts';
import { VERBS } from '../model/states.ts';
import type { Condition } from '../store/store.ts';
import { planAbort, planUnhold } from './abort.ts';
import { withoutFlow } from './agent-memory.ts';
import type { ProvisionRequest } from './commands.ts';
import type { Core } from './core.ts';
import { ConcurrentActionLimit, NodeIsRetired, ValidationFailed } from './errors.ts';
import { hashRescuePassword } from './rescue-password.ts';
import type { NodeTask } from './task.ts';
import { move } from './transition.ts';
import { instanceTraits, userDeploySteps } from './workflows/deploy.ts';
import { deploySteps, stepId } from './workflows/steps.ts';
import type { Plan } from './workflows/workflow.ts';

/** Decides what a legal verb does. Changes nothing yet. */
export async function planFor(core: Core, task: NodeTask, request: ProvisionRequest): Promise<Plan> {
  const verb = VERBS[request.target];
  switch (verb?.event) {
    case 'deploy':
    case 'rebuild':
      return await planDeploy(core, task, request, verb.event);
    case 'delete':
      return await planDelete(core, task);
    case 'manage':
      return planManage(task);
    case 'provide':
      return await planProvide(core, task);
    case 'clean':
      return await planClean(core, task, request);
    case 'inspect':
      return await planInspect(task);
    case 'adopt':
      return started(task, 'adopt', 'adopt', 'adopt');
    case 'rescue':
      return await planRescue(core, task, request);
    case 'unrescue':
      return await planUnrescue(task);
    case 'service':
      return await planService(core, task, request);
    case 'abort':
      return await planAbort(core, task);
    case 'unhold':
      return planUnhold(task);
    default:
      throw new InvalidStateRequested(request.target, task.node.uuid, task.node.provision_state);
  }
}

/** @throws NodeInMaintenance */
export function checkMaintenance(node: Pick<NodeRow, 'uuid'> & { maintenance: number | boolean }, verb: string): void {
  if (Number(node.maintenance) !== 0) throw new NodeInMaintenance(OPERATIONS[verb] ?? verb, node.uuid);
}

const OPERATIONS: Readonly<Record<string, string>> = {
  active: 'provisioning',
  deploy: 'provisioning',
  rebuild: 'provisioning',
  clean: 'cleaning',
  service: 'servicing',
  rescue: 'rescuing',
  unrescue: 'unrescuing',
  provide: 'providing',
};

/** A verb that starts a workflow: new state, no error, work. */
function started(
  task: NodeTask,
  event: string,
  workflow: string,
  step: string,
  changes: Partial<NodeRecord> = {},
  data?: JsonObject,
): Plan {
  return {
    changes: { ...changes, ...move(task.node, event), last_error: null },
    work: { workflow, step, ...(data === undefined ? {} : { data }) },
  };
}

function planManage(task: NodeTask): Plan {
  if (task.node.provision_state === 'enroll') return started(task, 'manage', 'verify', 'verify');
  return { changes: move(task.node, 'manage') };
}

async function planProvide(core: Core, task: NodeTask): Promise<Plan> {
  const { node } = task;
  if (node.maintenance && !core.config.conductor.allow_provisioning_in_maintenance) checkMaintenance(node, 'provide');
  if (node.retired) throw new NodeIsRetired('providing', node.uuid);
  if (node.automated_clean ?? core.config.conductor.automated_clean) {
    await checkLimit(core, node, CLEANING, core.config.conductor.max_concurrent_clean, 'clean');
  }
  return started(task, 'provide', 'clean', 'prepare', freshFlow(node, 'clean'));
}

async function planDeploy(
  core: Core,
  task: NodeTask,
  request: ProvisionRequest,
  event: 'deploy' | 'rebuild',
): Promise<Plan> {
  const { node } = task;
  const { conductor } = core.config;
  checkMaintenance(node, request.target);
  if (event === 'rebuild' && node.protected) throw new NodeProtected(node.uuid);
  await checkLimit(core, node, DEPLOYING, conductor.max_concurrent_deploy, 'deploy');
  const mode = node.properties.boot_mode;
  if (typeof mode === 'string' && conductor.disallowed_deployment_boot_modes.includes(mode)) {
    throw new InvalidParameterValue(
      `Boot mode ${mode} of node ${node.uuid} is not allowed for deployments ([conductor]disallowed_deployment_boot_modes).`,
    );
  }
  const changes = deployChanges(core, task, request, event);
  checkAllowed(core.config.api.disallow_deploy_steps, request.deploySteps ?? [], 'deploy');
  try {
    await task.hardware.power.validate(task);
    await task.hardware.deploy.validate(task);
    checkInstanceTraits(node);
    const seen = { ...node, ...changes };
    if (request.deploySteps !== undefined || instanceTraits(node).length > 0) {
      deploySteps(core.config, task.hardware, await userDeploySteps(core.store, seen), undefined);
    }
  } catch (error) {
    throw new ValidationFailed(`Failed to validate deploy or power info for node ${node.uuid}: `, error);
  }
  return started(task, event, 'deploy', 'prepare', changes);
}

function deployChanges(
  core: Core,
  task: NodeTask,
  request: ProvisionRequest,
  event: 'deploy' | 'rebuild',
): Partial<NodeRecord> {
  const { node } = task;
  const changes: Partial<NodeRecord> = {};
  let info = withoutFlow(node.driver_internal_info, 'deploy');
  if (request.deploySteps !== undefined) {
    info = { ...info, user_deploy_steps: request.deploySteps.map((step) => ({ ...step }) as JsonObject) };
  }
  let instance = node.instance_info;
  if (event === 'rebuild' && isGlanceImage(instance.image_source)) {
    const { kernel: _k, ramdisk: _r, boot_iso: _b, original_image_source: _o, ...kept } = instance;
    instance = kept;
  }
  if (request.configdrive !== undefined && request.configdrive !== '') {
    instance = { ...instance, configdrive: request.configdrive };
  }
  if (event === 'deploy' && node.lessee === null) {
    const lessee = automaticLessee(core, task);
    if (lessee !== undefined) {
      changes.lessee = lessee;
      info = { ...info, automatic_lessee: true };
    }
  }
  if (instance !== node.instance_info) changes.instance_info = instance;
  if (differs(info, node.driver_internal_info)) changes.driver_internal_info = info;
  if (Object.keys(node.deploy_step).length > 0) changes.deploy_step = {};
  return changes;
}

/** An image named by a Glance UUID or `glance://` reference rather than a URL. */
function isGlanceImage(source: unknown): boolean {
  return typeof source === 'string' && (source.startsWith('glance://') || !source.includes('://'));
}

function automaticLessee(core: Core, task: NodeTask): string | undefined {
  switch (core.config.conductor.automatic_lessee_source) {
    case 'instance': {
      const project = task.node.instance_info.project_id;
      return typeof project === 'string' && project !== '' ? project : undefined;
    }
    case 'request':
      return task.origin.project ?? undefined;
    default:
      return undefined;
  }
}

/** @throws InvalidParameterValue when instance_info.traits names a trait the node lacks */
export function checkInstanceTraits(node: NodeRecord): void {
  const missing = instanceTraits(node).filter((trait) => !node.traits.includes(trait));
  if (missing.length > 0) {
    throw new InvalidParameterValue(
      `instance_info.traits of node ${node.uuid} names traits the node does not have: ${missing.sort().join(', ')}. ` +
        'Add them to the node, or remove them from instance_info.',
    );
  }
}

async function planDelete(core: Core, task: NodeTask): Promise<Plan> {
  const { node } = task;
  if (node.protected) throw new NodeProtected(node.uuid);
  await checkLimit(core, node, CLEANING, core.config.conductor.max_concurrent_clean, 'clean');
  try {
    await task.hardware.power.validate(task);
  } catch (error) {
    throw new ValidationFailed('Failed to validate power driver interface. Can not delete instance. Error: ', error);
  }
  return started(task, 'delete', 'tear-down', 'tearDown', freshFlow(node, 'clean'), { from: node.provision_state });
}

async function planClean(core: Core, task: NodeTask, request: ProvisionRequest): Promise<Plan> {
  const { node } = task;
  checkMaintenance(node, 'clean');
  const steps = request.cleanSteps ?? [];
  if (steps.length === 0) {
    throw new InvalidParameterValue('"clean_steps" is required when setting target provision state to clean');
  }
  await checkLimit(core, node, CLEANING, core.config.conductor.max_concurrent_clean, 'clean');
  checkAllowed(core.config.api.disallow_clean_steps, steps, 'clean');
  await task.hardware.power.validate(task);
  if (request.disableRamdisk !== true) await task.hardware.network.validate(task);
  const info: JsonObject = {
    ...withoutFlow(node.driver_internal_info, 'clean'),
    clean_steps: steps.map((step) => ({ ...step }) as JsonObject),
    ...(request.disableRamdisk === true ? { cleaning_disable_ramdisk: true } : {}),
  };
  return started(task, 'clean', 'clean', 'prepare', { driver_internal_info: info, clean_step: {} });
}

async function planInspect(task: NodeTask): Promise<Plan> {
  await task.hardware.power.validate(task);
  await requireInterface(task.hardware, 'inspect').validate(task);
  return started(task, 'inspect', 'inspect', 'inspect');
}

async function planRescue(core: Core, task: NodeTask, request: ProvisionRequest): Promise<Plan> {
  const { node } = task;
  checkMaintenance(node, 'rescue');
  const password = request.rescuePassword ?? '';
  if (password.trim() === '') {
    throw new InvalidParameterValue(
      'A non-empty "rescue_password" is required when setting target provision state to rescue',
    );
  }
  const prepared: Partial<NodeRecord> = {
    instance_info: {
      ...node.instance_info,
      rescue_password: password,
      hashed_rescue_password: hashRescuePassword(password, core.config.conductor.rescue_password_hash_algorithm),
    },
  };
  try {
    Object.assign(node, prepared);
    await task.hardware.power.validate(task);
    await requireInterface(task.hardware, 'rescue').validate(task);
    await task.hardware.network.validate(task);
  } catch (error) {
    throw new ValidationFailed(
      `Failed to rescue instance ${node.instance_uuid ?? 'None'} for node ${node.uuid}: Validation failed: `,
      error,
    );
  }
  return started(task, 'rescue', 'rescue', 'rescue', prepared);
}

async function planUnrescue(task: NodeTask): Promise<Plan> {
  const { node } = task;
  checkMaintenance(node, 'unrescue');
  try {
    await task.hardware.power.validate(task);
    requireInterface(task.hardware, 'rescue');
  } catch (error) {
    throw new ValidationFailed(
      `Failed to unrescue instance ${node.instance_uuid ?? 'None'} for node ${node.uuid}: Validation failed: `,
      error,
    );
  }
  return started(task, 'unrescue', 'unrescue', 'unrescue');
}

async function planService(core: Core, task: NodeTask, request: ProvisionRequest): Promise<Plan> {
  const { node } = task;
  checkMaintenance(node, 'service');
  const steps = request.serviceSteps ?? [];
  if (steps.length === 0) {
    throw new InvalidParameterValue('"service_steps" is required when setting target provision state to service');
  }
  checkAllowed(core.config.api.disallow_service_steps, steps, 'service');
  await task.hardware.power.validate(task);
  if (request.disableRamdisk !== true) await task.hardware.network.validate(task);
  const info: JsonObject = {
    ...withoutFlow(node.driver_internal_info, 'service'),
    service_steps: steps.map((step) => ({ ...step }) as JsonObject),
    ...(request.disableRamdisk === true ? { service_disable_ramdisk: true } : {}),
  };
  return started(task, 'service', 'service', 'prepare', { driver_internal_info: info, service_step: {} });
}

const DEPLOYING = ['deploying', 'wait call-back'];
const CLEANING = ['deleting', 'cleaning', 'clean wait', 'clean hold'];

/** @throws ConcurrentActionLimit (503) when as many nodes as allowed are in these states already */
async function checkLimit(
  core: Core,
  node: NodeRecord,
  states: string[],
  limit: number,
  action: string,
): Promise<void> {
  const where: Condition[] = [{ column: 'provision_state', op: 'in', value: states }];
  if (core.config.conductor.max_concurrent_per_conductor_group) {
    where.push({ column: 'conductor_group', op: '=', value: node.conductor_group });
  }
  if ((await core.store.nodes.count(where)) >= limit) throw new ConcurrentActionLimit(action);
}

function checkAllowed(disallowed: readonly string[], steps: readonly Step[], kind: string): void {
  const refused = steps.map(stepId).filter((id) => disallowed.includes(id));
  if (refused.length > 0) {
    throw new InvalidParameterValue(
      `The ${kind} step ${refused.join(', ')} is not allowed ([api]disallow_${kind}_steps).`,
    );
  }
}

/** A clean begins without the traces of an earlier one. */
function freshFlow(node: NodeRecord, kind: 'clean'): Partial<NodeRecord> {
  const info = withoutFlow(node.driver_internal_info, kind);
  return {
    ...(differs(info, node.driver_internal_info) ? { driver_internal_info: info } : {}),
    ...(Object.keys(node.clean_step).length > 0 ? { clean_step: {} } : {}),
  };
}

function differs(a: JsonObject, b: JsonObject): boolean {
  const keys = Object.keys(a);
  return keys.length !== Object.keys(b).length || keys.some((key) => a[key] !== b[key]);
}

// SPDX-License-Identifier: Apache-2.0

/** `PUT /v1/nodes/{node}/states/provision`: every check before the conductor, in the order clients rely on. */

import type { ProvisionRequest } from '../../conductor/commands.ts';
import {
  InvalidParameterValue,
  InvalidStateRequested,
  NodeInMaintenance,
  NodeLocked,
  NotAcceptable,
} from '../../errors.ts';
import type { JsonObject } from '../../model/json.ts';
import type { NodeRow, Step } from '../../model/resources.ts';
import { VERBS, verbAllowed } from '../../model/states.ts';
import { type Answer, type ApiRequest, accepted, mandatoryString, namedArguments, type Services } from '../request.ts';
import { toBoolean } from '../values.ts';
import { checkConfigdrive } from './configdrive.ts';
import { nodeOf, nodes } from './resource.ts';
import { resolveRunbook } from './runbook.ts';
import { checkSteps, type StepRules } from './steps.ts';

const ARGUMENTS = [
  'target',
  'configdrive',
  'clean_steps',
  'deploy_steps',
  'service_steps',
  'rescue_password',
  'disable_ramdisk',
  'runbook',
];

/** Abort needs a newer version in these states than in clean wait. */
const ABORT_SINCE: Readonly<Record<string, number>> = { 'inspect wait': 41, 'wait call-back': 110 };
/** Verbs whose version is checked only after the state. */
const LATE_GATES = new Set(['unhold', 'service']);
const TAKES_CONFIGDRIVE = new Set(['active', 'rebuild']);
const DISABLE_RAMDISK_SINCE: Readonly<Record<string, number>> = { clean: 70, service: 108 };

/** Handles the request; 202 with the Location of the states. */
export async function setProvisionState(request: ApiRequest, services: Services): Promise<Answer> {
  const args = namedArguments(request, ARGUMENTS);
  const target = mandatoryString(args, 'target');
  const node = await nodeOf(request, services);
  checkVerb(node, target, request.minor);
  const provision = await checkArguments(request, services, node, target, args);
  await services.conductor.provision(request.context, node.uuid, provision);
  return accepted(nodes.location(request, `${node.uuid}/states`));
}

function checkVerb(node: NodeRow, target: string, minor: number): void {
  const verb = Object.hasOwn(VERBS, target) ? VERBS[target] : undefined;
  if (verb !== undefined && verb.minMinor > minor && !LATE_GATES.has(target)) throw new NotAcceptable();
  if (verb?.handler === 'deploy' && node.maintenance !== 0) throw new NodeInMaintenance('provisioning', node.uuid);
  if (verb === undefined || !verbAllowed(node.provision_state, target)) {
    if (node.reservation !== null) throw new NodeLocked(node.uuid, node.reservation);
    throw new InvalidStateRequested(target.slice(0, 200), node.uuid, node.provision_state);
  }
}

async function checkArguments(
  request: ApiRequest,
  services: Services,
  node: NodeRow,
  target: string,
  args: JsonObject,
): Promise<ProvisionRequest> {
  const { minor } = request;
  const { api } = services.config;
  const given = (name: string): boolean => isGiven(args, name);

  const configdrive = given('configdrive') ? checkConfigdrive(args.configdrive ?? null, target, minor) : undefined;
  const runbook = given('runbook') ? await resolveRunbook(request, services, node, target, args) : undefined;
  const disableRamdisk = checkDisableRamdisk(target, minor, given('disable_ramdisk') ? args : undefined);
  for (const [name, only] of [
    ['clean_steps', 'clean'],
    ['service_steps', 'service'],
    ['rescue_password', 'rescue'],
  ] as const) {
    if (given(name) && target !== only) {
      throw new InvalidParameterValue(`"${name}" is only valid when setting target provision state to ${only}`);
    }
  }
  if (given('deploy_steps')) {
    if (minor < 69) throw new NotAcceptable();
    if (!TAKES_CONFIGDRIVE.has(target)) {
      throw new InvalidParameterValue('"deploy_steps" is only valid when setting provision state to active, rebuild');
    }
  }
  checkLateGates(node, target, minor);

  const steps = (name: string, rules: StepRules): readonly Step[] | undefined =>
    runbook !== undefined ? runbook.steps : checkSteps(name, given(name) ? (args[name] ?? null) : null, rules);
  const cleanSteps =
    target === 'clean' ? steps('clean_steps', { verb: 'clean', disallowed: api.disallow_clean_steps }) : undefined;
  const serviceSteps =
    target === 'service'
      ? steps('service_steps', { verb: 'service', disallowed: api.disallow_service_steps })
      : undefined;
  const rescuePassword = target === 'rescue' ? checkPassword(args) : undefined;
  const deploySteps = given('deploy_steps')
    ? checkSteps('deploy_steps', args.deploy_steps ?? null, { verb: 'deploy', disallowed: api.disallow_deploy_steps })
    : undefined;
  const ramdisk = disableRamdisk ?? runbook?.disableRamdisk;
  return {
    target,
    ...(configdrive === undefined ? {} : { configdrive }),
    ...(cleanSteps === undefined ? {} : { cleanSteps }),
    ...(serviceSteps === undefined ? {} : { serviceSteps }),
    ...(deploySteps === undefined ? {} : { deploySteps }),
    ...(rescuePassword === undefined ? {} : { rescuePassword }),
    ...(ramdisk === undefined ? {} : { disableRamdisk: ramdisk }),
  };
}

/** Empty lists and texts count as not given, as null does. */
function isGiven(args: JsonObject, name: string): boolean {
  const value = Object.hasOwn(args, name) ? (args[name] ?? null) : null;
  return value !== null && value !== '' && !(Array.isArray(value) && value.length === 0);
}

function checkDisableRamdisk(target: string, minor: number, args: JsonObject | undefined): boolean | undefined {
  if (args === undefined) return undefined;
  const since = DISABLE_RAMDISK_SINCE[target];
  if (minor < (since ?? 70)) throw new NotAcceptable();
  if (since === undefined) {
    throw new InvalidParameterValue(
      '"disable_ramdisk" is only valid when setting target provision state to clean or service',
    );
  }
  return toBoolean('disable_ramdisk', args.disable_ramdisk ?? null);
}

function checkLateGates(node: NodeRow, target: string, minor: number): void {
  const since = target === 'abort' ? (ABORT_SINCE[node.provision_state] ?? 13) : (VERBS[target]?.minMinor ?? 1);
  if (minor < since) throw new NotAcceptable();
}

function checkPassword(args: JsonObject): string {
  const password = args.rescue_password;
  if (typeof password === 'string' && password.trim() !== '') return password;
  throw new InvalidParameterValue(
    'A non-empty "rescue_password" is required when setting target provision state to rescue',
  );
}

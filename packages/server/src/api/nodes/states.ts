// SPDX-License-Identifier: Apache-2.0

/** `/v1/nodes/{node}/states` and what lies below, maintenance and validation. */

import {
  Conflict,
  InvalidParameterValue,
  InvalidStateRequested,
  NotAcceptable,
  NotFound,
  PowerStateFailure,
  UnsupportedDriverExtension,
} from '../../errors.ts';
import type { BootMode, PowerTarget } from '../../hardware/contracts.ts';
import { UNSTABLE_STATES } from '../../model/states.ts';
import { NODE_STATE_FIELDS } from '../fields/node.ts';
import {
  type Answer,
  type ApiRequest,
  accepted,
  bodyObject,
  checkQuery,
  mandatory,
  mandatoryString,
  NO_CONTENT,
  namedArguments,
  ok,
  okJson,
  queryValue,
  type Services,
  show,
} from '../request.ts';
import { type BelowVersion, NOT_ACCEPTABLE, type Route } from '../router.ts';
import { toBoolean, toInteger, toUuid } from '../values.ts';
import { setProvisionState } from './provision.ts';
import { checkRaidConfig } from './raid.ts';
import { findNode, nodeOf, nodes } from './resource.ts';

const NOTHING: ReadonlySet<string> = new Set();
const POWER_TARGETS: Readonly<Record<PowerTarget, number>> = {
  'power on': 1,
  'power off': 1,
  rebooting: 1,
  'soft rebooting': 27,
  'soft power off': 27,
};
const BOOT_MODES: readonly string[] = ['bios', 'uefi'];
const SINCE_76: BelowVersion = { status: 404, text: 'This endpoint is supported starting with the API version 1.76' };

/** Routes about the state of a node. */
export function stateRoutes(services: Services): Route[] {
  const route = (
    method: Route['method'],
    path: string,
    handler: (request: ApiRequest, services: Services) => Promise<Answer>,
    more: Partial<Route> = {},
  ): Route => ({ method, path: `nodes/${path}`, handler: (request) => handler(request, services), ...more });
  return [
    route('GET', ':node/states', showStates),
    route('PUT', ':node/states/power', setPower),
    route('PUT', ':node/states/provision', setProvisionState, { body: 'provision' }),
    route('PUT', ':node/states/raid', setRaid, { min: 12, below: NOT_ACCEPTABLE }),
    route('GET', ':node/states/console', showConsole),
    // The other order of the same path, which Ironic serves too and ironic-tempest-plugin asks for.
    route('GET', 'states/console/:node', showConsole),
    route('PUT', ':node/states/console', setConsole),
    route('PUT', ':node/states/boot_mode', setBootMode, { min: 76, below: SINCE_76 }),
    route('PUT', ':node/states/secure_boot', setSecureBoot, { min: 76, below: SINCE_76 }),
    route('PUT', ':node/maintenance', enterMaintenance),
    route('DELETE', ':node/maintenance', leaveMaintenance),
    route('GET', ':node/validate', validate),
    route('GET', 'validate', validateByArgument),
  ];
}

async function showStates(request: ApiRequest, services: Services): Promise<Answer> {
  checkQuery(request.query, NOTHING);
  const row = await nodeOf(request, services);
  const { render } = nodes.subset(request.minor, NODE_STATE_FIELDS);
  return ok(render(row, { base: request.base, minor: request.minor, services }));
}

async function setPower(request: ApiRequest, services: Services): Promise<Answer> {
  const args = namedArguments(request, ['target', 'timeout']);
  const target = mandatoryString(args, 'target');
  const timeout = args.timeout === undefined || args.timeout === null ? null : toInteger('timeout', args.timeout);
  const node = await nodeOf(request, services);
  const since = Object.hasOwn(POWER_TARGETS, target) ? POWER_TARGETS[target as PowerTarget] : undefined;
  if ((timeout !== null && request.minor < 27) || (since ?? 1) > request.minor) throw new NotAcceptable();
  if (timeout !== null && timeout < 1) throw new InvalidParameterValue('timeout has to be positive integer');
  if (since === undefined) throw new InvalidStateRequested(target.slice(0, 200), node.uuid, node.power_state);
  if (node.provision_state === 'cleaning' || node.provision_state === 'clean wait') {
    throw new InvalidStateRequested(target, node.uuid, node.provision_state);
  }
  if (node.disable_power_off !== 0 && (target === 'power off' || target === 'soft power off')) {
    throw new PowerStateFailure('power off');
  }
  await services.conductor.changePower(request.context, node.uuid, target as PowerTarget, timeout);
  return accepted(nodes.location(request, `${node.uuid}/states`));
}

async function setRaid(request: ApiRequest, services: Services): Promise<Answer> {
  checkQuery(request.query, NOTHING);
  const config = bodyObject(request);
  checkRaidConfig(config);
  const node = await nodeOf(request, services);
  try {
    await services.conductor.setRaidConfig(request.context, node.uuid, config);
  } catch (error) {
    throw error instanceof UnsupportedDriverExtension ? new NotFound(error.message) : error;
  }
  return NO_CONTENT;
}

async function showConsole(request: ApiRequest, services: Services): Promise<Answer> {
  checkQuery(request.query, NOTHING);
  const node = await nodeOf(request, services);
  return okJson(await services.conductor.getConsole(request.context, node.uuid));
}

async function setConsole(request: ApiRequest, services: Services): Promise<Answer> {
  const args = namedArguments(request, ['enabled']);
  const enabled = toBoolean('enabled', mandatory(args, 'enabled'));
  const node = await nodeOf(request, services);
  await services.conductor.setConsole(request.context, node.uuid, enabled);
  return accepted(nodes.location(request, `${node.uuid}/states/console`));
}

async function setBootMode(request: ApiRequest, services: Services): Promise<Answer> {
  const target = mandatoryString(namedArguments(request, ['target']), 'target');
  const node = await nodeOf(request, services);
  if (!BOOT_MODES.includes(target)) {
    throw new InvalidParameterValue(
      `Invalid boot mode ${show(target)} requested for node. Allowed boot modes are: ${BOOT_MODES.join(', ')}`,
    );
  }
  refuseInTransition(node, 'boot mode');
  await services.conductor.setBootMode(request.context, node.uuid, target as BootMode);
  return accepted(nodes.location(request, `${node.uuid}/states`));
}

async function setSecureBoot(request: ApiRequest, services: Services): Promise<Answer> {
  const target = toBoolean('target', mandatory(namedArguments(request, ['target']), 'target'));
  const node = await nodeOf(request, services);
  refuseInTransition(node, 'secure boot');
  await services.conductor.setSecureBoot(request.context, node.uuid, target);
  return accepted(nodes.location(request, `${node.uuid}/states`));
}

function refuseInTransition(node: { uuid: string; provision_state: string }, what: string): void {
  if (!UNSTABLE_STATES.has(node.provision_state)) return;
  throw new Conflict(
    `The ${what} of node ${node.uuid} can not be changed while it is in state "${node.provision_state}".`,
  );
}

async function enterMaintenance(request: ApiRequest, services: Services): Promise<Answer> {
  const { reason = null } = namedArguments(request, ['reason']);
  if (reason !== null && typeof reason !== 'string') {
    throw new InvalidParameterValue(`Expected string for reason: ${show(reason)}`);
  }
  const node = await nodeOf(request, services);
  await services.conductor.setMaintenance(request.context, node.uuid, true, reason);
  return accepted();
}

async function leaveMaintenance(request: ApiRequest, services: Services): Promise<Answer> {
  checkQuery(request.query, NOTHING);
  const node = await nodeOf(request, services);
  await services.conductor.setMaintenance(request.context, node.uuid, false, null);
  return accepted();
}

async function validate(request: ApiRequest, services: Services): Promise<Answer> {
  checkQuery(request.query, NOTHING);
  const node = await nodeOf(request, services);
  return okJson(await services.conductor.validate(request.context, node.uuid));
}

const VALIDATE_QUERY: ReadonlySet<string> = new Set(['node', 'node_uuid']);

/** `GET /v1/nodes/validate?node=<ident>` (1.5) or `?node_uuid=<uuid>`. */
async function validateByArgument(request: ApiRequest, services: Services): Promise<Answer> {
  checkQuery(request.query, VALIDATE_QUERY);
  const ident = queryValue(request.query, 'node');
  if (ident !== undefined && request.minor < 5) throw new NotAcceptable();
  const uuid = ident ?? queryValue(request.query, 'node_uuid');
  if (uuid === undefined) throw new InvalidParameterValue('Missing mandatory parameter: node');
  const node = await findNode(services, ident ?? toUuid('node_uuid', uuid), request.minor);
  return okJson(await services.conductor.validate(request.context, node.uuid));
}

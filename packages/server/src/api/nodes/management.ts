// SPDX-License-Identifier: Apache-2.0

/** `/v1/nodes/{node}/management` and `/vmedia`: boot device, NMI, indicators, virtual media. */

import { InvalidParameterValue } from '../../errors.ts';
import type { IndicatorState } from '../../hardware/contracts.ts';
import { links } from '../render.ts';
import {
  type Answer,
  type ApiRequest,
  checkQuery,
  mandatoryString,
  NO_CONTENT,
  namedArguments,
  ok,
  okJson,
  param,
  type Services,
  show,
} from '../request.ts';
import { NOT_FOUND, type Route } from '../router.ts';
import { toBoolean, toList } from '../values.ts';
import { nodeOf } from './resource.ts';

const NOTHING: ReadonlySet<string> = new Set();
const INDICATOR_STATES: readonly string[] = ['on', 'off', 'blinking'];
const MEDIA_DEVICES: readonly string[] = ['cdrom', 'disk', 'floppy'];
const MEDIA_SOURCES: readonly string[] = ['local', 'http', 'swift'];
const MEDIA_SCHEMES: readonly string[] = ['http', 'https', 'nfs', 'cifs'];

/** Routes about what a node boots and how its lights shine. */
export function managementRoutes(services: Services): Route[] {
  const route = (
    method: Route['method'],
    path: string,
    handler: (request: ApiRequest, services: Services) => Promise<Answer>,
    more: Partial<Route> = {},
  ): Route => ({ method, path: `nodes/:node/${path}`, handler: (request) => handler(request, services), ...more });
  return [
    route('GET', 'management/boot_device', showBootDevice),
    route('PUT', 'management/boot_device', setBootDevice),
    route('GET', 'management/boot_device/supported', showSupportedBootDevices),
    route('PUT', 'management/inject_nmi', injectNmi, { min: 29, below: NOT_FOUND }),
    route('GET', 'management/indicators', listIndicators),
    route('GET', 'management/indicators/:indicator', showIndicator),
    route('PUT', 'management/indicators/:indicator', setIndicator),
    route('GET', 'management/indicators/:indicator/:id', showIndicator),
    route('PUT', 'management/indicators/:indicator/:id', setIndicator),
    route('GET', 'vmedia', showMedia, { min: 93, below: { status: 404, text: 'The resource could not be found.' } }),
    route('POST', 'vmedia', attachMedia, { min: 89 }),
    route('DELETE', 'vmedia', detachMedia, { min: 89 }),
  ];
}

async function showBootDevice(request: ApiRequest, services: Services): Promise<Answer> {
  checkQuery(request.query, NOTHING);
  const node = await nodeOf(request, services);
  return okJson(await services.conductor.getBootDevice(request.context, node.uuid));
}

async function showSupportedBootDevices(request: ApiRequest, services: Services): Promise<Answer> {
  checkQuery(request.query, NOTHING);
  const node = await nodeOf(request, services);
  return okJson({ supported_boot_devices: await services.conductor.supportedBootDevices(request.context, node.uuid) });
}

async function setBootDevice(request: ApiRequest, services: Services): Promise<Answer> {
  const args = namedArguments(request, ['boot_device', 'persistent']);
  const device = mandatoryString(args, 'boot_device');
  const persistent =
    args.persistent === undefined || args.persistent === null ? false : toBoolean('persistent', args.persistent);
  const node = await nodeOf(request, services);
  await services.conductor.setBootDevice(request.context, node.uuid, device, persistent);
  return NO_CONTENT;
}

async function injectNmi(request: ApiRequest, services: Services): Promise<Answer> {
  namedArguments(request, []);
  const node = await nodeOf(request, services);
  await services.conductor.injectNmi(request.context, node.uuid);
  return NO_CONTENT;
}

async function listIndicators(request: ApiRequest, services: Services): Promise<Answer> {
  checkQuery(request.query, NOTHING);
  const node = await nodeOf(request, services);
  const components = await services.conductor.listIndicators(request.context, node.uuid);
  const items = Object.entries(components).flatMap(([component, indicators]) =>
    Object.entries(indicators).map(([id, { readonly, states }]) => {
      const name = `${id}@${component}`;
      const head = JSON.stringify({ name, component, readonly, states }).slice(0, -1);
      const path = `nodes/${node.uuid}/management/indicators/${encodeURIComponent(name).replaceAll('%40', '@')}`;
      return `${head},"links":${links(request.base, path)}}`;
    }),
  );
  return ok(`{"indicators":[${items.join(',')}]}`);
}

/** `<id>@<component>` in one segment, or `<component>/<id>` in two as the API reference writes it. */
function indicatorOf(request: ApiRequest): { component: string; id: string } {
  const name = param(request, 'indicator');
  const second = request.params.id;
  if (second !== undefined) return { component: name, id: second };
  const at = name.lastIndexOf('@');
  if (at <= 0 || at === name.length - 1) throw new InvalidParameterValue(`Malformed indicator name "${show(name)}"`);
  return { component: name.slice(at + 1), id: name.slice(0, at) };
}

async function showIndicator(request: ApiRequest, services: Services): Promise<Answer> {
  checkQuery(request.query, NOTHING);
  const { component, id } = indicatorOf(request);
  const node = await nodeOf(request, services);
  return okJson({ state: await services.conductor.getIndicator(request.context, node.uuid, component, id) });
}

async function setIndicator(request: ApiRequest, services: Services): Promise<Answer> {
  const { component, id } = indicatorOf(request);
  const state = mandatoryString(namedArguments(request, ['state']), 'state').toLowerCase();
  if (!INDICATOR_STATES.includes(state)) {
    throw new InvalidParameterValue(
      `Invalid indicator state ${show(state)}, acceptable values are: ${INDICATOR_STATES.join(', ')}`,
    );
  }
  const node = await nodeOf(request, services);
  await services.conductor.setIndicator(request.context, node.uuid, component, id, state as IndicatorState);
  return NO_CONTENT;
}

async function showMedia(request: ApiRequest, services: Services): Promise<Answer> {
  checkQuery(request.query, NOTHING);
  const node = await nodeOf(request, services);
  return okJson(await services.conductor.getVirtualMedia(request.context, node.uuid));
}

async function attachMedia(request: ApiRequest, services: Services): Promise<Answer> {
  checkQuery(request.query, NOTHING);
  const args = namedArguments(request, ['device_type', 'image_url', 'image_download_source']);
  const device = mandatoryString(args, 'device_type');
  const url = mandatoryString(args, 'image_url');
  const source = args.image_download_source ?? 'local';
  if (!MEDIA_DEVICES.includes(device)) throw notOneOf('device_type', device, MEDIA_DEVICES);
  if (typeof source !== 'string' || !MEDIA_SOURCES.includes(source)) {
    throw notOneOf('image_download_source', show(source), MEDIA_SOURCES);
  }
  const scheme = /^([a-z][a-z0-9+.-]*):\/\/[^\s]/i.exec(url)?.[1]?.toLowerCase() ?? '';
  if (!MEDIA_SCHEMES.includes(scheme)) {
    throw new InvalidParameterValue(`Unsupported or missing URL scheme: ${show(scheme)}`);
  }
  const node = await nodeOf(request, services);
  await services.conductor.attachVirtualMedia(request.context, node.uuid, device, url, source);
  return NO_CONTENT;
}

const DETACH_QUERY: ReadonlySet<string> = new Set(['device_types']);

async function detachMedia(request: ApiRequest, services: Services): Promise<Answer> {
  checkQuery(request.query, DETACH_QUERY);
  const given = request.query.get('device_types');
  const devices = given === undefined ? null : toList(given).map((device) => device.toLowerCase());
  const wrong = devices?.find((device) => !MEDIA_DEVICES.includes(device));
  if (wrong !== undefined) throw notOneOf('device_types', wrong, MEDIA_DEVICES);
  const node = await nodeOf(request, services);
  await services.conductor.detachVirtualMedia(request.context, node.uuid, devices);
  return NO_CONTENT;
}

function notOneOf(name: string, value: string, values: readonly string[]): InvalidParameterValue {
  return new InvalidParameterValue(`Invalid ${name} ${show(value)}, acceptable values are: ${values.join(', ')}`);
}

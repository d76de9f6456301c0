// SPDX-License-Identifier: Apache-2.0

/** What is known of a node beyond its fields: BIOS settings, firmware, history, inventory, children; and the shards. */

import { NotFound } from '../../errors.ts';
import { biosSettingColumns, firmwareComponentColumns, historyColumns } from '../../model/resources.ts';
import type { Condition } from '../../store/store.ts';
import { BIOS_FIELDS, FIRMWARE_FIELDS, HISTORY_FIELDS, HISTORY_SHORT_FIELDS } from '../fields/node-data.ts';
import { links, renderList } from '../render.ts';
import {
  type Answer,
  type ApiRequest,
  checkQuery,
  ok,
  okJson,
  param,
  queryValue,
  type Services,
  show,
} from '../request.ts';
import { Resource } from '../resource.ts';
import type { Route } from '../router.ts';
import { isUuid, toBoolean } from '../values.ts';
import { nodeOf } from './resource.ts';

const bios = new Resource({
  name: 'bios setting',
  collection: 'bios',
  columns: biosSettingColumns,
  fields: BIOS_FIELDS,
});
const firmware = new Resource({
  name: 'firmware component',
  collection: 'firmware',
  columns: firmwareComponentColumns,
  fields: FIRMWARE_FIELDS,
});
const history = new Resource({
  name: 'node history',
  collection: 'history',
  columns: historyColumns,
  fields: HISTORY_FIELDS,
});
const shortHistory = new Resource({
  name: 'node history',
  collection: 'history',
  columns: historyColumns,
  fields: HISTORY_SHORT_FIELDS,
});

const NOTHING: ReadonlySet<string> = new Set();
const DETAIL: ReadonlySet<string> = new Set(['detail']);

/** Routes of a node's data, and `/v1/shards`. */
export function nodeDataRoutes(services: Services): Route[] {
  const route = (
    path: string,
    min: number,
    handler: (request: ApiRequest, services: Services) => Promise<Answer>,
  ): Route => ({ method: 'GET', path: `nodes/:node/${path}`, min, handler: (request) => handler(request, services) });
  return [
    route('bios', 40, listBios),
    route('bios/:setting', 40, showBios),
    route('firmware', 86, listFirmware),
    route('history', 78, listHistory),
    route('history/:event', 78, showHistory),
    route('inventory', 81, showInventory),
    route('children', 83, listChildren),
    {
      method: 'GET',
      path: 'shards',
      min: 82,
      below: { status: 404, text: 'The API version does not allow shards' },
      handler: (request) => listShards(request, services),
    },
  ];
}

function ofNode(node: { uuid: string }): Condition {
  return { column: 'node_uuid', op: '=', value: node.uuid };
}

async function listBios(request: ApiRequest, services: Services): Promise<Answer> {
  const node = await nodeOf(request, services);
  const page = bios.page(request, services, { filters: NOTHING, detailSince: 74, fieldsSince: 74 });
  const path = `nodes/${node.uuid}/bios`;
  return await bios.list(request, services, services.store.biosSettings, page, [ofNode(node)], path);
}

async function showBios(request: ApiRequest, services: Services): Promise<Answer> {
  checkQuery(request.query, NOTHING);
  const node = await nodeOf(request, services);
  const name = param(request, 'setting');
  const where: Condition[] = [ofNode(node), { column: 'name', op: '=', value: name }];
  const [row] = await services.store.biosSettings.list({ where, limit: 1 });
  if (row === undefined) throw new NotFound(`Node ${node.uuid} doesn't have a BIOS setting '${show(name)}'`);
  return ok(`{${JSON.stringify(name)}:${bios.full(request, services, row)}}`);
}

async function listFirmware(request: ApiRequest, services: Services): Promise<Answer> {
  checkQuery(request.query, NOTHING);
  const node = await nodeOf(request, services);
  const rows = await services.store.firmwareComponents.list({ where: [ofNode(node)] });
  const { render } = firmware.fields(request.minor);
  return ok(renderList('firmware', rows, render, { base: request.base, minor: request.minor, services }));
}

async function listHistory(request: ApiRequest, services: Services): Promise<Answer> {
  const node = await nodeOf(request, services);
  const text = queryValue(request.query, 'detail');
  const resource = text !== undefined && toBoolean('detail', text) ? history : shortHistory;
  const page = resource.page(request, services, { filters: DETAIL, allFields: true });
  const path = `nodes/${node.uuid}/history`;
  return await resource.list(request, services, services.store.history, page, [ofNode(node)], path);
}

async function showHistory(request: ApiRequest, services: Services): Promise<Answer> {
  checkQuery(request.query, NOTHING);
  const node = await nodeOf(request, services);
  const uuid = param(request, 'event');
  const row = isUuid(uuid) ? await services.store.history.find('uuid', uuid) : undefined;
  if (row === undefined || row.node_uuid !== node.uuid) {
    throw new NotFound(`Node history record ${show(uuid)} could not be found.`);
  }
  return ok(history.full(request, services, row));
}

async function showInventory(request: ApiRequest, services: Services): Promise<Answer> {
  checkQuery(request.query, NOTHING);
  const node = await nodeOf(request, services);
  const row = await services.store.inventories.find('node_uuid', node.uuid);
  if (row === undefined) throw new NotFound(`Node inventory record for node ${node.id} could not be found.`);
  return ok(`{"inventory":${row.inventory},"plugin_data":${row.plugin_data}}`);
}

async function listChildren(request: ApiRequest, services: Services): Promise<Answer> {
  checkQuery(request.query, NOTHING);
  const node = await nodeOf(request, services);
  const where: Condition[] = [{ column: 'parent_node', op: '=', value: node.uuid }];
  const rows = await services.store.nodes.list({ where, columns: ['uuid'] });
  const children = JSON.stringify(rows.map((row) => row.uuid));
  return ok(`{"children":${children},"links":${links(request.base, `nodes/${node.uuid}/children`)}}`);
}

/** Nodes without a shard are counted under the string "None", as clients expect. */
async function listShards(request: ApiRequest, services: Services): Promise<Answer> {
  checkQuery(request.query, NOTHING);
  const shards = await services.store.countByShard();
  return okJson({ shards: shards.map(({ shard, count }) => ({ name: shard ?? 'None', count })) });
}

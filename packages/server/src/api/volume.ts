// SPDX-License-Identifier: Apache-2.0

/** `/v1/volume` (1.32): connectors and targets of storage, and those of a node. */

import type { JsonObject } from '../model/json.ts';
import {
  type NodeRow,
  type VolumeConnectorRecord,
  type VolumeTargetRecord,
  volumeConnectorColumns,
  volumeTargetColumns,
} from '../model/resources.ts';
import type { Row } from './fields/field.ts';
import { VOLUME_CONNECTOR_FIELDS, VOLUME_TARGET_FIELDS } from './fields/volume.ts';
import { parsePatch } from './json-patch.ts';
import { nodeConditions, ofNode } from './node-filters.ts';
import { nodeOf } from './nodes/resource.ts';
import { links } from './render.ts';
import {
  type Answer,
  type ApiRequest,
  bodyObject,
  checkQuery,
  created,
  NO_CONTENT,
  ok,
  param,
  type Services,
} from './request.ts';
import { type Listable, Resource } from './resource.ts';
import { resourceRoutes, subListRoutes } from './resource-routes.ts';
import { NOT_SUPPORTED, type Route } from './router.ts';
import { toUuid } from './values.ts';

/** One of the two resources, and what serves it. */
interface Volume {
  readonly resource: Resource;
  readonly argument: string;
  readonly table: Listable & { find(column: string, value: string): Promise<Row | undefined> };
  readonly insert: (values: JsonObject) => Promise<Row>;
  readonly update: (request: ApiRequest, uuid: string, edit: (record: JsonObject) => JsonObject) => Promise<Row>;
  readonly destroy: (request: ApiRequest, uuid: string) => Promise<void>;
}

const connectors = new Resource({
  name: 'volume connector',
  collection: 'connectors',
  path: 'volume/connectors',
  columns: volumeConnectorColumns,
  fields: VOLUME_CONNECTOR_FIELDS,
});
const targets = new Resource({
  name: 'volume target',
  collection: 'targets',
  path: 'volume/targets',
  columns: volumeTargetColumns,
  fields: VOLUME_TARGET_FIELDS,
});

const NOTHING: ReadonlySet<string> = new Set();
const FILTERS: ReadonlySet<string> = new Set(['node']);

/** Routes of volume connectors and targets. */
export function volumeRoutes(services: Services): Route[] {
  const { store, conductor } = services;
  const volumes: Volume[] = [
    {
      resource: connectors,
      argument: 'connector_uuid',
      table: store.volumeConnectors,
      insert: (values) => store.volumeConnectors.insert(values),
      update: ({ context }, uuid, edit) =>
        conductor.updateVolumeConnector(
          context,
          uuid,
          (record) => edit(record as unknown as JsonObject) as Partial<VolumeConnectorRecord>,
        ),
      destroy: ({ context }, uuid) => conductor.destroyVolumeConnector(context, uuid),
    },
    {
      resource: targets,
      argument: 'target_uuid',
      table: store.volumeTargets,
      insert: (values) => store.volumeTargets.insert(values),
      update: ({ context }, uuid, edit) =>
        conductor.updateVolumeTarget(
          context,
          uuid,
          (record) => edit(record as unknown as JsonObject) as Partial<VolumeTargetRecord>,
        ),
      destroy: ({ context }, uuid) => conductor.destroyVolumeTarget(context, uuid),
    },
  ];
  const root = { method: 'GET', min: 32, below: NOT_SUPPORTED } as const;
  return [
    { ...root, path: 'volume', handler: (request) => showRoot(request, 'volume') },
    {
      ...root,
      path: 'nodes/:node/volume',
      handler: async (request) => showRoot(request, `nodes/${(await nodeOf(request, services)).uuid}/volume`),
    },
    ...volumes.flatMap((volume) => routesOf(volume, services)),
  ];
}

function showRoot(request: ApiRequest, path: string): Answer {
  checkQuery(request.query, NOTHING);
  const to = (below: string): string => links(request.base, `${path}/${below}`);
  return ok(`{"links":${to('')},"connectors":${to('connectors')},"targets":${to('targets')}}`);
}

function routesOf(volume: Volume, services: Services): Route[] {
  const { resource, argument } = volume;
  return [
    ...resourceRoutes(
      {
        path: resource.path,
        parameter: 'volume',
        argument,
        min: 32,
        list: (request) => listVolumes(request, services, volume),
        create: (request) => createVolume(request, services, volume),
        show: async (request) => resource.show(request, services, await volumeOf(request, volume)),
        change: (request) => changeVolume(request, services, volume),
        remove: async (request) => {
          checkQuery(request.query, NOTHING);
          await volume.destroy(request, identOf(request, volume));
          return NO_CONTENT;
        },
      },
      services,
    ),
    ...subListRoutes(
      {
        path: `nodes/:node/${resource.path}`,
        min: 32,
        list: async (request) => listVolumes(request, services, volume, await nodeOf(request, services)),
      },
      services,
    ),
  ];
}

function identOf(request: ApiRequest, { argument }: Volume): string {
  return toUuid(argument, param(request, 'volume'));
}

async function volumeOf(request: ApiRequest, volume: Volume): Promise<Row> {
  const uuid = identOf(request, volume);
  const row = await volume.table.find('uuid', uuid);
  if (row === undefined) throw volume.resource.notFound(uuid);
  return row;
}

async function listVolumes(
  request: ApiRequest,
  services: Services,
  { resource, table }: Volume,
  node?: NodeRow,
): Promise<Answer> {
  const page = resource.page(request, services, { filters: FILTERS, detailSince: 32 });
  const where = await nodeConditions(request, services);
  if (node !== undefined) where.push(ofNode(node));
  const path = node === undefined ? resource.path : `nodes/${node.uuid}/${resource.path}`;
  return await resource.list(request, services, table, page, where, path);
}

async function createVolume(request: ApiRequest, services: Services, { resource, insert }: Volume): Promise<Answer> {
  checkQuery(request.query, NOTHING);
  const row = await insert(resource.checkCreate(bodyObject(request), request.minor));
  return created(resource.full(request, services, row), resource.location(request, String(row.uuid)));
}

async function changeVolume(request: ApiRequest, services: Services, volume: Volume): Promise<Answer> {
  checkQuery(request.query, NOTHING);
  const { resource } = volume;
  const operations = parsePatch(request.body);
  resource.checkPatch(operations, request.minor);
  const uuid = identOf(request, volume);
  const row = await volume.update(request, uuid, (record) => resource.patch(operations, record));
  return ok(resource.full(request, services, row));
}

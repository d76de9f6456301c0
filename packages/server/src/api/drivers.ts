// SPDX-License-Identifier: Apache-2.0

/** `/v1/drivers`: what live conductors can drive. */

import type { DriverDescription } from '../conductor/commands.ts';
import { DriverNotFound, InvalidParameterValue, NotAcceptable } from '../errors.ts';
import type { Columns } from '../model/columns.ts';
import { INTERFACE_TYPES } from '../model/resources.ts';
import { DRIVER_FIELDS, DRIVER_LIST_FIELDS } from './fields/driver.ts';
import type { Row } from './fields/field.ts';
import { passthruRoutes } from './nodes/vendor.ts';
import { renderList } from './render.ts';
import { type Answer, type ApiRequest, checkQuery, ok, okJson, param, queryValue, type Services } from './request.ts';
import { type FieldSet, minimumVersion, Resource } from './resource.ts';
import { NOT_ACCEPTABLE, type Route } from './router.ts';
import { toBoolean, toList } from './values.ts';

const NOTHING: ReadonlySet<string> = new Set();
const LIST_QUERY: ReadonlySet<string> = new Set(['type', 'detail', 'fields']);
const NO_COLUMNS: Columns = {};

const definition = { name: 'driver', collection: 'drivers', identity: 'name', columns: NO_COLUMNS };
const drivers = new Resource({ ...definition, fields: DRIVER_FIELDS });
const listed = new Resource({ ...definition, fields: DRIVER_LIST_FIELDS });

/** Routes of drivers and their vendor methods. */
export function driverRoutes(services: Services): Route[] {
  const { conductor } = services;
  const route = (path: string, answer: (request: ApiRequest, driver: string) => Answer): Route => ({
    method: 'GET',
    path: `drivers/:driver${path}`,
    handler: (request) => answer(request, find(services, request).name),
  });
  return [
    { method: 'GET', path: 'drivers', handler: (request) => listDrivers(request, services) },
    { method: 'GET', path: 'drivers/:driver', handler: (request) => showDriver(request, services) },
    route('/properties', (request, driver) => {
      checkQuery(request.query, NOTHING);
      return okJson(conductor.driverProperties(driver));
    }),
    {
      ...route('/raid/logical_disk_properties', (request, driver) => {
        checkQuery(request.query, NOTHING);
        return okJson(conductor.raidProperties(driver));
      }),
      min: 12,
      below: NOT_ACCEPTABLE,
    },
    ...passthruRoutes(
      'drivers/:driver',
      async (request) => conductor.driverVendorMethods(find(services, request).name),
      (request, method, args) =>
        conductor.callDriverVendor(request.context, find(services, request).name, method, request.method, args),
    ),
  ];
}

function find({ conductor }: Services, request: ApiRequest): DriverDescription {
  const name = param(request, 'driver');
  const driver = conductor.drivers().find((candidate) => candidate.name === name);
  if (driver === undefined) throw new DriverNotFound(name.slice(0, 300));
  return driver;
}

function showDriver(request: ApiRequest, services: Services): Answer {
  if (request.query.has('fields') && request.minor < 77) throw new NotAcceptable();
  return drivers.show(request, services, rowOf(find(services, request)), 77);
}

function listDrivers(request: ApiRequest, services: Services): Answer {
  checkQuery(request.query, LIST_QUERY);
  const type = typeFilter(request);
  const { names, render } = fieldsOf(request);
  const rows = services.conductor
    .drivers()
    .filter((driver) => type === undefined || driver.type === type)
    .map((driver) => rowOf(driver, names));
  return ok(renderList('drivers', rows, render, { base: request.base, minor: request.minor, services }));
}

function typeFilter({ query, minor }: ApiRequest): string | undefined {
  const type = queryValue(query, 'type');
  if (type === undefined) return undefined;
  if (minor < 30) throw minimumVersion(30);
  if (type !== 'classic' && type !== 'dynamic') {
    throw new InvalidParameterValue('"type" filter must be one of "classic" or "dynamic", if specified.');
  }
  return type;
}

function fieldsOf({ query, minor }: ApiRequest): FieldSet {
  const chosen = query.get('fields');
  const detailText = queryValue(query, 'detail');
  if (detailText !== undefined && minor < 30) throw minimumVersion(30);
  if (chosen !== undefined && minor < 77) throw new NotAcceptable();
  const detail = detailText !== undefined && toBoolean('detail', detailText);
  if (detail && chosen !== undefined) {
    throw new InvalidParameterValue('Can not specify ?detail=True and fields in the same request.');
  }
  if (chosen !== undefined) {
    return listed.chosenFields(
      minor,
      toList(chosen).map((name) => name.toLowerCase()),
    );
  }
  return detail ? drivers.fields(minor) : listed.fields(minor);
}

/** A description as rendering wants it: lists as JSON text. */
function rowOf({ name, hosts, type, defaults, enabled }: DriverDescription, wanted?: readonly string[]): Row {
  const row: Record<string, string | null> = { name, type, hosts: JSON.stringify(hosts) };
  if (wanted !== undefined && wanted.length <= DRIVER_LIST_FIELDS.length) return row;
  for (const kind of INTERFACE_TYPES) {
    row[`default_${kind}_interface`] = defaults === null ? null : defaults[kind];
    row[`enabled_${kind}_interfaces`] = enabled === null ? null : JSON.stringify(enabled[kind]);
  }
  return row;
}

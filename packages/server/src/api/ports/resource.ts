// SPDX-License-Identifier: Apache-2.0

import { type PortgroupRow, portgroupColumns } from '../../model/resources.ts';
import { PORTGROUP_FIELDS } from '../fields/portgroup.ts';
import { findByIdent } from '../find.ts';
import { type ApiRequest, param, type Services } from '../request.ts';
import { Resource } from '../resource.ts';

/** Port groups as the API knows them. */
export const portgroups = new Resource({
  name: 'portgroup',
  collection: 'portgroups',
  columns: portgroupColumns,
  fields: PORTGROUP_FIELDS,
});

/** The port group a path or argument names by UUID or name. */
export function findPortgroup(services: Services, ident: string, minor: number): Promise<PortgroupRow> {
  return findByIdent(services.store.portgroups, portgroups, ident, minor, 23);
}

/** The port group of the path parameter `portgroup`. */
export function portgroupOf(request: ApiRequest, services: Services): Promise<PortgroupRow> {
  return findPortgroup(services, param(request, 'portgroup'), request.minor);
}

// SPDX-License-Identifier: Apache-2.0

/** The discovery documents: `GET /` and `GET /v1`. */

import { links } from './render.ts';
import { type Answer, type ApiRequest, checkQuery, ok } from './request.ts';
import type { Route } from './router.ts';
import { MAX_MINOR, MIN_MINOR } from './version.ts';

/** Collections and endpoints of the v1 document and the version each appears in. */
const ENTRIES: readonly (readonly [string, number])[] = [
  ['chassis', 1],
  ['nodes', 1],
  ['ports', 1],
  ['drivers', 1],
  ['lookup', 22],
  ['heartbeat', 22],
  ['portgroups', 23],
  ['volume', 32],
  ['conductors', 49],
  ['allocations', 52],
  ['events', 54],
  ['deploy_templates', 55],
  ['shards', 82],
  ['continue_inspection', 84],
  ['runbooks', 92],
  ['inspection_rules', 96],
];

function version(base: string): string {
  return `{"id":"v1","links":[{"href":"${base}/v1/","rel":"self"}],"status":"CURRENT","min_version":"1.${MIN_MINOR}","version":"1.${MAX_MINOR}"}`;
}

/** The document of `/`. */
export function rootDocument(base: string): string {
  const v1 = version(base);
  return (
    '{"name":"OpenStack Ironic API","description":"Provisions and manages bare-metal machines; served by Wrought.",' +
    `"default_version":${v1},"versions":[${v1}]}`
  );
}

/** The document of `/v1` at a version. */
export function v1Document(base: string, minor: number): string {
  const entries = ENTRIES.filter(([, since]) => since <= minor).map(
    ([name]) => `,"${name}":${links(base, `${name}/`)}`,
  );
  return (
    `{"id":"v1","links":[{"href":"${base}/v1/","rel":"self"},` +
    '{"href":"https://docs.openstack.org//ironic/latest/contributor//webapi.html","rel":"describedby","type":"text/html"}],' +
    '"media_types":{"base":"application/json","type":"application/vnd.openstack.ironic.v1+json"},' +
    `"version":${version(base)}${entries.join('')}}`
  );
}

const NOTHING: ReadonlySet<string> = new Set();

/** `GET /v1`. */
export const rootRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '',
    handler: (request: ApiRequest): Answer => {
      checkQuery(request.query, NOTHING);
      return ok(v1Document(request.base, request.minor));
    },
  },
];

// SPDX-License-Identifier: Apache-2.0

import type { FastifyInstance } from 'fastify';
import type { Config } from '../config/index.ts';
import { MAX_VERSION_HEADER, MIN_VERSION_HEADER, VERSION_HEADER } from './version.ts';

const EXPOSED = [VERSION_HEADER, MIN_VERSION_HEADER, MAX_VERSION_HEADER, 'openstack-request-id', 'Location'];
const ACCEPTED = ['Authorization', 'Content-Type', 'OpenStack-API-Version', 'X-Auth-Token', VERSION_HEADER];

/** Lets pages of `[cors]allowed_origin` call the API: exact origins from the list, never the one that asks unchecked. */
export function addCors(app: FastifyInstance, { cors }: Config): void {
  const allowed = new Set(cors.allowed_origin);
  if (allowed.size === 0) return;
  const any = allowed.has('*');
  app.addHook('onRequest', (request, reply, done) => {
    const { origin } = request.headers;
    reply.header('vary', 'Origin');
    if (origin === undefined || !(any || allowed.has(origin))) {
      done();
      return;
    }
    reply.header('access-control-allow-origin', any ? '*' : origin);
    if (cors.allow_credentials && !any) reply.header('access-control-allow-credentials', 'true');
    reply.header('access-control-expose-headers', [...EXPOSED, ...cors.expose_headers].join(','));
    if (request.method === 'OPTIONS' && request.headers['access-control-request-method'] !== undefined) {
      reply
        .header('access-control-allow-methods', cors.allow_methods.join(','))
        .header('access-control-allow-headers', [...ACCEPTED, ...cors.allow_headers].join(','))
        .header('access-control-max-age', String(cors.max_age));
    }
    done();
  });
}

// SPDX-License-Identifier: Apache-2.0

/** The HTTP server: Fastify carries connections and limits, the route table decides what a request means. */

import { accessSync, constants, readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import Fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import { messageOf, WroughtError } from '../errors.ts';
import { HttpBasicAuth } from './auth/http-basic.ts';
import { type AuthStrategy, noAuth } from './auth/strategy.ts';
import { addCors } from './cors.ts';
import { Dispatcher, type DispatcherOptions } from './dispatcher.ts';
import { codeBody, faultBody, UNEXPECTED } from './faults.ts';
import { addHealthcheck } from './health.ts';
import { addMetrics, type MetricsSource, RequestMetrics } from './metrics.ts';

export interface ApiOptions extends DispatcherOptions {
  /** More to show at /metrics, such as a prom-client registry. */
  readonly metrics?: MetricsSource;
  /** Instead of the one `[DEFAULT]auth_strategy` names. */
  readonly auth?: AuthStrategy;
  /** How long requests may go on when the server closes, in ms. */
  readonly closeTimeout?: number;
}

/** Most connections held open, and the limits of one request, in ms and bytes. */
const LIMITS = {
  connections: 4096,
  requestTimeout: 120_000,
  headersTimeout: 20_000,
  keepAliveTimeout: 75_000,
  closeTimeout: 10_000,
  maxHeaderSize: 32 * 1024,
};

/** Makes the API's server; it does not listen yet. */
export function createApi(options: ApiOptions): FastifyInstance {
  const { config, log } = options;
  const app = Fastify({
    logger: false,
    exposeHeadRoutes: false,
    requestTimeout: LIMITS.requestTimeout,
    keepAliveTimeout: LIMITS.keepAliveTimeout,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: LIMITS.maxHeaderSize },
    http: { maxHeaderSize: LIMITS.maxHeaderSize, headersTimeout: LIMITS.headersTimeout },
    ...(tls(options) as object),
    schemaController: {
      compilersFactory: { buildValidator: () => neverCompile, buildSerializer: () => neverCompile },
    },
    frameworkErrors: (_error, _request, reply) => {
      void (reply as unknown as FastifyReply)
        .code(400)
        .header('content-type', 'application/json')
        .send(codeBody(400, ''));
    },
  }) as unknown as FastifyInstance;
  app.server.maxConnections = LIMITS.connections;

  const metrics = new RequestMetrics();
  const auth = options.auth ?? strategyOf(options);
  const dispatcher = new Dispatcher(options, auth, metrics);
  // The body is read by the dispatcher, by its own limits: Fastify hands it over unread, whatever its type says.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _payload, done) => done(null));
  app.addHook('onRequest', (request, _reply, done) => {
    delete request.raw.headers['content-type'];
    done();
  });
  endSlowClients(app, options.closeTimeout ?? LIMITS.closeTimeout);
  addCors(app, config);
  addMetrics(app, { auth, metrics, ...(options.metrics === undefined ? {} : { source: options.metrics }) });
  addHealthcheck(app, config);
  app.all('/*', (request, reply) => dispatcher.handle(request, reply));
  // Methods Fastify itself does not know; paths are all known to the route above.
  app.setNotFoundHandler((_request, reply) => {
    void reply
      .code(405)
      .header('content-type', 'application/json')
      .send(Buffer.from(codeBody(405, '')));
  });
  app.setErrorHandler((error, request, reply) => {
    log.error({ err: error, request_id: requestIdOf(reply), method: request.method }, 'A request failed unexpectedly');
    void reply.code(500).header('content-type', 'application/json').send(faultBody(500, UNEXPECTED));
  });
  return app;
}

/** Node stops looking for slow requests when a server closes, and would wait for them for ever. */
function endSlowClients(app: FastifyInstance, timeout: number): void {
  let timer: NodeJS.Timeout | undefined;
  app.addHook('preClose', async () => {
    timer = setTimeout(() => app.server.closeAllConnections(), timeout);
  });
  app.addHook('onClose', async () => clearTimeout(timer));
}

function neverCompile(): never {
  throw new Error('Routes of this service are validated by their own tables, not by schemas.');
}

function tls({ config }: ApiOptions): object {
  const { enable_ssl_api, cert_file, key_file, tls_minimum_version } = config.api;
  if (!enable_ssl_api) return {};
  if (cert_file === null) {
    throw new WroughtError(
      400,
      '[api]enable_ssl_api = true needs a certificate: set [api]cert_file and [api]key_file.',
    );
  }
  try {
    const pem = { cert: readFileSync(cert_file), key: readFileSync(key_file ?? cert_file) };
    createSecureContext(pem);
    return { https: { ...pem, minVersion: tls_minimum_version === '1.2' ? 'TLSv1.2' : 'TLSv1.3' } };
  } catch (cause) {
    throw new WroughtError(
      400,
      `[api]cert_file = ${cert_file} and key_file = ${key_file ?? cert_file} cannot be used: ${messageOf(cause)}`,
      { cause },
    );
  }
}

function strategyOf({ config, log }: ApiOptions): AuthStrategy {
  switch (config.DEFAULT.auth_strategy) {
    case 'noauth':
      return noAuth;
    case 'http_basic':
      return new HttpBasicAuth(readable(config.DEFAULT.http_basic_auth_user_file), log);
    default:
      throw new WroughtError(
        400,
        `[DEFAULT]auth_strategy = ${config.DEFAULT.auth_strategy} is not supported; use http_basic or noauth.`,
      );
  }
}

/** @throws WroughtError when the user file cannot be read at start; later it may come and go */
function readable(file: string): string {
  try {
    accessSync(file, constants.R_OK);
    return file;
  } catch (cause) {
    throw new WroughtError(400, `[DEFAULT]http_basic_auth_user_file = ${file} cannot be read: ${messageOf(cause)}`, {
      cause,
    });
  }
}

function requestIdOf(reply: FastifyReply): string {
  return String(reply.getHeader('openstack-request-id') ?? '');
}

// SPDX-License-Identifier: Apache-2.0

import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { messageOf, NotFound, WroughtError } from '../errors.ts';
import { ANYBODY, type AuthStrategy, isRefusal } from './auth/strategy.ts';
import { baseUrl } from './base-url.ts';
import { parseBody, readBody } from './body.ts';
import { BodyRefused, codeBody, faultBody, flatBody, RoutingError, UNEXPECTED } from './faults.ts';
import type { RequestMetrics } from './metrics.ts';
import type { Answer, ApiRequest, Query, Services } from './request.ts';
import { rootDocument } from './root.ts';
import { type Found, type Route, Router, UNKNOWN_ROUTE } from './router.ts';
import { apiRoutes } from './routes.ts';
import { MAX_MINOR, MAX_VERSION_HEADER, MIN_MINOR, MIN_VERSION_HEADER, negotiate, VERSION_HEADER } from './version.ts';

export interface DispatcherOptions extends Services {
  /** Until it says true every request is answered 503. */
  readonly isReady?: () => boolean;
  /** Routes besides the API's own. */
  readonly routes?: readonly Route[];
}

/** Everything that happens between a request's headers and its answer. */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #auth: AuthStrategy;
  readonly #metrics: RequestMetrics;
  readonly #router: Router;

  constructor(options: DispatcherOptions, auth: AuthStrategy, metrics: RequestMetrics) {
    this.#options = options;
    this.#auth = auth;
    this.#metrics = metrics;
    this.#router = new Router([...apiRoutes(options), ...(options.routes ?? [])]);
  }

  async handle(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const started = performance.now();
    const trace: Trace = { id: `req-${randomUUID()}`, route: 'unknown' };
    reply.header('openstack-request-id', trace.id).header('x-openstack-request-id', trace.id);
    let answer: Answer;
    try {
      answer = await this.#answer(request.raw, reply, trace);
    } catch (error) {
      answer = this.#failure(error, trace, reply);
    }
    this.#send(reply, answer);
    const duration = performance.now() - started;
    this.#metrics.observe(request.method, trace.route, answer.status, duration / 1000);
    this.#options.log.info(
      {
        request_id: trace.id,
        method: request.method,
        route: trace.route,
        // Without the query, which may carry arguments that are secret.
        path: request.raw.url?.split('?', 1)[0]?.slice(0, 300),
        status: answer.status,
        duration_ms: Math.round(duration * 1000) / 1000,
      },
      'Request',
    );
    return reply;
  }

  #send(reply: FastifyReply, answer: Answer): void {
    reply.code(answer.status);
    if (answer.location !== undefined) reply.header('location', answer.location);
    if (answer.body === undefined) {
      void reply.send();
      return;
    }
    // As bytes, because Fastify would add a charset to the type of a string.
    const bytes = typeof answer.body === 'string' ? Buffer.from(answer.body) : answer.body;
    void reply.header('content-type', answer.type ?? 'application/json').send(bytes);
  }

  async #answer(raw: IncomingMessage, reply: FastifyReply, trace: Trace): Promise<Answer> {
    if (this.#options.isReady?.() === false) {
      return { status: 503, body: faultBody(503, 'The service is starting; try again shortly.') };
    }
    const url = (raw.url ?? '/').replace(ABSOLUTE, '');
    const mark = url.indexOf('?');
    const path = trimSlashes(mark === -1 ? url : url.slice(0, mark));
    const identity = PUBLIC_PATH.test(path) ? ANYBODY : await this.#auth.authenticate(raw.headers);
    if (isRefusal(identity)) {
      for (const [name, value] of Object.entries(identity.headers ?? {})) reply.header(name, value);
      return identity;
    }
    const version = negotiate(raw.headers);
    const base = baseUrl(raw, this.#options.config);
    if (path === '') return this.#root(raw, reply, trace, version, base);
    const strip = 'minor' in version && version.legacy && version.minor < 91 && path.endsWith('.json');
    const segments = segmentsOf(strip ? path.slice(0, -'.json'.length) : path);
    const found = this.#router.find(segments);
    if (raw.method === 'OPTIONS') return { status: 200 };
    if (url.includes('%00')) throw new RoutingError(400, 'The request must not contain the character U+0000.');
    if (found === undefined) throw new RoutingError(404);
    if ('error' in version) {
      if (version.range) rangeHeaders(reply);
      throw new RoutingError(406, version.error);
    }
    rangeHeaders(reply).header(VERSION_HEADER, `1.${version.minor}`);
    const query = parseQuery(mark === -1 ? '' : url.slice(mark + 1));
    const context = { requestId: trace.id, ...identity, minor: version.minor };
    const perform = (target: Found): Promise<Answer> =>
      this.#perform(raw, reply, target, { context, base, query }, trace);
    if (!strip) return await perform(found);
    try {
      return await perform(found);
    } catch (error) {
      const whole = error instanceof NotFound ? this.#router.find(segmentsOf(path)) : undefined;
      if (whole === undefined) throw error;
      return await perform(whole);
    }
  }

  #root(
    raw: IncomingMessage,
    reply: FastifyReply,
    trace: Trace,
    version: ReturnType<typeof negotiate>,
    base: string,
  ): Answer {
    trace.route = '/';
    if ('error' in version) {
      if (version.range) rangeHeaders(reply);
      return { status: 406, body: faultBody(406, version.error) };
    }
    rangeHeaders(reply).header(VERSION_HEADER, `1.${version.minor}`);
    if (raw.method === 'OPTIONS') return { status: 200 };
    if (raw.method === 'HEAD' || raw.method === 'PATCH') throw new RoutingError(405);
    return { status: 200, body: rootDocument(base) };
  }

  async #perform(
    raw: IncomingMessage,
    reply: FastifyReply,
    { routes, params }: Found,
    { context, base, query }: { context: ApiRequest['context']; base: string; query: Query },
    trace: Trace,
  ): Promise<Answer> {
    const method = raw.method ?? 'GET';
    const route = routes.get(method);
    trace.route = `/v1/${(route ?? routes.values().next().value)?.path ?? ''}`;
    if (route === undefined) {
      if (hidden(routes, context.minor)) throw new RoutingError(404);
      throw new RoutingError(405, '', { Allow: [...routes.keys()].join(', ') });
    }
    if (!acceptsJson(raw.headers.accept)) {
      return {
        status: 406,
        body: JSON.stringify({ error_message: 'The only content type of this API is application/json.' }),
      };
    }
    if (context.minor < (route.min ?? 1)) throw belowVersion(route);
    trace.body ??= await this.#body(raw, reply, route);
    const request: ApiRequest = {
      method,
      context,
      minor: context.minor,
      params: decodeParams(params),
      query,
      body: trace.body,
      base,
      remoteAddress: raw.socket.remoteAddress ?? '',
    };
    return await route.handler(request);
  }

  async #body(raw: IncomingMessage, reply: FastifyReply, route: Route): Promise<ApiRequest['body']> {
    if (route.method === 'GET' && route.body === undefined) return {};
    const { api } = this.#options.config;
    const limit =
      route.body === 'provision'
        ? api.max_json_body_size_provision
        : route.body === 'inspection'
          ? api.max_json_body_size_inspection
          : api.max_json_body_size;
    try {
      return parseBody(await readBody(raw, limit * 1024), api.max_json_body_depth);
    } catch (error) {
      if (error instanceof BodyRefused && error.status === 413) reply.header('connection', 'close');
      throw error;
    }
  }

  #failure(error: unknown, trace: Trace, reply: FastifyReply): Answer {
    if (error instanceof RoutingError) {
      for (const [name, value] of Object.entries(error.headers)) reply.header(name, value);
      return { status: error.status, body: codeBody(error.status, error.message) };
    }
    if (error instanceof BodyRefused) return { status: error.status, body: flatBody(error.status, error.message) };
    if (error instanceof WroughtError) {
      if (error.status >= 500) {
        this.#options.log.warn({ request_id: trace.id, error: messageOf(error) }, 'A request failed');
      }
      return { status: error.status, body: faultBody(error.status, error.message) };
    }
    this.#options.log.error({ request_id: trace.id, err: error }, 'A request failed unexpectedly');
    return { status: 500, body: faultBody(500, UNEXPECTED) };
  }
}

interface Trace {
  readonly id: string;
  route: string;
  /** Parsed once, even when the path is tried in two readings. */
  body?: ApiRequest['body'];
}

/** Never authenticated, each also with a `.json` or `.xml` suffix. */
const PUBLIC_PATH = /^(|(\/v1)?(|\/lookup|\/heartbeat\/[a-z0-9-]+|\/continue_inspection)(\.json|\.xml)?)$/;

/** What a request line names besides path and query when it gives the whole URL (RFC 9112, 3.2.2). */
const ABSOLUTE = /^https?:\/\/[^/?#]*/i;

function trimSlashes(path: string): string {
  let end = path.length;
  while (end > 0 && path.charCodeAt(end - 1) === SLASH) end -= 1;
  return end === path.length ? path : path.slice(0, end);
}

const SLASH = 0x2f;

function segmentsOf(path: string): string[] {
  const segments = path.slice(1).split('/');
  if (segments[0] === 'v1') segments.shift();
  return segments;
}

function decodeParams(params: Record<string, string>): Record<string, string> {
  for (const name in params) {
    const value = params[name];
    if (value === undefined || !value.includes('%')) continue;
    try {
      params[name] = decodeURIComponent(value);
    } catch {
      throw new RoutingError(400, `The path segment ${value.slice(0, 200)} is not valid percent-encoding.`);
    }
  }
  return params;
}

const NO_QUERY: Query = new Map();

function parseQuery(text: string): Query {
  if (text === '') return NO_QUERY;
  const query = new Map<string, string[]>();
  for (const [name, value] of new URLSearchParams(text)) {
    const values = query.get(name);
    if (values === undefined) query.set(name, [value]);
    else values.push(value);
  }
  return query;
}

function rangeHeaders(reply: FastifyReply): FastifyReply {
  return reply.header(MIN_VERSION_HEADER, `1.${MIN_MINOR}`).header(MAX_VERSION_HEADER, `1.${MAX_MINOR}`);
}

function belowVersion(route: Route): Error {
  const below = route.below;
  if (below === undefined || below.text === null) return new RoutingError(below?.status ?? 404);
  return new WroughtError(below.status, below.text);
}

/** A path that does not exist for a version: no method is served, and some are answered as if there were no route. */
function hidden(routes: Found['routes'], minor: number): boolean {
  const answers = [...routes.values()].map((route) =>
    minor < (route.min ?? 1) ? (route.below ?? UNKNOWN_ROUTE) : null,
  );
  return answers.every((answer) => answer?.status === 404) && answers.some((answer) => answer?.text === null);
}

function acceptsJson(accept: string | undefined): boolean {
  return (
    accept === undefined ||
    accept === '' ||
    accept.includes('*/*') ||
    accept.includes('json') ||
    accept.includes('application/*')
  );
}

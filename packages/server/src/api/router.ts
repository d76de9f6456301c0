// SPDX-License-Identifier: Apache-2.0

/**
 * Routes as data, and the tree that finds them. Fastify's own router is left out of the API's paths because this API
 * distinguishes an unknown path (404 without version headers) from a known path with another method (405 with them),
 * serves every path with and without `/v1`, drops trailing slashes and, below 1.91, a `.json` suffix.
 */

import type { Answer, ApiRequest } from './request.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** The answer of an endpoint to versions that do not know it. */
export interface BelowVersion {
  readonly status: 404 | 405 | 406;
  /** `code`: as if the route did not exist; a text: a fault with this text. */
  readonly text: string | null;
}

/** Below-version answers that many endpoints share. */
export const UNKNOWN_ROUTE: BelowVersion = { status: 404, text: null };
export const METHOD_UNKNOWN: BelowVersion = { status: 405, text: null };
export const NOT_SUPPORTED: BelowVersion = { status: 404, text: 'The API is not supported for this version' };
export const NOT_FOUND: BelowVersion = { status: 404, text: 'Resource could not be found.' };
export const NOT_ACCEPTABLE: BelowVersion = { status: 406, text: 'Request not acceptable.' };

/** One method of one path. */
export interface Route {
  readonly method: Method;
  /** Path under `/v1` without a leading slash, `:name` for a parameter: `nodes/:node/states/power`. Empty: `/v1` itself. */
  readonly path: string;
  /** First minor version that serves it (default 1) and what older ones get (default: as if the route did not exist). */
  readonly min?: number;
  readonly below?: BelowVersion;
  /** Which size limit of [api] bounds the body; `GET` bodies are read only where set. */
  readonly body?: 'default' | 'provision' | 'inspection';
  readonly handler: (request: ApiRequest) => Answer | Promise<Answer>;
}

interface TreeNode {
  readonly literals: Map<string, TreeNode>;
  parameter: { name: string; node: TreeNode } | undefined;
  readonly routes: Map<string, Route>;
}

/** What a path leads to. */
export interface Found {
  readonly routes: ReadonlyMap<string, Route>;
  /** Values of the path's parameters as they stand in the URL, still percent-encoded. */
  readonly params: Record<string, string>;
}

function newNode(): TreeNode {
  return { literals: new Map(), parameter: undefined, routes: new Map() };
}

/** A set of routes, looked up segment by segment; a literal segment always wins over a parameter. */
export class Router {
  readonly #root = newNode();

  constructor(routes: Iterable<Route>) {
    for (const route of routes) this.#add(route);
  }

  #add(route: Route): void {
    let node = this.#root;
    for (const segment of route.path === '' ? [] : route.path.split('/')) {
      if (segment.startsWith(':')) {
        node.parameter ??= { name: segment.slice(1), node: newNode() };
        if (node.parameter.name !== segment.slice(1)) {
          throw new Error(`${route.path}: the parameter is called ${node.parameter.name} elsewhere`);
        }
        node = node.parameter.node;
      } else {
        let next = node.literals.get(segment);
        if (next === undefined) {
          next = newNode();
          node.literals.set(segment, next);
        }
        node = next;
      }
    }
    if (node.routes.has(route.method)) throw new Error(`${route.method} ${route.path} is declared twice`);
    node.routes.set(route.method, route);
  }

  /** Finds the routes of a path given as its segments under `/v1`; undefined when no route has this path. */
  find(segments: readonly string[]): Found | undefined {
    let node = this.#root;
    const params: Record<string, string> = {};
    for (const segment of segments) {
      const literal = node.literals.get(segment);
      if (literal !== undefined) node = literal;
      else if (node.parameter !== undefined && segment !== '') {
        params[node.parameter.name] = segment;
        node = node.parameter.node;
      } else return undefined;
    }
    return node.routes.size === 0 ? undefined : { routes: node.routes, params };
  }
}

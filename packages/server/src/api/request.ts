// SPDX-License-Identifier: Apache-2.0

/** What a route's handler gets and gives: plain data, no server objects. */

import type { Conductor, RequestContext } from '../conductor/commands.ts';
import type { Config } from '../config/index.ts';
import { InvalidParameterValue, MissingParameterValue } from '../errors.ts';
import type { Logger } from '../hardware/contracts.ts';
import { isJsonObject, type Json, type JsonObject } from '../model/json.ts';
import type { Store } from '../store/store.ts';

/** What handlers work with. */
export interface Services {
  readonly config: Config;
  readonly store: Store;
  readonly conductor: Conductor;
  readonly log: Logger;
}

/** Query parameters: every value of a name, in order. */
export type Query = ReadonlyMap<string, readonly string[]>;

/** A request that has passed authentication, version negotiation and body parsing. */
export interface ApiRequest {
  readonly method: string;
  readonly context: RequestContext;
  /** Negotiated minor version. */
  readonly minor: number;
  /** Path parameters, decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: Query;
  /** The JSON body; `{}` when empty. */
  readonly body: Json;
  /** Scheme, host and port of links, without a trailing slash, ready to stand inside a JSON string. */
  readonly base: string;
  /** The client's address, for checks of agent call-backs. */
  readonly remoteAddress: string;
}

/** What a handler answers. The body is JSON text, as a string or in UTF-8, unless a type is given. */
export interface Answer {
  readonly status: number;
  readonly body?: string | Uint8Array;
  /** Content type of the body; JSON unless given. */
  readonly type?: string;
  readonly location?: string;
}

/** 200 with JSON text. */
export function ok(body: string | Uint8Array): Answer {
  return { status: 200, body };
}

/** 200 with a value. */
export function okJson(value: unknown): Answer {
  return { status: 200, body: JSON.stringify(value) };
}

/** 201 with the new resource and where it is. */
export function created(body: string, location: string): Answer {
  return { status: 201, body, location };
}

/** 202 with an empty body. */
export function accepted(location?: string): Answer {
  return location === undefined ? ACCEPTED : { status: 202, location };
}

const ACCEPTED: Answer = { status: 202 };

/** 204. */
export const NO_CONTENT: Answer = { status: 204 };

/** The path parameter a route declares. */
export function param(request: ApiRequest, name: string): string {
  const value = request.params[name];
  if (value === undefined) throw new Error(`The route has no parameter ${name}`);
  return value;
}

/** Refuses query parameters an operation does not take. */
export function checkQuery(query: Query, allowed: ReadonlySet<string>): void {
  if (query.size === 0) return;
  const unexpected = [...query.keys()].filter((name) => !allowed.has(name));
  if (unexpected.length > 0) throw unexpectedArguments(unexpected);
}

/** The last value of a query parameter. */
export function queryValue(query: Query, name: string): string | undefined {
  return query.get(name)?.at(-1);
}

/**
 * The arguments of an operation that takes them by name: keys of the JSON body and query parameters, merged; the body
 * wins. Throws 400 for a name not in `allowed` and for a body that is not an object.
 */
export function namedArguments(request: ApiRequest, allowed: readonly string[]): JsonObject {
  const body = bodyObject(request);
  const merged: JsonObject = {};
  for (const [name, values] of request.query) define(merged, name, values.at(-1) ?? '');
  for (const [name, value] of Object.entries(body)) define(merged, name, value);
  const unexpected = Object.keys(merged).filter((name) => !allowed.includes(name));
  if (unexpected.length > 0) throw unexpectedArguments(unexpected);
  return merged;
}

function define(target: JsonObject, name: string, value: Json): void {
  Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true });
}

/** The body as an object; anything else is 400. */
export function bodyObject(request: ApiRequest): JsonObject {
  if (!isJsonObject(request.body)) throw new InvalidParameterValue('The request body must be a JSON object.');
  return request.body;
}

/** A named argument that must be there. */
export function mandatory(args: JsonObject, name: string): Json {
  const value = Object.hasOwn(args, name) ? args[name] : undefined;
  if (value === undefined || value === null) throw new MissingParameterValue(`Missing mandatory parameter: ${name}`);
  return value;
}

/** A named argument that must be there and be a string. */
export function mandatoryString(args: JsonObject, name: string): string {
  const value = mandatory(args, name);
  if (typeof value !== 'string') throw new InvalidParameterValue(`Expected string for ${name}: ${show(value)}`);
  return value;
}

/** A value as an error message quotes it: short, and never an object's content. */
export function show(value: Json): string {
  const text =
    typeof value === 'string' ? value : typeof value === 'object' && value !== null ? kind(value) : String(value);
  return text.length > 200 ? `${text.slice(0, 200)}...` : text;
}

function kind(value: Json): string {
  return Array.isArray(value) ? 'a list' : 'an object';
}

function unexpectedArguments(names: readonly string[]): InvalidParameterValue {
  return new InvalidParameterValue(`Unexpected arguments: ${names.join(', ').slice(0, 1000)}`);
}

/** The absolute URL of a path under `/v1`. */
export function linkTo(request: Pick<ApiRequest, 'base'>, path: string): string {
  return `${request.base}/v1/${path}`;
}

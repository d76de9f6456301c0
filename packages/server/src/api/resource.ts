// SPDX-License-Identifier: Apache-2.0

/** A resource made of its field table: what it shows, sorts by, accepts and lets be patched at every version. */

import { InvalidParameterValue, NotAcceptable, NotFound } from '../errors.ts';
import type { Columns } from '../model/columns.ts';
import type { Json, JsonObject } from '../model/json.ts';
import type { Condition, ListQuery } from '../store/store.ts';
import { checkValue, emptyValue } from './fields/check.ts';
import type { Field, Row, View } from './fields/field.ts';
import { applyPatch, type PatchOperation } from './json-patch.ts';
import { compileRenderer, type Renderer, renderList } from './render.ts';
import { type Answer, type ApiRequest, checkQuery, linkTo, ok, queryValue, type Services } from './request.ts';
import { toBoolean, toInteger, toList, toUuid } from './values.ts';

export interface ResourceDefinition {
  /** As errors call it: `node`. */
  readonly name: string;
  /** The key of list answers: `nodes`. */
  readonly collection: string;
  /** Path under `/v1`; the collection's name unless given. */
  readonly path?: string;
  /** Path that links show, where it differs. */
  readonly linkPath?: string;
  /** The column rows are addressed and paged by; `uuid` unless given. */
  readonly identity?: string;
  readonly columns: Columns;
  readonly fields: readonly Field[];
  /** The text of the 400 for unknown names in `fields=`. */
  readonly unknownFields?: (names: readonly string[]) => string;
}

/** Some fields of a resource at a version, ready to render. */
export interface FieldSet {
  readonly names: readonly string[];
  /** Columns to read from the store. */
  readonly columns: readonly string[];
  readonly render: Renderer;
}

/** The parts of a list request every collection shares. */
export interface Page {
  readonly limit: number;
  readonly sortKey: string;
  readonly sortDir: 'asc' | 'desc';
  readonly marker: string | undefined;
  readonly fields: FieldSet;
}

/** How one list differs from another. */
export interface ListOptions {
  /** Parameters beside marker, limit, sort_key, sort_dir. */
  readonly filters: ReadonlySet<string>;
  /** A `/detail` route: all fields, neither `fields` nor `detail` may be given. */
  readonly allFields?: boolean;
  /** First version with `detail=`; undefined: the parameter is unknown. */
  readonly detailSince?: number;
  /** First version with `fields=`; 8 unless given. */
  readonly fieldsSince?: number;
}

/** The one thing a list needs of a table. */
export interface Listable {
  list(query: ListQuery): Promise<Row[]>;
}

const PAGING: ReadonlySet<string> = new Set(['marker', 'limit', 'sort_key', 'sort_dir']);
const SORTABLE_KINDS = /^(text|boolean|integer|timestamp)/;

export class Resource {
  readonly name: string;
  readonly title: string;
  readonly collection: string;
  readonly path: string;
  readonly identity: string;
  readonly #definition: ResourceDefinition;
  readonly #fields: ReadonlyMap<string, Field>;
  readonly #sets = new Map<string, FieldSet>();

  constructor(definition: ResourceDefinition) {
    this.#definition = definition;
    this.name = definition.name;
    this.title = definition.name.charAt(0).toUpperCase() + definition.name.slice(1).replaceAll('_', ' ');
    this.collection = definition.collection;
    this.path = definition.path ?? definition.collection;
    this.identity = definition.identity ?? 'uuid';
    this.#fields = new Map(definition.fields.map((field) => [field.name, field]));
  }

  /** All fields visible at a version, or those a list shows by default. */
  fields(minor: number, which: 'all' | 'list' = 'all'): FieldSet {
    return this.#set(`${minor} ${which}`, () =>
      this.#definition.fields.filter((field) => field.since <= minor && (which === 'all' || field.list === true)),
    );
  }

  /** The named fields, checked against `fields=` rules: unknown 400, newer than the version 406. Links always come along. */
  chosenFields(minor: number, names: readonly string[]): FieldSet {
    const unknown = names.filter((name) => !this.#selectable(name));
    if (unknown.length > 0) throw new InvalidParameterValue(this.#unknownText(unknown));
    this.#gate(names, minor);
    return this.#set(`${minor} ${[...names].sort().join()}`, () =>
      this.#definition.fields.filter(
        (field) => names.includes(field.name) || (field.type === 'links' && field.below === undefined),
      ),
    );
  }

  /** A fixed selection of fields (those visible at the version), without links unless named. */
  subset(minor: number, names: readonly string[]): FieldSet {
    return this.#set(`${minor}=${names.join()}`, () =>
      this.#definition.fields.filter((field) => field.since <= minor && names.includes(field.name)),
    );
  }

  #selectable(name: string): boolean {
    const field = this.#fields.get(name);
    return field !== undefined && field.unselectable !== true;
  }

  #unknownText(names: readonly string[]): string {
    const shown = names.map((name) => name.slice(0, 100)).slice(0, 20);
    return this.#definition.unknownFields?.(shown) ?? `Field(s) "${shown.join(', ')}" are not valid`;
  }

  #gate(names: readonly string[], minor: number): void {
    if (names.some((name) => (this.#fields.get(name)?.since ?? 0) > minor)) throw new NotAcceptable();
  }

  #set(key: string, choose: () => Field[]): FieldSet {
    const known = this.#sets.get(key);
    if (known !== undefined) return known;
    const fields = choose();
    const set: FieldSet = {
      names: fields.map((field) => field.name),
      columns: [
        ...new Set(
          fields.flatMap((field) => field.columns ?? (field.type === 'links' ? [this.identity] : [field.name])),
        ),
      ],
      render: compileRenderer(fields, this.#definition.linkPath ?? this.path, this.identity),
    };
    if (this.#sets.size >= MAX_SETS) this.#sets.clear();
    this.#sets.set(key, set);
    return set;
  }

  /** Renders one row with all fields of the request's version, or those of `fields=`. */
  show(request: ApiRequest, services: Services, row: Row, fieldsSince = 8): Answer {
    const chosen = request.query.get('fields');
    checkQuery(request.query, ONLY_FIELDS);
    if (chosen !== undefined && request.minor < fieldsSince) throw minimumVersion(fieldsSince);
    const set = chosen === undefined ? this.fields(request.minor) : this.chosenFields(request.minor, namesOf(chosen));
    return ok(set.render(row, { base: request.base, minor: request.minor, services }));
  }

  /** Renders one row with all fields of the request's version. */
  full(request: ApiRequest, services: Services, row: Row): string {
    return this.fields(request.minor).render(row, { base: request.base, minor: request.minor, services });
  }

  /** Reads the shared parameters of a list; 400 for unknown ones. */
  page(request: ApiRequest, services: Services, options: ListOptions): Page {
    const { query, minor } = request;
    for (const [name, values] of query) {
      if (values.length > 1 && PAGING.has(name)) throw new InvalidParameterValue(`Expected one value for ${name}`);
      if (PAGING.has(name) || options.filters.has(name)) continue;
      if (options.allFields !== true && (name === 'fields' || (name === 'detail' && options.detailSince !== undefined)))
        continue;
      throw new InvalidParameterValue(`Unexpected arguments: ${name.slice(0, 200)}`);
    }
    return {
      ...this.#order(request),
      limit: limitOf(queryValue(query, 'limit'), services.config.api.max_limit),
      marker: this.#marker(queryValue(query, 'marker')),
      fields: options.allFields === true ? this.fields(minor) : this.#listFields(request, options),
    };
  }

  #order({ query, minor }: ApiRequest): Pick<Page, 'sortKey' | 'sortDir'> {
    const sortKey = queryValue(query, 'sort_key') ?? 'id';
    const sortDir = queryValue(query, 'sort_dir') ?? 'asc';
    if (sortKey !== 'id') {
      const field = this.#fields.get(sortKey);
      const kind = Object.hasOwn(this.#definition.columns, sortKey) ? this.#definition.columns[sortKey] : undefined;
      if (field === undefined || field.unsortable === true || kind === undefined || !SORTABLE_KINDS.test(kind)) {
        throw new InvalidParameterValue(
          `The sort_key value "${sortKey.slice(0, 200)}" is an invalid field for sorting`,
        );
      }
      this.#gate([sortKey], minor);
    }
    if (sortDir !== 'asc' && sortDir !== 'desc') {
      throw new InvalidParameterValue(
        `Invalid sort direction: ${sortDir.slice(0, 200)}. Acceptable values are 'asc' or 'desc'`,
      );
    }
    return { sortKey, sortDir };
  }

  #marker(marker: string | undefined): string | undefined {
    return marker === undefined || this.identity !== 'uuid' ? marker : toUuid('marker', marker);
  }

  #listFields({ query, minor }: ApiRequest, options: ListOptions): FieldSet {
    const chosen = query.get('fields');
    const detailText = queryValue(query, 'detail');
    const detail = detailText === undefined ? false : toBoolean('detail', detailText);
    if (detailText !== undefined && minor < (options.detailSince ?? 1)) {
      throw new InvalidParameterValue(`Invalid query parameter ?detail=${detailText.slice(0, 200)} received.`);
    }
    if (chosen !== undefined && minor < (options.fieldsSince ?? 8)) throw minimumVersion(options.fieldsSince ?? 8);
    if (detail && chosen !== undefined) {
      throw new InvalidParameterValue('Can not specify ?detail=True and fields in the same request.');
    }
    if (chosen !== undefined) return this.chosenFields(minor, namesOf(chosen));
    return this.fields(minor, detail ? 'all' : 'list');
  }

  /**
   * Reads and renders a page of a collection.
   *
   * @param path path of the list under `/v1`, for the `next` link
   * @param accept a filter that columns cannot express; it is applied to the rows, `needs` being the columns it reads
   */
  async list(
    request: ApiRequest,
    services: Services,
    table: Listable,
    page: Page,
    where: readonly Condition[],
    path: string = this.path,
    accept?: { readonly needs: readonly string[]; readonly test: (row: Row) => boolean },
  ): Promise<Answer> {
    const rows = await this.#rows(table, page, where, accept);
    const view: View = { base: request.base, minor: request.minor, services };
    const last = rows.length === page.limit ? rows.at(-1)?.[this.identity] : undefined;
    const next = last === undefined ? undefined : nextLink(request, path, page, String(last));
    return ok(renderList(this.collection, rows, page.fields.render, view, next));
  }

  async #rows(
    table: Listable,
    page: Page,
    where: readonly Condition[],
    accept?: { readonly needs: readonly string[]; readonly test: (row: Row) => boolean },
  ): Promise<Row[]> {
    const columns =
      accept === undefined ? page.fields.columns : [...new Set([...page.fields.columns, ...accept.needs])];
    const { limit, sortKey, sortDir } = page;
    const found: Row[] = [];
    let marker = page.marker;
    for (;;) {
      const rows = await table
        .list({ where, sortKey, sortDir, limit, columns, ...(marker === undefined ? {} : { marker }) })
        .catch((error: unknown) => {
          throw error instanceof NotFound && marker !== undefined
            ? new NotFound(`${this.title} ${marker} could not be found.`)
            : error;
        });
      if (accept === undefined) return rows;
      for (const row of rows) if (accept.test(row) && found.length < limit) found.push(row);
      const last = rows.at(-1)?.[this.identity];
      if (rows.length < limit || found.length >= limit || last === undefined || last === null) return found;
      marker = String(last);
    }
  }

  /** Checks the body of a create request; returns the fields given, coerced to what is stored. */
  checkCreate(body: JsonObject, minor: number): JsonObject {
    const values: JsonObject = {};
    for (const [name, value] of Object.entries(body)) {
      const field = this.#fields.get(name);
      if (field?.create !== true) {
        throw this.schemaError(`Additional properties are not allowed ('${name.slice(0, 200)}' was unexpected)`);
      }
      if (field.since > minor) {
        if (value !== null && (value !== '' || field.empty !== '')) throw new NotAcceptable();
      } else values[name] = checkValue(this.name, field, value);
    }
    for (const field of this.#definition.fields) {
      if (field.required === true && !Object.hasOwn(values, field.name)) {
        throw this.schemaError(`'${field.name}' is a required property`);
      }
    }
    return values;
  }

  /** 400 in the words of a schema check. */
  schemaError(text: string): InvalidParameterValue {
    return new InvalidParameterValue(`Schema error for ${this.name}: ${text}`);
  }

  /** Checks the roots of a patch: 400 where patching is not allowed, 406 where the field is newer than the version. */
  checkPatch(operations: readonly PatchOperation[], minor: number): void {
    for (const { root } of operations) {
      if (this.#fields.get(root)?.patch !== true) {
        throw new InvalidParameterValue(
          `Cannot patch /${root}. Only the following can be updated: ${this.patchable(minor).join(', ')}`,
        );
      }
    }
    for (const { root, op } of operations) if (op !== 'remove') this.#gate([root], minor);
  }

  /** Names of the fields a PATCH may name at a version, sorted. */
  patchable(minor: number): string[] {
    return this.#definition.fields
      .filter((field) => field.patch === true && field.since <= minor)
      .map((field) => field.name)
      .sort();
  }

  /** Applies checked operations to a record; returns the fields whose value changes, checked and coerced. */
  patch(operations: readonly PatchOperation[], record: Readonly<JsonObject>): JsonObject {
    const touched = applyPatch(record, operations, (root) => this.#emptyRoot(root));
    const changes: JsonObject = {};
    for (const [root, value] of touched) {
      const field = this.#fields.get(root);
      if (field === undefined) continue;
      const checked = checkValue(this.name, field, value);
      if (JSON.stringify(checked) !== JSON.stringify(record[root] ?? emptyValue(field))) changes[root] = checked;
    }
    return changes;
  }

  #emptyRoot(root: string): Json {
    const field = this.#fields.get(root);
    if (field === undefined || field.required === true) {
      throw new InvalidParameterValue(`Schema error for patch: '${root}' is a required property`);
    }
    return emptyValue(field);
  }

  /** 404 for one of these. */
  notFound(ident: string): NotFound {
    return new NotFound(`${this.title} ${ident} could not be found.`);
  }

  /** Where a resource is, for the Location header. */
  location(request: ApiRequest, ident: string): string {
    return linkTo(request, `${this.path}/${ident}`);
  }
}

const MAX_SETS = 512;
const ONLY_FIELDS: ReadonlySet<string> = new Set(['fields']);

/** 406 that names the version a parameter needs. */
export function minimumVersion(minor: number): NotAcceptable {
  return new NotAcceptable(`Request not acceptable. The minimal required API version should be 1.${minor}`);
}

function namesOf(values: readonly string[]): string[] {
  return toList(values).map((name) => name.toLowerCase());
}

function limitOf(text: string | undefined, max: number): number {
  if (text === undefined) return max;
  const limit = toInteger('limit', text);
  if (limit <= 0) throw new InvalidParameterValue('Limit must be positive');
  return Math.min(limit, max);
}

function nextLink(request: ApiRequest, path: string, page: Page, marker: string): string {
  const parameters = new URLSearchParams({ sort_key: page.sortKey, sort_dir: page.sortDir });
  for (const [name, values] of request.query) {
    if (PAGING.has(name)) continue;
    for (const value of values) parameters.append(name, value);
  }
  parameters.set('limit', String(page.limit));
  parameters.set('marker', marker);
  return `${linkTo(request, path)}?${parameters.toString().replaceAll('%2C', ',')}`;
}

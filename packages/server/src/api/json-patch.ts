// SPDX-License-Identifier: Apache-2.0

/**
 * JSON patch (RFC 6902) as this API has it: only add, replace and remove; `add` creates or replaces; removing a root
 * field gives it its empty value; the rules that follow the last operation are the resource's.
 */

import { InvalidParameterValue } from '../errors.ts';
import { isJsonObject, type Json, type JsonObject } from '../model/json.ts';

export interface PatchOperation {
  readonly op: 'add' | 'replace' | 'remove';
  /** As sent, for messages. */
  readonly path: string;
  /** First segment of the path. */
  readonly root: string;
  /** Segments below the root. */
  readonly below: readonly string[];
  /** null for remove */
  readonly value: Json;
}

/** Letters, digits, `_` and `-`: other keys cannot be addressed, clients replace the parent object instead. */
const PATH = /^(\/[\w-]+)+$/;
const OPERATIONS = new Set(['add', 'replace', 'remove']);
const KEYS = new Set(['op', 'path', 'value']);

/** Checks the shape of a patch document; 400 for anything else. An empty list is a patch that changes nothing. */
export function parsePatch(body: Json): PatchOperation[] {
  if (!Array.isArray(body)) throw schemaError('the patch must be a list of operations');
  return body.map(parseOperation);
}

function parseOperation(item: Json): PatchOperation {
  if (!isJsonObject(item)) throw schemaError('each operation must be an object');
  const extra = Object.keys(item).filter((key) => !KEYS.has(key));
  if (extra.length > 0) {
    throw schemaError(`Additional properties are not allowed ('${extra[0]?.slice(0, 200)}' was unexpected)`);
  }
  for (const key of ['op', 'path']) {
    if (!Object.hasOwn(item, key)) throw schemaError(`'${key}' is a required property`);
  }
  const { op, path } = item;
  if (typeof op !== 'string' || !OPERATIONS.has(op)) {
    throw schemaError(
      `'${typeof op === 'string' ? op.slice(0, 200) : typeof op}' is not one of ['add', 'replace', 'remove']`,
    );
  }
  if (typeof path !== 'string' || !PATH.test(path)) {
    throw schemaError(
      `'${typeof path === 'string' ? path.slice(0, 200) : typeof path}' does not match '^(/[\\\\w-]+)+$'`,
    );
  }
  const [root = '', ...below] = path.slice(1).split('/');
  if (op !== 'remove' && !Object.hasOwn(item, 'value')) throw schemaError(`'value' is a required property of ${op}`);
  return { op: op as PatchOperation['op'], path, root, below, value: op === 'remove' ? null : (item.value ?? null) };
}

/**
 * Applies operations in order and returns the new values of the roots they touch; `document` is left as it is.
 *
 * @param emptyOf what a removed root becomes; throws when the root cannot be removed
 */
export function applyPatch(
  document: Readonly<JsonObject>,
  operations: readonly PatchOperation[],
  emptyOf: (root: string) => Json,
): Map<string, Json> {
  const roots = new Map<string, Json>();
  for (const operation of operations) {
    const { root, below, op } = operation;
    if (below.length === 0) {
      roots.set(root, op === 'remove' ? emptyOf(root) : operation.value);
      continue;
    }
    if (!roots.has(root)) {
      const present = Object.hasOwn(document, root) ? (document[root] ?? emptyOf(root)) : emptyOf(root);
      roots.set(root, structuredClone(present));
    }
    applyBelow(roots.get(root) ?? null, operation);
  }
  return roots;
}

function applyBelow(start: Json, operation: PatchOperation): void {
  const { below } = operation;
  let parent: Json = start;
  for (const segment of below.slice(0, -1)) {
    const next: Json | undefined = child(parent, segment);
    if (next === undefined) throw failed(operation, `member '${segment}' not found in ${kindOf(parent)}`);
    parent = next;
  }
  const key = below.at(-1) ?? '';
  if (Array.isArray(parent)) changeItem(parent, key, operation);
  else if (isJsonObject(parent)) changeMember(parent, key, operation);
  else throw failed(operation, `${kindOf(parent)} has no members`);
}

function changeItem(list: Json[], key: string, operation: PatchOperation): void {
  if (key === '-' && operation.op === 'add') {
    list.push(structuredClone(operation.value));
    return;
  }
  const index = /^(0|[1-9]\d{0,8})$/.test(key) ? Number(key) : -1;
  const last = operation.op === 'add' ? list.length : list.length - 1;
  if (index < 0 || index > last) throw failed(operation, `'${key}' is not an index of the list`);
  if (operation.op === 'remove') list.splice(index, 1);
  else list.splice(index, operation.op === 'add' ? 0 : 1, structuredClone(operation.value));
}

function changeMember(object: JsonObject, key: string, operation: PatchOperation): void {
  if (operation.op !== 'add' && !Object.hasOwn(object, key)) {
    throw failed(operation, `can't ${operation.op} a non-existent object '${key}'`);
  }
  if (operation.op === 'remove') delete object[key];
  else {
    Object.defineProperty(object, key, {
      value: structuredClone(operation.value),
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
}

function child(parent: Json, segment: string): Json | undefined {
  if (Array.isArray(parent)) return /^(0|[1-9]\d{0,8})$/.test(segment) ? parent[Number(segment)] : undefined;
  return isJsonObject(parent) && Object.hasOwn(parent, segment) ? parent[segment] : undefined;
}

function kindOf(value: Json): string {
  if (Array.isArray(value)) return 'a list';
  return isJsonObject(value) ? (Object.keys(value).length === 0 ? '{}' : 'an object') : `a ${typeof value}`;
}

function failed(operation: PatchOperation, reason: string): InvalidParameterValue {
  return new InvalidParameterValue(
    `Couldn't apply patch '{'op': '${operation.op}', 'path': '${operation.path}'}'. Reason: ${reason}`,
  );
}

function schemaError(text: string): InvalidParameterValue {
  return new InvalidParameterValue(`Schema error for patch: ${text}`);
}

// SPDX-License-Identifier: Apache-2.0

import { InvalidParameterValue } from '../../errors.ts';
import { isJsonObject, type Json } from '../../model/json.ts';
import { show } from '../request.ts';
import { isName, toBoolean, toInteger, toMac, toUuid } from '../values.ts';
import type { Field } from './field.ts';

/** What a field holds when it has been removed: null, or what stands for nothing in its type. */
export function emptyValue(field: Field): Json {
  if (field.empty !== undefined) return field.empty;
  if (field.type === 'object') return field.nullable === true ? null : {};
  if (field.type === 'list') return field.nullable === true ? null : [];
  return field.type === 'boolean' && field.nullable !== true ? false : null;
}

/** Checks a client's value against its field and returns what is stored; 400 with a sentence that names the field. */
export function checkValue(resource: string, field: Field, value: Json): Json {
  if (value === null) {
    const empty = emptyValue(field);
    if (empty !== null || field.nullable === true || field.empty === null) return empty;
    throw wrong(resource, field, 'must not be null');
  }
  switch (field.type) {
    case 'uuid':
      return toUuid(field.name, value);
    case 'mac':
      return toMac(field.name, value);
    case 'boolean':
      if (field.strict === true && typeof value !== 'boolean') throw wrong(resource, field, 'must be true or false');
      return toBoolean(field.name, value);
    case 'integer':
      return toInteger(field.name, value);
    case 'object':
      if (!isJsonObject(value)) throw wrong(resource, field, `must be an object, not ${show(value)}`);
      return value;
    case 'list':
      if (!Array.isArray(value)) throw wrong(resource, field, `must be a list, not ${show(value)}`);
      return value;
    default:
      return checkString(resource, field, value);
  }
}

function checkString(resource: string, field: Field, value: Json): string {
  if (typeof value !== 'string') throw wrong(resource, field, `must be a string, not ${show(value)}`);
  const max = field.max ?? (field.type === 'text' ? undefined : 255);
  if (max !== undefined && value.length > max && [...value].length > max) {
    throw wrong(resource, field, `is longer than ${max} characters`);
  }
  if (value.length < (field.min ?? 0)) throw wrong(resource, field, 'must not be empty');
  if (field.pattern !== undefined && !field.pattern.test(value)) {
    throw wrong(resource, field, `'${show(value)}' does not match '${field.pattern.source}'`);
  }
  if (field.values !== undefined && !field.values.includes(value)) {
    throw wrong(
      resource,
      field,
      `'${show(value)}' is not one of [${field.values.map((item) => `'${item}'`).join(', ')}]`,
    );
  }
  if (field.type === 'name' && !isName(value)) {
    throw new InvalidParameterValue(`Cannot set invalid name '${show(value)}' for ${field.name} of a ${resource}`);
  }
  return value;
}

function wrong(resource: string, field: Field, text: string): InvalidParameterValue {
  return new InvalidParameterValue(`Schema error for ${resource}: ${field.name} ${text}`);
}

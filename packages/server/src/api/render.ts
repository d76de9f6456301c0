// SPDX-License-Identifier: Apache-2.0

/**
 * Rows to JSON text without building objects: stored JSON is embedded as it stands, unless something in it looks
 * secret. A set of fields is compiled once into a list of writers.
 */

import { maskJson } from '../model/secrets.ts';
import type { Field, Row, View } from './fields/field.ts';

/** Writes one row as a JSON object. */
export type Renderer = (row: Row, view: View) => string;

type Writer = (row: Row, view: View) => string;

/** Compiles fields; `linkPath` is the collection's path in links, `nodes`; `identity` the column links are built from. */
export function compileRenderer(fields: readonly Field[], linkPath: string, identity = 'uuid'): Renderer {
  const writers = fields.map((field, index) => {
    const prefix = `${index === 0 ? '{' : ','}"${field.name}":`;
    return { prefix, write: writerOf(field, linkPath, identity) };
  });
  return (row, view) => {
    let text = '';
    for (const { prefix, write } of writers) text += prefix + write(row, view);
    return `${text}}`;
  };
}

/** Text is turned into bytes in pieces of about this many characters: one long text would be copied once more. */
const PIECE = 32 * 1024;

/** `{"<key>":[...rows...],"next":"..."}` as UTF-8. */
export function renderList(key: string, rows: readonly Row[], render: Renderer, view: View, next?: string): Buffer {
  const pieces: Buffer[] = [];
  let text = `{"${key}":[`;
  let separator = '';
  for (const row of rows) {
    text += separator + render(row, view);
    separator = ',';
    if (text.length > PIECE) {
      pieces.push(Buffer.from(text));
      text = '';
    }
  }
  pieces.push(Buffer.from(next === undefined ? `${text}]}` : `${text}],"next":${JSON.stringify(next)}}`));
  return Buffer.concat(pieces);
}

/** The self and bookmark links of a path such as `nodes/<uuid>/ports`. */
export function links(base: string, path: string): string {
  return `[{"href":"${base}/v1/${path}","rel":"self"},{"href":"${base}/${path}","rel":"bookmark"}]`;
}

function writerOf(field: Field, linkPath: string, identity: string): Writer {
  const { name, mask, render } = field;
  if (render !== undefined) return render;
  switch (field.type) {
    case 'links': {
      const below = field.below ?? '';
      if (identity === 'uuid') return (row, view) => links(view.base, `${linkPath}/${row.uuid}${below}`);
      return (row, view) => links(view.base, `${linkPath}/${encodeURIComponent(String(row[identity]))}${below}`);
    }
    case 'uuid':
    case 'timestamp':
    case 'mac':
      return (row) => {
        const value = row[name];
        return value === null || value === undefined ? 'null' : `"${value}"`;
      };
    case 'boolean':
      return (row) => {
        const value = row[name];
        return value === null || value === undefined ? 'null' : Number(value) === 0 ? 'false' : 'true';
      };
    case 'integer':
      return (row) => String(row[name] ?? null);
    case 'object':
    case 'list': {
      const empty = field.nullable ? 'null' : field.type === 'object' ? '{}' : '[]';
      return (row) => {
        const value = row[name];
        if (typeof value !== 'string' || value === 'null') return empty;
        return mask === undefined ? value : maskJson(value, mask);
      };
    }
    default:
      return (row) => {
        const value = row[name];
        return typeof value === 'string' ? JSON.stringify(value) : 'null';
      };
  }
}

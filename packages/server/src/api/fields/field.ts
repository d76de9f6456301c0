// SPDX-License-Identifier: Apache-2.0

/** How the fields of a resource are described: one table per resource, from which everything else follows. */

import type { Services } from '../request.ts';

/** A stored row seen by name. */
export type Row = Readonly<Record<string, string | number | null>>;

/** What rendering depends on besides the row. */
export interface View {
  /** Start of links, see ApiRequest. */
  readonly base: string;
  readonly minor: number;
  readonly services: Pick<Services, 'conductor'>;
}

/** JSON types of fields; each knows how it is stored, checked and shown. */
export type FieldType =
  | 'uuid'
  | 'name'
  | 'string'
  | 'text'
  | 'mac'
  | 'boolean'
  | 'integer'
  | 'object'
  | 'list'
  | 'timestamp'
  | 'links';

/** One field of a resource. */
export interface Field {
  readonly name: string;
  readonly type: FieldType;
  /** First minor version that knows it. */
  readonly since: number;
  /** Accepted when the resource is created. */
  readonly create?: boolean;
  /** May be the root of a PATCH path. */
  readonly patch?: boolean;
  /** Shown in lists unless fields are chosen. */
  readonly list?: boolean;
  /** Null is a value. A field that is not nullable refuses null, except where its empty value stands in (objects, lists, booleans). */
  readonly nullable?: boolean;
  /** Must be given at create. */
  readonly required?: boolean;
  /** Longest string, in characters; 255 unless given. */
  readonly max?: number;
  /** Shortest string. */
  readonly min?: number;
  readonly pattern?: RegExp;
  readonly values?: readonly string[];
  /** What a removed or null boolean becomes; false unless given. */
  readonly empty?: boolean | string | number | null;
  /** Only JSON true and false, not the strings usually accepted. */
  readonly strict?: boolean;
  /** Cannot be named in `fields=`. */
  readonly unselectable?: boolean;
  /** Cannot be a sort key although stored in a column. */
  readonly unsortable?: boolean;
  /** Columns it is made of; its own name unless given, none for links. */
  readonly columns?: readonly string[];
  /** The value as JSON text; from the type unless given. Strings from users must be escaped. */
  readonly render?: (row: Row, view: View) => string;
  /** Secrets in it are masked on output, the given key names besides the general ones. */
  readonly mask?: ReadonlySet<string>;
  /** For links: path below the resource, such as `/ports`. Empty: the resource itself. */
  readonly below?: string;
}

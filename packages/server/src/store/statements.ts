// SPDX-License-Identifier: Apache-2.0

/** The SQL of one table's operations, compiled by Kysely once for each shape of a call and then reused with new values. */

import { type Compilable, type CompiledQuery, type Expression, type Kysely, type SqlBool, sql } from 'kysely';
import type { Database, DialectName } from './schema.ts';
import type { Condition } from './store.ts';
import { defaultOf, type Stored, type Table } from './tables.ts';

/** A parameter: PostgreSQL also takes arrays. */
type Parameter = Stored | readonly Stored[];

/** A page of a list, with the marker's row already looked up. */
export interface PageShape {
  readonly where: readonly Condition[];
  readonly sortKey: string;
  readonly descending: boolean;
  readonly limit: number | undefined;
  readonly after: { readonly id: number; readonly key: Stored } | undefined;
  /** All when undefined. */
  readonly columns: readonly string[] | undefined;
}

/** Shapes kept; the API bounds how many there can be, this bounds the memory if something else does not. */
const SHAPES = 2000;

/** Compiles the statements of one table. Shared by all collections over that table, in and out of transactions. */
export class Statements {
  readonly table: Table;
  readonly #db: Kysely<Database>;
  readonly #dialect: DialectName;
  readonly #compiled = new Map<string, CompiledQuery>();
  /** Columns in the order `insert` takes their values. */
  readonly insertColumns: readonly string[];
  /** What a column of `insertColumns` holds when left out; undefined when it must be given. */
  readonly insertDefaults: readonly (Stored | undefined)[];

  constructor(table: Table, db: Kysely<Database>, dialect: DialectName) {
    this.table = table;
    this.#db = db;
    this.#dialect = dialect;
    this.insertColumns = Object.keys(table.columns).filter((column) => column !== 'id');
    this.insertDefaults = this.insertColumns.map((column) => defaultOf(table, column));
  }

  /** Inserts a row with a value for each of `insertColumns`; answers its `id`. */
  insert(values: readonly Stored[]): CompiledQuery {
    return this.#reuse('insert', values, () =>
      this.#db
        .insertInto(this.table.name)
        .values(Object.fromEntries(this.insertColumns.map((column, index) => [column, values[index] ?? null])))
        .returning('id'),
    );
  }

  /** The rows with this value in a column. */
  find(column: string, value: Stored, forUpdate: boolean): CompiledQuery {
    const lock = forUpdate && this.#dialect === 'postgres';
    return this.#reuse(lock ? `lock ${column}` : `find ${column}`, [value], () => {
      const select = this.#db
        .selectFrom(this.table.name)
        .selectAll()
        .where(sql<SqlBool>`${this.#ref(column)} = ${value}`);
      return lock ? select.forUpdate() : select;
    });
  }

  /** A row when another table has this uuid. */
  exists(table: string, uuid: string): CompiledQuery {
    return this.#db.selectFrom(table).select('id').where('uuid', '=', uuid).compile();
  }

  /** `id` and the sort key of the row with this uuid. */
  marker(sortKey: string, uuid: string): CompiledQuery {
    return this.#reuse(`marker ${sortKey}`, [uuid], () =>
      this.#db
        .selectFrom(this.table.name)
        .select('id')
        .select(sql<Stored>`${this.#ref(sortKey)}`.as('key'))
        .where('uuid', '=', uuid),
    );
  }

  /** One page of rows. */
  page(page: PageShape): CompiledQuery {
    const { sortKey, descending, limit, after, columns } = page;
    const parameters = this.#parameters(page.where);
    if (after !== undefined) {
      if (sortKey !== 'id' && after.key !== null) parameters.push(after.key, after.key);
      parameters.push(after.id);
    }
    if (limit !== undefined) parameters.push(limit);
    const shape = `page ${columns?.join() ?? '*'} ${sortKey} ${descending} ${limit !== undefined} ${
      after === undefined ? 'first' : after.key === null ? 'after null' : 'after'
    } ${shapeOf(page.where)}`;
    return this.#reuse(shape, parameters, () => {
      let select = this.#db.selectFrom(this.table.name);
      select = columns === undefined ? select.selectAll() : select.select(this.#checked(columns));
      for (const condition of page.where) select = select.where(this.#expression(condition));
      if (after !== undefined) select = select.where(this.#after(sortKey, descending, after));
      if (sortKey !== 'id') select = select.orderBy(this.#order(sortKey, descending));
      select = select.orderBy('id', descending ? 'desc' : 'asc');
      return limit === undefined ? select : select.limit(limit);
    });
  }

  /** Counts rows as `count`. */
  count(where: readonly Condition[]): CompiledQuery {
    return this.#reuse(`count ${shapeOf(where)}`, this.#parameters(where), () => {
      let select = this.#db.selectFrom(this.table.name).select(sql<number>`count(*)`.as('count'));
      for (const condition of where) select = select.where(this.#expression(condition));
      return select;
    });
  }

  /** Changes the rows that meet `where`; answers them whole when `returning`. */
  update(
    changes: Readonly<Record<string, Stored>>,
    where: readonly Condition[],
    options: { readonly returning: boolean },
  ): CompiledQuery {
    const columns = Object.keys(changes);
    const parameters = [...Object.values(changes), ...this.#parameters(where)];
    return this.#reuse(`update ${options.returning} ${columns.join()} ${shapeOf(where)}`, parameters, () => {
      let update = this.#db.updateTable(this.table.name).set(changes);
      for (const condition of where) update = update.where(this.#expression(condition));
      return options.returning ? update.returningAll() : update;
    });
  }

  /** Deletes the rows that meet `where`. */
  delete(where: readonly Condition[]): CompiledQuery {
    return this.#reuse(`delete ${shapeOf(where)}`, this.#parameters(where), () => {
      let deletion = this.#db.deleteFrom(this.table.name);
      for (const condition of where) deletion = deletion.where(this.#expression(condition));
      return deletion;
    });
  }

  #reuse(shape: string, parameters: readonly Parameter[], build: () => Compilable): CompiledQuery {
    let compiled = this.#compiled.get(shape);
    if (compiled === undefined) {
      compiled = build().compile();
      if (compiled.parameters.length !== parameters.length) {
        throw new Error(`The statement "${compiled.sql}" does not take ${parameters.length} parameters.`);
      }
      if (this.#compiled.size >= SHAPES) this.#compiled.clear();
      this.#compiled.set(shape, compiled);
    }
    return { ...compiled, parameters };
  }

  /** The parameters of the conditions in the order `#expression` uses them. */
  #parameters(where: readonly Condition[]): Parameter[] {
    const parameters: Parameter[] = [];
    for (const condition of where) {
      switch (condition.op) {
        case 'is null':
        case 'is not null':
          break;
        case 'in':
        case 'not in':
          parameters.push(this.#list(condition.value));
          break;
        default:
          parameters.push(typeof condition.value === 'boolean' ? Number(condition.value) : condition.value);
      }
    }
    return parameters;
  }

  /** A list goes as one parameter, so that its length does not change the statement. */
  #list(values: readonly (string | number)[]): Parameter {
    return this.#dialect === 'sqlite' ? JSON.stringify(values) : values;
  }

  #expression(condition: Condition): Expression<SqlBool> {
    const column = this.#ref(condition.column);
    const sqlite = this.#dialect === 'sqlite';
    switch (condition.op) {
      case 'is null':
        return sql`${column} is null`;
      case 'is not null':
        return sql`${column} is not null`;
      case 'in':
        return sqlite
          ? sql`${column} in (select value from json_each(${this.#list(condition.value)}))`
          : sql`${column} = any(${this.#list(condition.value)})`;
      case 'not in':
        return sqlite
          ? sql`${column} not in (select value from json_each(${this.#list(condition.value)}))`
          : sql`${column} <> all(${this.#list(condition.value)})`;
      case 'contains':
        return sqlite ? sql`instr(${column}, ${condition.value}) > 0` : sql`strpos(${column}, ${condition.value}) > 0`;
      default:
        return sql`${column} ${sql.raw(operatorOf(condition.op))} ${condition.value}`;
    }
  }

  /** Rows that come after the marker's; nulls are the smallest values and `id` breaks ties. */
  #after(sortKey: string, descending: boolean, { id, key }: { id: number; key: Stored }): Expression<SqlBool> {
    const beyond = sql.raw(descending ? '<' : '>');
    if (sortKey === 'id') return sql`id ${beyond} ${id}`;
    const column = this.#ref(sortKey);
    if (key === null) {
      const tie = sql<SqlBool>`(${column} is null and id ${beyond} ${id})`;
      return descending ? tie : sql`(${column} is not null or ${tie})`;
    }
    const rest = sql<SqlBool>`${column} ${beyond} ${key} or (${column} = ${key} and id ${beyond} ${id})`;
    return descending ? sql`(${rest} or ${column} is null)` : sql`(${rest})`;
  }

  /** SQLite takes nulls for the smallest values, PostgreSQL for the largest unless told otherwise. */
  #order(sortKey: string, descending: boolean) {
    const column = this.#ref(sortKey);
    if (this.#dialect === 'sqlite') return descending ? sql`${column} desc` : sql`${column} asc`;
    return descending ? sql`${column} desc nulls last` : sql`${column} asc nulls first`;
  }

  #ref(column: string) {
    this.#checked([column]);
    return sql.ref(column);
  }

  #checked(columns: readonly string[]): readonly string[] {
    for (const column of columns) {
      if (!Object.hasOwn(this.table.columns, column)) {
        throw new RangeError(`The table ${this.table.name} has no column "${column}".`);
      }
    }
    return columns;
  }
}

function shapeOf(where: readonly Condition[]): string {
  let shape = '';
  for (const { column, op } of where) shape += `${column} ${op};`;
  return shape;
}

const OPERATORS: ReadonlySet<string> = new Set(['=', '!=', '<', '<=', '>', '>=']);

function operatorOf(op: string): string {
  if (!OPERATORS.has(op)) throw new RangeError(`There is no operator "${op}".`);
  return op;
}

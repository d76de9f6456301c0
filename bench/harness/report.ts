// SPDX-License-Identifier: Apache-2.0
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';

/** Flags every benchmark takes. */
export interface Flags {
  /** Small sizes: proves that the benchmark runs, its figures mean nothing. */
  readonly smoke: boolean;
  /** Run the peers that are installed. */
  readonly peer: boolean;
  /** Where to write the figures as JSON. */
  readonly json?: string;
}

/** Parses `[--smoke] [--no-peer] [--json FILE]`; prints the usage and exits 2 on anything else. */
export function flags(): Flags {
  try {
    const { values } = parseArgs({
      options: { smoke: { type: 'boolean' }, 'no-peer': { type: 'boolean' }, json: { type: 'string' } },
    });
    return {
      smoke: values.smoke ?? false,
      peer: !(values['no-peer'] ?? false),
      ...(values.json !== undefined && { json: values.json }),
    };
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\nusage: [--smoke] [--no-peer] [--json FILE]`);
    process.exit(2);
  }
}

/** What a row should reach: at least `atLeast` times less than the peer, or below an absolute `below`. */
export type Target = { readonly atLeast: number } | { readonly below: number };

/** One compared quantity: a cost, so that peer / ours above 1 means that we are cheaper. */
export interface Row {
  readonly what: string;
  readonly unit: string;
  readonly ours: number;
  /** Absent: the peer is not installed or was left out. */
  readonly peer?: number;
  readonly target?: Target;
  /** Nothing to compare with: an absent peer is not remarked on. */
  readonly alone?: true;
  /** More figures of the same run, shown behind the row. */
  readonly note?: string;
}

/** Three significant digits, never an exponent. */
export function digits(value: number): string {
  if (!Number.isFinite(value)) return '-';
  if (value === 0) return '0';
  const places = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(places, 4));
}

function verdict(row: Row): string {
  if (row.target === undefined) return '';
  if ('below' in row.target) {
    return `< ${row.target.below} ${row.unit}: ${row.ours < row.target.below ? 'met' : 'missed'}`;
  }
  const wanted = `>= ${row.target.atLeast}x`;
  return row.peer === undefined ? wanted : `${wanted}: ${row.peer / row.ours >= row.target.atLeast ? 'met' : 'missed'}`;
}

/** Collects the rows of one benchmark, prints them as a table with ratios, and writes JSON when asked. */
export class Report {
  readonly #rows: Row[] = [];
  readonly #benchmark: string;
  readonly #peerName: string;
  readonly #flags: Flags;
  readonly #absent: string;

  /** `peerName` is the column's title; `absent` stands for the figures of a peer that should run and cannot. */
  constructor(benchmark: string, peerName: string, flags: Flags, absent = 'not installed') {
    this.#benchmark = benchmark;
    this.#peerName = peerName;
    this.#flags = flags;
    this.#absent = absent;
  }

  add(row: Row): void {
    this.#rows.push(row);
    const ratio = row.peer === undefined ? '' : `, ${digits(row.peer / row.ours)}x`;
    process.stderr.write(`  ${row.what}: ${digits(row.ours)} ${row.unit}${ratio}\n`);
  }

  /** Prints the table and writes the JSON file. */
  finish(): void {
    const missing = this.#flags.peer ? this.#absent : 'left out';
    const table = [
      ['', 'wrought', this.#peerName, 'ratio', 'target', ''],
      ...this.#rows.map((row) => [
        row.what,
        `${digits(row.ours)} ${row.unit}`,
        row.peer === undefined ? (row.alone ? '-' : missing) : `${digits(row.peer)} ${row.unit}`,
        row.peer === undefined ? '-' : `${digits(row.peer / row.ours)}x`,
        this.#flags.smoke ? '' : verdict(row),
        row.note ?? '',
      ]),
    ];
    const widths = [0, 1, 2, 3, 4, 5].map((column) => Math.max(...table.map((line) => line[column]?.length ?? 0)));
    console.log(`\n${this.#benchmark}${this.#flags.smoke ? ' (smoke: sizes too small to mean anything)' : ''}`);
    for (const line of table) {
      console.log(
        line
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd(),
      );
    }
    if (this.#flags.json !== undefined) {
      const document = {
        benchmark: this.#benchmark,
        date: new Date().toISOString(),
        smoke: this.#flags.smoke,
        machine: { cpus: cpus().length, model: cpus()[0]?.model ?? 'unknown', node: process.version },
        peer: this.#peerName,
        rows: this.#rows.map((row) => ({ ...row, ...(row.peer !== undefined && { ratio: row.peer / row.ours }) })),
      };
      writeFileSync(this.#flags.json, `${JSON.stringify(document, null, 2)}\n`);
    }
  }
}

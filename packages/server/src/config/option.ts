// SPDX-License-Identifier: Apache-2.0
// What an option is, and short constructors for the option tables in `options/`.

/** How the text of an option becomes a value; see `values.ts` for the rules of each. */
export type OptionKind =
  | 'string'
  | 'choice'
  | 'boolean'
  | 'integer'
  | 'float'
  | 'octal'
  | 'list'
  | 'dict'
  | 'verify'
  | 'multi-string'
  | 'multi-dict';

/** One row of an option table. `T` is the type a reader of the configuration gets. */
export type Option<T = unknown> = {
  readonly kind: OptionKind;
  /** Value when nobody sets the option. Strings (also inside lists) may hold `$option` references. `null`: unset. */
  readonly default: T;
  /** Default that depends on the machine, and how the handbook describes it. */
  readonly computed?: { readonly value: () => T; readonly text: string };
  /** One sentence for the handbook. */
  readonly help: string;
  readonly choices?: readonly string[];
  readonly min?: number;
  readonly max?: number;
  /** Unit of a number, for the handbook and error messages. */
  readonly unit?: string;
  /** Masked wherever it is shown. */
  readonly secret?: boolean;
  /** A running service takes a new value on reload. */
  readonly mutable?: boolean;
  /** The default is ours, not Ironic's; the reason. */
  readonly differs?: string;
  /** Older names that still work, `section.option`. */
  readonly aliases?: readonly string[];
  /** Further condition: what is wrong with the value, or `undefined`. */
  readonly check?: (value: string) => string | undefined;
};

type Extra<T> = Omit<Partial<Option<T>>, 'kind' | 'default' | 'help'>;
type Nullable<T, D> = T | Extract<D, null>;

/** For options a running service re-reads. */
export const MUTABLE = { mutable: true } as const;

export function str<D extends string | null>(
  value: D,
  help: string,
  extra: Extra<Nullable<string, D>> = {},
): Option<Nullable<string, D>> {
  return { kind: 'string', default: value as Nullable<string, D>, help, ...extra };
}

export function choice<const C extends readonly string[], D extends C[number] | null>(
  choices: C,
  value: D,
  help: string,
  extra: Extra<Nullable<C[number], D>> = {},
): Option<Nullable<C[number], D>> {
  return { kind: 'choice', choices, default: value as Nullable<C[number], D>, help, ...extra };
}

export function bool(value: boolean, help: string, extra: Extra<boolean> = {}): Option<boolean> {
  return { kind: 'boolean', default: value, help, ...extra };
}

export function int<D extends number | null>(
  value: D,
  help: string,
  extra: Extra<Nullable<number, D>> = {},
): Option<Nullable<number, D>> {
  return { kind: 'integer', default: value as Nullable<number, D>, help, ...extra };
}

/** A duration in whole seconds, never negative. */
export function seconds<D extends number | null>(
  value: D,
  help: string,
  extra: Extra<Nullable<number, D>> = {},
): Option<Nullable<number, D>> {
  return { kind: 'integer', min: 0, unit: 's', default: value as Nullable<number, D>, help, ...extra };
}

/** A TCP or UDP port, 0 to 65535. */
export function port<D extends number | null>(
  value: D,
  help: string,
  extra: Extra<Nullable<number, D>> = {},
): Option<Nullable<number, D>> {
  return { kind: 'integer', min: 0, max: 65535, default: value as Nullable<number, D>, help, ...extra };
}

export function float(value: number, help: string, extra: Extra<number> = {}): Option<number> {
  return { kind: 'float', default: value, help, ...extra };
}

/** File mode bits, written in octal. */
export function octal<D extends number | null>(
  value: D,
  help: string,
  extra: Extra<Nullable<number, D>> = {},
): Option<Nullable<number, D>> {
  return { kind: 'octal', min: 0, max: 0o7777, default: value as Nullable<number, D>, help, ...extra };
}

export function list(value: string[], help: string, extra: Extra<string[]> = {}): Option<string[]> {
  return { kind: 'list', default: value, help, ...extra };
}

export function dict(
  value: Record<string, string>,
  help: string,
  extra: Extra<Record<string, string>> = {},
): Option<Record<string, string>> {
  return { kind: 'dict', default: value, help, ...extra };
}

/** Certificate checking: true (system authorities), false (none), or the path of a CA file or directory. */
export function verify(value: boolean, help: string, extra: Extra<boolean | string> = {}): Option<boolean | string> {
  return { kind: 'verify', default: value, help, ...extra };
}

/** May be repeated; every assignment counts, across files too. */
export function multiString(value: string[], help: string, extra: Extra<string[]> = {}): Option<string[]> {
  return { kind: 'multi-string', default: value, help, ...extra };
}

/** May be repeated; the assignments are merged key by key, later ones winning. */
export function multiDict(
  value: Record<string, string>,
  help: string,
  extra: Extra<Record<string, string>> = {},
): Option<Record<string, string>> {
  return { kind: 'multi-dict', default: value, help, ...extra };
}

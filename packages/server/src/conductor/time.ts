// SPDX-License-Identifier: Apache-2.0

import { timestamp } from '../model/columns.ts';

/** The time as `driver_internal_info` holds it: UTC, `YYYY-MM-DDTHH:MM:SS.ffffff`, no offset. */
export function utcMicroseconds(date: Date = new Date()): string {
  return timestamp(date).slice(0, 26);
}

/** The point `seconds` from now (negative: ago) in the form the database holds. */
export function fromNow(seconds: number): string {
  return timestamp(new Date(Date.now() + seconds * 1000));
}

/** A point that never comes: the `run_after` of work that waits for a call-back. */
export const NEVER = '9999-12-31T23:59:59.000000+00:00';

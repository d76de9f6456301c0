// SPDX-License-Identifier: Apache-2.0

import type { IncomingHttpHeaders } from 'node:http';

/** Who a request comes from. */
export interface Identity {
  readonly user: string | null;
  readonly project: string | null;
}

/** A refused request: the complete answer, without version headers. */
export interface Refusal {
  readonly status: number;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** How requests prove who they are, `[DEFAULT]auth_strategy`. Public paths never get here. */
export interface AuthStrategy {
  authenticate(headers: IncomingHttpHeaders): Promise<Identity | Refusal> | Identity | Refusal;
}

/** Tells a refusal from an identity. */
export function isRefusal(result: Identity | Refusal): result is Refusal {
  return 'status' in result;
}

/** Nobody in particular, who may do everything. */
export const ANYBODY: Identity = { user: null, project: null };

/** No authentication. */
export const noAuth: AuthStrategy = { authenticate: () => ANYBODY };

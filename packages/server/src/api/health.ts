// SPDX-License-Identifier: Apache-2.0

import { access } from 'node:fs/promises';
import type { FastifyInstance } from 'fastify';
import type { Config } from '../config/index.ts';

/** Serves `[healthcheck]path` when `[healthcheck]enabled`: outside versioning and authentication. */
export function addHealthcheck(app: FastifyInstance, config: Config): void {
  const { enabled, path, disable_by_file_path } = config.healthcheck;
  if (!enabled) return;
  app.get(path, async (_request, reply) => {
    const disabled = disable_by_file_path !== null && (await exists(disable_by_file_path));
    return await reply
      .code(disabled ? 503 : 200)
      .header('content-type', 'text/plain; charset=UTF-8')
      .send(disabled ? 'DISABLED BY FILE' : 'OK');
  });
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}

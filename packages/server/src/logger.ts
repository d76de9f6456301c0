// SPDX-License-Identifier: Apache-2.0

import pino from 'pino';
import type { Config } from './config/index.ts';
import type { Logger } from './hardware/contracts.ts';

/**
 * The service's logger: JSON lines on stdout with `time`, `level`, `msg` and whatever identifies the request or node.
 * `[DEFAULT]debug` lowers the level from info to debug, `log_file` sends the lines to a file.
 */
export function createLogger(config: Config): Logger {
  const file = config.DEFAULT.log_file;
  return pino(
    {
      level: config.DEFAULT.debug ? 'debug' : 'info',
      base: { host: config.DEFAULT.host },
      formatters: { level: (label) => ({ level: label }) },
      timestamp: pino.stdTimeFunctions.isoTime,
    },
    pino.destination({ dest: file ?? 1, sync: true, mkdir: true }),
  ) as Logger;
}

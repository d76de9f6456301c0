// SPDX-License-Identifier: Apache-2.0

export { createLogger } from './logger.ts';
export { createService, type Service } from './main.ts';

// SPDX-License-Identifier: Apache-2.0
// Prints the handbook page of all options: node scripts/config-docs.ts > docs/configuration.md
import { configurationMarkdown } from '../packages/server/src/config/docs.ts';

process.stdout.write(configurationMarkdown());

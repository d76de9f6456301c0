// SPDX-License-Identifier: Apache-2.0

import { Command, CommanderError } from 'commander';
import { printEffectiveConfig } from './commands/config.ts';
import { serve } from './commands/serve.ts';

const append = (value: string, previous: string[] = []): string[] => [...previous, value];

/** The `wrought` command. Each subcommand lives in `commands/`. */
function createProgram(): Command {
  const program = new Command('wrought');
  program.description('Bare-metal provisioning that speaks the OpenStack Bare Metal (Ironic) API').version('0.1.0');
  program
    .command('serve')
    .description('serve the API until SIGTERM')
    .option('--config-file <file>', 'an ironic.conf-style file; repeatable, later ones win', append)
    .option('--config-dir <directory>', 'read its *.conf in order; repeatable', append)
    .option('--host <address>', 'address to listen on ([api]host_ip, default 127.0.0.1)')
    .option('--port <number>', 'port to listen on ([api]port, default 6385); 0 takes a free one')
    .option('--state-dir <directory>', 'where the database and other state live ([DEFAULT]state_path, default ./state)')
    .action(serve);
  program
    .command('config')
    .description('print every effective setting, secrets masked')
    .option('--config-file <file>', 'as for serve', append)
    .option('--config-dir <directory>', 'as for serve', append)
    .option('--state-dir <directory>', 'as for serve')
    .action(printEffectiveConfig);
  return program;
}

try {
  await createProgram().exitOverride().parseAsync(process.argv);
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode;
  else {
    process.stderr.write(`wrought: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}

#!/usr/bin/env -S MALLOC_ARENA_MAX=1 node --max-semi-space-size=2 --expose-gc
// SPDX-License-Identifier: Apache-2.0
// The way in. The flags keep the idle service small: one malloc arena, a small young generation, a collection after start-up.
// Plain JavaScript, so that an older Node can read it and hand over to the pinned one of this installation.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import module from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));

if (Number(process.versions.node.split('.')[0]) >= 24) {
  // The compiled form of the sources is kept beside the installed packages, where only who installed can write.
  const modules = join(here, '../../../node_modules');
  if (existsSync(modules)) module.enableCompileCache(join(modules, '.cache', 'wrought'));
  await import('../src/main.ts');
} else {
  const pinned = join(here, '../../../node_modules/.bin/node');
  if (!existsSync(pinned)) {
    process.stderr.write(
      `wrought needs Node.js 24 or later; this is ${process.version}. Run "npm install" in the repository to get it.\n`,
    );
    process.exit(1);
  }
  const child = spawn(pinned, [...process.execArgv, fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: 'inherit',
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

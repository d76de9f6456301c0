#!/usr/bin/env -S MALLOC_ARENA_MAX=1 node --expose-gc
// SPDX-License-Identifier: Apache-2.0
// The way in. Plain JavaScript, so that an older Node can read it and hand over to the pinned one of this installation.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import module from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

// What the first line says, for who starts this file with a node of his own. It keeps the idle service small: a thorough
// collection after start-up, one malloc arena.
const FLAGS = ['--expose-gc'];
const env = { ...process.env, MALLOC_ARENA_MAX: '1' };

const self = fileURLToPath(import.meta.url);
const modules = join(dirname(self), '../../../node_modules');
const args = process.argv.slice(2);
const flagged = FLAGS.every((flag) => process.execArgv.includes(flag));

if (Number(process.versions.node.split('.')[0]) < 24) {
  const pinned = join(modules, '.bin/node');
  if (!existsSync(pinned)) {
    process.stderr.write(
      `wrought needs Node.js 24 or later; this is ${process.version}. Run "npm install" in the repository to get it.\n`,
    );
    process.exit(1);
  }
  const child = spawn(pinned, [...FLAGS, self, ...args], { stdio: 'inherit', env });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
} else if (args[0] === 'serve' && !flagged && process.execve !== undefined) {
  process.execve(process.execPath, [process.execPath, ...process.execArgv, ...FLAGS, self, ...args], env);
} else {
  // The compiled form of the sources is kept beside the installed packages, where only who installed can write.
  if (existsSync(modules)) module.enableCompileCache(join(modules, '.cache', 'wrought'));
  await import('../src/main.ts');
}

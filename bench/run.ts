// SPDX-License-Identifier: Apache-2.0
// Runs every benchmark, one after the other, with the flags given; ends non-zero when one did not work.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { flags } from './harness/report.ts';

const { smoke, peer, json } = flags();
const BENCHMARKS = ['api', 'provision', 'start', 'libvirt'];
const failed = BENCHMARKS.filter((benchmark) => {
  const args = [join(import.meta.dirname, `${benchmark}.ts`)];
  if (smoke) args.push('--smoke');
  if (!peer) args.push('--no-peer');
  // --json out.json becomes out.api.json, out.provision.json, ...
  if (json !== undefined) args.push('--json', json.replace(/(\.json)?$/, `.${benchmark}.json`));
  return spawnSync(process.execPath, args, { stdio: 'inherit' }).status !== 0;
});
if (failed.length > 0) {
  console.error(`did not work: ${failed.join(', ')}`);
  process.exit(1);
}

// SPDX-License-Identifier: Apache-2.0

/**
 * A process of its own that writes to a store, for tests of what several processes do to each other and of sudden death.
 * `once URL`: opens, inserts one node, closes. `forever URL`: inserts nodes with their work until killed. Each node's uuid is
 * written to stdout when its insertion has been acknowledged.
 */

import { writeSync } from 'node:fs';
import { openStore } from '../../src/store/open.ts';

const [, , mode, url] = process.argv;
if (url === undefined) throw new Error('usage: store-process.ts once|forever URL');
const store = await openStore(url);
do {
  const uuid = await store.transaction(async (tables) => {
    const node = await tables.nodes.insert({ driver: 'fake-hardware', extra: { filler: 'x'.repeat(500) } });
    await tables.work.insert({ node_uuid: node.uuid, workflow: 'deploy', step: 'prepare' });
    return node.uuid;
  });
  writeSync(1, `${uuid}\n`);
} while (mode === 'forever');
await store.close();

// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { call, type RunningService, startService, temporaryDirectory } from './support/service.ts';

const ROUNDS = 50;
const CLIENTS = 8;

// Delays make the working states last long enough to be hit; a sync every second adds the conductor's own writes.
const CONFIG = `
[DEFAULT]
host = crash-test
[conductor]
automated_clean = true
sync_power_state_interval = 1
[fake]
power_delay = 0.02,0.05
deploy_delay = 0.02,0.05
inspect_delay = 0.02,0.05
`;

/** A node as far as the test looks at it. */
interface SeenNode {
  uuid: string;
  name: string;
  provision_state: string;
  target_provision_state: string | null;
  power_state: string | null;
  target_power_state: string | null;
  reservation: string | null;
  last_error: string | null;
  extra: { left?: number; right?: number };
  description: string | null;
}

/** What clients know for certain, because the service answered. */
class Ledger {
  readonly created = new Set<string>();
  readonly deleted = new Set<string>();
  readonly portOf = new Map<string, string>();
  /** Deletions sent but never answered: either outcome is right. */
  readonly doubtful = new Set<string>();
}

const TRANSIENT = new Set(['verifying', 'cleaning', 'deploying', 'deleting', 'inspecting', 'adopting']);
const NEXT: Readonly<Record<string, readonly string[]>> = {
  enroll: ['manage'],
  manageable: ['provide', 'inspect'],
  available: ['active', 'manage'],
  active: ['deleted', 'rebuild'],
  'deploy failed': ['active', 'deleted'],
  'clean failed': ['manage'],
  'inspect failed': ['manage'],
  'adopt failed': ['manage'],
  error: ['deleted'],
};

function pick<T>(items: readonly T[]): T {
  const item = items[Math.floor(Math.random() * items.length)];
  assert.ok(item !== undefined);
  return item;
}

/** One client that creates, patches, switches, provisions and deletes until the service dies. */
async function client(service: RunningService, ledger: Ledger, id: string): Promise<void> {
  const own: string[] = [...ledger.created].filter((uuid) => !ledger.deleted.has(uuid) && !ledger.doubtful.has(uuid));
  for (let turn = 0; ; turn++) {
    const dice = Math.random();
    const uuid = own.length === 0 || (dice < 0.15 && own.length < 60) ? undefined : pick(own);
    if (uuid === undefined) {
      const node = await call(service, 'POST', '/v1/nodes', { driver: 'fake-hardware', name: `n-${id}-${turn}` });
      assert.equal(node.status, 201, JSON.stringify(node.body));
      const created = (node.body as SeenNode).uuid;
      ledger.created.add(created);
      own.push(created);
      const address = `52:54:00:${[0, 0, 0]
        .map(() =>
          Math.floor(Math.random() * 256)
            .toString(16)
            .padStart(2, '0'),
        )
        .join(':')}`;
      const port = await call(service, 'POST', '/v1/ports', { node_uuid: created, address });
      if (port.status === 201) ledger.portOf.set(created, (port.body as { uuid: string }).uuid);
    } else if (dice < 0.45) {
      const value = Math.floor(Math.random() * 1e9);
      await call(service, 'PATCH', `/v1/nodes/${uuid}`, [
        { op: 'add', path: '/extra/left', value },
        { op: 'add', path: '/description', value: String(value) },
        { op: 'add', path: '/extra/right', value },
      ]);
    } else if (dice < 0.6) {
      await call(service, 'PUT', `/v1/nodes/${uuid}/states/power`, {
        target: pick(['power on', 'power off', 'rebooting']),
      });
    } else if (dice < 0.63) {
      ledger.doubtful.add(uuid);
      own.splice(own.indexOf(uuid), 1);
      const answer = await call(service, 'DELETE', `/v1/nodes/${uuid}`);
      if (answer.status === 204) ledger.deleted.add(uuid);
      ledger.doubtful.delete(uuid);
    } else {
      const node = await call(service, 'GET', `/v1/nodes/${uuid}`);
      const verbs = node.status === 200 ? NEXT[(node.body as SeenNode).provision_state] : undefined;
      if (verbs !== undefined)
        await call(service, 'PUT', `/v1/nodes/${uuid}/states/provision`, { target: pick(verbs) });
    }
  }
}

async function allNodes(service: RunningService): Promise<SeenNode[]> {
  const nodes: SeenNode[] = [];
  let path: string | undefined = '/v1/nodes/detail?limit=500';
  while (path !== undefined) {
    const page = (await call(service, 'GET', path)).body as { nodes: SeenNode[]; next?: string };
    nodes.push(...page.nodes);
    path = page.next === undefined ? undefined : new URL(page.next).pathname + new URL(page.next).search;
  }
  return nodes;
}

/** Waits until nothing is under way any more. */
async function settled(service: RunningService): Promise<SeenNode[]> {
  const end = performance.now() + 60_000;
  for (;;) {
    const nodes = await allNodes(service);
    const busy = nodes.filter(
      (node) => node.reservation !== null || TRANSIENT.has(node.provision_state) || node.target_power_state !== null,
    );
    if (busy.length === 0) return nodes;
    assert.ok(performance.now() < end, `never came to rest: ${JSON.stringify(busy[0])}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function check(nodes: readonly SeenNode[], ledger: Ledger): void {
  const present = new Map(nodes.map((node) => [node.uuid, node]));
  for (const uuid of ledger.created) {
    if (ledger.deleted.has(uuid)) assert.ok(!present.has(uuid), `${uuid} was deleted and is back`);
    else if (!ledger.doubtful.has(uuid)) assert.ok(present.has(uuid), `${uuid} was created and is lost`);
  }
  for (const node of nodes) {
    assert.equal(node.extra.left, node.extra.right, `half a PATCH on ${node.uuid}`);
    assert.equal(node.description, node.extra.left === undefined ? null : String(node.extra.left));
    if (node.provision_state.endsWith(' failed') || node.provision_state === 'error') {
      assert.ok(node.last_error, `${node.uuid} is in ${node.provision_state} without last_error`);
    } else {
      assert.equal(node.target_provision_state, null, `${node.uuid} rests in ${node.provision_state} with a target`);
    }
  }
}

test(`a service killed ${ROUNDS} times at random moments under load loses nothing and leaves no node stuck`, {
  timeout: 900_000,
}, async () => {
  const directory = await temporaryDirectory();
  const ledger = new Ledger();
  try {
    for (let round = 0; round < ROUNDS; round++) {
      const service = await startService(directory.path, CONFIG);
      try {
        check(await settled(service), ledger);
        const clients = Array.from({ length: CLIENTS }, (_, index) => client(service, ledger, `${round}-${index}`));
        const ended = Promise.allSettled(clients);
        await new Promise((resolve) => setTimeout(resolve, 50 + Math.random() * 400));
        await service.kill();
        for (const result of await ended) {
          // Losing the connection is the point; anything else is a finding.
          if (result.status === 'rejected' && result.reason instanceof assert.AssertionError) throw result.reason;
        }
      } finally {
        await service.kill();
      }
    }
    const service = await startService(directory.path, CONFIG);
    try {
      const nodes = await settled(service);
      check(nodes, ledger);
      assert.ok(nodes.length > ROUNDS, `the load made only ${nodes.length} nodes`);
      const ports = (await call(service, 'GET', '/v1/ports/detail?limit=1000')).body as {
        ports: { uuid: string; node_uuid: string }[];
      };
      for (const port of ports.ports)
        assert.ok(
          nodes.some((node) => node.uuid === port.node_uuid),
          'a port outlived its node',
        );
      for (const [node, port] of ledger.portOf) {
        if (nodes.some(({ uuid }) => uuid === node))
          assert.ok(
            ports.ports.some(({ uuid }) => uuid === port),
            `port ${port} is lost`,
          );
      }
      assert.equal(await service.stop(), 0);
    } finally {
      await service.kill();
    }
  } finally {
    await directory.remove();
  }
});

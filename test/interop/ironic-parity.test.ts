// SPDX-License-Identifier: Apache-2.0

/**
 * The whole API beside Debian's Ironic, which defines it: the same requests to both at the versions both know. Statuses,
 * headers, bodies, error styles, and what becomes of nodes must agree, but for the table in `ironic/differences.ts`.
 */

import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, it } from 'node:test';
import { type RunningService, startService, temporaryDirectory } from '../support/service.ts';
import { compare, type Pair, type Request } from './ironic/compare.ts';
import { INTENDED, type Intended, unexplained } from './ironic/differences.ts';
import { GATES, PATHS, SUB_PATHS } from './ironic/reads.ts';
import { IN_EACH_STATE, IN_MAINTENANCE, STATES, TARGETS } from './ironic/verbs.ts';
import { NAMES, ROWS, WORLD } from './ironic/world.ts';
import { ACTIONS, CREATION, NEGOTIATION, PATCHES, QUERIES, TOO_EARLY, TRANSPORT } from './ironic/writes.ts';
import { type Reference, startReference } from './ironic-reference.ts';
import { missingPeers } from './peers.ts';

const skip = missingPeers('ironic', 'ironic-dbsync');

/** As the reference is configured. */
const CONFIG = `[DEFAULT]
host = reference
enabled_hardware_types = fake-hardware
enabled_boot_interfaces = fake
enabled_deploy_interfaces = fake
enabled_power_interfaces = fake
enabled_management_interfaces = fake
enabled_network_interfaces = noop
[conductor]
automated_clean = false
sync_power_state_interval = 0
`;

describe('Ironic 21.4 and this service answer alike', { skip, timeout: 300_000 }, () => {
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  let ironic: Reference;
  let service: RunningService;
  let pair: Pair;
  const databases: { ironic?: DatabaseSync; wrought?: DatabaseSync } = {};
  const used = new Set<Intended>();

  before(async () => {
    directory = await temporaryDirectory();
    [ironic, service] = await Promise.all([startReference(directory.path), startService(directory.path, CONFIG)]);
    pair = { ironic: ironic.url, wrought: service.url };
  });

  after(async () => {
    databases.ironic?.close();
    databases.wrought?.close();
    await ironic?.stop();
    await service?.stop();
    await directory?.remove();
  });

  /** Sends all requests, one after another, then tells every difference. */
  async function agree(requests: Iterable<Request>): Promise<void> {
    const found: string[] = [];
    for (const request of requests) found.push(...unexplained(await compare(pair, request), used));
    assert.deepEqual(found, [], `\n${found.join('\n')}`);
  }

  /** Changes both databases, each in its own terms. */
  function write(statements: { readonly ironic: readonly string[]; readonly wrought: readonly string[] }): void {
    for (const name of ['ironic', 'wrought'] as const) {
      databases[name] ??= new DatabaseSync(`${directory.path}/${name}.sqlite`, { timeout: 5000 });
      for (const line of statements[name]) databases[name].exec(line);
    }
  }

  it('when chassis, nodes, ports and what belongs to them are made', async () => {
    await agree(WORLD);
    write(ROWS);
  });

  it('when anything is read, at every version', async () => {
    const found: string[] = [];
    for (let minor = 1; minor <= 82; minor += 1) {
      const paths = GATES.has(minor) ? [...PATHS, ...SUB_PATHS] : PATHS;
      const reads = paths.map((path) => compare(pair, ['GET', path, undefined, minor]));
      for (const exchange of await Promise.all(reads)) found.push(...unexplained(exchange, used));
    }
    assert.deepEqual(found, [], `\n${found.join('\n')}`);
  });

  it('when a version is asked for', () => agree(NEGOTIATION));

  it('when requests go to the wrong place or have no form', () => agree(TRANSPORT));

  it('when something is asked one version too early', () => agree(TOO_EARLY));

  it('when lists are paged, sorted, narrowed', () => agree(QUERIES));

  it('when things are made and deleted', () => agree(CREATION));

  it('when things are patched', () => agree(PATCHES));

  it('when nodes are acted upon', () => agree(ACTIONS));

  it('when every verb comes in every state', async () => {
    await agree([['POST', 'nodes', { uuid: '{VERBS}', driver: 'fake-hardware', resource_class: 'desktop' }]]);
    const found: string[] = [];
    for (const state of STATES) {
      // In maintenance, only the states in which nodes rest are tried.
      const kept = state in TARGETS ? [] : IN_MAINTENANCE;
      for (const [requests, maintenance] of [[IN_EACH_STATE, 0] as const, [kept, 1] as const]) {
        let fresh = false;
        for (const request of requests) {
          if (!fresh) put(state, maintenance);
          const exchange = await compare(pair, request, state);
          found.push(
            ...unexplained(exchange, used).map((line) => `${state}${maintenance ? ' in maintenance' : ''}: ${line}`),
          );
          fresh = request[0] === 'GET' || exchange.statuses.every((status) => status >= 400);
        }
      }
    }
    assert.deepEqual(found, [], `\n${found.join('\n')}`);
  });

  it('and every difference that is meant is there', () => {
    const idle = INTENDED.filter((row) => !used.has(row)).map((row) => `${row.request} ${row.reason}`);
    assert.deepEqual(idle, []);
  });

  /** Puts the node of the verbs into a state, as if it had come there by itself. */
  function put(state: (typeof STATES)[number], maintenance: 0 | 1): void {
    const target = TARGETS[state] === undefined ? 'null' : `'${TARGETS[state]}'`;
    const reset = `update nodes set provision_state = '${state}', target_provision_state = ${target}, power_state = 'power off',
      target_power_state = null, reservation = null, maintenance = ${maintenance}, maintenance_reason = null, fault = null,
      last_error = null, instance_uuid = null, protected = 0, retired = 0, resource_class = 'desktop', raid_interface = 'fake',
      extra = '{}', clean_step = '{}', deploy_step = '{}', driver_internal_info = '{}', instance_info = '{}'
      where uuid = '${NAMES.VERBS}'`;
    write({ ironic: [reset], wrought: [reset] });
  }
});

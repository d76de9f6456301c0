// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { AlreadyExists, Conflict, InvalidParameterValue, MissingParameterValue } from '../src/errors.ts';
import { decodeRow, timestamp } from '../src/model/columns.ts';
import { nodeColumns } from '../src/model/resources.ts';
import type { Store } from '../src/store/store.ts';
import { ALL, describeDatabases } from './support/stores.ts';

const U1 = '11111111-2222-3333-4444-555555555555';
const U2 = '22222222-2222-3333-4444-555555555555';
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$/;

describeDatabases('The store', ALL, (databases) => {
  let store: Store;
  let count = 0;
  before(async () => {
    store = await databases.open();
  });
  const node = (values: Parameters<Store['nodes']['insert']>[0] = {}) =>
    store.nodes.insert({ driver: 'fake-hardware', name: `node-${++count}`, ...values });

  test('a new row gets an id, a lower-case v4 uuid, the time, and the defaults of its columns', async () => {
    const row = await node({ uuid: U1 });
    assert.equal(row.uuid, U1);
    assert.match(row.created_at, TIME);
    assert.equal(row.provision_state, 'enroll');
    assert.equal(row.conductor_group, '');
    assert.equal(row.driver_info, '{}');
    assert.equal(row.traits, '[]');
    assert.equal(row.maintenance, 0);
    assert.equal(row.updated_at, null);
    const port = await store.ports.insert({ node_uuid: U1, address: '52:54:00:00:00:01' });
    assert.match(port.uuid, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.equal(port.pxe_enabled, 1);
    assert.equal((await store.portgroups.insert({ node_uuid: U1 })).mode, 'active-backup');
    assert.equal((await store.conductors.insert({ hostname: 'a' })).online, 1);
    assert.equal((await store.inspectionRules.insert({})).phase, 'main');
    assert.equal((await store.runbooks.insert({ name: 'r' })).steps, '[]');
    assert.ok(port.id > 0);
  });

  test('what insert returns is what the database holds, column for column', async () => {
    const values = {
      name: 'as-stored',
      driver: 'staging-amt',
      driver_info: { amt_address: '192.0.2.1', nested: { list: [1, 'é', null, true] } },
      traits: ['CUSTOM_A'],
      maintenance: true,
      automated_clean: false,
      description: 'naïve ☃ 𝄞 "quoted" \\ \n',
    };
    const row = await store.nodes.insert(values);
    const found = await store.nodes.find('uuid', row.uuid);
    assert.deepEqual(found, row);
    assert.deepEqual(Object.keys(row), Object.keys(nodeColumns));
    const record = decodeRow(nodeColumns, row);
    for (const [name, value] of Object.entries(values)) {
      assert.deepEqual(record[name as keyof typeof record], value);
    }
  });

  test('integers, booleans and counts come as numbers', async () => {
    const { uuid } = await node();
    const row = await store.biosSettings.insert({
      node_uuid: uuid,
      name: 'ProcTurboMode',
      lower_bound: -5,
      upper_bound: 2 ** 40,
      read_only: false,
      unique: true,
      allowable_values: ['On', 'Off'],
    });
    const [listed] = await store.biosSettings.list({ where: [{ column: 'node_uuid', op: '=', value: uuid }] });
    assert.deepEqual(listed, row);
    assert.deepEqual(
      [listed?.upper_bound, listed?.lower_bound, listed?.read_only, listed?.unique, listed?.reset_required],
      [2 ** 40, -5, 0, 1, null],
    );
    assert.equal(await store.biosSettings.count([{ column: 'node_uuid', op: '=', value: uuid }]), 1);
  });

  test('a row without a value for a column that has no default is refused', async () => {
    await assert.rejects(store.ports.insert({ node_uuid: U1 }), MissingParameterValue);
  });

  test('a text with U+0000 is refused and half a surrogate pair is replaced', async () => {
    await assert.rejects(node({ description: 'a\0b' }), InvalidParameterValue);
    const row = await node({ description: 'a\ud800b', extra: { 'k\0': 'v\0' } });
    assert.equal(row.description, 'a\ufffdb');
    assert.deepEqual(await store.nodes.find('uuid', row.uuid), row);
    assert.deepEqual(JSON.parse(row.extra), { 'k\0': 'v\0' });
  });

  const taken = (field: string, message: RegExp | string) => (error: unknown) => {
    assert.ok(error instanceof AlreadyExists, String(error));
    assert.equal(error.status, 409);
    assert.equal(error.field, field);
    if (typeof message === 'string') assert.equal(error.message, message);
    else assert.match(error.message, message);
    return true;
  };

  test('a unique value that is taken is told by the field and a sentence', async () => {
    const { uuid } = await node({ name: 'ex0', uuid: U2, instance_uuid: 'i-1' });
    await assert.rejects(node({ name: 'ex0' }), taken('name', 'A node with name ex0 already exists.'));
    await assert.rejects(node({ uuid: U2 }), taken('uuid', `A node with UUID ${U2} already exists.`));
    const other = await node();
    await assert.rejects(
      store.nodes.update(other.uuid, { instance_uuid: 'i-1' }),
      taken('instance_uuid', new RegExp(`i-1.*already.*${other.uuid}`)),
    );
    await store.ports.insert({ node_uuid: uuid, address: '52:54:00:aa:00:01', name: 'p' });
    const address = taken('address', 'A port with MAC address 52:54:00:aa:00:01 already exists.');
    await assert.rejects(store.ports.insert({ node_uuid: uuid, address: '52:54:00:aa:00:01' }), address);
    await assert.rejects(
      store.ports.insert({ node_uuid: uuid, address: '52:54:00:aa:00:02', name: 'p' }),
      taken('name', 'A port with name p already exists.'),
    );
    await store.allocations.insert({ name: 'a', resource_class: 'x' });
    await assert.rejects(
      store.allocations.insert({ name: 'a' }),
      taken('name', 'An allocation with name a already exists.'),
    );
    const target = { node_uuid: uuid, volume_type: 'iscsi', volume_id: 'v', boot_index: 0 };
    await store.volumeTargets.insert(target);
    await assert.rejects(store.volumeTargets.insert(target), taken('boot_index', /boot index 0/));
    await store.volumeConnectors.insert({ node_uuid: uuid, type: 'iqn', connector_id: 'c' });
    await assert.rejects(
      store.volumeConnectors.insert({ node_uuid: other.uuid, type: 'iqn', connector_id: 'c' }),
      taken('connector_id', /type iqn and connector ID c/),
    );
    const connector = await store.volumeConnectors.insert({ node_uuid: uuid, type: 'iqn', connector_id: 'd' });
    await assert.rejects(
      store.volumeConnectors.update(connector.uuid, { connector_id: 'c' }),
      taken('connector_id', /this type and connector ID c/),
    );
    await store.work.insert({ node_uuid: uuid, workflow: 'w', step: 's' });
    await assert.rejects(
      store.work.insert({ node_uuid: uuid, workflow: 'w', step: 's' }),
      taken('node_uuid', /already has work/),
    );
  });

  test('names are compared with their case', async () => {
    await node({ name: 'Case' });
    await node({ name: 'case' });
    assert.equal((await store.nodes.find('name', 'Case'))?.name, 'Case');
    assert.equal(await store.nodes.find('name', 'CASE'), undefined);
  });

  test('a reference to nothing is refused by name', async () => {
    await assert.rejects(store.ports.insert({ node_uuid: 'nowhere', address: '52:54:00:bb:00:01' }), {
      status: 400,
      message: 'Node nowhere could not be found.',
    });
    const { uuid } = await node();
    const port = await store.ports.insert({ node_uuid: uuid, address: '52:54:00:bb:00:02' });
    await assert.rejects(store.ports.update(port.uuid, { portgroup_uuid: 'none' }), {
      status: 400,
      message: 'Portgroup none could not be found.',
    });
    await assert.rejects(node({ chassis_uuid: 'none' }), { message: 'Chassis none could not be found.' });
  });

  test('an update sets updated_at and returns the new row; provision_state brings its own time', async () => {
    const { uuid } = await node();
    const power = await store.nodes.update(uuid, { power_state: 'power on' });
    assert.equal(power?.power_state, 'power on');
    assert.match(power?.updated_at ?? '', TIME);
    assert.equal(power?.provision_updated_at, null);
    const managed = await store.nodes.update(uuid, { provision_state: 'manageable' });
    assert.match(managed?.provision_updated_at ?? '', TIME);
    const at = timestamp(new Date(0));
    const given = await store.nodes.update(uuid, { provision_state: 'available', provision_updated_at: at });
    assert.equal(given?.provision_updated_at, at);
    assert.deepEqual(await store.nodes.find('uuid', uuid), given);
    assert.match((await store.nodes.update(uuid, {}))?.updated_at ?? '', TIME);
    assert.equal(await store.nodes.update('nobody', { power_state: 'power on' }), undefined);
  });

  test('an update whose condition does not hold changes nothing', async () => {
    const { uuid } = await node({ reservation: 'other' });
    const where = [{ column: 'reservation', op: 'is null' }] as const;
    assert.equal(await store.nodes.update(uuid, { reservation: 'me' }, where), undefined);
    assert.equal((await store.nodes.find('uuid', uuid))?.reservation, 'other');
  });

  test('of a hundred reservations at once exactly one wins', async () => {
    const { uuid } = await node();
    const attempts = Array.from({ length: 100 }, (_, index) =>
      store.nodes.update(uuid, { reservation: `host-${index}` }, [{ column: 'reservation', op: 'is null' }]),
    );
    const won = (await Promise.all(attempts)).filter((row) => row !== undefined);
    assert.equal(won.length, 1);
    assert.equal((await store.nodes.find('uuid', uuid))?.reservation, won[0]?.reservation);
  });

  test('every operator selects, and a null meets no comparison', async () => {
    const own = { column: 'resource_class', op: '=', value: 'operators' } as const;
    for (const [name, description, maintenance] of [
      ['o-a', 'Rack 1', true],
      ['o-b', 'rack 12', false],
      ['o-c', null, false],
    ] as const) {
      await node({ name, description, maintenance, resource_class: 'operators' });
    }
    const names = async (...where: NonNullable<Parameters<Store['nodes']['list']>[0]>['where'] & object) =>
      (await store.nodes.list({ where: [own, ...where] })).map((row) => row.name).join();
    assert.equal(await names(), 'o-a,o-b,o-c');
    assert.equal(await names({ column: 'name', op: '!=', value: 'o-a' }), 'o-b,o-c');
    assert.equal(await names({ column: 'name', op: '<', value: 'o-b' }), 'o-a');
    assert.equal(await names({ column: 'name', op: '<=', value: 'o-b' }), 'o-a,o-b');
    assert.equal(await names({ column: 'name', op: '>', value: 'o-b' }), 'o-c');
    assert.equal(await names({ column: 'name', op: '>=', value: 'o-b' }), 'o-b,o-c');
    assert.equal(await names({ column: 'name', op: 'in', value: ['o-c', 'o-a', 'x'] }), 'o-a,o-c');
    assert.equal(await names({ column: 'name', op: 'in', value: [] }), '');
    assert.equal(await names({ column: 'name', op: 'not in', value: ['o-c', 'o-a'] }), 'o-b');
    assert.equal(await names({ column: 'name', op: 'not in', value: [] }), 'o-a,o-b,o-c');
    assert.equal(await names({ column: 'description', op: 'contains', value: 'ack 1' }), 'o-a,o-b');
    assert.equal(await names({ column: 'description', op: 'contains', value: 'Rack' }), 'o-a');
    assert.equal(await names({ column: 'description', op: 'contains', value: '%' }), '');
    assert.equal(await names({ column: 'description', op: 'is null' }), 'o-c');
    assert.equal(await names({ column: 'description', op: 'is not null' }), 'o-a,o-b');
    assert.equal(await names({ column: 'description', op: '!=', value: 'x' }), 'o-a,o-b');
    assert.equal(await names({ column: 'maintenance', op: '=', value: true }), 'o-a');
    assert.equal(await names({ column: 'maintenance', op: '=', value: 0 }), 'o-b,o-c');
    const ids = (await store.nodes.list({ where: [own] })).map((row) => row.id);
    assert.equal(await names({ column: 'id', op: 'in', value: ids.slice(1) }), 'o-b,o-c');
    assert.equal(await store.nodes.count([own, { column: 'maintenance', op: '=', value: false }]), 2);
    await assert.rejects(names({ column: 'nmae', op: 'is null' }), RangeError);
  });

  test('a list can hold thousands of values', async () => {
    const { name } = await node();
    const value = [...Array.from({ length: 40_000 }, (_, index) => `none-${index}`), String(name)];
    assert.equal((await store.nodes.list({ where: [{ column: 'name', op: 'in', value }] })).length, 1);
  });

  test('a list of some columns brings id and uuid along', async () => {
    const { id, uuid, name } = await node();
    const [row] = await store.nodes.list({ where: [{ column: 'uuid', op: '=', value: uuid }], columns: ['name'] });
    assert.deepEqual(row, { id, uuid, name });
    await assert.rejects(store.nodes.list({ columns: ['nmae'] }), RangeError);
  });

  test('updateWhere and deleteWhere tell how many rows they touched', async () => {
    for (const reservation of ['gone', 'gone', 'here']) await node({ reservation });
    const gone = [{ column: 'reservation', op: '=', value: 'gone' }] as const;
    assert.equal(await store.nodes.updateWhere(gone, { reservation: null, fault: 'x' }), 2);
    assert.equal(await store.nodes.updateWhere(gone, { reservation: null }), 0);
    assert.equal(await store.nodes.deleteWhere([{ column: 'fault', op: '=', value: 'x' }]), 2);
    assert.equal(await store.nodes.deleteWhere([{ column: 'fault', op: '=', value: 'x' }]), 0);
  });

  test('what belongs to a node goes with it', async () => {
    const { uuid } = await node();
    const of = { node_uuid: uuid };
    const portgroup = await store.portgroups.insert(of);
    await store.ports.insert({ ...of, address: '52:54:00:cc:00:01', portgroup_uuid: portgroup.uuid });
    await store.history.insert({ ...of, event: 'x' });
    await store.biosSettings.insert({ ...of, name: 'x' });
    await store.firmwareComponents.insert({ ...of, component: 'bmc', initial_version: '1' });
    await store.inventories.insert(of);
    await store.volumeConnectors.insert({ ...of, type: 'mac', connector_id: 'cascade' });
    await store.volumeTargets.insert({ ...of, volume_type: 'iscsi', volume_id: 'v', boot_index: 1 });
    await store.work.insert({ ...of, workflow: 'w', step: 's' });
    await store.allocations.insert({ ...of, state: 'active' });
    assert.equal(await store.nodes.delete(uuid), true);
    assert.equal(await store.nodes.delete(uuid), false);
    const where = [{ column: 'node_uuid', op: '=', value: uuid }] as const;
    const { ports, portgroups, history, biosSettings, firmwareComponents, inventories, work, allocations } = store;
    for (const table of [
      ports,
      portgroups,
      history,
      biosSettings,
      firmwareComponents,
      inventories,
      work,
      allocations,
    ]) {
      assert.equal(await table.count(where), 0);
    }
    assert.equal(await store.volumeConnectors.count(where), 0);
    assert.equal(await store.volumeTargets.count(where), 0);
  });

  test('a chassis with nodes and a portgroup with ports are not deleted', async () => {
    const chassis = await store.chassis.insert({});
    const { uuid } = await node({ chassis_uuid: chassis.uuid });
    await assert.rejects(store.chassis.delete(chassis.uuid), Conflict);
    const portgroup = await store.portgroups.insert({ node_uuid: uuid });
    const port = { node_uuid: uuid, address: '52:54:00:dd:00:01', portgroup_uuid: portgroup.uuid };
    const { uuid: portUuid } = await store.ports.insert(port);
    await assert.rejects(store.portgroups.delete(portgroup.uuid), Conflict);
    await store.ports.delete(portUuid);
    assert.equal(await store.portgroups.delete(portgroup.uuid), true);
    await store.nodes.delete(uuid);
    assert.equal(await store.chassis.delete(chassis.uuid), true);
  });

  test('a marker that is not there is told by name', async () => {
    await assert.rejects(store.nodes.list({ marker: U1.replace('1', '9') }), {
      status: 404,
      message: /^Node 9111.*found/,
    });
    await assert.rejects(store.portgroups.list({ marker: 'x' }), { message: 'Portgroup x could not be found.' });
  });

  test('nodes are counted by shard', async () => {
    const fresh = await databases.open();
    for (const shard of ['b', 'a', 'b', null]) await fresh.nodes.insert({ driver: 'x', shard });
    const counts = await fresh.countByShard();
    assert.deepEqual(
      new Map(counts.map(({ shard, count }) => [shard, count])),
      new Map<string | null, number>([
        ['b', 2],
        ['a', 1],
        [null, 1],
      ]),
    );
  });
});

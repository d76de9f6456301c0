// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NodeEdit } from '../src/conductor/commands.ts';
import { WroughtError } from '../src/errors.ts';
import type { NodeRecord } from '../src/model/resources.ts';
import { type Bench, CONTEXT, makeBench } from './conductor-support.ts';

const status = (code: number, text?: RegExp | string) => (error: unknown) => {
  assert.ok(error instanceof WroughtError, String(error));
  assert.equal(error.status, code, error.message);
  if (typeof text === 'string') assert.equal(error.message, text);
  else if (text !== undefined) assert.match(error.message, text);
  return true;
};

const edit =
  (changes: Partial<NodeRecord>, more: Partial<NodeEdit> = {}) =>
  (): NodeEdit => ({
    changes,
    roots: new Set(Object.keys(changes)),
    resetInterfaces: false,
    onlyRemovesInstanceUuid: false,
    ...more,
  });

const patch = (bench: Bench, uuid: string, changes: Partial<NodeRecord>, more?: Partial<NodeEdit>) =>
  bench.conductor.updateNode(CONTEXT, uuid, edit(changes, more));

test('a new node gets the defaults of its driver and the state of the API version', async () => {
  await using bench = await makeBench();
  const node = await bench.conductor.createNode(CONTEXT, { driver: 'scripted', conductor_group: '' });
  assert.equal(node.provision_state, 'enroll');
  assert.equal(node.power_interface, 'scripted');
  assert.equal(node.vendor_interface, 'no-vendor');
  const old = await bench.conductor.createNode({ ...CONTEXT, minor: 10 }, { driver: 'scripted' });
  assert.equal(old.provision_state, 'available');
});

test('a new node is refused for a driver nobody serves, a wrong interface, a bad parent or a taken name', async () => {
  await using bench = await makeBench();
  const create = (values: Partial<NodeRecord> & { driver: string }) => bench.conductor.createNode(CONTEXT, values);
  await assert.rejects(
    create({ driver: 'nope' }),
    status(
      400,
      'No valid host was found. Reason: No conductor service registered which supports driver nope for conductor group "". Ensure the driver is valid and enabled.',
    ),
  );
  await assert.rejects(create({ driver: 'scripted', conductor_group: 'Far' }), status(400, /group "far"/));
  await assert.rejects(
    create({ driver: 'scripted', power_interface: 'bad' }),
    status(400, /Could not find the following interface in the 'ironic.hardware.interfaces.power' entrypoint: bad/),
  );
  await assert.rejects(
    create({ driver: 'scripted', parent_node: 'x' }),
    status(400, "Unable to apply the requested parent_node 'x'. Requested value was invalid."),
  );
  await assert.rejects(create({ driver: 'scripted', chassis_uuid: 'x' }), status(400));
  await create({ driver: 'scripted', name: 'ex0' });
  await assert.rejects(
    create({ driver: 'scripted', name: 'ex0' }),
    status(409, 'A node with name ex0 already exists.'),
  );
});

test('a node in transition is not changed, except for what failed and held states allow', async () => {
  await using bench = await makeBench();
  const { uuid } = await bench.insert({ provision_state: 'cleaning', target_provision_state: 'available' });
  await assert.rejects(
    patch(bench, uuid, { extra: { a: 1 } }),
    status(409, `Node ${uuid} can not be updated while a state transition is in progress.`),
  );
  await bench.store.nodes.update(uuid, { maintenance: true, instance_uuid: 'i' });
  await patch(bench, uuid, { instance_uuid: null }, { onlyRemovesInstanceUuid: true });
  assert.equal((await bench.node(uuid)).instance_uuid, null);
  await bench.store.nodes.update(uuid, { provision_state: 'deploy failed', maintenance: false });
  await patch(bench, uuid, { extra: { a: 1 } });
  await bench.store.nodes.update(uuid, { provision_state: 'inspecting', target_provision_state: 'manageable' });
  await assert.rejects(patch(bench, uuid, { extra: {} }), status(409));
  await bench.conductor.updateNode({ ...CONTEXT, minor: 38 }, uuid, edit({ extra: {} }));
});

test('a change waits for the lock and is then made on the fresh node', async () => {
  await using bench = await makeBench({ config: { conductor: { node_locked_retry_interval: 0.03 } } });
  const { uuid } = await bench.insert({ reservation: 'host-9' });
  await assert.rejects(patch(bench, uuid, { extra: { a: 1 } }), status(409, /is locked by host host-9/));
  setTimeout(() => void bench.store.nodes.update(uuid, { reservation: null, extra: { fresh: 1 } }), 15);
  await bench.conductor.updateNode(CONTEXT, uuid, (node) => edit({ extra: { ...node.extra, a: 1 } })());
  assert.deepEqual((await bench.node(uuid)).extra, { fresh: 1, a: 1 });
});

test('concurrent changes of one node are all kept', async () => {
  await using bench = await makeBench();
  const { uuid } = await bench.insert();
  await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      bench.conductor.updateNode(CONTEXT, uuid, (node) => edit({ extra: { ...node.extra, [`k${index}`]: 1 } })()),
    ),
  );
  assert.equal(Object.keys((await bench.node(uuid)).extra).length, 20);
});

test('interfaces and driver change only where allowed, and fit the driver', async () => {
  await using bench = await makeBench();
  const { uuid } = await bench.conductor.createNode(CONTEXT, { driver: 'fake-hardware' });
  await patch(bench, uuid, { deploy_interface: 'noop' });
  await patch(bench, uuid, { deploy_interface: null });
  assert.equal((await bench.node(uuid)).deploy_interface, 'fake');
  await assert.rejects(patch(bench, uuid, { driver: 'scripted' }), status(400, /is not supported by hardware type/));
  await assert.rejects(
    patch(bench, uuid, { extra: {} }, { resetInterfaces: true }),
    status(400, "The reset_interfaces parameter can only be used when changing the node's driver."),
  );
  await bench.store.nodes.update(uuid, { console_enabled: true });
  await assert.rejects(patch(bench, uuid, { driver: 'scripted' }, { resetInterfaces: true }), status(409));
  await bench.store.nodes.update(uuid, { console_enabled: false });
  await patch(bench, uuid, { driver: 'scripted', network_interface: 'noop' }, { resetInterfaces: true }).then(
    () => assert.fail('noop is not supported by scripted'),
    status(400),
  );
  await patch(bench, uuid, { driver: 'scripted' }, { resetInterfaces: true });
  const node = await bench.node(uuid);
  assert.equal(node.power_interface, 'scripted');
  assert.equal(node.storage_interface, 'noop');
  await bench.store.nodes.update(uuid, { provision_state: 'active' });
  await assert.rejects(patch(bench, uuid, { storage_interface: 'cinder' }), status(400));
  await assert.rejects(patch(bench, uuid, { driver: 'fake-hardware' }), status(409, /driver updated unless/));
  await bench.store.nodes.update(uuid, { maintenance: true });
  await patch(bench, uuid, { driver: 'fake-hardware' });
  await assert.rejects(patch(bench, uuid, { driver: 'nope' }), status(400, /No valid host/));
});

test('instance, protection, retirement and resource class follow the state of the node', async () => {
  await using bench = await makeBench();
  const { uuid } = await bench.insert({ provision_state: 'available', instance_uuid: 'i-1', resource_class: 'a' });
  const other = await bench.insert({ provision_state: 'available' });
  await assert.rejects(patch(bench, uuid, { instance_uuid: 'i-2' }), status(409, /is associated with instance i-1/));
  await assert.rejects(patch(bench, other.uuid, { instance_uuid: 'i-1' }), status(409));
  await assert.rejects(patch(bench, uuid, { protected: true }), status(409));
  await assert.rejects(patch(bench, uuid, { retired: true }), status(409));
  await assert.rejects(
    patch(bench, uuid, { protected_reason: 'x' }),
    status(400, 'The protected_reason field can only be set when protected is True'),
  );
  await assert.rejects(
    patch(bench, uuid, { retired_reason: 'x' }),
    status(400, 'The retired_reason field can only be set when retired is True'),
  );
  await patch(bench, uuid, { resource_class: 'b' });
  await bench.store.nodes.update(uuid, { provision_state: 'active' });
  await patch(bench, uuid, { protected: true, protected_reason: 'mine' });
  await patch(bench, uuid, { protected: false });
  assert.equal((await bench.node(uuid)).protected_reason, null);
  await bench.store.nodes.update(uuid, { maintenance: true });
  await assert.rejects(patch(bench, uuid, { resource_class: 'c' }), status(409));
  await patch(bench, uuid, { instance_info: { display_name: 'web' } });
  assert.equal((await bench.node(uuid)).instance_name, 'web');
  await patch(bench, uuid, { instance_name: 'db' });
  assert.deepEqual((await bench.node(uuid)).instance_info, { display_name: 'db' });
});

test('leaving maintenance clears its reason and fault', async () => {
  await using bench = await makeBench();
  const { uuid } = await bench.insert({ fault: 'power failure' });
  await bench.conductor.setMaintenance(CONTEXT, uuid, true, 'fan');
  assert.equal((await bench.node(uuid)).maintenance_reason, 'fan');
  await patch(bench, uuid, { maintenance: false });
  const node = await bench.node(uuid);
  assert.equal(node.maintenance_reason, null);
  assert.equal(node.fault, null);
  await bench.store.nodes.update(uuid, { reservation: 'x' });
  await assert.rejects(bench.conductor.setMaintenance(CONTEXT, uuid, true, null), status(409));
});

test('removing an allocated instance drops the allocation', async () => {
  await using bench = await makeBench();
  const { uuid } = await bench.insert({ provision_state: 'available', instance_uuid: 'i' });
  const allocation = await bench.store.allocations.insert({ node_uuid: uuid, owner: 'o', state: 'active' });
  await bench.store.nodes.update(uuid, { allocation_uuid: allocation.uuid });
  await assert.rejects(patch(bench, uuid, { owner: 'p' }), status(409));
  await bench.store.nodes.update(uuid, { provision_state: 'active' });
  await assert.rejects(patch(bench, uuid, { instance_uuid: null }), status(409));
  await bench.store.nodes.update(uuid, { provision_state: 'available' });
  await patch(bench, uuid, { instance_uuid: null });
  assert.equal((await bench.node(uuid)).allocation_uuid, null);
  assert.equal(await bench.store.allocations.count(), 0);
});

test('nodes are deleted only where they carry nothing', async () => {
  await using bench = await makeBench();
  const remove = (uuid: string) => bench.conductor.destroyNode(CONTEXT, uuid);
  const { uuid } = await bench.insert({ provision_state: 'active' });
  await assert.rejects(
    remove(uuid),
    status(
      409,
      `Can not delete node "${uuid}" while it is in provision state "active". Valid provision states to perform deletion ` +
        `are: "('manageable', 'enroll', 'adopt failed', 'available')", or set the node into maintenance mode`,
    ),
  );
  await bench.store.nodes.update(uuid, { provision_state: 'available', instance_uuid: 'i' });
  await assert.rejects(remove(uuid), status(409, `Node ${uuid} is associated with instance i.`));
  await bench.store.nodes.update(uuid, { maintenance: true, protected: true });
  await assert.rejects(remove(uuid), status(403));
  await bench.store.nodes.update(uuid, { protected: false, console_enabled: true });
  await bench.store.ports.insert({ node_uuid: uuid, address: '52:54:00:00:00:01' });
  await remove(uuid);
  assert.ok(bench.script.calls.includes('console.stopConsole'));
  assert.equal(await bench.store.ports.count(), 0);
  await assert.rejects(remove(uuid), status(404));
});

test('ports follow the state of their node', async () => {
  await using bench = await makeBench();
  const { uuid } = await bench.insert({ provision_state: 'manageable' });
  const port = await bench.conductor.createPort(CONTEXT, { node_uuid: uuid, address: '52:54:00:AA:00:01' });
  assert.equal(port.address, '52:54:00:aa:00:01');
  await assert.rejects(
    bench.conductor.createPort(CONTEXT, { node_uuid: uuid, address: '52:54:00:aa:00:01' }),
    status(409, 'A port with MAC address 52:54:00:aa:00:01 already exists.'),
  );
  await assert.rejects(
    bench.conductor.createPort(CONTEXT, { node_uuid: 'x', address: '52:54:00:aa:00:02' }),
    status(400, 'Node x could not be found.'),
  );
  await bench.conductor.updatePort(CONTEXT, port.uuid, () => ({ pxe_enabled: false, address: '52:54:00:AA:00:03' }));
  await bench.store.nodes.update(uuid, { provision_state: 'active' });
  await assert.rejects(
    bench.conductor.updatePort(CONTEXT, port.uuid, () => ({ address: '52:54:00:aa:00:04' })),
    status(409),
  );
  await assert.rejects(
    bench.conductor.updatePort(CONTEXT, port.uuid, () => ({ pxe_enabled: true })),
    status(409),
  );
  await bench.conductor.updatePort(CONTEXT, port.uuid, () => ({ extra: { a: 1 }, pxe_enabled: false }));
  await bench.store.ports.update(port.uuid, { internal_info: { tenant_vif_port_id: 'v' } });
  await assert.rejects(bench.conductor.destroyPort(CONTEXT, port.uuid), status(409, /VIF v/));
  await bench.store.nodes.update(uuid, { maintenance: true });
  await bench.conductor.destroyPort(CONTEXT, port.uuid);
  await assert.rejects(bench.conductor.destroyPort(CONTEXT, port.uuid), status(404));
});

test('port groups hold ports of one network and are deleted empty', async () => {
  await using bench = await makeBench();
  const { uuid } = await bench.insert({ provision_state: 'manageable' });
  const group = await bench.conductor.createPortgroup(CONTEXT, { node_uuid: uuid, name: 'bond0' });
  assert.equal(group.mode, 'active-backup');
  const member = { node_uuid: uuid, portgroup_uuid: group.uuid };
  const port = await bench.conductor.createPort(CONTEXT, {
    ...member,
    address: '52:54:00:00:00:01',
    physical_network: 'a',
  });
  await assert.rejects(
    bench.conductor.createPort(CONTEXT, { ...member, address: '52:54:00:00:00:02', physical_network: 'b' }),
    status(
      409,
      `Port with physical network b cannot become a member of port group ${group.uuid} which has ports in physical network a.`,
    ),
  );
  await assert.rejects(
    bench.conductor.createPort(CONTEXT, { node_uuid: uuid, address: '52:54:00:00:00:02', portgroup_uuid: 'g' }),
    status(400, 'Portgroup g could not be found.'),
  );
  await assert.rejects(
    bench.conductor.updatePortgroup(CONTEXT, group.uuid, () => ({ standalone_ports_supported: false })),
    status(409),
  );
  await assert.rejects(bench.conductor.destroyPortgroup(CONTEXT, group.uuid), status(400, /contains ports/));
  await bench.conductor.destroyPort(CONTEXT, port.uuid);
  await bench.conductor.updatePortgroup(CONTEXT, group.uuid, () => ({ standalone_ports_supported: false }));
  await assert.rejects(
    bench.conductor.createPort(CONTEXT, { ...member, address: '52:54:00:00:00:03' }),
    status(409, /standalone/),
  );
  await bench.conductor.destroyPortgroup(CONTEXT, group.uuid);
});

test('traits are changed under the lock', async () => {
  await using bench = await makeBench();
  const { uuid } = await bench.insert();
  await bench.conductor.setTraits(CONTEXT, uuid, (traits) => [...traits, 'CUSTOM_A']);
  assert.deepEqual((await bench.node(uuid)).traits, ['CUSTOM_A']);
});

test('a node is never above itself: the tree of parents has no circle', async () => {
  await using bench = await makeBench();
  const [a, b, c] = await Promise.all([1, 2, 3].map(() => bench.conductor.createNode(CONTEXT, { driver: 'scripted' })));
  assert.ok(a !== undefined && b !== undefined && c !== undefined);
  await assert.rejects(patch(bench, a.uuid, { parent_node: a.uuid }), status(400, /parent_node/));
  await patch(bench, b.uuid, { parent_node: a.uuid });
  await patch(bench, c.uuid, { parent_node: b.uuid });
  await assert.rejects(patch(bench, a.uuid, { parent_node: c.uuid }), status(400, /parent_node/));
  await patch(bench, c.uuid, { parent_node: a.uuid });
  assert.equal((await bench.node(c.uuid)).parent_node, a.uuid);
});

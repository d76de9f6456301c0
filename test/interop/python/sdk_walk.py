# SPDX-License-Identifier: Apache-2.0
"""Walks machines through their life with openstacksdk's bare metal layer, asking virsh at each step.

Usage: sdk_walk.py '{"endpoint": URL, "virsh": URI, "libvirt_uri": URI, "machines": [{"name": N, "mac": M}]}'
"""

import json
import sys

import openstack
from virsh import Virsh, wait_until

settings = json.loads(sys.argv[1])
virsh = Virsh(settings['virsh'])
connection = openstack.connection.Connection(
    auth_type='none', auth={'endpoint': settings['endpoint']}, baremetal_endpoint_override=settings['endpoint'])
baremetal = connection.baremetal


def power(node, target, expected):
    baremetal.set_node_power_state(node, target, wait=True, timeout=120)
    # The SDK is content with the state it wants to see, which a reboot shows from its beginning.
    wait_until('%s ended' % target, lambda: baremetal.get_node(node.id).target_power_state is None)
    assert baremetal.get_node(node.id).power_state == expected


for machine in settings['machines']:
    name = machine['name']
    node = baremetal.create_node(
        name=name, driver='staging-libvirt', driver_info={'libvirt_uri': settings['libvirt_uri']},
        properties={'cpu_arch': 'x86_64'}, provision_state='enroll')
    assert node.provision_state == 'enroll', node.provision_state
    port = baremetal.create_port(node_id=node.id, address=machine['mac'])
    assert [p.id for p in baremetal.ports(node=node.id)] == [port.id]
    checks = baremetal.validate_node(node, required=('power', 'management'))
    assert checks['power'].result and checks['management'].result, checks

    baremetal.set_node_provision_state(node, 'manage')
    [node] = baremetal.wait_for_nodes_provision_state([node], 'manageable', timeout=120)
    assert node.power_state == 'power off', node.power_state
    virsh.expect_state(name, 'shut off')
    node = baremetal.set_node_provision_state(node, 'provide', wait=True, timeout=120)
    assert node.provision_state == 'available'

    power(node, 'power on', 'power on')
    virsh.expect_state(name, 'running')
    before = virsh('domid', name)
    power(node, 'rebooting', 'power on')
    virsh.expect_state(name, 'running')
    assert virsh('domid', name) != before, 'a hard reboot is off and on again'
    power(node, 'soft power off', 'power off')
    virsh.expect_state(name, 'shut off')

    baremetal.set_node_boot_device(node, 'pxe', persistent=True)
    assert virsh.boot_order(name)[0] == 'network', virsh.boot_order(name)
    baremetal.set_node_boot_device(node, 'disk', persistent=True)
    assert virsh.boot_order(name)[0] == 'hd', virsh.boot_order(name)

    node = baremetal.set_node_maintenance(node, reason='replacing a fan')
    node = baremetal.get_node(node.id)
    assert node.is_maintenance and node.maintenance_reason == 'replacing a fan'
    baremetal.unset_node_maintenance(node)
    node = baremetal.get_node(node.id)
    assert not node.is_maintenance and node.maintenance_reason is None

    node = baremetal.update_node(node, extra={'rack': '3'}, properties={'cpu_arch': 'x86_64', 'cpus': 2})
    assert baremetal.find_node(name).extra == {'rack': '3'}
    baremetal.set_node_traits(node, ['CUSTOM_LAB', 'HW_CPU_X86_VMX'])
    assert sorted(baremetal.get_node(node.id).traits) == ['CUSTOM_LAB', 'HW_CPU_X86_VMX']

    baremetal.delete_port(port)
    baremetal.delete_node(node)
    assert baremetal.find_node(name) is None
    virsh.expect_state(name, 'shut off')

try:
    baremetal.get_node('no-such-node')
except openstack.exceptions.ResourceNotFound as error:
    assert 'no-such-node' in str(error), error
else:
    raise AssertionError('an unknown node was found')
print(json.dumps({'walked': len(settings['machines'])}))

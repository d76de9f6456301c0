# SPDX-License-Identifier: Apache-2.0
"""Walks machines through their life at the same time, a thread each, with python-ironicclient, asking virsh at each step.

Usage: ironicclient_walk.py '{"endpoint": URL, "virsh": URI, "libvirt_uri": URI, "machines": [{"name": N, "mac": M}]}'
"""

import json
import sys
from concurrent.futures import ThreadPoolExecutor

from ironicclient import client
from virsh import Virsh, wait_until

settings = json.loads(sys.argv[1])
virsh = Virsh(settings['virsh'])


def walk(machine):
    ironic = client.get_client(1, auth_type='none', endpoint=settings['endpoint'], os_ironic_api_version='1.78')
    name = machine['name']

    def wait_for(state):
        ironic.node.wait_for_provision_state(name, state, timeout=300, poll_interval=0.3)

    def power(target, expected, virsh_state, **kwargs):
        ironic.node.set_power_state(name, target, **kwargs)
        wait_until('%s is %s' % (name, expected), lambda: ironic.node.get(name).target_power_state is None, 300)
        node = ironic.node.get(name)
        assert node.power_state == expected, (name, node.power_state, node.last_error)
        virsh.expect_state(name, virsh_state)

    node = ironic.node.create(name=name, driver='staging-libvirt', driver_info={'libvirt_uri': settings['libvirt_uri']})
    ironic.port.create(node_uuid=node.uuid, address=machine['mac'])
    checks = ironic.node.validate(name)
    assert checks.power['result'] and checks.management['result'], (checks.power, checks.management)
    ironic.node.set_provision_state(name, 'manage')
    wait_for('manageable')
    ironic.node.set_provision_state(name, 'provide')
    wait_for('available')
    power('on', 'power on', 'running')
    power('reboot', 'power on', 'running')
    power('off', 'power off', 'shut off', soft=True, timeout=240)
    ironic.node.set_boot_device(name, 'pxe', persistent=True)
    assert ironic.node.get_boot_device(name) == {'boot_device': 'pxe', 'persistent': True}
    assert virsh.boot_order(name)[0] == 'network', (name, virsh.boot_order(name))
    assert 'pxe' in ironic.node.get_supported_boot_devices(name)['supported_boot_devices']
    ironic.node.set_maintenance(name, True, maint_reason='rack move')
    assert ironic.node.get(name).maintenance_reason == 'rack move'
    ironic.node.set_maintenance(name, False)
    ironic.node.delete(name)
    virsh.expect_state(name, 'shut off')
    return name


with ThreadPoolExecutor(len(settings['machines'])) as pool:
    walked = list(pool.map(walk, settings['machines']))
left = client.get_client(1, auth_type='none', endpoint=settings['endpoint'], os_ironic_api_version='1.78').node.list()
left = [node.name for node in left if node.name.startswith('vm')]
assert left == [], left
print(json.dumps({'walked': len(walked)}))

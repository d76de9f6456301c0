# SPDX-License-Identifier: Apache-2.0
"""What the hypervisor says, by virsh."""

import subprocess
import time


class Virsh:
    def __init__(self, uri):
        self.uri = uri

    def __call__(self, *arguments):
        done = subprocess.run(['virsh', '-c', self.uri, *arguments], capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError('virsh %s: %s' % (' '.join(arguments), done.stderr.strip()))
        return done.stdout.strip()

    def state(self, domain):
        return self('domstate', domain)

    def expect_state(self, domain, expected):
        actual = self.state(domain)
        assert actual == expected, 'virsh says %s is %r, not %r' % (domain, actual, expected)

    def boot_order(self, domain):
        """Boot devices of the definition, in order: ['network', 'hd']."""
        import xml.etree.ElementTree as tree
        root = tree.fromstring(self('dumpxml', '--inactive', domain))
        named = [boot.get('dev') for boot in root.findall('./os/boot')]
        if named:
            return named
        ordered = sorted((int(e.find('boot').get('order')), e.tag) for e in root.find('devices') if e.find('boot') is not None)
        return [{'interface': 'network', 'disk': 'hd'}.get(tag, tag) for _, tag in ordered]


def wait_until(what, test, seconds=120):
    end = time.monotonic() + seconds
    while not test():
        if time.monotonic() > end:
            raise AssertionError('not within %d s: %s' % (seconds, what))
        time.sleep(0.2)

# SPDX-License-Identifier: Apache-2.0
"""What a driver on libvirt-python does. Usage: libvirt_python.py URI WHAT MAC ROUNDS; prints seconds as JSON.

find    open a connection, list the domains, read the XML of each, tell whose it is and that it is one's only (ROUNDS is ignored)
again   the same listing on an open connection, ROUNDS times
states  the state of every domain on an open connection, ROUNDS times
"""
import json
import sys
import time

import libvirt

uri, what, mac, rounds = sys.argv[1:]
started = time.perf_counter()
connection = libvirt.open(uri)


def find():
    listing = [(domain.name(), domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)) for domain in connection.listAllDomains()]
    owners = [name for name, xml in listing if mac in xml]
    if len(owners) != 1:
        raise SystemExit("%d domains have %s" % (len(owners), mac))
    return owners[0]


def states():
    return len([domain.state() for domain in connection.listAllDomains()])


if what == "find":
    found = find()
    print(json.dumps({"seconds": [time.perf_counter() - started], "found": found}))
else:
    action = find if what == "again" else states
    found = action()
    seconds = []
    for _ in range(int(rounds)):
        started = time.perf_counter()
        found = action()
        seconds.append(time.perf_counter() - started)
    print(json.dumps({"seconds": seconds, "found": found}))

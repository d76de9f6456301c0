// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type BootOrder,
  firstBootDevice,
  interfaceMacs,
  manufacturer,
  promote,
  readBootOrder,
  writeBootOrder,
} from '../src/hardware/libvirt/boot-order.ts';
import { DomainXmlError, parseXml } from '../src/hardware/libvirt/domain-xml.ts';

const OS_STYLE = `<?xml version='1.0'?>
<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>a &lt;b&gt; &amp; c</name>
  <metadata>
    <app:x xmlns:app='urn:app'><os><boot dev='nonsense'/></os><![CDATA[ <boot dev='x'/> ]]></app:x>
  </metadata>
  <!-- <os><boot dev='commented'/></os> -->
  <sysinfo type='smbios'>
    <system>
      <entry name='product'>Box</entry>
      <entry name='manufacturer'>Tom &amp; Sons</entry>
    </system>
  </sysinfo>
  <os firmware='efi'>
    <type arch='x86_64' machine='q35'>hvm</type>
    <boot dev='hd'/>
    <boot dev='cdrom'/>
    <bios useserial='yes' rebootTimeout='5000'/>
  </os>
  <devices>
    <disk type='file' device='disk'><source file="/a'>b.img"/><target dev='vda' bus='virtio'/></disk>
    <interface type='bridge'>
      <mac address='52:54:00:cc:00:01'/>
      <model type='virtio'/>
    </interface>
    <interface type='bridge'>
      <mac address="52:54:00:CC:00:02"/>
    </interface>
  </devices>
  <qemu:commandline><qemu:arg value='-netdev'/></qemu:commandline>
</domain>
`;

const DEVICE_STYLE = `<domain type='kvm'>
  <os>
    <type>hvm</type>
  </os>
  <devices>
    <disk type='file' device='disk'>
      <target dev='vda' bus='virtio'/>
      <boot order='1'/>
      <alias name='d0'/>
    </disk>
    <disk type='file'>
      <target dev='vdb' bus='virtio'/>
      <boot order="3" loadparm='2'/>
    </disk>
    <disk type='file' device='cdrom'>
      <target dev='sda' bus='sata'/>
    </disk>
    <interface type='network'>
      <mac address='52:54:00:00:00:01'/>
    </interface>
    <interface type='network'>
      <mac address='52:54:00:00:00:02'/>
    </interface>
    <hostdev mode='subsystem' type='pci'>
      <boot order='2'/>
    </hostdev>
  </devices>
</domain>
`;

function set(xml: string, device: 'pxe' | 'disk' | 'cdrom', macs: string[] = []): string {
  return writeBootOrder(xml, promote(xml, readBootOrder(xml), device, macs));
}

test('the order in <os> is read from there and nowhere else', () => {
  const order = readBootOrder(OS_STYLE);
  assert.deepEqual(order, { style: 'os', entries: ['hd', 'cdrom'] });
  assert.equal(firstBootDevice(OS_STYLE, order), 'disk');
});

test('a device set first in <os> is followed by the others, and not a character more changes', () => {
  assert.equal(
    set(OS_STYLE, 'pxe'),
    OS_STYLE.replace(
      "    <boot dev='hd'/>\n    <boot dev='cdrom'/>\n",
      "    <boot dev='network'/>\n    <boot dev='hd'/>\n    <boot dev='cdrom'/>\n",
    ),
  );
  assert.equal(
    set(OS_STYLE, 'cdrom'),
    OS_STYLE.replace(
      "    <boot dev='hd'/>\n    <boot dev='cdrom'/>\n",
      "    <boot dev='cdrom'/>\n    <boot dev='hd'/>\n",
    ),
  );
  assert.equal(set(OS_STYLE, 'disk'), OS_STYLE);
});

test('an <os> without boot elements gets them', () => {
  const xml = '<domain><os><type>hvm</type></os><devices/></domain>';
  assert.deepEqual(readBootOrder(xml), { style: 'os', entries: [] });
  assert.equal(firstBootDevice(xml, readBootOrder(xml)), null);
  assert.equal(set(xml, 'pxe'), "<domain><os><type>hvm</type><boot dev='network'/></os><devices/></domain>");
  assert.equal(set('<domain><os/></domain>', 'disk'), "<domain><os><boot dev='hd'/></os></domain>");
});

test('a document without <os> cannot be given an order', () => {
  assert.throws(() => set('<domain/>', 'pxe'), DomainXmlError);
});

test('numbered devices are read in the order of their numbers', () => {
  const order = readBootOrder(DEVICE_STYLE);
  assert.deepEqual(order, { style: 'device', entries: ['disk:vda', 'hostdev:5', 'disk:vdb'] });
  assert.equal(firstBootDevice(DEVICE_STYLE, order), 'disk');
});

test('with numbered devices the port of the node joins for a network boot, and <os> stays without boot elements', () => {
  const xml = set(DEVICE_STYLE, 'pxe', ['52:54:00:00:00:02']);
  const order = readBootOrder(xml);
  assert.deepEqual(order.entries, ['interface:52:54:00:00:00:02', 'disk:vda', 'hostdev:5', 'disk:vdb']);
  assert.equal(firstBootDevice(xml, order), 'pxe');
  assert.match(xml, /<mac address='52:54:00:00:00:02'\/>\n {6}<boot order='1'\/>\n {4}<\/interface>/);
  assert.match(xml, /<boot order='4' loadparm='2'\/>/, 'other attributes stay');
  assert.doesNotMatch(xml, /boot dev/);
  assert.deepEqual(readBootOrder(set(xml, 'disk')).entries, [
    'disk:vda',
    'disk:vdb',
    'interface:52:54:00:00:00:02',
    'hostdev:5',
  ]);
});

test('with numbered devices a class the domain lacks is refused', () => {
  const withoutCdrom = DEVICE_STYLE.replace("device='cdrom'", "device='floppy'");
  assert.throws(() => set(withoutCdrom, 'cdrom'), /no device of class cdrom/);
});

test('giving an order back restores the very document', () => {
  for (const [xml, device] of [
    [OS_STYLE, 'pxe'],
    [OS_STYLE, 'cdrom'],
    [DEVICE_STYLE, 'pxe'],
    [DEVICE_STYLE, 'cdrom'],
  ] as const) {
    const back = writeBootOrder(set(xml, device), readBootOrder(xml));
    assert.equal(back.replaceAll('"', "'"), xml.replaceAll('"', "'"));
  }
});

test('a style may change with the order', () => {
  const order: BootOrder = { style: 'device', entries: ['interface:52:54:00:cc:00:02', 'disk:vda'] };
  const xml = writeBootOrder(OS_STYLE, order);
  assert.deepEqual(readBootOrder(xml), order);
  assert.doesNotMatch(xml.replace(/<metadata>[\s\S]*-->/, ''), /boot dev/);
  assert.deepEqual(readBootOrder(writeBootOrder(xml, { style: 'os', entries: ['hd'] })), {
    style: 'os',
    entries: ['hd'],
  });
});

test('MAC addresses and the manufacturer are read with their entities resolved', () => {
  assert.deepEqual(interfaceMacs(OS_STYLE), ['52:54:00:cc:00:01', '52:54:00:cc:00:02']);
  assert.equal(manufacturer(OS_STYLE), 'Tom & Sons');
  assert.equal(manufacturer(DEVICE_STYLE), undefined);
});

test('a class named like a property of all objects is no boot device', () => {
  const xml = "<domain><os><boot dev='constructor'/></os></domain>";
  assert.equal(firstBootDevice(xml, readBootOrder(xml)), null);
});

test('documents that are not well-formed are refused', () => {
  for (const xml of [
    '',
    'text',
    '<a>',
    '<a></b>',
    '</a>',
    '<a/><b/>',
    "<a b='x>",
    '<!-- <a/>',
    '<!DOCTYPE a><a/>',
    '<a'.repeat(200),
    '<a>'.repeat(200),
  ]) {
    assert.throws(() => parseXml(xml), DomainXmlError, xml.slice(0, 20));
  }
});

test('whatever the text, reading ends with an element or a DomainXmlError', () => {
  const markup = fc.array(
    fc.constantFrom(
      '<',
      '>',
      '/',
      '</',
      '/>',
      'a',
      'os',
      ' ',
      "'",
      '"',
      '=',
      '<!--',
      '-->',
      '<![CDATA[',
      ']]>',
      '<?',
      '&',
    ),
    { maxLength: 60 },
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        markup.map((parts) => parts.join('')),
      ),
      (text) => {
        try {
          parseXml(text);
        } catch (error) {
          assert.ok(error instanceof DomainXmlError);
        }
      },
    ),
    { numRuns: 500 },
  );
});

test('setting any devices one after another keeps the document well-formed with the last one first', () => {
  const device = fc.constantFrom('pxe' as const, 'disk' as const, 'cdrom' as const);
  fc.assert(
    fc.property(
      fc.constantFrom(OS_STYLE, DEVICE_STYLE),
      fc.array(device, { minLength: 1, maxLength: 6 }),
      (xml, devices) => {
        let result: string = xml;
        for (const one of devices) result = set(result, one);
        assert.equal(firstBootDevice(result, readBootOrder(result)), devices.at(-1));
      },
    ),
  );
});

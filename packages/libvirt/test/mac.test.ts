// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { macsOfDomainXml, normalizeMac } from '../src/mac.ts';

describe('normalizeMac', () => {
  it('brings every usual notation to the same form', () => {
    for (const mac of ['52:54:00:AB:cd:01', '52-54-00-ab-cd-01', '5254.00ab.cd01', ' 525400ABCD01 ']) {
      assert.equal(normalizeMac(mac), '525400abcd01');
    }
  });
});

describe('macsOfDomainXml', () => {
  const macs = (xml: string) => macsOfDomainXml(Buffer.from(xml));

  it('finds the addresses of all interfaces, in order', () => {
    const xml = `<domain><devices><interface type='user'><mac address='52:54:00:00:00:01'/></interface>
      <interface><mac type='static' address="52:54:00:00:00:02" check='no'/></interface>
      <hostdev><mac address='52:54:00:00:00:03'/></hostdev></devices></domain>`;
    assert.deepEqual(macs(xml), ['525400000001', '525400000002', '525400000003']);
  });

  it('does not look at text that a user wrote before the devices', () => {
    const xml = `<domain><description>&lt;mac address='52:54:00:00:00:09'/&gt;</description>
      <metadata><x><!-- <mac address='52:54:00:00:00:08'/> --><mac address='52:54:00:00:00:07'/></x></metadata>
      <devices><interface><mac address='52:54:00:00:00:01'/></interface></devices></domain>`;
    assert.deepEqual(macs(xml), ['525400000001']);
  });

  it('finds nothing where there is nothing', () => {
    assert.deepEqual(macs(''), []);
    assert.deepEqual(macs('<domain><devices><mac foo="1"/><mac address="52:54'), []);
  });

  it('never throws', () => {
    fc.assert(fc.property(fc.string(), (text) => void macs(`<devices><mac ${text}`)));
  });
});

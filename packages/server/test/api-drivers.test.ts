// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import type { HardwareFamily } from '../src/hardware/contracts.ts';
import { INTERFACE_TYPES } from '../src/model/resources.ts';
import type { Harness, Reply } from './support/api.ts';
import {
  anyJson,
  anyVersion,
  assertBelow,
  assertKeysAtEveryVersion,
  assertMeant,
  HOST,
  nearlyQuery,
  realApi,
  type Sweep,
} from './support/real-api.ts';

/** A hardware type with vendor methods of the driver, and a classic driver of the same parts. */
const vendorFamily: HardwareFamily = {
  hardwareTypes: [false, true].map((classic) => ({
    name: classic ? 'pxe_test' : 'test-vendor',
    classic,
    supported: {
      ...(Object.fromEntries(INTERFACE_TYPES.map((type) => [type, [`no-${type}`]])) as Record<
        (typeof INTERFACE_TYPES)[number],
        string[]
      >),
      boot: ['fake'],
      deploy: ['fake'],
      management: ['fake'],
      network: ['noop'],
      power: ['fake'],
      storage: ['noop'],
      vendor: ['test'],
    },
  })),
  implementations: {
    vendor: {
      test: {
        validate: () => undefined,
        methods: {},
        driverMethods: {
          echo: {
            httpMethods: ['GET', 'POST', 'DELETE'],
            description: 'Gives back what it got.',
            async: false,
            run: async (args) => args,
          },
          start: { httpMethods: ['POST'], description: 'Answers later.', run: async () => null },
          file: {
            httpMethods: ['GET'],
            description: 'A file.',
            async: false,
            attach: true,
            run: async () => new TextEncoder().encode('raw'),
          },
        },
      },
    },
  },
};

let api: Harness;
before(async () => {
  api = await realApi({ families: [vendorFamily] });
});
after(() => api.close());

const BASE = 'http://bm.example:6385';
const get = (path: string, version = '1.115'): Promise<Reply> =>
  api.call('GET', `/v1/drivers${path}`, undefined, { version });
const interfaces = (...types: string[]): string[] =>
  types.flatMap((type) => [`default_${type}_interface`, `enabled_${type}_interfaces`]);
const LIST: Sweep = { 1: ['name', 'hosts', 'links'], 14: ['properties'], 30: ['type'] };
const DRIVER: Sweep = {
  ...LIST,
  30: [
    'type',
    ...interfaces('boot', 'console', 'deploy', 'inspect', 'management', 'network', 'power', 'raid', 'vendor'),
  ],
  33: interfaces('storage'),
  38: interfaces('rescue'),
  40: interfaces('bios'),
  86: interfaces('firmware'),
};

test('drivers show exactly the fields of each version', async () => {
  await assertKeysAtEveryVersion(api, '/v1/drivers', LIST, { pick: (body) => body.drivers[0] });
  await assertKeysAtEveryVersion(api, '/v1/drivers/fake-hardware', DRIVER);
  const pick = (body: Reply['body']): object => body.drivers[0];
  await assertKeysAtEveryVersion(api, '/v1/drivers?detail=true', DRIVER, { min: 30, pick });
});

test('a driver tells its hosts, links and interfaces', async () => {
  const { body } = await get('/fake-hardware');
  assert.deepEqual([body.name, body.hosts, body.type], ['fake-hardware', [HOST], 'dynamic']);
  assert.equal(body.links[0].href, `${BASE}/v1/drivers/fake-hardware`);
  assert.equal(body.properties[1].href, `${BASE}/drivers/fake-hardware/properties`);
  assert.equal(body.default_power_interface, 'fake');
  assert.ok(body.enabled_network_interfaces.includes('noop'));
  const names = (await get('')).body.drivers.map((driver: { name: string }) => driver.name);
  assert.deepEqual(names, [...names].sort());
});

test('a classic driver is listed as such, without interfaces of its own choice', async () => {
  const { drivers } = (await get('?type=classic&detail=True')).body;
  const classic = drivers.find((driver: { name: string }) => driver.name === 'pxe_test');
  assert.equal(classic.type, 'classic');
  assert.deepEqual([classic.default_power_interface, classic.enabled_power_interfaces], [null, null]);
  const dynamic = (await get('?type=dynamic')).body.drivers;
  assert.ok(!dynamic.some((driver: { name: string }) => driver.name === 'pxe_test'));
});

test('queries of drivers are refused in their own words', async () => {
  const refused = async (path: string, version?: string) => {
    const { status, fault } = await get(path, version);
    return [status, fault];
  };
  const since30 = [406, 'Request not acceptable. The minimal required API version should be 1.30'];
  assert.deepEqual(await refused('?type=x'), [
    400,
    '"type" filter must be one of "classic" or "dynamic", if specified.',
  ]);
  assert.deepEqual(await refused('?type=classic', '1.29'), since30);
  assert.deepEqual(await refused('?detail=true', '1.29'), since30);
  assert.deepEqual(await refused('?fields=name', '1.76'), [406, 'Request not acceptable.']);
  assert.deepEqual(await refused('/fake-hardware?fields=name', '1.76'), [406, 'Request not acceptable.']);
  assert.deepEqual(await refused('?detail=true&fields=name'), [
    400,
    'Can not specify ?detail=True and fields in the same request.',
  ]);
  assert.deepEqual(await refused('?limit=1'), [400, 'Unexpected arguments: limit']);
  assert.deepEqual(await refused('?fields=default_boot_interface'), [
    400,
    'Field(s) "default_boot_interface" are not valid',
  ]);
  assert.deepEqual(await refused('/fake-hardware?fields=foo'), [400, 'Field(s) "foo" are not valid']);
  assert.deepEqual(Object.keys((await get('?fields=name', '1.77')).body.drivers[0]), ['name', 'links']);
  assert.deepEqual(Object.keys((await get('/fake-hardware?fields=name,default_boot_interface', '1.77')).body).sort(), [
    'default_boot_interface',
    'links',
    'name',
  ]);
});

test('an unknown driver is 404 everywhere', async () => {
  for (const path of [
    '',
    '/properties',
    '/raid/logical_disk_properties',
    '/vendor_passthru/methods',
    '/vendor_passthru/x',
  ]) {
    const { status, fault } = await get(`/nosuch${path}`);
    assert.deepEqual(
      [status, fault],
      [404, 'Could not find the following driver(s) or hardware type(s): nosuch.'],
      path,
    );
  }
});

test('a driver helps with its properties and, from 1.12, those of logical disks', async () => {
  const properties = (await get('/staging-libvirt/properties', '1.1')).body;
  assert.ok(Object.values(properties).length > 0);
  assert.ok(Object.values(properties).every((text) => typeof text === 'string' && text !== ''));
  const disk = await get('/fake-hardware/raid/logical_disk_properties', '1.12');
  assert.ok(Object.keys(disk.body).includes('raid_level'), disk.text);
  await assertBelow(api, 'GET', '/v1/drivers/fake-hardware/raid/logical_disk_properties', 11, [
    406,
    'Request not acceptable.',
  ]);
  assert.equal((await get('/test-vendor/raid/logical_disk_properties')).status, 404);
});

test('vendor methods of a driver are called by path or by query', async () => {
  const path = '/v1/drivers/test-vendor/vendor_passthru';
  assert.deepEqual((await api.call('GET', `${path}/methods`)).body.echo, {
    http_methods: ['GET', 'POST', 'DELETE'],
    async: false,
    attach: false,
    description: 'Gives back what it got.',
  });
  for (const url of [`${path}/echo`, `${path}?method=echo`]) {
    for (const method of ['POST', 'DELETE']) {
      const { status, body } = await api.call(method, url, { bar: 1 });
      assert.deepEqual([status, body], [200, { bar: 1, http_method: method }], `${method} ${url}`);
    }
  }
  const later = await api.call('POST', `${path}?method=start`, {});
  assert.deepEqual([later.status, later.text, later.headers['content-type']], [202, '', undefined]);
  const file = await api.call('GET', `${path}/file`);
  assert.deepEqual([file.text, file.headers['content-type']], ['raw', 'application/octet-stream']);
  const refused = async (method: string, url: string) => (await api.call(method, url, {})).fault;
  assert.equal(await refused('POST', `${path}/zz`), 'No handler for method zz');
  assert.equal(await refused('PUT', `${path}/echo`), 'The method echo does not support HTTP PUT');
  assert.equal(await refused('POST', path), 'Missing mandatory parameter: method');
  assert.equal(await refused('POST', `${path}/echo?x=1`), 'Unexpected arguments: x');
  assert.deepEqual((await get('/fake-hardware/vendor_passthru/methods')).body, {});
});

test('whatever is asked of drivers, the answer is a meant one', async () => {
  const names = fc.oneof(fc.constantFrom('fake-hardware', 'test-vendor', 'pxe_test'), fc.string({ minLength: 1 }));
  const below = fc.constantFrom('', '/properties', '/raid/logical_disk_properties', '/vendor_passthru/echo');
  const query = nearlyQuery(['type', 'method'], ['classic', 'name', 'type', 'default_bios_interface']);
  await fc.assert(
    fc.asyncProperty(names, below, query, anyJson, anyVersion, async (name, path, text, body, version) => {
      const url = `/v1/drivers/${encodeURIComponent(name)}${path}`;
      await assertMeant(api, 'GET', `${url}?${text}`, undefined, version);
      await assertMeant(api, 'GET', `/v1/drivers?${text}`, undefined, version);
      await assertMeant(api, 'POST', url, body, version);
    }),
    { numRuns: 150 },
  );
});

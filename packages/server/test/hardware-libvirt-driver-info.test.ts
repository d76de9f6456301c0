// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { InvalidParameterValue, MissingParameterValue, type WroughtError } from '../src/errors.ts';
import { LIBVIRT_PROPERTIES, parseDriverInfo } from '../src/hardware/libvirt/driver-info.ts';
import type { JsonObject } from '../src/model/json.ts';
import { makeNode } from './hardware-helpers.ts';

function parse(driver_info: JsonObject) {
  return parseDriverInfo(makeNode({ driver_info }));
}

function refused(
  driver_info: JsonObject,
  pattern: RegExp,
  type: new (message: string) => WroughtError = InvalidParameterValue,
) {
  assert.throws(
    () => parse(driver_info),
    (error) => {
      assert.ok(error instanceof type, String(error));
      assert.equal(error.status, 400);
      assert.match(error.message, pattern);
      return true;
    },
  );
}

test('nothing is required: the local system daemon is meant', () => {
  assert.deepEqual(parse({}), { uri: 'qemu:///system' });
  assert.deepEqual(parse({ libvirt_uri: '', sasl_username: null }), { uri: 'qemu:///system' });
});

test('an SSH key goes with an ssh URI and must be a readable file', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'wrought-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const key = join(folder, 'key');
  writeFileSync(key, 'key');
  const libvirt_uri = 'qemu+ssh://root@hv1:2222/system';
  assert.deepEqual(parse({ libvirt_uri, ssh_key_filename: key }), { uri: libvirt_uri, sshKeyFile: key });
  refused({ libvirt_uri, ssh_key_filename: join(folder, 'none') }, /ssh_key_filename: file .*none not found/);
  refused({ libvirt_uri, ssh_key_filename: folder }, /ssh_key_filename: file .* not found/);
  refused({ libvirt_uri: 'qemu:///system', ssh_key_filename: key }, /does not go over ssh; make it a qemu\+ssh/);
  refused(
    { libvirt_uri, ssh_key_filename: key, sasl_username: 'fred', sasl_password: 'secret' },
    /one and only one of the authentications/,
  );
});

test('SASL needs both the user and the password', () => {
  const libvirt_uri = 'qemu+tcp://hv1/system';
  assert.deepEqual(parse({ libvirt_uri, sasl_username: 'fred', sasl_password: 'secret' }), {
    uri: libvirt_uri,
    username: 'fred',
    password: 'secret',
  });
  refused({ libvirt_uri, sasl_username: 'fred' }, /has sasl_username but no sasl_password/, MissingParameterValue);
  refused({ libvirt_uri, sasl_password: 'x' }, /has sasl_password but no sasl_username/, MissingParameterValue);
});

test('a password in the URI is refused without being repeated', () => {
  for (const libvirt_uri of ['qemu+tcp://fred:hunter2@hv1/system', 'qemu+bad://a:hunter2@hv1:x/system']) {
    refused({ libvirt_uri }, /has a password in it/);
    assert.throws(
      () => parse({ libvirt_uri }),
      (error: Error) => !error.message.includes('hunter2'),
    );
  }
});

test('a URI that cannot be used is refused naming the part that is wrong', () => {
  refused({ libvirt_uri: 'hv1' }, /libvirt_uri is not a URI of a libvirt daemon.*scheme/);
  refused({ libvirt_uri: 'qemu+carrier-pigeon://hv1/system' }, /transport/);
  refused({ libvirt_uri: 'qemu+unix://hv1/system' }, /host/);
  refused({ libvirt_uri: 'qemu+tcp:///system' }, /host/);
  refused({ libvirt_uri: 'qemu+tcp://hv1:99999/system' }, /port/);
  refused({ libvirt_uri: 'qemu+tls://hv1/system?pkipath=/nonexistent' }, /pkipath: directory \/nonexistent not found/);
});

test('a URI cannot make the service run programs', () => {
  refused({ libvirt_uri: 'qemu+ext:///system?command=/bin/true' }, /may not name a program/);
  refused({ libvirt_uri: 'qemu+ssh://hv1/system?command=/bin/true' }, /may not name a program/);
});

test('values that are no strings are refused naming the field', () => {
  for (const field of Object.keys(LIBVIRT_PROPERTIES))
    refused({ [field]: 5 }, new RegExp(`${field} has to be a string`));
});

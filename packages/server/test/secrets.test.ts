// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Json } from '../src/model/json.ts';
import { DRIVER_INFO_SECRETS, isSecretName, MASK, maskJson, maskSecrets, maskText } from '../src/model/secrets.ts';

test('keys are secret by what their names contain, in any case', () => {
  for (const name of [
    'ipmi_password',
    'AdminPass',
    'agent_secret_token',
    'configdrive',
    'ssl_PRIVATE_KEY',
    'wol_secureon',
    'passphrase',
    'sys_pswd',
  ]) {
    assert.equal(isSecretName(name), true, name);
  }
  for (const name of [
    'key',
    'credentials',
    'snmp_community',
    'ipmi_hex_kg_key',
    'ssh_key_contents',
    'username',
    'address',
    'passthru',
  ]) {
    assert.equal(isSecretName(name), false, name);
  }
});

test('secrets inside texts are masked and the rest is left', () => {
  assert.equal(maskText('ipmitool -U admin --password hunter2 -v'), `ipmitool -U admin --password ${MASK} -v`);
  assert.equal(maskText('password=hunter2&user=x'), `password=${MASK}&user=x`);
  assert.equal(maskText('{"auth_token": "abc", "a": 1}'), `{"auth_token": "${MASK}", "a": 1}`);
  assert.equal(maskText("{'admin_password': 'a b'}"), `{'admin_password': '${MASK}'}`);
  assert.equal(maskText('qemu+tcp://root:pw@host/system'), `qemu+tcp://root:${MASK}@host/system`);
  assert.equal(maskText('The password is wrong'), 'The password is wrong');
  assert.equal(maskText('http://host/path?x=1'), 'http://host/path?x=1');
});

test('hostile texts are masked in linear time', () => {
  for (const part of ['a', '-', '- ', 'password', 'password=', "password='", 'a.', '--p', 'x://', 'token:"']) {
    const text = `${part.repeat(Math.floor(500_000 / part.length))} password`;
    const started = performance.now();
    maskText(text);
    assert.ok(performance.now() - started < 2000, part);
  }
});

const value = fc.jsonValue() as fc.Arbitrary<Json>;

test('masking text of JSON and masking the parsed value agree', () => {
  const documents = fc.dictionary(
    fc.oneof(fc.string(), fc.constantFrom('a_password', 'token', 'snmp_auth_key', 'x')),
    value,
  );
  fc.assert(
    fc.property(documents, (document) => {
      const text = JSON.stringify(document);
      const masked = JSON.parse(maskJson(text, DRIVER_INFO_SECRETS)) as Json;
      assert.deepEqual(masked, JSON.parse(JSON.stringify(maskSecrets(JSON.parse(text) as Json, DRIVER_INFO_SECRETS))));
    }),
  );
});

test('nothing under a secret key survives at any depth', () => {
  const nested = fc.letrec<{ tree: Json }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 5 },
      fc.constant('SENTINEL'),
      fc.dictionary(fc.constantFrom('my_secret'), tie('tree'), { minKeys: 1 }),
      fc.array(tie('tree')),
    ) as fc.Arbitrary<Json>,
  })).tree;
  fc.assert(
    fc.property(nested, (tree) => {
      assert.doesNotMatch(JSON.stringify(maskSecrets({ api_token: tree, deep: [{ password: tree }] })), /SENTINEL/);
    }),
  );
});

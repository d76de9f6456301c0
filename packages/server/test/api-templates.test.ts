// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import fc from 'fast-check';
import { apiHarness, type Harness, type Reply } from './support/api.ts';
import {
  anyVersion,
  assertBelow,
  assertKeysAtEveryVersion,
  assertMeant,
  nearly,
  nearlyPatch,
  nearlyQuery,
  type Sweep,
} from './support/real-api.ts';

let api: Harness;
beforeEach(async () => {
  api = await apiHarness();
});
afterEach(() => api.close());

const BASE = 'http://bm.example:6385';
const UNKNOWN = '99999999-9999-4999-8999-999999999999';
const call = (method: string, path: string, body?: unknown, version = '1.115'): Promise<Reply> =>
  api.call(method, `/v1/${path}`, body, { version });

describe('deploy templates', () => {
  const STEP = { interface: 'raid', step: 'create_configuration', args: { a: 1 }, priority: 150 };
  const TEMPLATE: Sweep = { 55: ['uuid', 'created_at', 'updated_at', 'name', 'steps', 'extra', 'links'] };
  const add = (values: object = {}, version?: string): Promise<Reply> =>
    call('POST', 'deploy_templates', { name: 'CUSTOM_RAID1', steps: [STEP], ...values }, version);

  test('one is created, shown by name, listed and deleted', async () => {
    const { status, headers, body } = await add({ description: 'dropped', extra: { a: 1 } }, '1.55');
    assert.equal(status, 201);
    assert.equal(headers.location, `${BASE}/v1/deploy_templates/${body.uuid}`);
    assert.deepEqual([body.name, body.steps, body.extra], ['CUSTOM_RAID1', [STEP], { a: 1 }]);
    await assertKeysAtEveryVersion(api, '/v1/deploy_templates/CUSTOM_RAID1', TEMPLATE, { min: 55 });
    const pick = (list: Reply['body']): object => list.deploy_templates[0];
    await assertKeysAtEveryVersion(api, '/v1/deploy_templates', { 55: ['uuid', 'name', 'links'] }, { min: 55, pick });
    await assertKeysAtEveryVersion(api, '/v1/deploy_templates?detail=True', TEMPLATE, { min: 55, pick });
    const chosen = (await call('GET', 'deploy_templates?fields=steps')).body.deploy_templates[0];
    assert.deepEqual(Object.keys(chosen).sort(), ['links', 'steps']);
    assert.equal((await call('DELETE', 'deploy_templates/CUSTOM_RAID1')).status, 204);
    const gone = await call('GET', `deploy_templates/${body.uuid}`);
    assert.deepEqual([gone.status, gone.fault], [404, `Deploy template ${body.uuid} could not be found.`]);
  });

  test('names are traits and unique; steps are complete, known and different', async () => {
    await add();
    assert.equal((await add()).fault, 'A deploy template with name CUSTOM_RAID1 already exists.');
    assert.equal(
      (await add({ name: 'HW_CPU_X86_VMX', steps: [{ ...STEP, priority: '7' }] })).body.steps[0].priority,
      7,
    );
    for (const bad of [
      { name: 'custom' },
      { name: null },
      { name: `CUSTOM_${'X'.repeat(300)}` },
      { steps: [] },
      { steps: null },
      { steps: {} },
      { steps: [STEP, { ...STEP, priority: 5 }] },
      { steps: [{ ...STEP, interface: 'console' }] },
      { steps: [{ ...STEP, priority: -1 }] },
      { steps: [{ ...STEP, priority: 'x' }] },
      { steps: [{ ...STEP, extra: 1 }] },
      ...Object.keys(STEP).map((key) => ({ steps: [{ ...STEP, [key]: undefined }] })),
      { foo: 1 },
      { description: 5 },
      { uuid: 'zz' },
    ]) {
      assert.equal((await add({ name: 'CUSTOM_OTHER', ...bad })).status, 400, JSON.stringify(bad));
    }
    const twice = await add({ name: 'CUSTOM_OTHER', steps: [STEP, STEP] });
    assert.match(twice.fault, /^Deploy template invalid: Duplicate deploy steps\./);
    for (const key of ['name', 'steps']) {
      const { fault } = await add({ [key]: undefined });
      assert.equal(fault, `Schema error for deploy template: '${key}' is a required property`);
    }
  });

  test('PATCH reaches into the list of steps', async () => {
    await add();
    const patch = (operations: unknown) => call('PATCH', 'deploy_templates/CUSTOM_RAID1', operations);
    const other = { ...STEP, interface: 'bios', step: 'apply' };
    const { body } = await patch([
      { op: 'replace', path: '/steps/0/priority', value: 10 },
      { op: 'add', path: '/steps/-', value: other },
      { op: 'replace', path: '/extra', value: { b: 1 } },
    ]);
    assert.deepEqual([body.steps, body.extra], [[{ ...STEP, priority: 10 }, other], { b: 1 }]);
    assert.deepEqual((await patch([{ op: 'remove', path: '/steps/0' }])).body.steps, [other]);
    assert.equal((await patch([{ op: 'replace', path: '/name', value: 'CUSTOM_NEW' }])).body.name, 'CUSTOM_NEW');
    for (const operations of [
      [{ op: 'remove', path: '/steps' }],
      [{ op: 'remove', path: '/steps/0' }],
      [{ op: 'remove', path: '/name' }],
      [{ op: 'remove', path: '/steps/0/args' }],
      [{ op: 'add', path: '/steps/0/foo', value: 1 }],
      [{ op: 'add', path: '/steps/5', value: other }],
      [{ op: 'add', path: '/description', value: 'x' }],
      [{ op: 'replace', path: '/uuid', value: UNKNOWN }],
    ]) {
      const { status } = await call('PATCH', 'deploy_templates/CUSTOM_NEW', operations);
      assert.equal(status, 400, JSON.stringify(operations));
    }
    assert.equal((await call('PATCH', `deploy_templates/${UNKNOWN}`, [])).status, 404);
  });

  test('one version too early they answer as their endpoints do', async () => {
    const paths = ['deploy_templates', `deploy_templates/${UNKNOWN}`];
    for (const path of paths) await assertBelow(api, 'GET', `/v1/${path}`, 54, [404, null]);
    await assertBelow(api, 'POST', '/v1/deploy_templates', 54, [405, null]);
    for (const method of ['PATCH', 'DELETE']) await assertBelow(api, method, `/v1/${paths[1]}`, 54, [405, null]);
  });

  test('whatever is sent to them, the answer is a meant one', async () => {
    const { uuid } = (await add()).body;
    await anything('deploy_templates', uuid, TEMPLATE, [STEP, [STEP], 'CUSTOM_RAID1', 'CUSTOM_A']);
  });
});

describe('runbooks', () => {
  const STEP = { interface: 'bios', step: 'apply', order: 1 };
  const STORED = { ...STEP, args: {} };
  const RUNBOOK: Sweep = {
    92: ['uuid', 'created_at', 'updated_at', 'name', 'steps', 'disable_ramdisk', 'extra', 'public', 'owner', 'links'],
    112: ['description', 'traits'],
  };
  const add = (values: object = {}, version?: string): Promise<Reply> =>
    call('POST', 'runbooks', { name: 'CUSTOM_BOOK', steps: [STEP], ...values }, version);

  test('one is created, shown by name, listed and deleted', async () => {
    const { status, headers, body } = await add({}, '1.92');
    assert.equal(status, 201);
    assert.equal(headers.location, `${BASE}/v1/runbooks/${body.uuid}`);
    assert.deepEqual(
      [body.steps, body.disable_ramdisk, body.public, body.owner, body.extra],
      [[STORED], false, false, null, {}],
    );
    await assertKeysAtEveryVersion(api, '/v1/runbooks/CUSTOM_BOOK', RUNBOOK, { min: 92 });
    const pick = (list: Reply['body']): object => list.runbooks[0];
    await assertKeysAtEveryVersion(api, '/v1/runbooks', { 92: ['uuid', 'name', 'links'] }, { min: 92, pick });
    await assertKeysAtEveryVersion(api, '/v1/runbooks?detail=True&project=true', RUNBOOK, { min: 92, pick });
    assert.equal((await call('DELETE', 'runbooks/CUSTOM_BOOK')).status, 204);
    assert.equal((await call('GET', 'runbooks/CUSTOM_BOOK')).fault, 'Runbook CUSTOM_BOOK could not be found.');
  });

  test('a name had to be a trait until 1.111', async () => {
    assert.equal((await add({ name: 'any~name' }, '1.111')).status, 400);
    assert.equal((await add({ name: 'any~name' }, '1.112')).status, 201);
    assert.equal((await add({ name: 'a b' }, '1.112')).status, 400);
    assert.equal((await add({ name: 'any~name' }, '1.112')).status, 409);
    assert.equal((await add({ description: 'x' }, '1.111')).status, 406);
  });

  test('steps, booleans and owners are checked', async () => {
    for (const bad of [
      { steps: [] },
      { steps: [{ ...STEP, order: undefined }] },
      { steps: [{ ...STEP, order: -1 }] },
      { steps: [{ ...STEP, priority: 1 }] },
      { steps: [STEP, { ...STEP, order: 2 }] },
      { steps: ['x'] },
      { public: 'true' },
      { disable_ramdisk: 'false' },
      { public: true, owner: 'me' },
      { traits: [] },
    ]) {
      assert.equal((await add(bad)).status, 400, JSON.stringify(bad));
    }
    const { body } = await add({ owner: 'me', disable_ramdisk: true, description: 'd' });
    assert.deepEqual([body.owner, body.disable_ramdisk, body.description], ['me', true, 'd']);
    const patch = (operations: unknown, version?: string) => call('PATCH', 'runbooks/CUSTOM_BOOK', operations, version);
    assert.equal((await patch([{ op: 'add', path: '/description', value: 'x' }], '1.111')).status, 406);
    assert.equal((await patch([{ op: 'replace', path: '/public', value: 'yes' }])).status, 400);
    const opened = await patch([
      { op: 'replace', path: '/public', value: true },
      { op: 'replace', path: '/steps/0/order', value: 9 },
    ]);
    assert.deepEqual(
      [opened.body.public, opened.body.owner, opened.body.steps],
      [true, null, [{ ...STORED, order: 9 }]],
    );
    assert.equal((await patch([{ op: 'add', path: '/owner', value: 'me' }])).status, 400);
  });

  test('traits are a list of their own from 1.112', async () => {
    const { uuid } = (await add()).body;
    const traits = async () => (await call('GET', 'runbooks/CUSTOM_BOOK/traits')).body.traits;
    const put = await call('PUT', 'runbooks/CUSTOM_BOOK/traits', { traits: ['CUSTOM_A', 'CUSTOM_B', 'CUSTOM_A'] });
    assert.equal(put.status, 204);
    assert.deepEqual(await traits(), ['CUSTOM_A', 'CUSTOM_B']);
    const one = await call('PUT', 'runbooks/CUSTOM_BOOK/traits/CUSTOM_C');
    assert.deepEqual([one.status, one.headers.location], [204, `${BASE}/v1/runbooks/${uuid}/traits/CUSTOM_C`]);
    assert.equal((await call('DELETE', 'runbooks/CUSTOM_BOOK/traits/CUSTOM_A')).status, 204);
    assert.equal((await call('DELETE', 'runbooks/CUSTOM_BOOK/traits/CUSTOM_A')).status, 204);
    assert.deepEqual(await traits(), ['CUSTOM_B', 'CUSTOM_C']);
    assert.deepEqual((await call('GET', 'runbooks/CUSTOM_BOOK')).body.traits, ['CUSTOM_B', 'CUSTOM_C']);
    assert.equal((await call('DELETE', 'runbooks/CUSTOM_BOOK/traits')).status, 204);
    assert.deepEqual(await traits(), []);
    assert.equal((await call('PUT', 'runbooks/CUSTOM_BOOK/traits/nope')).status, 400);
    assert.equal((await call('PUT', 'runbooks/CUSTOM_BOOK/traits', { traits: 'x' })).status, 400);
    assert.equal((await call('GET', 'runbooks/nosuch/traits')).status, 404);
  });

  test('one version too early they answer as their endpoints do', async () => {
    const paths = ['runbooks', `runbooks/${UNKNOWN}`];
    for (const path of paths) await assertBelow(api, 'GET', `/v1/${path}`, 91, [404, null]);
    await assertBelow(api, 'POST', '/v1/runbooks', 91, [405, null]);
    for (const method of ['PATCH', 'DELETE']) await assertBelow(api, method, `/v1/${paths[1]}`, 91, [405, null]);
    for (const [method, path] of [
      ['GET', ''],
      ['PUT', ''],
      ['PUT', '/CUSTOM_A'],
      ['DELETE', ''],
      ['DELETE', '/CUSTOM_A'],
    ] as const) {
      await assertBelow(api, method, `/v1/runbooks/${UNKNOWN}/traits${path}`, 111, [404, null]);
    }
  });

  test('whatever is sent to them, the answer is a meant one', async () => {
    const { uuid } = (await add()).body;
    await anything('runbooks', uuid, RUNBOOK, [STEP, [STEP], 'CUSTOM_BOOK', 'any', true]);
  });
});

describe('inspection rules', () => {
  const ACTION = { op: 'set-attribute', args: { path: '/properties/vendor', value: 'HPE' } };
  const CONDITION = { op: '!eq', args: { values: ['{node.driver}', 'redfish'] }, multiple: 'any', loop: ['a'] };
  const RULE: Sweep = {
    96: [
      'uuid',
      'created_at',
      'updated_at',
      'description',
      'priority',
      'phase',
      'sensitive',
      'conditions',
      'actions',
      'links',
    ],
  };
  const add = (values: object = {}, version?: string): Promise<Reply> =>
    call('POST', 'inspection_rules', { actions: [ACTION], ...values }, version);

  test('one is created, shown, listed and deleted', async () => {
    const { status, headers, body } = await add({ conditions: [CONDITION], priority: '10' }, '1.96');
    assert.equal(status, 201);
    assert.equal(headers.location, `${BASE}/v1/inspection_rules/${body.uuid}`);
    assert.equal(body.links[0].href, `${BASE}/v1/inspection/${body.uuid}`);
    assert.deepEqual(
      [body.conditions, body.actions, body.priority, body.phase, body.sensitive, body.description],
      [[CONDITION], [ACTION], 10, 'main', false, null],
    );
    await assertKeysAtEveryVersion(api, `/v1/inspection_rules/${body.uuid}`, RULE, { min: 96 });
    const pick = (list: Reply['body']): object => list.inspection_rules[0];
    const short = { 96: ['uuid', 'priority', 'phase', 'description', 'links'] };
    await assertKeysAtEveryVersion(api, '/v1/inspection_rules?phase=main', short, { min: 96, pick });
    await assertKeysAtEveryVersion(api, '/v1/inspection_rules?detail=True', RULE, { min: 96, pick });
    assert.deepEqual((await call('GET', 'inspection_rules?phase=other')).body, { inspection_rules: [] });
    assert.equal((await call('DELETE', `inspection_rules/${body.uuid}`)).status, 204);
    const gone = await call('GET', `inspection_rules/${body.uuid}`);
    assert.deepEqual([gone.status, gone.fault], [404, `Inspection rule ${body.uuid} could not be found.`]);
    assert.equal((await call('GET', 'inspection_rules/abc')).status, 400);
    assert.equal((await call('DELETE', 'inspection_rules')).status, 400);
  });

  test('left-out conditions are none, and a sensitive rule hides what it does', async () => {
    assert.deepEqual((await add()).body.conditions, []);
    const { body } = await add({ sensitive: true });
    assert.deepEqual([body.conditions, body.actions], [null, null]);
    const shown = (await call('GET', 'inspection_rules?fields=actions')).body.inspection_rules;
    assert.deepEqual(
      shown.map((rule: { actions: unknown }) => rule.actions),
      [[ACTION], null],
    );
    const patch = [{ op: 'add', path: '/actions/-', value: { op: 'log', args: { msg: 'x' } } }];
    assert.equal((await call('PATCH', `inspection_rules/${body.uuid}`, patch)).body.actions, null);
    const row = await api.store.inspectionRules.find('uuid', body.uuid);
    assert.equal(JSON.parse(row?.actions ?? '').length, 2);
  });

  test('wrong rules are refused, patched ones too', async () => {
    for (const bad of [
      { actions: undefined },
      { actions: [] },
      { actions: null },
      { actions: [{ op: 'nosuch', args: {} }] },
      { actions: [{ op: 'fail' }] },
      { actions: [{ ...ACTION, foo: 1 }] },
      { actions: [{ ...ACTION, loop: 'x' }] },
      { conditions: [{ op: 'set-attribute', args: {} }] },
      { conditions: [{ ...CONDITION, multiple: 'some' }] },
      { conditions: ['x'] },
      { priority: -1 },
      { priority: 10000 },
      { priority: 'x' },
      { phase: 'early' },
      { sensitive: 'zzz' },
      { description: 'x'.repeat(256) },
      { uuid: 'zz' },
    ]) {
      assert.equal((await add(bad)).status, 400, JSON.stringify(bad));
    }
    const { uuid } = (await add({ priority: 5 })).body;
    const patch = (operation: object) => call('PATCH', `inspection_rules/${uuid}`, [operation]);
    assert.equal((await patch({ op: 'remove', path: '/priority' })).body.priority, 0);
    assert.equal((await patch({ op: 'remove', path: '/phase' })).body.phase, 'main');
    assert.equal((await patch({ op: 'replace', path: '/priority', value: 10000 })).status, 400);
    assert.equal((await patch({ op: 'remove', path: '/actions' })).status, 400);
    assert.equal((await patch({ op: 'remove', path: '/actions/0' })).status, 400);
    assert.equal((await patch({ op: 'replace', path: '/actions/0/op', value: 'nosuch' })).status, 400);
  });

  test('one version too early they answer as their endpoints do', async () => {
    const text = 'The API version does not allow inspection rules';
    const paths = ['inspection_rules', `inspection_rules/${UNKNOWN}`];
    for (const path of paths) await assertBelow(api, 'GET', `/v1/${path}`, 95, [404, text]);
    await assertBelow(api, 'POST', '/v1/inspection_rules', 95, [405, text]);
    for (const path of paths) await assertBelow(api, 'DELETE', `/v1/${path}`, 95, [405, text]);
    await assertBelow(api, 'PATCH', `/v1/${paths[1]}`, 95, [405, text]);
  });

  test('whatever is sent to them, the answer is a meant one', async () => {
    const { uuid } = (await add()).body;
    await anything('inspection_rules', uuid, RULE, [ACTION, [ACTION], [CONDITION], 'main', 10]);
  });
});

/** Random reads, creations and patches of a resource. */
async function anything(path: string, uuid: string, sweep: Sweep, values: readonly unknown[]): Promise<void> {
  const fields = Object.values(sweep).flat();
  const likely = [...values, uuid, '', {}, [], null, true];
  const query = nearlyQuery(['project', 'phase'], [...fields, uuid]);
  const version = fc.oneof(anyVersion, fc.constant('1.115'));
  await fc.assert(
    fc.asyncProperty(
      query,
      nearly(fields, likely),
      nearlyPatch(fields, likely),
      version,
      async (text, body, patch, at) => {
        await assertMeant(api, 'GET', `/v1/${path}?${text}`, undefined, at);
        await assertMeant(api, 'GET', `/v1/${path}/${uuid}?${text}`, undefined, at);
        await assertMeant(api, 'POST', `/v1/${path}`, body, at);
        await assertMeant(api, 'PATCH', `/v1/${path}/${uuid}`, patch, at);
        await assertMeant(api, 'PUT', `/v1/${path}/${uuid}/traits`, body, at);
      },
    ),
    { numRuns: 150 },
  );
}

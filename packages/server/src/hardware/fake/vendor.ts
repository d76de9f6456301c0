// SPDX-License-Identifier: Apache-2.0

import { MissingParameterValue } from '../../errors.ts';
import type { JsonObject } from '../../model/json.ts';
import type { StepDeclaration, Task, VendorInterface, VendorMethod } from '../contracts.ts';
import type { Delay } from './delay.ts';

/** Vendor methods that clients' test suites call: each tells whether `bar` is the word it expects. */
export function fakeVendor(delay: Delay): VendorInterface {
  const compare = (
    name: string,
    word: string,
    extra: Partial<Pick<VendorMethod, 'async' | 'requireExclusiveLock'>>,
    description: string,
  ): VendorMethod => ({
    httpMethods: ['POST'],
    description,
    ...extra,
    validate(_task, args) {
      if (args.bar === undefined || args.bar === null || args.bar === '') {
        throw new MissingParameterValue(`Parameter 'bar' not passed to method '${name}'.`);
      }
    },
    async run(task, args) {
      await delay(task.signal);
      return args.bar === word;
    },
  });
  const log = async (task: Task, args: JsonObject): Promise<void> => {
    await delay(task.signal);
    task.log.info({ arguments: Object.keys(args) }, 'log_passthrough was called');
  };
  return {
    validate: () => undefined,
    methods: {
      second_method: compare('second_method', 'kazoo', {}, 'Tells whether bar is kazoo.'),
      third_method_sync: compare('third_method_sync', 'meow', { async: false }, 'Tells whether bar is meow.'),
      fourth_method_shared_lock: compare(
        'fourth_method_shared_lock',
        'woof',
        { requireExclusiveLock: false },
        'Tells whether bar is woof.',
      ),
      log_passthrough: {
        httpMethods: ['POST'],
        description: 'Logs which arguments it was called with.',
        async run(task, args) {
          await log(task, args);
          return null;
        },
      },
    },
    steps: [
      step('log_passthrough', ['clean', 'service'], 1, async (task, args) => {
        await log(task, args);
        return undefined;
      }),
      step('trigger_servicewait', ['service'], 0, async (task) => {
        await delay(task.signal);
        return 'wait';
      }),
    ],
  };
}

function step(
  name: string,
  kinds: StepDeclaration['kinds'],
  priority: number,
  run: StepDeclaration['run'],
): StepDeclaration {
  return { step: name, kinds, priority, requiresRamdisk: false, run };
}

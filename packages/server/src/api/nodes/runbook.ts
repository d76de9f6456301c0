// SPDX-License-Identifier: Apache-2.0

import { InvalidParameterValue, NotAcceptable, NotFound } from '../../errors.ts';
import type { JsonObject } from '../../model/json.ts';
import type { NodeRow, Step } from '../../model/resources.ts';
import { type ApiRequest, mandatoryString, type Services } from '../request.ts';
import { isUuid } from '../values.ts';

/** The runbook a clean or service request names, as steps in their order; 400 when it may not be used on this node. */
export async function resolveRunbook(
  request: ApiRequest,
  services: Services,
  node: NodeRow,
  target: string,
  args: JsonObject,
): Promise<{ steps: Step[]; disableRamdisk: boolean }> {
  if (request.minor < 92) throw new NotAcceptable();
  if (target !== 'clean' && target !== 'service') {
    throw new InvalidParameterValue('"runbook" is only valid when setting target provision state to clean or service');
  }
  if (args.clean_steps !== undefined || args.service_steps !== undefined) {
    throw new InvalidParameterValue('Please provide either "runbook" or steps, not both');
  }
  const ident = mandatoryString(args, 'runbook');
  const runbook = await services.store.runbooks.find(isUuid(ident) ? 'uuid' : 'name', ident);
  if (runbook === undefined) throw new NotFound(`Runbook ${ident.slice(0, 300)} could not be found.`);
  const approved = JSON.parse(node.traits) as string[];
  if (request.minor >= 112) {
    const traits = JSON.parse(runbook.traits) as string[];
    if (traits.length === 0) {
      throw new InvalidParameterValue(
        `Runbook ${runbook.uuid} has no traits configured. Add the traits of the nodes it may run on.`,
      );
    }
    if (!traits.some((trait) => approved.includes(trait))) throw notApproved(node);
  } else if (!approved.includes(runbook.name)) throw notApproved(node);
  const steps = (JSON.parse(runbook.steps) as Step[]).toSorted((one, two) => (one.order ?? 0) - (two.order ?? 0));
  return { steps, disableRamdisk: runbook.disable_ramdisk !== 0 };
}

function notApproved(node: NodeRow): InvalidParameterValue {
  return new InvalidParameterValue(
    `This runbook has not been approved for use on this node ${node.uuid}. Please ask an administrator to add its trait to the node.`,
  );
}

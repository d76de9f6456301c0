// SPDX-License-Identifier: Apache-2.0

import { InvalidParameterValue } from '../../errors.ts';
import type { IndicatorEntry, ManagementInterface } from '../contracts.ts';
import type { Delay } from './delay.ts';

const BOOT_DEVICES = ['pxe'] as const;
const INDICATORS: Readonly<Record<string, Readonly<Record<string, IndicatorEntry>>>> = {
  chassis: { 'led-0': { readonly: true, states: ['off', 'on'] } },
  system: { led: { readonly: false, states: ['blinking', 'off', 'on'] } },
};

/** A machine that boots from the network only, with a chassis lamp to read and a system lamp to set (it stays on). */
export function fakeManagement(delay: Delay): ManagementInterface {
  return {
    validate: () => undefined,
    supportedBootDevices: () => BOOT_DEVICES,
    async setBootDevice(task, device) {
      if (!BOOT_DEVICES.some((supported) => supported === device)) {
        throw new InvalidParameterValue(`Invalid boot device ${device} specified.`);
      }
      await delay(task.signal);
    },
    async getBootDevice(task) {
      await delay(task.signal);
      return { boot_device: 'pxe', persistent: false };
    },
    async getSensors(task) {
      await delay(task.signal);
      return {};
    },
    supportedIndicators: (_task, component) => {
      if (component === undefined) return INDICATORS;
      const found = Object.hasOwn(INDICATORS, component) ? INDICATORS[component] : undefined;
      return found === undefined ? {} : { [component]: found };
    },
    async getIndicator(task, component, indicator) {
      findIndicator(component, indicator);
      await delay(task.signal);
      return 'on';
    },
    async setIndicator(task, component, indicator, state) {
      const entry = findIndicator(component, indicator);
      if (entry.readonly) throw new InvalidParameterValue(`Indicator ${indicator}@${component} is read-only.`);
      if (!entry.states.includes(state)) {
        throw new InvalidParameterValue(
          `Indicator ${indicator}@${component} cannot be ${state}; it can be ${entry.states.join(', ')}.`,
        );
      }
      await delay(task.signal);
    },
  };
}

function findIndicator(component: string, indicator: string): IndicatorEntry {
  const indicators = Object.hasOwn(INDICATORS, component) ? INDICATORS[component] : undefined;
  const entry = indicators !== undefined && Object.hasOwn(indicators, indicator) ? indicators[indicator] : undefined;
  if (entry === undefined) throw new InvalidParameterValue(`There is no indicator ${indicator}@${component}.`);
  return entry;
}

// SPDX-License-Identifier: Apache-2.0

export { nodePowerAction } from './power-action.ts';
export { type ConductorParts, type ConductorService, createConductor } from './service.ts';
export { resultOf, waitForPowerState } from './wait-for-power-state.ts';

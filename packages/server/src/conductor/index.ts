// SPDX-License-Identifier: Apache-2.0

export { type ConductorService, createConductor } from './service.ts';
export { waitForPowerState } from './wait-for-power-state.ts';

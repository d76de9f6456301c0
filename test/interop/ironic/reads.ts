// SPDX-License-Identifier: Apache-2.0

/** Each resource, as a list and alone; read at each version from 1.1 to 1.82. */
export const PATHS: readonly string[] = [
  '',
  'nodes',
  'nodes/detail',
  'nodes/{NODE}',
  'nodes/n1/states',
  'nodes/{NODE}/traits',
  'nodes/{NODE}/bios',
  'nodes/{NODE}/history',
  'nodes/{NODE}/allocation',
  'ports',
  'ports/detail',
  'ports/{PORT}',
  'portgroups',
  'portgroups/{GROUP}',
  'chassis',
  'chassis/{CHASSIS}',
  'drivers',
  'drivers/fake-hardware',
  'conductors',
  'conductors/reference',
  'volume',
  'volume/connectors/{CONNECTOR}',
  'volume/targets/{TARGET}',
  'deploy_templates',
  'deploy_templates/CUSTOM_RAID1',
  'allocations',
  'allocations/{FAILED}',
  'shards',
];

/** What hangs below resources; it came with a version and has not changed since. Read at `GATES` only. */
export const SUB_PATHS: readonly string[] = [
  'nodes/{NODE}/validate',
  'nodes/{NODE}/ports/detail',
  'nodes/{NODE}/portgroups',
  'nodes/{NODE}/volume',
  'nodes/{NODE}/volume/connectors',
  'nodes/{NODE}/bios/LogicalProc',
  'nodes/{NODE}/vifs',
  'nodes/{NODE}/history/{EVENT}',
  'nodes/{NODE}/inventory',
  'nodes/{NODE}/states/console',
  'nodes/{NODE}/management/boot_device',
  'nodes/{NODE}/management/boot_device/supported',
  'nodes/{NODE}/management/indicators',
  'nodes/{NODE}/vendor_passthru/methods',
  'portgroups/detail',
  'portgroups/{GROUP}/ports',
  'chassis/{CHASSIS}/nodes',
  'drivers/fake-hardware/properties',
  'drivers/fake-hardware/raid/logical_disk_properties',
  'drivers/fake-hardware/vendor_passthru/methods',
  'events',
];

/** The versions before and with which something of `SUB_PATHS` came, and the ends. */
export const GATES: ReadonlySet<number> = new Set([
  1, 4, 5, 11, 12, 22, 23, 24, 27, 28, 31, 32, 39, 40, 42, 43, 62, 63, 77, 78, 80, 81, 82,
]);

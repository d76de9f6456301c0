// SPDX-License-Identifier: Apache-2.0

/** What a logical disk of `target_raid_config` takes; help texts of GET /v1/drivers/{driver}/raid/logical_disk_properties. */
export const LOGICAL_DISK_PROPERTIES: Readonly<Record<string, string>> = {
  controller: 'Name of the RAID controller, as the driver knows it. Optional.',
  disk_type: 'Kind of physical disks to use: hdd or ssd. Optional.',
  interface_type: 'Interface of the physical disks to use: sata, scsi or sas. Optional.',
  is_root_volume: 'Whether the operating system goes to this volume; at most one has it true. Optional, default false.',
  number_of_physical_disks: 'How many physical disks to use; by default the fewest the RAID level allows. Optional.',
  physical_disks: 'The physical disks to use, as the driver knows them. Optional.',
  raid_level: 'RAID level: JBOD, 0, 1, 2, 5, 6, 1+0, 5+0 or 6+0. Required.',
  share_physical_disks: 'Whether other volumes may use the same physical disks. Optional, default false.',
  size_gb: 'Size in GiB (whole number), or MAX for all there is. Required.',
  volume_name: 'Name of the volume; by default the controller or driver chooses one. Optional.',
};

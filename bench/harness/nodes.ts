// SPDX-License-Identifier: Apache-2.0
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import type { Request } from './load.ts';

/** The UUID of the benchmark's node `index`: same on both sides, so that both get the same requests. */
export function nodeUuid(index: number): string {
  return `b0000000-0000-4000-8000-${index.toString(16).padStart(12, '0')}`;
}

/** The MAC address of port `index`, locally administered. */
export function mac(index: number): string {
  const hex = index.toString(16).padStart(8, '0');
  return `02:00:${hex.match(/../g)?.join(':')}`;
}

/** A node as an operator enrols it: credentials, properties for a scheduler, a few facts of the site. */
export function nodeBody(index: number): Record<string, unknown> {
  return {
    uuid: nodeUuid(index),
    name: `bench-${index}`,
    driver: 'fake-hardware',
    resource_class: 'baremetal.large',
    driver_info: {
      address: `10.${(index >> 16) & 255}.${(index >> 8) & 255}.${index & 255}`,
      username: 'operator',
      password: 'not-a-secret',
      deploy_kernel: 'http://192.0.2.10/ipa.kernel',
      deploy_ramdisk: 'http://192.0.2.10/ipa.initramfs',
    },
    properties: {
      cpus: 64,
      memory_mb: 262144,
      local_gb: 960,
      cpu_arch: 'x86_64',
      capabilities: 'boot_mode:uefi,profile:compute',
      root_device: { wwn: `0x5000c500a0${index.toString(16).padStart(6, '0')}` },
    },
    extra: { rack: `r${index % 40}`, unit: index % 42, site: 'north' },
  };
}

/** `POST /v1/nodes` for the nodes `from` .. `to` - 1. */
export function createNodes(from: number, to: number): Request[] {
  return Array.from({ length: to - from }, (_, offset) => ({
    method: 'POST',
    path: '/v1/nodes',
    body: JSON.stringify(nodeBody(from + offset)),
    expect: [201],
  }));
}

/** `POST /v1/ports` for the nodes `from` .. `to` - 1, one port each. */
export function createPorts(from: number, to: number): Request[] {
  return Array.from({ length: to - from }, (_, offset) => ({
    method: 'POST',
    path: '/v1/ports',
    body: JSON.stringify({ node_uuid: nodeUuid(from + offset), address: mac(from + offset) }),
    expect: [201],
  }));
}

/**
 * Fills the `nodes` table of a stopped service up to `total` rows by copying its row of node 0, with the UUIDs and names
 * the API would have been given. The services differ in columns, not in this: `uuid` and `name` are unique columns.
 * `overrides` sets more columns, on all nodes.
 */
export function copyNodes(database: string, total: number, overrides: Record<string, SQLInputValue> = {}): void {
  const db = new DatabaseSync(database);
  try {
    const template = db.prepare('SELECT * FROM nodes WHERE uuid = ?').get(nodeUuid(0));
    if (template === undefined) throw new Error(`${database} has no node ${nodeUuid(0)} to copy`);
    const columns = Object.keys(template).filter((column) => column !== 'id');
    const names = columns.map((column) => `"${column}"`).join(', ');
    const insert = db.prepare(`INSERT OR IGNORE INTO nodes (${names}) VALUES (${columns.map(() => '?').join(', ')})`);
    const text = (value: SQLInputValue | undefined, index: number): SQLInputValue =>
      typeof value === 'string'
        ? value.replaceAll(nodeUuid(0), nodeUuid(index)).replaceAll('"bench-0"', `"bench-${index}"`)
        : (value ?? null);
    db.exec('BEGIN');
    for (let index = 1; index < total; index += 1) {
      const row: Record<string, SQLInputValue | undefined> = { ...template, name: `bench-${index}` };
      insert.run(...columns.map((column) => text(row[column], index)));
    }
    for (const [column, value] of Object.entries(overrides)) {
      db.prepare(`UPDATE nodes SET "${column}" = ?`).run(value);
    }
    db.exec('COMMIT');
  } finally {
    db.close();
  }
}

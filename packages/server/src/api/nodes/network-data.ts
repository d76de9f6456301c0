// SPDX-License-Identifier: Apache-2.0

import { InvalidParameterValue } from '../../errors.ts';
import { isJsonObject, type Json, type JsonObject } from '../../model/json.ts';

const MAC = /^([0-9a-f]{2}[:-]){5}[0-9a-f]{2}$/i;
const PLAIN_LINKS = new Set(['bridge', 'dvs', 'hw_veb', 'hyperv', 'ovs', 'tap', 'vhostuser', 'vif', 'phy']);
const NETWORKS = new Set(['ipv4', 'ipv4_dhcp', 'ipv6', 'ipv6_dhcp', 'ipv6_slaac']);

/** Checks static network configuration against the shape of Nova's network_data.json; `{}` is none. 400 names the place. */
export function checkNetworkData(data: JsonObject): void {
  if (Object.keys(data).length === 0) return;
  for (const part of ['links', 'networks', 'services']) {
    if (!Object.hasOwn(data, part)) throw wrong(`'${part}' is a required property`);
  }
  for (const [index, link] of listOf(data, 'links').entries()) checkLink(`links[${index}]`, link);
  for (const [index, network] of listOf(data, 'networks').entries()) checkNetwork(`networks[${index}]`, network);
  for (const [index, service] of listOf(data, 'services').entries())
    text(`services[${index}]`, service, ['address', 'type']);
}

function listOf(data: JsonObject, part: string): Json[] {
  const value = data[part];
  if (!Array.isArray(value)) throw wrong(`${part} must be a list`);
  return value;
}

function checkLink(where: string, value: Json): void {
  const link = text(where, value, ['id', 'type']);
  const type = String(link.type);
  const mac = type === 'vlan' ? 'vlan_mac_address' : 'ethernet_mac_address';
  if (typeof link[mac] !== 'string' || !MAC.test(link[mac])) throw wrong(`${where}.${mac} must be a MAC address`);
  if (type === 'bond') {
    text(where, value, ['bond_mode']);
    if (!Array.isArray(link.bond_links)) throw wrong(`${where}.bond_links must be a list`);
  } else if (type === 'vlan') {
    text(where, value, ['vlan_link']);
    if (!Number.isInteger(link.vlan_id)) throw wrong(`${where}.vlan_id must be an integer`);
  } else if (!PLAIN_LINKS.has(type)) throw wrong(`${where}.type is unknown`);
  const { mtu } = link;
  if (mtu !== undefined && mtu !== null && (typeof mtu !== 'number' || mtu < 1 || mtu > 65535)) {
    throw wrong(`${where}.mtu must be 1 to 65535`);
  }
}

function checkNetwork(where: string, value: Json): void {
  const network = text(where, value, ['id', 'link', 'network_id', 'type']);
  if (!NETWORKS.has(String(network.type))) throw wrong(`${where}.type must be one of ${[...NETWORKS].join(', ')}`);
  const { routes } = network;
  if (routes === undefined) return;
  if (!Array.isArray(routes)) throw wrong(`${where}.routes must be a list`);
  for (const [index, route] of routes.entries())
    text(`${where}.routes[${index}]`, route, ['network', 'netmask', 'gateway']);
}

/** An object with these members as strings. */
function text(where: string, value: Json, names: readonly string[]): JsonObject {
  if (!isJsonObject(value)) throw wrong(`${where} must be an object`);
  for (const name of names) {
    if (typeof value[name] !== 'string') throw wrong(`${where}.${name} must be a string`);
  }
  return value;
}

function wrong(reason: string): InvalidParameterValue {
  return new InvalidParameterValue(`Invalid network_data: ${reason}`);
}

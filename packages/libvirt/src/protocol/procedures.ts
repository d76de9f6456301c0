// SPDX-License-Identifier: Apache-2.0
// Procedure numbers, arguments and results of libvirt's remote program (remote_protocol.x). Numbers never change meaning.
import type { Codec, ValueOf } from '../xdr.ts';
import {
  array,
  bool,
  charArray,
  fixedCharText,
  hyper,
  int,
  nothing,
  nullable,
  string,
  stringBytes,
  struct,
  uchar,
  uhyper,
  uint,
  ushort,
  uuid,
} from '../xdr.ts';
import {
  DOMAIN_MIN_BYTES,
  domain,
  domainInterface,
  domainStatsRecord,
  memoryStat,
  network,
  storagePool,
  storageVol,
} from './types.ts';

export interface Procedure<A, R> {
  readonly number: number;
  readonly args: Codec<A>;
  readonly ret: Codec<R>;
  /** The call may rightly take longer than others: starting or stopping a machine waits for QEMU. Milliseconds. */
  readonly patienceMs?: number;
}

function procedure<A, R>(
  number: number,
  args: Codec<A>,
  ret: Codec<R>,
  options: { patienceMs?: number } = {},
): Procedure<A, R> {
  return { number, args, ret, ...options };
}

/** libvirt's limit of a domain list. */
const MAX_DOMAINS = 16_384;
const MAX_POOL_VOLUMES = 16_384;

/** destroy waits up to 40 s for QEMU to die; a start may wait for firmware and host devices. */
const STARTS_OR_STOPS = { patienceMs: 60_000 };

const domainList = array(domain, MAX_DOMAINS, DOMAIN_MIN_BYTES);
const dom = struct({ dom: domain });
const domFlags = struct({ dom: domain, flags: uint });
const xmlFlags = struct({ xml: string, flags: uint });
const listArgs = struct({ needResults: int, flags: uint });
const domDevice = struct({ dom: domain, xml: string, flags: uint });
const net = struct({ net: network });
const pool = struct({ pool: storagePool });
const poolFlags = struct({ pool: storagePool, flags: uint });
const vol = struct({ vol: storageVol });
const volFlags = struct({ vol: storageVol, flags: uint });
const volTransfer = struct({ vol: storageVol, offset: uhyper, length: uhyper, flags: uint });
const saslData = charArray(65_536);
const saslReply = struct({ complete: bool, nil: bool, data: saslData });

/** Every procedure this client knows, by the name libvirt gives it, in camel case. */
export const procedures = {
  // Connection and authentication
  connectOpen: procedure(1, struct({ name: nullable(string), flags: uint }), nothing),
  connectClose: procedure(2, nothing, nothing),
  connectGetType: procedure(3, nothing, string),
  connectGetVersion: procedure(4, nothing, uhyper),
  connectGetLibVersion: procedure(157, nothing, uhyper),
  connectGetHostname: procedure(59, nothing, string),
  connectGetUri: procedure(110, nothing, string),
  connectGetCapabilities: procedure(7, nothing, string),
  connectGetDomainCapabilities: procedure(
    342,
    struct({
      emulator: nullable(string),
      arch: nullable(string),
      machine: nullable(string),
      virttype: nullable(string),
      flags: uint,
    }),
    string,
  ),
  connectSupportsFeature: procedure(60, struct({ feature: int }), bool),
  connectIsSecure: procedure(149, nothing, bool),
  nodeGetInfo: procedure(
    6,
    nothing,
    struct({
      model: fixedCharText(32),
      memoryKiB: uhyper,
      cpus: int,
      mhz: int,
      nodes: int,
      sockets: int,
      cores: int,
      threads: int,
    }),
  ),
  connectGetSysinfo: procedure(203, struct({ flags: uint }), string),
  authList: procedure(66, nothing, array(int, 20)),
  authSaslInit: procedure(67, nothing, string),
  authSaslStart: procedure(68, struct({ mech: string, nil: bool, data: saslData }), saslReply),
  authSaslStep: procedure(69, struct({ nil: bool, data: saslData }), saslReply),
  authPolkit: procedure(70, nothing, bool),

  // Domains: finding and reading
  connectListAllDomains: procedure(273, listArgs, struct({ domains: domainList, count: uint })),
  domainLookupById: procedure(22, struct({ id: int }), domain),
  domainLookupByName: procedure(23, struct({ name: string }), domain),
  domainLookupByUuid: procedure(24, struct({ uuid }), domain),
  domainGetXmlDesc: procedure(14, domFlags, string),
  /** The same call with its document left as bytes. */
  domainGetXmlDescBytes: procedure(14, domFlags, stringBytes),
  domainGetState: procedure(212, domFlags, struct({ state: int, reason: int })),
  domainGetInfo: procedure(
    16,
    dom,
    struct({ state: uchar, maxMemoryKiB: uhyper, memoryKiB: uhyper, vcpus: ushort, cpuTimeNs: uhyper }),
  ),
  domainIsActive: procedure(150, dom, bool),
  domainIsPersistent: procedure(151, dom, bool),
  domainIsUpdated: procedure(202, dom, bool),
  domainGetAutostart: procedure(15, dom, bool),
  domainSetAutostart: procedure(29, struct({ dom: domain, autostart: bool }), nothing),
  domainInterfaceAddresses: procedure(
    353,
    struct({ dom: domain, source: uint, flags: uint }),
    array(domainInterface, 2048, 12),
  ),
  domainMemoryStats: procedure(159, struct({ dom: domain, max: uint, flags: uint }), array(memoryStat, 1024, 12)),
  domainGetMaxMemory: procedure(17, dom, uhyper),
  domainSetMemory: procedure(31, struct({ dom: domain, memoryKiB: uhyper }), nothing),
  domainBlockStats: procedure(
    64,
    struct({ dom: domain, path: string }),
    struct({ readRequests: hyper, readBytes: hyper, writeRequests: hyper, writeBytes: hyper, errors: hyper }),
  ),
  domainInterfaceStats: procedure(
    65,
    struct({ dom: domain, device: string }),
    struct({
      rxBytes: hyper,
      rxPackets: hyper,
      rxErrors: hyper,
      rxDrops: hyper,
      txBytes: hyper,
      txPackets: hyper,
      txErrors: hyper,
      txDrops: hyper,
    }),
  ),
  connectGetAllDomainStats: procedure(
    344,
    struct({ doms: domainList, stats: uint, flags: uint }),
    array(domainStatsRecord, MAX_DOMAINS, DOMAIN_MIN_BYTES + 4),
  ),

  // Domains: changing
  domainCreate: procedure(9, dom, nothing, STARTS_OR_STOPS),
  domainCreateWithFlags: procedure(196, domFlags, domain, STARTS_OR_STOPS),
  domainCreateXml: procedure(10, xmlFlags, domain, STARTS_OR_STOPS),
  domainDestroy: procedure(12, dom, nothing, STARTS_OR_STOPS),
  domainDestroyFlags: procedure(234, domFlags, nothing, STARTS_OR_STOPS),
  domainShutdown: procedure(33, dom, nothing),
  domainShutdownFlags: procedure(258, domFlags, nothing),
  domainReboot: procedure(27, domFlags, nothing),
  domainReset: procedure(245, domFlags, nothing),
  domainSuspend: procedure(34, dom, nothing),
  domainResume: procedure(28, dom, nothing),
  domainDefineXml: procedure(11, struct({ xml: string }), domain),
  domainDefineXmlFlags: procedure(350, xmlFlags, domain),
  domainUndefine: procedure(35, dom, nothing),
  domainUndefineFlags: procedure(231, domFlags, nothing),
  domainAttachDeviceFlags: procedure(160, domDevice, nothing),
  domainDetachDeviceFlags: procedure(161, domDevice, nothing),
  domainUpdateDeviceFlags: procedure(174, domDevice, nothing),
  domainInjectNmi: procedure(210, domFlags, nothing),
  domainSendKey: procedure(
    226,
    struct({ dom: domain, codeset: uint, holdMs: uint, keys: array(uint, 16), flags: uint }),
    nothing,
  ),
  domainSetMetadata: procedure(
    264,
    struct({
      dom: domain,
      type: int,
      metadata: nullable(string),
      key: nullable(string),
      uri: nullable(string),
      flags: uint,
    }),
    nothing,
  ),
  domainGetMetadata: procedure(265, struct({ dom: domain, type: int, uri: nullable(string), flags: uint }), string),
  domainManagedSave: procedure(182, domFlags, nothing, STARTS_OR_STOPS),
  domainHasManagedSaveImage: procedure(183, domFlags, bool),
  domainManagedSaveRemove: procedure(184, domFlags, nothing),

  // Domains: streams
  domainOpenConsole: procedure(201, struct({ dom: domain, device: nullable(string), flags: uint }), nothing),
  domainOpenChannel: procedure(296, struct({ dom: domain, name: nullable(string), flags: uint }), nothing),
  domainScreenshot: procedure(211, struct({ dom: domain, screen: uint, flags: uint }), nullable(string)),

  // Events
  connectDomainEventCallbackRegisterAny: procedure(316, struct({ eventId: int, dom: nullable(domain) }), int),
  connectDomainEventCallbackDeregisterAny: procedure(317, struct({ callbackId: int }), nothing),

  // Networks and storage
  connectListAllNetworks: procedure(283, listArgs, struct({ nets: array(network, 16_384, 20), count: uint })),
  networkLookupByName: procedure(46, struct({ name: string }), network),
  networkGetXmlDesc: procedure(43, struct({ net: network, flags: uint }), string),
  networkIsActive: procedure(152, net, bool),
  connectListAllStoragePools: procedure(281, listArgs, struct({ pools: array(storagePool, 4096, 20), count: uint })),
  storagePoolLookupByName: procedure(84, struct({ name: string }), storagePool),
  storagePoolDefineXml: procedure(77, xmlFlags, storagePool),
  storagePoolCreate: procedure(78, poolFlags, nothing),
  storagePoolCreateXml: procedure(76, xmlFlags, storagePool),
  storagePoolRefresh: procedure(83, poolFlags, nothing),
  storagePoolGetXmlDesc: procedure(88, poolFlags, string),
  storagePoolDestroy: procedure(80, pool, nothing),
  storagePoolUndefine: procedure(82, pool, nothing),
  storagePoolListAllVolumes: procedure(
    282,
    struct({ pool: storagePool, needResults: int, flags: uint }),
    struct({ vols: array(storageVol, MAX_POOL_VOLUMES, 12), count: uint }),
  ),
  storageVolLookupByName: procedure(95, struct({ pool: storagePool, name: string }), storageVol),
  storageVolLookupByPath: procedure(97, struct({ path: string }), storageVol),
  storageVolCreateXml: procedure(93, struct({ pool: storagePool, xml: string, flags: uint }), storageVol),
  storageVolDelete: procedure(94, volFlags, nothing),
  storageVolGetInfo: procedure(98, vol, struct({ type: uchar, capacity: uhyper, allocation: uhyper })),
  storageVolGetXmlDesc: procedure(99, volFlags, string),
  storageVolGetPath: procedure(100, vol, string),
  storageVolUpload: procedure(208, volTransfer, nothing),
  storageVolDownload: procedure(209, volTransfer, nothing),
} as const;

type Procedures = typeof procedures;
export type ProcedureName = keyof Procedures;
/** What a procedure takes. */
export type ArgsOf<N extends ProcedureName> = ValueOf<Procedures[N]['args']>;
/** What a procedure gives back. */
export type ResultOf<N extends ProcedureName> = ValueOf<Procedures[N]['ret']>;

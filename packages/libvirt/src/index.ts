// SPDX-License-Identifier: Apache-2.0
export type { CallOptions } from './calls.ts';
export { type ConnectOptions, connect } from './connect.ts';
export { LibvirtConnection } from './connection.ts';
export { type DomainRef, type DomainState, isUnsupported, type MacMatch } from './domains.ts';
export {
  ErrorCode,
  ErrorDomain,
  LibvirtAuthError,
  LibvirtConnectionError,
  LibvirtError,
  LibvirtProtocolError,
  LibvirtTimeoutError,
  LibvirtUriError,
  type RemoteErrorDetails,
} from './errors.ts';
export type { KeepAliveOptions } from './keepalive.ts';
export { macsOfDomainXml, normalizeMac } from './mac.ts';
export {
  ConsoleFlag,
  CreateFlag,
  DefineFlag,
  DestroyFlag,
  DeviceFlag,
  DOMAIN_STATE_NAMES,
  type DomainStateName,
  ListFlag,
  ShutdownFlag,
  StatsType,
  UndefineFlag,
  XmlFlag,
} from './protocol/constants.ts';
export type { DomainEvent, DomainEventKind, LifecycleEventName } from './protocol/events.ts';
export type { ArgsOf, ProcedureName, ResultOf } from './protocol/procedures.ts';
export type { Domain, TypedParam } from './protocol/types.ts';
export type { LibvirtStream } from './stream.ts';
export type { DomainEventListener } from './subscriptions.ts';
export { type LibvirtUri, type LibvirtUriParameters, parseLibvirtUri, type TransportName } from './uri.ts';

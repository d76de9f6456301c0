// SPDX-License-Identifier: Apache-2.0
// The named structures of libvirt's remote_protocol.x, as codecs.
import { LibvirtProtocolError } from '../errors.ts';
import type { Codec, ValueOf, XdrReader, XdrWriter } from '../xdr.ts';
import { array, bool, double, hyper, int, nullable, string, struct, uhyper, uint, uuid } from '../xdr.ts';

/** A domain (virtual machine). `id` is the number of the running instance, -1 when it is off or not known. */
export const domain = struct({ name: string, uuid, id: int });
export type Domain = Readonly<ValueOf<typeof domain>>;

/** The least bytes of a domain on the wire: empty name, UUID, id. */
export const DOMAIN_MIN_BYTES = 24;

export const network = struct({ name: string, uuid });
export const storagePool = struct({ name: string, uuid });
export const storageVol = struct({ pool: string, name: string, key: string });

/** `remote_error`: the payload of every failed reply. */
export const remoteError = struct({
  code: int,
  domain: int,
  message: nullable(string),
  level: int,
  dom: nullable(domain),
  str1: nullable(string),
  str2: nullable(string),
  str3: nullable(string),
  int1: int,
  int2: int,
  net: nullable(network),
});

type TypedParamValue = number | bigint | boolean | string;

/** A named value whose type is told on the wire (`remote_typed_param`). */
export interface TypedParam {
  readonly field: string;
  /** 1 int, 2 unsigned, 3 hyper, 4 unsigned hyper, 5 double, 6 boolean, 7 string. */
  readonly type: number;
  readonly value: TypedParamValue;
}

function encodeTypedValue(w: XdrWriter, { type, value }: TypedParam): void {
  if (type === 1 || type === 2) int.encode(w, Number(value));
  else if (type === 3 || type === 4) hyper.encode(w, BigInt(value));
  else if (type === 5) double.encode(w, Number(value));
  else if (type === 6) bool.encode(w, Boolean(value));
  else string.encode(w, String(value));
}

function decodeTypedValue(r: XdrReader, type: number): TypedParamValue {
  switch (type) {
    case 1:
      return int.decode(r);
    case 2:
      return uint.decode(r);
    case 3:
      return hyper.decode(r);
    case 4:
      return uhyper.decode(r);
    case 5:
      return double.decode(r);
    case 6:
      return bool.decode(r);
    case 7:
      return string.decode(r);
    default:
      throw new LibvirtProtocolError(`typed parameter of unknown type ${type}`);
  }
}

export const typedParam: Codec<TypedParam> = {
  encode: (w, param) => {
    string.encode(w, param.field);
    int.encode(w, param.type);
    encodeTypedValue(w, param);
  },
  decode: (r) => {
    const field = string.decode(r);
    const type = int.decode(r);
    return { field, type, value: decodeTypedValue(r, type) };
  },
};

/** The least bytes of a typed parameter: empty name, type, an int. */
const TYPED_PARAM_MIN_BYTES = 12;

export const typedParams = array(typedParam, 262_144, TYPED_PARAM_MIN_BYTES);

export const domainStatsRecord = struct({ dom: domain, params: typedParams });

export const domainInterface = struct({
  name: string,
  hwaddr: nullable(string),
  addrs: array(struct({ type: int, addr: string, prefix: uint }), 2048, 12),
});

export const memoryStat = struct({ tag: int, value: uhyper });

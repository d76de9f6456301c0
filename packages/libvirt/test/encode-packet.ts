// SPDX-License-Identifier: Apache-2.0
import { type PacketHeader, writePacket } from '../src/packet.ts';
import { XdrWriter } from '../src/xdr.ts';

/** One packet's bytes, its payload as it is. */
export function encodePacket(header: PacketHeader, payload: Uint8Array): Buffer {
  const writer = new XdrWriter();
  writePacket(writer, header, (inner) => inner.raw(payload));
  return writer.take();
}

// SPDX-License-Identifier: Apache-2.0
// A new process that finds a machine by its MAC address. Usage: libvirt-find.ts URI MAC; prints seconds as JSON.
import { connect } from '@wrought/libvirt';

const [uri = '', mac = ''] = process.argv.slice(2);
const started = performance.now();
await using connection = await connect(uri);
const [match] = await connection.findByMac([mac]);
if (match === undefined) throw new Error(`no domain has ${mac}`);
console.log(JSON.stringify({ seconds: [(performance.now() - started) / 1000], found: match.domain.name }));

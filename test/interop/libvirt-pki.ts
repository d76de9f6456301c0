// SPDX-License-Identifier: Apache-2.0
import { execFile } from 'node:child_process';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

/**
 * Throwaway certificates, in the folders libvirt's `pkipath` expects: `server` (for 127.0.0.1 and localhost), `client`, `stranger`
 * (a client certificate of a CA the server does not know) and `ca-only` (no client certificate).
 */
export async function makePki(folder: string): Promise<void> {
  for (const name of ['server', 'client', 'stranger', 'ca-only']) await mkdir(join(folder, name), { recursive: true });
  await makeCa(folder, 'ca');
  await makeCa(folder, 'other-ca');
  const server = join(folder, 'server', 'server');
  await issue(
    folder,
    'ca',
    server,
    'localhost',
    'subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth',
  );
  await issue(folder, 'ca', join(folder, 'client', 'client'), 'tester', 'extendedKeyUsage=clientAuth');
  await issue(folder, 'other-ca', join(folder, 'stranger', 'client'), 'stranger', 'extendedKeyUsage=clientAuth');
  for (const name of ['server', 'client', 'stranger', 'ca-only']) {
    await copyFile(join(folder, 'ca.pem'), join(folder, name, 'cacert.pem'));
  }
}

async function makeCa(folder: string, name: string): Promise<void> {
  const files = ['-keyout', join(folder, `${name}.key`), '-out', join(folder, `${name}.pem`)];
  const extensions = ['-addext', 'keyUsage=critical,keyCertSign,cRLSign'];
  await run('openssl', ['req', '-x509', ...KEY, ...files, '-days', '2', '-subj', `/CN=${name}`, ...extensions]);
}

/** Makes `<base>cert.pem` and `<base>key.pem`, signed by the CA. */
async function issue(folder: string, ca: string, base: string, subject: string, extensions: string): Promise<void> {
  const request = `${base}.csr`;
  const extensionFile = `${base}.ext`;
  await writeFile(
    extensionFile,
    `basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature,keyEncipherment\n${extensions}\n`,
  );
  await run('openssl', [
    'req',
    '-new',
    ...KEY,
    '-keyout',
    `${base}key.pem`,
    '-out',
    request,
    '-subj',
    `/CN=${subject}`,
  ]);
  const signer = ['-CA', join(folder, `${ca}.pem`), '-CAkey', join(folder, `${ca}.key`), '-CAcreateserial'];
  const files = ['-in', request, '-out', `${base}cert.pem`, '-extfile', extensionFile];
  await run('openssl', ['x509', '-req', ...files, ...signer, '-days', '2']);
}

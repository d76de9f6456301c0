// SPDX-License-Identifier: Apache-2.0

import type { IncomingMessage } from 'node:http';
import type { Config } from '../config/index.ts';

const HOST = /^[A-Za-z0-9.\-_:[\]]{1,300}$/;

/**
 * Scheme, host and port that links start with: `[api]public_endpoint`, else what the request was sent to. The text may
 * stand inside a JSON string and a header as it is. X-Forwarded-Proto, -Host, -Port and -Prefix are believed with
 * `[oslo_middleware]enable_proxy_headers_parsing`.
 */
export function baseUrl(raw: IncomingMessage, config: Config): string {
  const configured = config.api.public_endpoint;
  if (configured !== null) return JSON.stringify(configured.replace(/\/+$/, '')).slice(1, -1);
  const encrypted = 'encrypted' in raw.socket || config.api.enable_ssl_api;
  const forwarded = (name: string): string | undefined => {
    const value = config.oslo_middleware.enable_proxy_headers_parsing ? raw.headers[`x-forwarded-${name}`] : undefined;
    return typeof value === 'string' ? value.split(',')[0]?.trim() : undefined;
  };
  const scheme = forwarded('proto') === 'https' || (forwarded('proto') === undefined && encrypted) ? 'https' : 'http';
  const prefix = forwarded('prefix') ?? '';
  let host = forwarded('host') ?? raw.headers.host ?? '';
  const port = forwarded('port');
  if (port !== undefined && /^\d{1,5}$/.test(port) && !/:\d+$/.test(host)) host = `${host}:${port}`;
  if (!HOST.test(host)) {
    const address = raw.socket.localAddress ?? 'localhost';
    host = `${address.includes(':') ? `[${address}]` : address}:${raw.socket.localPort ?? config.api.port}`;
  }
  return `${scheme}://${host}${/^(\/[\w.~-]+)+$/.test(prefix) ? prefix : ''}`;
}

/** Where the daemon answers HTTP unless the environment says otherwise. */
export const ADMIN_ADDRESS = { host: '127.0.0.1', port: 7420 } as const;

/** What ADMIN_PORT says: a port, 0 for any free one, `off` for none, or null if it is none of these. */
export function readAdminPort(text: string): number | 'off' | null {
  if (text === 'off') return text;
  return /^\d{1,5}$/.test(text) && Number(text) <= 65_535 ? Number(text) : null;
}

/** Where a program on the same machine reaches what listens at `host`: an address that stands for all is none to ask. */
export function hostToAsk(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  return /^[0:]+$/.test(host) ? '::1' : host;
}

/** `host:port` as an address has them: an IPv6 address in brackets. */
export const hostAndPort = (host: string, port: number): string =>
  `${host.includes(':') ? `[${host}]` : host}:${port}`;

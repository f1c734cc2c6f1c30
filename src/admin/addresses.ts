import { isIP } from 'node:net';

/** Whether an address, or the name of one, is of this machine alone. What cannot be told is taken for one that is not. */
export function isLoopback(host: string): boolean {
  const plain = host.toLowerCase().replace(/^\[|\]$/g, '');
  if (plain === 'localhost') return true;
  const four = plain.startsWith('::ffff:') ? plain.slice('::ffff:'.length) : plain;
  return plain === '::1' || (isIP(four) === 4 && four.startsWith('127.'));
}

/** The name in a `Host` header, without its port; null if it is none. */
export function hostName(header: string | undefined): string | null {
  const found = /^(\[[0-9a-f:.]+\]|[^:/?#@\s[\]]+)(?::\d{1,5})?$/i.exec(header ?? '');
  return found?.[1]?.toLowerCase() ?? null;
}

/** What counts as one client: whoever has an IPv6 network has all of its addresses. */
export function clientOf(address: string | undefined): string {
  if (address === undefined) return 'unknown';
  const four = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (four !== undefined) return four;
  if (isIP(address) !== 6) return address;
  const [head = '', tail] = address.toLowerCase().split('%')[0]?.split('::') ?? [];
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length;
  const groups = [...before, ...Array<string>(Math.max(0, zeros)).fill('0'), ...after];
  return `${groups.slice(0, 4).join(':')}::/64`;
}

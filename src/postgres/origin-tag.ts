import { createHmac, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import type { RowKey, TableName } from '../model/ids.ts';

/** The prefix of our messages in the WAL. Any role may emit it, so the content is signed. */
export const TAG_PREFIX = 'pgnotion';

/** What a transaction of ours says of itself, ahead of its rows. */
export type OwnWrite = { readonly operation: string; readonly table: TableName; readonly key: RowKey };

const envelope = z.object({ operation: z.string(), table: z.string(), key: z.string(), mac: z.string() });

const macOf = (secret: Buffer, write: OwnWrite): Buffer =>
  createHmac('sha256', secret)
    .update(JSON.stringify([write.operation, write.table, write.key]))
    .digest();

export function signTag(secret: Buffer, write: OwnWrite): string {
  return JSON.stringify({ ...write, mac: macOf(secret, write).toString('base64') });
}

/** The write that a message names, or null if it is not ours: then its transaction counts as anybody's. */
export function verifyTag(secret: Buffer, content: string): OwnWrite | null {
  let json: unknown;
  try {
    json = JSON.parse(content);
  } catch {
    return null;
  }
  const parsed = envelope.safeParse(json);
  if (!parsed.success) return null;
  const { mac, ...rest } = parsed.data;
  const write = rest as unknown as OwnWrite;
  const given = Buffer.from(mac, 'base64');
  const expected = macOf(secret, write);
  return given.length === expected.length && timingSafeEqual(given, expected) ? write : null;
}

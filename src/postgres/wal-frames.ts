import { PgnotionError } from '../model/errors.ts';
import { type Lsn, lsn } from '../model/ids.ts';

/** What the server sends inside CopyData. */
export type WalFrame =
  | { readonly kind: 'data'; readonly payload: Buffer }
  | { readonly kind: 'keepalive'; readonly walEnd: Lsn; readonly replyRequested: boolean };

const DATA = 0x77;
const KEEPALIVE = 0x6b;
const STATUS = 0x72;
const DATA_HEADER = 25;
const KEEPALIVE_LENGTH = 18;
const EPOCH_2000_MS = Date.UTC(2000, 0, 1);

/** Reads a frame. Throws PgnotionError `wal_undecodable`. */
export function parseFrame(chunk: Buffer): WalFrame {
  if (chunk[0] === DATA && chunk.length > DATA_HEADER)
    return { kind: 'data', payload: chunk.subarray(DATA_HEADER) };
  if (chunk[0] === KEEPALIVE && chunk.length >= KEEPALIVE_LENGTH) {
    return { kind: 'keepalive', walEnd: lsn(chunk.readBigUInt64BE(1)), replyRequested: chunk[17] === 1 };
  }
  throw new PgnotionError({
    code: 'wal_undecodable',
    message: `The replication stream has a frame of unknown kind ${chunk[0]} (${chunk.length} bytes).`,
    remedy: 'Report this with the server version (SELECT version()).',
  });
}

/** A standby status update that reports everything before `position` as written, flushed and applied. */
export function statusFrame(position: Lsn, nowMs: number, replyRequested: boolean): Buffer {
  const frame = Buffer.alloc(34);
  frame[0] = STATUS;
  for (const at of [1, 9, 17]) frame.writeBigUInt64BE(position, at);
  frame.writeBigInt64BE(BigInt(Math.round(nowMs - EPOCH_2000_MS)) * 1000n, 25);
  frame[33] = replyRequested ? 1 : 0;
  return frame;
}

import { type Lsn, lsn } from '../model/ids.ts';
import { undecodable } from './wal-errors.ts';

/** What the server sends inside CopyData. */
type WalFrame =
  | { readonly kind: 'data'; readonly payload: Buffer }
  | { readonly kind: 'keepalive'; readonly walEnd: Lsn; readonly replyRequested: boolean };

const DATA = 0x77;
const KEEPALIVE = 0x6b;
const STATUS = 0x72;
/** The length of what stands before the payload of a data frame. */
export const DATA_HEADER = 25;
const KEEPALIVE_LENGTH = 18;
const EPOCH_2000_MS = Date.UTC(2000, 0, 1);

/** Reads a frame. Throws PgnotionError `wal_undecodable`. */
export function parseFrame(chunk: Buffer): WalFrame {
  if (chunk[0] === DATA && chunk.length > DATA_HEADER)
    return { kind: 'data', payload: chunk.subarray(DATA_HEADER) };
  if (chunk[0] === KEEPALIVE && chunk.length >= KEEPALIVE_LENGTH) {
    return { kind: 'keepalive', walEnd: lsn(chunk.readBigUInt64BE(1)), replyRequested: chunk[17] === 1 };
  }
  throw undecodable(`it is a frame of the unknown kind ${chunk[0]} (${chunk.length} bytes)`);
}

/** Hands on the payload of a data frame that comes in pieces. */
export function pastHeader(write: (piece: Buffer) => void): (piece: Buffer) => void {
  let header = DATA_HEADER;
  return (piece) => {
    if (header === DATA_HEADER && piece.length > 0 && piece[0] !== DATA)
      throw undecodable(`it is a large frame of the unknown kind ${piece[0]}`);
    const payload = piece.subarray(header);
    header -= piece.length - payload.length;
    if (payload.length > 0) write(payload);
  };
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

import { type Lsn, lsn } from '../model/ids.ts';
import { statusFrame } from './wal-frames.ts';

const ACK_DELAY_MS = 50;

/** Keeps what has been received and what has been stored, and tells the server of the latter (invariant 2). */
export type AckSender = {
  /** A position up to which everything has been handed on. */
  readonly received: (position: Lsn) => void;
  /** Ignored if it goes backwards or beyond what was received. Sent a moment later, with others that follow. */
  readonly acknowledge: (position: Lsn) => void;
  readonly send: (replyRequested: boolean) => void;
  readonly stop: () => void;
};

export function createAckSender(write: (frame: Buffer) => void, now: () => number): AckSender {
  let received = 0n;
  let acknowledged = 0n;
  let timer: NodeJS.Timeout | null = null;
  const stop = (): void => {
    if (timer) clearTimeout(timer);
    timer = null;
  };
  const send = (replyRequested: boolean): void => {
    stop();
    write(statusFrame(lsn(acknowledged), now(), replyRequested));
  };
  return {
    received: (position) => {
      if (position > received) received = position;
    },
    acknowledge: (position) => {
      if (position <= acknowledged || position > received) return;
      acknowledged = position;
      timer ??= setTimeout(() => send(false), ACK_DELAY_MS);
    },
    send,
    stop,
  };
}

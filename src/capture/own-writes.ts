import type { WalEvent } from '../model/change.ts';
import { TAG_PREFIX, verifyTag } from '../postgres/origin-tag.ts';
import type { Log } from '../runtime/log.ts';
import type { Transaction } from './pending-changes.ts';

const WARNING_EVERY_MS = 3_600_000;

type Message = Extract<WalEvent, { kind: 'message' }>;
export type OwnWriteReader = (transaction: Transaction | null, message: Message) => void;

/**
 * Reads what a transaction of ours says of itself. Any role may write messages with our prefix, as many as it likes:
 * those that are not signed by us count for nothing, and are told of once an hour.
 */
export function createOwnWriteReader(options: {
  readonly tagSecret: Buffer;
  readonly log: Log;
  readonly now?: () => number;
}): OwnWriteReader {
  const now = options.now ?? Date.now;
  let unsigned = 0;
  let warnedAt = Number.NEGATIVE_INFINITY;
  return (transaction, { prefix, transactional, content }) => {
    // Only a transactional message is ordered before the rows that it names.
    if (prefix !== TAG_PREFIX || !transactional || transaction === null) return;
    const own = verifyTag(options.tagSecret, content);
    if (own !== null) {
      transaction.own.add(`${own.table}/${own.key}`);
      return;
    }
    unsigned += 1;
    if (now() - warnedAt < WARNING_EVERY_MS) return;
    warnedAt = now();
    options.log.warn(
      { messages: unsigned },
      'a message with our prefix is not signed by us; its transaction is delivered as any other',
    );
  };
}

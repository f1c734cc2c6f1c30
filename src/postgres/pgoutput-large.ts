import type { LargeReader } from './wal-large.ts';

const UNCHANGED = Buffer.from('u');
/** A value of this length is always kept: no key is longer, since an index takes none that is. */
const SMALL_BYTES = 8 * 1024;

/**
 * Reads a row's message that is too large to be held, and keeps a message that says the same without its large
 * values: they count as not sent, as unchanged TOAST does. Of a message that is no row nothing is kept: what is that
 * large is none of ours, since any role may write into the log what it likes.
 */
export function* shrinkPgoutput(
  length: number,
  mostBytes: number,
  keep: (part: Buffer) => void,
): LargeReader {
  const tag = yield { take: 1 };
  const kind = tag.toString('latin1');
  if (!'IUD'.includes(kind)) {
    yield { drop: length - 1 };
    return;
  }
  keep(tag);
  keep(yield { take: 4 });
  const budget = { bytes: mostBytes };
  let mark = '';
  do {
    const read = yield { take: 1 };
    mark = read.toString('latin1');
    const columns = yield { take: 2 };
    keep(read);
    keep(columns);
    for (let left = columns.readInt16BE(); left > 0; left -= 1) yield* value(budget, mostBytes / 4, keep);
  } while (kind === 'U' && mark !== 'N');
}

function* value(budget: { bytes: number }, most: number, keep: (part: Buffer) => void): LargeReader {
  const kind = yield { take: 1 };
  if (kind.toString('latin1') !== 't') return keep(kind);
  const size = yield { take: 4 };
  const bytes = size.readUInt32BE();
  if (bytes > Math.max(SMALL_BYTES, Math.min(most, budget.bytes))) {
    keep(UNCHANGED);
    yield { drop: bytes };
    return;
  }
  budget.bytes -= bytes;
  keep(kind);
  keep(size);
  keep(yield { take: bytes });
}

import { changedOnPage } from '../model/merge.ts';
import type { Failure } from '../state/outbox.ts';
import { advanceBase, type SyncRecord } from '../state/records.ts';
import type { InboundContext, Sighting } from './context.ts';
import { keyOfAnother } from './key-failures.ts';
import { judgeId, typedIn } from './keyed-page.ts';

/** A record, with its base as it is after a look at the record id on its page. */
type OwnId<Record extends SyncRecord> = {
  readonly record: Record;
  /** What is wrong with the id, if it must not be put right: another row has the key that a person typed. */
  readonly failure: Failure | null;
};

/**
 * Looks at the record id on a record's own page. Another spelling of the same key is no edit, and stays as it was typed;
 * the key of another row is never written over, because it says whose page a person wants this to be.
 */
export async function ownId<Record extends SyncRecord>(
  context: InboundContext,
  sighting: Sighting,
  record: Record,
): Promise<OwnId<Record>> {
  const { table, page, image } = sighting;
  const { idProperty } = table;
  const changed = changedOnPage(table.fields, record.basePage, image);
  if (!changed.some(({ property }) => property === idProperty) || typedIn(sighting) === null)
    return { record, failure: null };
  const meant = await judgeId(context, sighting, record.key);
  if (meant === 'another-row') return { record, failure: keyOfAnother(sighting, record.key) };
  if (meant === 'none') return { record, failure: null };
  const shown = { [idProperty]: image[idProperty] ?? null };
  await context.store.transaction((sql) =>
    advanceBase(sql, record, { row: {}, page: shown, pageEditedAt: page.lastEditedTime }),
  );
  return { record: { ...record, basePage: { ...record.basePage, ...shown } }, failure: null };
}

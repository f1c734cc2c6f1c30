import type { PageImage } from '../model/change.ts';
import type { PageId } from '../model/ids.ts';
import { goesToPostgres, type ResolvedTable } from '../model/mapping.ts';
import { changedOnPage } from '../model/merge.ts';
import { pick } from '../model/pick.ts';
import type { CompletePage } from '../notion/pages.ts';
import { type EditTimes, editTimesOf } from '../state/edit-times.ts';
import type { SyncRecord } from '../state/records.ts';
import { keepSightings } from '../state/sightings.ts';
import type { Sql } from '../state/sql.ts';
import type { SyncContext } from '../sync/context.ts';

/** What a look before a write has shown of a person's edit. */
export type SeenEdit = {
  /** Null for a page that is as its base says. */
  readonly times: EditTimes | null;
  /**
   * Our own write replaces the page's last editor and the time of the edit: both are kept before it leaves. Null if there is
   * nothing to keep.
   */
  readonly keep: ((sql: Sql) => Promise<void>) | null;
};

/** `now` is the page as it was just seen, null if nobody looked; `own` names what our own lost writes put there. */
export async function seenEdit(
  context: SyncContext,
  table: ResolvedTable,
  {
    record,
    now,
    own,
  }: {
    readonly record: SyncRecord & { readonly page: PageId };
    readonly now: CompletePage | null;
    readonly own: readonly string[];
  },
): Promise<SeenEdit> {
  const nothing: SeenEdit = { times: null, keep: null };
  if (now === null) return nothing;
  const base: PageImage = { ...record.basePage, ...pick(now.image, own) };
  const edited = changedOnPage(table.fields.filter(goesToPostgres), base, now.image);
  if (edited.length === 0) {
    context.looks.saw(record.page, now.page.askedAt);
    return nothing;
  }
  const values = pick(
    now.image,
    edited.map(({ property }) => property),
  );
  return {
    times: await editTimesOf(context.store, context, record, now.page),
    keep: (sql) => keepSightings(sql, context, record, { seen: now.page, values }),
  };
}

import { decisionOf } from '../model/edit-command.ts';
import type { PageId } from '../model/ids.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import type { Located } from '../notion/locate.ts';
import { readWhole } from '../notion/pages.ts';
import { lookSoon, type WaitingEdit } from '../state/edits.ts';
import { recordsByPage, type SyncRecord } from '../state/records.ts';
import type { Source } from '../state/sources.ts';
import type { InboundContext } from './context.ts';
import { receiveArchived } from './new-page.ts';
import { pageRemoved } from './page-removed.ts';
import type { Evidence } from './page-set-aside.ts';

/** A page that was looked for and is not among the live ones of its table. */
export type Missed = {
  readonly table: ResolvedTable;
  readonly source: Source;
  readonly page: PageId;
  readonly edit: WaitingEdit | null;
  readonly together: number;
  /** The record as it was before the page was asked for. */
  readonly before: SyncRecord | undefined;
};

/** Decides what that means, under the record's lock. */
export async function left(
  context: InboundContext,
  missed: Missed,
  found: Exclude<Located, { kind: 'here' }>,
): Promise<void> {
  const { table, source, page, edit, together, before } = missed;
  const known = (await recordsByPage(context.store, [page])).get(page);
  if (known === undefined && (await isArchivedPageOfRow(context, missed, found))) return;
  const name = known === undefined ? `page/${page}` : `${known.table}/${known.key}`;
  await context.locks.run(name, async () => {
    const record = (await recordsByPage(context.store, [page])).get(page);
    // What was asked before a delivery brought the page back says nothing of it now.
    if (record !== undefined && !isAsBefore(record, before))
      return context.store.transaction((sql) => lookSoon(sql, { ...record, page }));
    const key = record?.key ?? edit?.key ?? null;
    const seen = found.kind === 'hidden' ? null : found.page;
    const gone = { table, source, page, seen, key, decision: decisionOf(edit), together };
    const evidence: Evidence = found.kind === 'hidden' ? 'hidden' : found.away;
    await pageRemoved(context, gone, record, evidence);
  });
}

async function isArchivedPageOfRow(
  context: InboundContext,
  { table, source }: Missed,
  found: Exclude<Located, { kind: 'here' }>,
): Promise<boolean> {
  if (found.kind !== 'away' || found.away !== 'archived') return false;
  const how = { ids: source.properties, page: found.page, ask: { priority: 'poll' } } as const;
  return receiveArchived(context, { table, source, ...(await readWhole(context.notion, table, how)) });
}

const isAsBefore = (record: SyncRecord, before: SyncRecord | undefined): boolean =>
  before?.state === record.state &&
  before.key === record.key &&
  before.syncedAt?.getTime() === record.syncedAt?.getTime();

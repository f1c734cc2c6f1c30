import type { RowImage } from '../model/change.ts';
import { type Decision, decisionOf } from '../model/edit-command.ts';
import { encodeField } from '../model/fields.ts';
import type { RowKey } from '../model/ids.ts';
import { judgeKeyedPage, type KeyedPageVerdict } from '../model/keyed-page.ts';
import { goesToNotion, type ResolvedField } from '../model/mapping.ts';
import { lookupsOver } from '../model/page.ts';
import { isResting } from '../model/record-state.ts';
import { type FoundKey, findKeys } from '../postgres/keys.ts';
import { readRows } from '../postgres/read-rows.ts';
import type { WaitingEdit } from '../state/edits.ts';
import { LOST_RECORD_PAGE } from '../state/first-contact.ts';
import { lostCreate, wasDeletedHere } from '../state/operations.ts';
import { recordsByKey, type SyncRecord } from '../state/records.ts';
import { lookupsWithRows } from '../sync/row-lookups.ts';
import type { InboundContext, Sighting } from './context.ts';

/** The record id that a page shows; null if it shows none. */
export function typedIn({ table, image }: Pick<Sighting, 'table' | 'image'>): string | null {
  const id = image[table.idProperty];
  return typeof id === 'string' && id.trim() !== '' ? id : null;
}

/** That id as PostgreSQL spells it; null if it is no value of the key's type. */
export async function keyOf(context: InboundContext, sighting: Sighting): Promise<FoundKey | null> {
  const typed = typedIn(sighting);
  if (typed === null) return null;
  return (await findKeys(context.db, sighting.table, [typed])).get(typed) ?? null;
}

/** A page with another record's key, and what it was judged by. */
export type Judged = {
  readonly verdict: KeyedPageVerdict;
  /** The row of that key; null if there is none. */
  readonly row: RowImage | null;
  /** Properties in which page and row differ. */
  readonly different: readonly string[];
  readonly owner: SyncRecord | undefined;
};

/** The caller holds the lock of the record whose key the page shows. */
export async function judgePage(
  context: InboundContext,
  sighting: Sighting,
  key: RowKey,
  waiting: WaitingEdit | undefined,
): Promise<Judged> {
  const { table, page } = sighting;
  const owner = (await recordsByKey(context.store, table.name, [key])).get(key);
  const row = (await readRows(context.db, table, [key])).get(key) ?? null;
  const ours = page.createdBy === context.botId;
  const different = ours && row !== null ? await differences(context, sighting, row) : [];
  const verdict = judgeKeyedPage({
    ours,
    rowExists: row !== null,
    owner: ownerState(owner),
    fromLostCreate: ours && (await lostCreate(context.store, table.name, key, page.createdTime)),
    sameValues: different.length === 0,
    wasDeleted: row === null && (await wasDeletedHere(context.store, page.id)),
    decision: saidOf(waiting),
  });
  return { verdict, row, different, owner };
}

function ownerState(owner: SyncRecord | undefined): Parameters<typeof judgeKeyedPage>[0]['owner'] {
  if (owner === undefined) return 'none';
  if (owner.page === null) return 'creating';
  return isResting(owner.state) ? 'resting' : 'linked';
}

/** A refusal holds for as long as the page shows the key. */
function saidOf(waiting: WaitingEdit | undefined): Exclude<Decision, 'retry'> | null {
  if (waiting?.code === LOST_RECORD_PAGE) return 'rejected';
  const decision = decisionOf(waiting);
  return decision === 'retry' ? null : decision;
}

/** The properties that do not show what the row would have them show. What cannot be compared is no difference. */
async function differences(
  context: InboundContext,
  { table, image }: Sighting,
  row: RowImage,
): Promise<string[]> {
  const users = table.fields.some(({ type }) => type === 'people')
    ? await context.people.byEmail()
    : new Map<string, string>();
  const ends = { db: context.db, tables: context.tables, sql: context.store };
  const lookups = await lookupsWithRows(ends, lookupsOver({ pairs: [], users }), table, [row]);
  const differs = (field: ResolvedField): boolean => {
    if (field.source.kind === 'key' || !goesToNotion(field)) return false;
    if (!(field.property in image) || !(field.property in row)) return false;
    const encoded = encodeField(field, row[field.property] ?? null, lookups);
    return encoded.kind === 'value' && !field.codec.same(encoded.value, image[field.property] ?? null);
  };
  return table.fields.filter(differs).map(({ property }) => property);
}

/** Whether what stands on a record's own page is the record's key, in whatever spelling, or another row's. */
export async function judgeId(
  context: InboundContext,
  sighting: Sighting,
  own: RowKey,
): Promise<'same' | 'another-row' | 'none'> {
  const found = await keyOf(context, sighting);
  if (found === null) return 'none';
  if (found.key === own) return 'same';
  return found.exists ? 'another-row' : 'none';
}

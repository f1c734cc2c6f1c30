import type { RowImage } from '../model/change.ts';
import type { Lookups } from '../model/codecs/codec.ts';
import type { Fault } from '../model/errors.ts';
import { encodeField } from '../model/fields.ts';
import { goesToNotion, goesToPostgres, type ResolvedField } from '../model/mapping.ts';
import { changedOnPage, lastWriteWins, mergeField, ownWrites, rowChanged } from '../model/merge.ts';
import { editDigest } from '../model/page.ts';
import { readRows } from '../postgres/rows.ts';
import { type Actor, lockRow, settleConstraints, updateRow, writeAs } from '../postgres/write.ts';
import { dropEdit, editsOf, parkEdit, waitForEdit } from '../state/edits.ts';
import { closeDoubts, doubtfulWrites } from '../state/operations.ts';
import { changedAtOf, markRestore, releaseHeld, type Trouble } from '../state/outbox.ts';
import { advanceBase, type SyncRecord } from '../state/records.ts';
import { FENCE, type Sql } from '../state/sql.ts';
import {
  type DecodedField,
  decodeAll,
  type InboundContext,
  inboundLookups,
  type Sighting,
  stateOn,
} from './context.ts';
import { refusalOf, refusedValues, relatedMissing, relatedWaitMs } from './refusal.ts';
import { type Chosen, remember } from './remember.ts';

type Linked = SyncRecord & { readonly page: NonNullable<SyncRecord['page']> };

/**
 * Brings what a person changed on a page into its row. The caller holds the record's lock and has made sure that the
 * sighting is not older than our own last write. What PostgreSQL refuses is parked with its reason (invariant 4).
 */
export async function applyEdit(context: InboundContext, sighting: Sighting, known: Linked): Promise<void> {
  const { table, page, image } = sighting;
  const record = await withoutOurWrites(context, sighting, known);
  const changed = changedOnPage(table.fields, record.basePage, image);
  const digest = editDigest(changed, image);
  const waiting = (await editsOf(context.store, [page.id])).get(page.id);
  if (changed.length === 0) {
    if (waiting !== undefined) await context.store.transaction((sql) => closeEdit(sql, record));
    return;
  }
  // Refused before, and the page is as it was: only another value, or a person's retry, can change the answer.
  if (waiting?.parked && waiting.digest === digest) return;
  const ours = changed.filter((field) => !goesToPostgres(field) && goesToNotion(field));
  if (ours.length > 0) {
    await context.store.transaction((sql) =>
      markRestore(
        sql,
        table.name,
        record.key,
        ours.map((field) => field.property),
      ),
    );
    context.onDirty();
  }
  const theirs = changed.filter(goesToPostgres);
  const trouble = theirs.length === 0 ? null : await applyFields(context, sighting, record, theirs);
  const edit = {
    page: page.id,
    table: table.name,
    key: record.key,
    digest,
    fields: theirs.map((f) => f.property),
  };
  await context.store.transaction(async (sql) => {
    if (trouble === null) await closeEdit(sql, record);
    else if (trouble.kind === 'wait')
      await waitForEdit(sql, edit, relatedWaitMs(waiting, digest), trouble.trouble);
    else await parkEdit(sql, edit, trouble.trouble);
  });
  if (trouble?.kind === 'park') {
    context.log.warn(
      { table: table.name, key: record.key, ...trouble.trouble },
      'an edit made in Notion was refused',
    );
  }
}

async function closeEdit(sql: Sql, { table, key, page }: Linked): Promise<void> {
  await dropEdit(sql, page);
  await releaseHeld(sql, table, key);
}

/** Our own write whose answer was lost is no edit: the page's base takes it in, and the row's value is written again. */
async function withoutOurWrites(
  context: InboundContext,
  { table, page, image }: Sighting,
  record: Linked,
): Promise<Linked> {
  const writes = await doubtfulWrites(context.store, table.name, record.key);
  if (writes.length === 0) return record;
  const own = ownWrites(table.fields, record.basePage, image, writes);
  const seen = Object.fromEntries(own.map((name) => [name, image[name] ?? null]));
  await context.store.transaction(async (sql) => {
    await advanceBase(sql, record, { row: {}, page: seen, pageEditedAt: page.lastEditedTime });
    await closeDoubts(sql, table.name, record.key, page.askedAt);
    if (own.length > 0) await markRestore(sql, table.name, record.key, own);
  });
  if (own.length > 0) context.onDirty();
  return { ...record, basePage: { ...record.basePage, ...seen } };
}

type EditTrouble = { readonly kind: 'wait' | 'park'; readonly trouble: Trouble };

async function applyFields(
  context: InboundContext,
  sighting: Sighting,
  record: Linked,
  fields: readonly ResolvedField[],
): Promise<EditTrouble | null> {
  const outcome = await tryFields(context, sighting, record, fields);
  if (outcome === null || fields.length === 1) return outcome;
  // Together they cannot go in; what can stand alone goes on, so that one bad value holds back no other.
  const troubles: EditTrouble[] = [];
  for (const field of fields) {
    const alone = await tryFields(context, sighting, record, [field]);
    if (alone !== null) troubles.push(alone);
  }
  return joined(troubles);
}

/** A page has one line for all that is wrong with it, which is looked at again as long as any of it waits. */
function joined(troubles: readonly EditTrouble[]): EditTrouble | null {
  const first = troubles.find(({ kind }) => kind === 'wait') ?? troubles[0];
  if (first === undefined) return null;
  const all = (part: 'reason' | 'remedy'): string =>
    [...new Set(troubles.map(({ trouble }) => trouble[part]))].join('; ');
  const { code } = first.trouble;
  const told = troubles.flatMap(({ trouble }) => trouble.told ?? []);
  return { kind: first.kind, trouble: { code, reason: all('reason'), remedy: all('remedy'), told } };
}

async function tryFields(
  context: InboundContext,
  sighting: Sighting,
  record: Linked,
  fields: readonly ResolvedField[],
): Promise<EditTrouble | null> {
  const { table, page, image } = sighting;
  const lookups = await inboundLookups(context, fields, image, record.basePage);
  const changedAt = await changedAtOf(context.store, table.name, record.key);
  const actor: Actor = { id: page.lastEditedBy, name: await context.people.nameOf(page.lastEditedBy) };
  const write = { operation: page.id, table: table.name, key: record.key };
  let present: RowImage = record.baseRow;
  try {
    return await writeAs(context.db, { secret: context.tagSecret, write, actor }, async (transaction) => {
      const sql = stateOn(transaction);
      await sql.query(FENCE, [context.store.epoch]);
      if (!(await lockRow(transaction, table, record.key))) return rowGone(record);
      const row = (await readRows(transaction, table, [record.key])).get(record.key) ?? {};
      present = row;
      const decoded = decodeAll(fields, image, lookups, row);
      const problem = problemOf(decoded);
      if (problem !== null) return problem;
      const chosen = choose({ sighting, record, row, changedAt, lookups }, decoded);
      if (Object.keys(chosen.values).length > 0)
        await updateRow(transaction, table, record.key, chosen.values);
      await settleConstraints(transaction);
      const after = (await readRows(transaction, table, [record.key])).get(record.key) ?? row;
      await remember(sql, { sighting, record, before: row, after, chosen, actor, lookups });
      return null;
    });
  } catch (error) {
    const refusal = refusalOf(error, { table, fields, present });
    if (refusal === null) throw error;
    return { kind: 'park', trouble: refusal };
  } finally {
    context.onDirty();
  }
}

/** The row is deleted, and the page was edited: the deletion is on its way to the page. */
const rowGone = (record: Linked): EditTrouble => ({
  kind: 'park',
  trouble: {
    code: 'row_gone',
    reason: `the row ${record.key} of ${record.table} no longer exists`,
    remedy: 'nothing to do if it was deleted on purpose: its page follows; or insert the row again',
  },
});

function problemOf(decoded: readonly DecodedField[]): EditTrouble | null {
  const faults: Fault[] = decoded.flatMap(({ decoded: one }) => (one.kind === 'refused' ? [one.fault] : []));
  if (faults.length > 0) return { kind: 'park', trouble: refusedValues(faults) };
  const waiting = decoded
    .filter(({ decoded: one }) => one.kind === 'unresolved')
    .map(({ field }) => field.property);
  return waiting.length > 0 ? { kind: 'wait', trouble: relatedMissing(waiting) } : null;
}

type MergeInput = {
  readonly sighting: Sighting;
  readonly record: Linked;
  readonly row: RowImage;
  readonly changedAt: Date | null;
  readonly lookups: Lookups;
};

function choose(
  { sighting, record, row, changedAt, lookups }: MergeInput,
  decoded: readonly DecodedField[],
): Chosen {
  const values: Record<string, string | null> = {};
  const taken: ResolvedField[] = [];
  const kept: ResolvedField[] = [];
  for (const { field, decoded: one } of decoded) {
    if (one.kind !== 'value' || field.source.kind !== 'column') continue;
    const name = field.property;
    const state = {
      field,
      baseRow: record.baseRow[name],
      basePage: record.basePage[name],
      row: row[name] ?? null,
      page: sighting.image[name] ?? null,
      encoded: encodeField(field, row[name] ?? null, lookups),
      restore: false,
    };
    // A row that differs from its base without a line in the outbox changed this moment: capture is on its way.
    const when = changedAt ?? (rowChanged(state) ? new Date() : null);
    const verdict = mergeField(state, () => lastWriteWins(when, sighting.page.lastEditedTime));
    if (verdict.kind === 'to-page') kept.push(field);
    else if (verdict.kind !== 'rest') taken.push(field);
    if (verdict.kind === 'to-row') values[field.source.column] = one.text;
  }
  return { values, taken, kept };
}

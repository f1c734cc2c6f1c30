import { matchValuesOf } from '../model/adoption.ts';
import { decisionOf, isMarked, valuesMark } from '../model/edit-command.ts';
import type { RowKey } from '../model/ids.ts';
import type { KeyedPageVerdict } from '../model/keyed-page.ts';
import { digestOf } from '../model/page.ts';
import { sendWrite } from '../notion/create-once.ts';
import type { FoundKey } from '../postgres/keys.ts';
import { readRows } from '../postgres/read-rows.ts';
import { recordResolved } from '../state/conflicts.ts';
import { keepNewPage } from '../state/edit-times.ts';
import { dropEdit, editsOf, lookSoon, parkEdit, parkUndecided, waitForEdit } from '../state/edits.ts';
import { ADOPTION_REVIEW, contactOf, noteCarries } from '../state/first-contact.ts';
import { creationRefused, MASS_CREATION } from '../state/guarded-changes.ts';
import { matchOf, noteContactPage } from '../state/matches.ts';
import { lostCreate, wasDeletedHere } from '../state/operations.ts';
import { type Failure, markRestore } from '../state/outbox.ts';
import { putAwayAmong } from '../state/put-away.ts';
import { isAnyCreating, recordsByPage } from '../state/records.ts';
import { requestOperation } from '../state/request-operation.ts';
import type { Sql } from '../state/sql.ts';
import { adopt } from './adopt-page.ts';
import { editClash } from './conflict.ts';
import type { InboundContext, Sighting } from './context.ts';
import { insertFrom } from './insert.ts';
import {
  duplicatePage,
  lostRecord,
  notThisRow,
  secondPage,
  UNKNOWN_KEY,
  unknownKey,
} from './key-failures.ts';
import { type Judged, judgePage, keyOf, typedIn } from './keyed-page.ts';
import { meetMatched } from './match.ts';
import { editWaitMs } from './rejection.ts';

/**
 * A page that belongs to no record: one that pgnotion made and could not note down, one that was there before, or one
 * that a person made. `found` is what its record id means, if the caller has asked PostgreSQL.
 */
export async function receiveNewPage(
  context: InboundContext,
  sighting: Sighting,
  found?: FoundKey,
): Promise<void> {
  const { table, page, image } = sighting;
  // While nobody can read whose page it is, it is not taken for a new one.
  if (!(table.idProperty in image)) return;
  const typed = typedIn(sighting);
  const key = (found ?? (await keyOf(context, sighting)))?.key ?? null;
  // With the record's own lock first: its page may be on its way through a delivery this moment.
  const name = key === null ? `page/${page.id}` : `${table.name}/${key}`;
  await context.locks.run(name, async () => {
    const known = (await recordsByPage(context.store, [page.id])).get(page.id);
    if (known !== undefined) return;
    // It may be one of ours that could not be made with its key, on its way through a delivery.
    if (
      typed === null &&
      page.createdBy === context.botId &&
      (await isAnyCreating(context.store, table.name))
    )
      return lookLater(context, sighting, null);
    if (typed === null) return receiveKeyless(context, sighting);
    if (key === null) return setAside(context, sighting, { key: null, failure: unknownKey(sighting, typed) });
    await receiveKeyed(context, sighting, key);
  });
}

/** A page without a key may be the page of a row by what it shows (`match`); else it becomes a row. */
async function receiveKeyless(context: InboundContext, sighting: Sighting): Promise<void> {
  const { table, page } = sighting;
  if (table.match.length > 0) {
    const match = await matchOf(context.store, page.id);
    if (match !== undefined && (await meetMatched(context, sighting, match))) return;
    const shown = { page: page.id, typed: null, match: matchValuesOf(table, sighting.image) };
    await context.store.transaction((sql) => noteContactPage(sql, table.name, shown));
  }
  return receiveNew(context, sighting, null);
}

/** What a page says of a row's key while it is archived: nothing of a second page, and no row is made of it. */
const OF_ARCHIVED: readonly KeyedPageVerdict[] = ['adopt', 'review', 'not-this-row'];

/**
 * A page of no record that somebody has archived: it is the page of the row whose key it shows, as if it were live, so that this
 * one gets no second page (invariant 3). False if it is nobody's, and nothing is known of it until it is back.
 */
export async function receiveArchived(context: InboundContext, sighting: Sighting): Promise<boolean> {
  const { table, page, image } = sighting;
  const key = table.idProperty in image ? ((await keyOf(context, sighting))?.key ?? null) : null;
  if (key === null) return false;
  return context.locks.run(`${table.name}/${key}`, async () => {
    if ((await recordsByPage(context.store, [page.id])).size > 0) return false;
    if ((await putAwayAmong(context.store, [page.id])).size > 0) return false;
    const waiting = (await editsOf(context.store, [page.id])).get(page.id);
    const judged = await judgePage(context, sighting, key, waiting);
    if (!OF_ARCHIVED.includes(judged.verdict)) return false;
    await carryOut(context, sighting, key, judged);
    // The next look finds the record's page out of its place.
    if (judged.verdict === 'adopt')
      await context.store.transaction((sql) => lookSoon(sql, { table: table.name, key, page: page.id }));
    return true;
  });
}

async function receiveKeyed(context: InboundContext, sighting: Sighting, key: RowKey): Promise<void> {
  const waiting = (await editsOf(context.store, [sighting.page.id])).get(sighting.page.id);
  await carryOut(context, sighting, key, await judgePage(context, sighting, key, waiting));
}

async function carryOut(
  context: InboundContext,
  sighting: Sighting,
  key: RowKey,
  judged: Judged,
): Promise<void> {
  switch (judged.verdict) {
    case 'adopt':
      return adopt(context, sighting, key, judged.row);
    case 'review':
      return setAside(context, sighting, { key, failure: lostRecord(sighting, key, judged) });
    case 'not-this-row':
      return refuse(context, sighting, key);
    case 'duplicate':
      return receiveDuplicate(context, sighting, key);
    case 'twin':
      return receiveTwin(context, sighting, key);
    case 'later':
      return lookLater(context, sighting, key);
    case 'row-returns':
      return receiveNew(context, sighting, key);
    case 'unknown-key':
      return setAside(context, sighting, { key, failure: unknownKey(sighting, key) });
    default:
      return judged.verdict satisfies never;
  }
}

const DOUBTFUL_WAIT_MS = 2_000;

const lookLater = (
  context: InboundContext,
  { table, page, image }: Sighting,
  key: RowKey | null,
): Promise<void> =>
  context.store.transaction(async (sql) => {
    const edit = { page: page.id, table: table.name, key: null, mark: valuesMark(digestOf(image)) };
    await waitForEdit(sql, edit, DOUBTFUL_WAIT_MS, null);
    await noteCarries(sql, page.id, key);
  });

/** Whether the page's table has a row of this key. */
export const rowExists = async (
  context: InboundContext,
  { table }: Sighting,
  key: RowKey,
): Promise<boolean> => (await readRows(context.db, table, [key])).size > 0;

/** Until the first contact is over, which has all that waits for it looked at. */
const CONTACT_WAIT_MS = 3_600_000;

/**
 * Makes a row of a page once it has been left alone and has all that a row needs. `copied` is the key that the page
 * carries as a copy of that record's page.
 */
export async function receiveNew(
  context: InboundContext,
  sighting: Sighting,
  key: RowKey | null,
  copied: RowKey | null = null,
): Promise<void> {
  const { table, page, image } = sighting;
  const mark = valuesMark(digestOf(image));
  const edit = { page: page.id, table: table.name, key: null, mark };
  const waiting = (await editsOf(context.store, [page.id])).get(page.id);
  const unchanged = waiting !== undefined && isMarked(waiting, mark);
  // Its record id may have been typed a moment ago, and not be shown yet.
  if ((await contactOf(context.store, table.name)) !== null) {
    if (!unchanged) await context.store.transaction((sql) => waitForEdit(sql, edit, CONTACT_WAIT_MS, null));
    return;
  }
  if (table.direction === 'to-notion') {
    if (waiting !== undefined) await context.store.transaction((sql) => dropEdit(sql, page.id));
    return;
  }
  if (unchanged && (waiting.parked || !waiting.due)) return;
  // A page of a mass that was edited is still one of them.
  if (waiting?.parked && waiting.code === MASS_CREATION) return;
  if (decisionOf(waiting) === 'rejected' && waiting?.code === MASS_CREATION)
    return context.store.transaction((sql) => parkEdit(sql, edit, creationRefused));
  const quietMs = unchanged ? waiting.quietMs : 0;
  if (quietMs < context.settleMs && decisionOf(waiting) !== 'retry') {
    await context.store.transaction(async (sql) => {
      await waitForEdit(sql, edit, context.settleMs - quietMs, null);
      await keepNewPage(sql, context, { table: table.name, page }, digestOf(image));
    });
    return;
  }
  const also = async (sql: Sql, made: RowKey): Promise<void> => {
    if (copied === null) return;
    const note = `a copy of the page of ${copied} became a row of its own, ${made}`;
    await noteCopy(sql, sighting, copied, { key: made, resolution: 'new_row', note });
  };
  const failure = await insertFrom(context, sighting, key, { also });
  if (failure === null) return;
  await context.store.transaction((sql) =>
    failure.kind === 'wait'
      ? waitForEdit(sql, edit, editWaitMs(failure.cause, waiting, mark), failure.cause)
      : parkEdit(sql, edit, failure.cause),
  );
  context.log.info(
    { table: table.name, page: page.id, ...failure.cause },
    'a new page cannot become a row yet',
  );
}

/**
 * A second page of ours for one record: the create that nobody answered came true after all. The first one is the
 * record's; this one goes to the trash, unless a person has been at it.
 */
async function receiveTwin(context: InboundContext, sighting: Sighting, key: RowKey): Promise<void> {
  const { table, page, image } = sighting;
  const untouched = page.lastEditedBy === context.botId && !(await wasDeletedHere(context.store, page.id));
  if (!untouched || !(await lostCreate(context.store, table.name, key, page.createdTime)))
    return setAside(context, sighting, { key, failure: secondPage(key) });
  const operation = requestOperation(context.store, {
    direction: 'to-notion',
    table: table.name,
    key,
    page: page.id,
    kind: 'delete',
    before: image,
    after: {},
    changedAt: null,
  });
  const sent = await sendWrite(operation, (beforeLeaving) =>
    context.notion.setTrash(page.id, true, { priority: 'poll', beforeLeaving }),
  );
  if (sent.kind === 'failed') throw sent.failure;
  await context.store.transaction(async (sql) => {
    await operation.end(sql, { status: 'done' });
    await dropEdit(sql, page.id);
  });
  context.log.warn({ table: table.name, key, page: page.id }, 'a second page for one record was trashed');
}

/** A page that shows the key of a record which has another page: reported, or a row of its own, as the table says. */
async function receiveDuplicate(context: InboundContext, sighting: Sighting, key: RowKey): Promise<void> {
  if (sighting.table.onDuplicatePage === 'new-row') return receiveNew(context, sighting, null, key);
  const note = `a second page shows the key ${key}; it is left as it is`;
  await setAside(context, sighting, { key, failure: duplicatePage(sighting, key) }, (sql) =>
    noteCopy(sql, sighting, key, { key, resolution: 'reported', note }),
  );
}

/** A person said that the page is not this row's: it stays as it is, and the row gets a page of its own. */
async function refuse(context: InboundContext, sighting: Sighting, key: RowKey): Promise<void> {
  await setAside(context, sighting, { key, failure: notThisRow(sighting, key) }, (sql) =>
    markRestore(sql, { table: sighting.table.name, key, fields: [] }),
  );
  context.onDirty();
}

/** The audit of a page that came with another record's key. */
async function noteCopy(
  sql: Sql,
  sighting: Sighting,
  copied: RowKey,
  made: { readonly key: RowKey; readonly resolution: 'new_row' | 'reported'; readonly note: string },
): Promise<void> {
  const { idProperty } = sighting.table;
  const record = { key: made.key, baseRow: {}, basePage: {} };
  const local = { [idProperty]: made.resolution === 'new_row' ? made.key : copied };
  const clash = editClash('DUPLICATED_PAGE', sighting, { record, row: local, field: idProperty });
  await recordResolved(sql, { ...clash, note: made.note }, made.resolution, 'notion');
}

/** Each poll meets the page again: only what is new is written. `also` commits with it. */
async function setAside(
  context: InboundContext,
  { table, page, image }: Sighting,
  { key, failure }: { readonly key: RowKey | null; readonly failure: Failure },
  also: (sql: Sql) => Promise<void> = async () => undefined,
): Promise<void> {
  const mark = valuesMark(digestOf({ ...image, [table.idProperty]: `${failure.code} ${key ?? ''}` }));
  const waiting = (await editsOf(context.store, [page.id])).get(page.id);
  if (waiting?.parked && isMarked(waiting, mark)) return;
  const edit = { page: page.id, table: table.name, key: namesRecord(failure) ? key : null, mark };
  await context.store.transaction(async (sql) => {
    await also(sql);
    await (failure.code === ADOPTION_REVIEW ? parkUndecided : parkEdit)(sql, edit, failure);
    await noteCarries(sql, page.id, key);
  });
  context.log.warn({ table: table.name, key, page: page.id, ...failure }, 'a page is left as it is');
}

/** What names no record goes by its page. */
const namesRecord = ({ code }: Failure): boolean => code !== UNKNOWN_KEY;

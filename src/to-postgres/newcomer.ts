import type { RowKey } from '../model/ids.ts';
import { digestOf } from '../model/page.ts';
import { readRows } from '../postgres/rows.ts';
import { recordResolved } from '../state/conflicts.ts';
import { dropEdit, editsOf, parkEdit, waitForEdit } from '../state/edits.ts';
import { lostCreate, requestOperation, wasDeletedHere } from '../state/operations.ts';
import { markRestore, type Trouble } from '../state/outbox.ts';
import { isAnyCreating, link, recordsByKey, recordsByPage } from '../state/records.ts';
import type { Sql } from '../state/sql.ts';
import { releaseWaiting } from '../state/waiting.ts';
import { clashOf } from './conflict.ts';
import type { InboundContext, Sighting } from './context.ts';
import { insertFrom } from './insert.ts';
import { refusalOf, relatedWaitMs } from './refusal.ts';

/**
 * A page that belongs to no record: one that pgnotion made and could not note down, one that was there before, or one
 * that a person made.
 */
export async function receiveNewcomer(context: InboundContext, sighting: Sighting): Promise<void> {
  const { table, page, image } = sighting;
  // While nobody can read whose page it is, it is not taken for a new one.
  if (!(table.idProperty in image)) return;
  const id = image[table.idProperty];
  const key = typeof id === 'string' && id !== '' ? (id as RowKey) : null;
  // With the record's own lock first: its page may be on its way through a delivery this moment.
  const name = key === null ? `page/${page.id}` : `${table.name}/${key}`;
  await context.locks.run(name, async () => {
    const known = (await recordsByPage(context.store, [page.id])).get(page.id);
    if (known !== undefined) return;
    // It may be one of ours that could not be made with its key, on its way through a delivery.
    if (key === null && page.createdBy === context.botId && (await isAnyCreating(context.store, table.name)))
      return lookLater(context, sighting);
    if (key === null) return receiveNew(context, sighting, null);
    const owner = (await recordsByKey(context.store, table.name, [key])).get(key);
    // A person's copy of a page carries its key: it is a new record, and gets a key of its own.
    if (owner?.page != null) {
      return page.createdBy === context.botId
        ? receiveTwin(context, sighting, key)
        : receiveNew(context, sighting, null, key);
    }
    // While our own page may come true, a person's copy of it is not taken for it: the delivery decides.
    if (owner !== undefined && page.createdBy !== context.botId) return lookLater(context, sighting);
    if (await rowExists(context, sighting, key)) return adopt(context, sighting, key);
    if (await wasDeletedHere(context.store, page.id)) return receiveNew(context, sighting, key);
    await setAsideUnknown(context, sighting, key);
  });
}

const DOUBTFUL_WAIT_MS = 2_000;

const lookLater = (context: InboundContext, { table, page, image }: Sighting): Promise<void> =>
  context.store.transaction((sql) =>
    waitForEdit(
      sql,
      { page: page.id, table: table.name, key: null, digest: digestOf(image) },
      DOUBTFUL_WAIT_MS,
      null,
    ),
  );

/** Whether the page's table has a row of this key. */
export async function rowExists(context: InboundContext, { table }: Sighting, key: RowKey): Promise<boolean> {
  try {
    return (await readRows(context.db, table, [key])).size > 0;
  } catch (error) {
    // What was typed is no key of this table at all.
    if (refusalOf(error) !== null || error instanceof SyntaxError) return false;
    throw error;
  }
}

/** The page is its row's: without a base, the first delivery makes them agree, and PostgreSQL wins what differs. */
export async function adopt(context: InboundContext, { table, page }: Sighting, key: RowKey): Promise<void> {
  await context.store.transaction(async (sql) => {
    await link(sql, {
      table: table.name,
      key,
      page: page.id,
      baseRow: {},
      basePage: {},
      pageEditedAt: page.lastEditedTime,
    });
    await dropEdit(sql, page.id);
    await markRestore(sql, table.name, key, []);
    await releaseWaiting(sql, table.name, key);
  });
  context.onDirty();
}

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
  if (table.direction === 'to-notion') return;
  const digest = digestOf(image);
  const edit = { page: page.id, table: table.name, key: null, digest };
  const waiting = (await editsOf(context.store, [page.id])).get(page.id);
  const unchanged = waiting?.digest === digest;
  if (unchanged && (waiting.parked || !waiting.due)) return;
  const quietMs = unchanged ? waiting.quietMs : 0;
  if (quietMs < context.settleMs && waiting?.digest !== '') {
    await context.store.transaction((sql) => waitForEdit(sql, edit, context.settleMs - quietMs, null));
    return;
  }
  const also = async (sql: Sql, made: RowKey): Promise<void> => {
    if (copied !== null) await noteCopy(sql, sighting, copied, made);
  };
  const trouble = await insertFrom(context, sighting, key, { also });
  if (trouble === null) return;
  await context.store.transaction((sql) =>
    trouble.kind === 'wait'
      ? waitForEdit(sql, edit, relatedWaitMs(waiting, digest), trouble.trouble)
      : parkEdit(sql, edit, trouble.trouble),
  );
  context.log.info(
    { table: table.name, page: page.id, ...trouble.trouble },
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
  if (!untouched || !(await lostCreate(context.store, table.name, key)))
    return setAsideTwin(context, sighting, key);
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
  await context.notion.setTrash(page.id, true, { priority: 'poll', beforeLeaving: operation.begin });
  await context.store.transaction(async (sql) => {
    await operation.end(sql, { status: 'done' });
    await dropEdit(sql, page.id);
  });
  context.log.warn({ table: table.name, key, page: page.id }, 'a second page for one record was trashed');
}

/** The audit of a page that came with another record's key. */
async function noteCopy(sql: Sql, sighting: Sighting, copied: RowKey, made: RowKey): Promise<void> {
  const { idProperty } = sighting.table;
  const clash = clashOf(
    'DUPLICATED_PAGE',
    sighting,
    { key: made, baseRow: {}, basePage: {} },
    { [idProperty]: made },
    idProperty,
  );
  const note = `a copy of the page of ${copied} became a row of its own, ${made}`;
  await recordResolved(sql, { ...clash, note }, 'new_row', 'notion');
}

const setAsideUnknown = (context: InboundContext, sighting: Sighting, key: RowKey): Promise<void> =>
  setAside(context, sighting, null, {
    code: 'unknown_record_id',
    told: [
      {
        property: sighting.table.idProperty,
        wrong: 'no record has this key; clear it to make this page a new record, or trash the page',
      },
    ],
    reason: `the page's ${sighting.table.idProperty} is ${JSON.stringify(key.slice(0, 80))}, and no row has that key`,
    remedy: `clear ${sighting.table.idProperty} to make the page a new row, or trash the page`,
  });

const setAsideTwin = (context: InboundContext, sighting: Sighting, key: RowKey): Promise<void> =>
  setAside(context, sighting, key, {
    code: 'second_page',
    told: [
      {
        property: null,
        wrong: 'this record has another page; move what is worth keeping there, and trash this one',
      },
    ],
    reason: `the connection made this page for ${key}, which has another page`,
    remedy: 'trash this page in Notion after moving anything worth keeping to the other one',
  });

/** Each poll meets the page again: only what is new is written. */
async function setAside(
  context: InboundContext,
  { table, page, image }: Sighting,
  key: RowKey | null,
  trouble: Trouble,
): Promise<void> {
  const digest = digestOf({ ...image, [table.idProperty]: `${trouble.code} ${key ?? ''}` });
  const waiting = (await editsOf(context.store, [page.id])).get(page.id);
  if (waiting?.parked && waiting.digest === digest) return;
  const edit = { page: page.id, table: table.name, key, digest };
  await context.store.transaction((sql) => parkEdit(sql, edit, trouble));
}

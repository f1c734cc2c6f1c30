import type { Json } from '../model/change.ts';
import { conflictProperties, conflictTitle, OPEN, RESOLUTION, STATUS } from '../model/conflict-page.ts';
import type { PageId, TableName } from '../model/ids.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import { ABSENT, type Seen } from '../model/unanswered.ts';
import type { NotionClient } from '../notion/client.ts';
import { createOnce } from '../notion/create-once.ts';
import { isGone, isInTrash, NotionFailure, stopsAll } from '../notion/error-classification.ts';
import type { People } from '../notion/people.ts';
import type { Log } from '../runtime/log.ts';
import { createPatience, type Patience } from '../runtime/patience.ts';
import { keepTrying, pause } from '../runtime/retry.ts';
import {
  type DuePage,
  duePages,
  forgetPage,
  markPageHidden,
  markPageSent,
  markPageShown,
  markPageUnsent,
  oldPages,
  openPages,
} from '../state/conflict-pages.ts';
import { type ReportDatabasePlace, readReportDatabase } from '../state/report-databases.ts';
import type { Store } from '../state/sql.ts';
import { takeChoice } from './conflict-choice.ts';
import { readable } from './conflict-values.ts';
import { knowingSchema, writable } from './report-database-schema.ts';

export type ConflictPagesContext = {
  readonly store: Store;
  readonly notion: NotionClient;
  readonly people: People;
  /** Our own user in Notion. */
  readonly botId: string;
  readonly tables: ReadonlyMap<TableName, ResolvedTable>;
  /** How often choices are looked for while a conflict is open. */
  readonly intervalMs: number;
  readonly createGraceMs: number;
  /** Pages of conflicts that have been over for longer go to the trash. */
  readonly keepDays: number;
  readonly log: Log;
};

const ASK = { priority: 'poll' } as const;
/** More than can fail at a time, so that those which do leave room for others. */
const MOST_DUE = 500;
const RETRY = { firstMs: 2_000, maxMs: 600_000 };

/**
 * Shows people in Notion each conflict that waits for them, on a page of its own whose `Resolution` decides it, for
 * ever. While no conflict is open, Notion is not asked at all.
 */
export async function runConflictPages(context: ConflictPagesContext, signal: AbortSignal): Promise<void> {
  const broken = createPatience<string>(RETRY);
  await keepTrying(
    async (healthy) => {
      while (!signal.aborted) {
        const place = await readReportDatabase(context.store, 'conflicts');
        if (place !== null) await round(context, place, broken, signal);
        healthy();
        await pause(context.intervalMs, signal);
      }
    },
    { name: 'conflict pages', log: context.log, signal, mayPass: () => true },
  );
}

async function round(
  context: ConflictPagesContext,
  place: ReportDatabasePlace,
  broken: Patience<string>,
  signal: AbortSignal,
): Promise<void> {
  await knowingSchema(context, 'conflicts', ASK, () => takeChoices(context, place, broken));
  for (const due of await duePages(context.store, MOST_DUE)) {
    if (signal.aborted) return;
    const shown = () => knowingSchema(context, 'conflicts', ASK, () => show(context, place, due));
    await alone(context, broken, `page of ${due.id}`, shown);
  }
  await trashOld(context, broken);
}

/** One conflict's page that fails is tried again later, and keeps no other waiting (invariant 16). */
async function alone(
  { log }: ConflictPagesContext,
  broken: Patience<string>,
  what: string,
  work: () => Promise<void>,
): Promise<void> {
  if (!broken.mayTry(what)) return;
  try {
    await work();
    broken.passed(what);
  } catch (error) {
    // What is no failure of Notion's is one of our own state, which all of them share.
    if (!(error instanceof NotionFailure) || stopsAll(error)) throw error;
    log.warn(
      { conflict: what, ...broken.failed(what), reason: error.message },
      'the page of a conflict failed',
    );
  }
}

async function takeChoices(
  context: ConflictPagesContext,
  place: ReportDatabasePlace,
  broken: Patience<string>,
): Promise<void> {
  const open = await openPages(context.store);
  const [status, resolution] = [place.properties[STATUS], place.properties[RESOLUTION]];
  // Without these properties nobody can choose here; the choice can still be made elsewhere.
  if (open.size === 0 || status === undefined || resolution === undefined) return;
  const filter: Json = {
    and: [
      { property: status, select: { equals: OPEN } },
      { property: resolution, select: { is_not_empty: true } },
    ],
  };
  const { pages } = await context.notion.query({ dataSourceId: place.dataSource, filter }, ASK);
  for (const page of pages) {
    const conflict = open.get(page.id);
    if (conflict === undefined) continue;
    await alone(context, broken, `choice of ${conflict}`, () =>
      takeChoice(context, place, conflict, page.id),
    );
  }
}

/** Makes the conflict's page, or has it show how the conflict stands. */
async function show(context: ConflictPagesContext, place: ReportDatabasePlace, due: DuePage): Promise<void> {
  if (due.conflictPage === null) return create(context, place, due);
  const properties = await propertiesOf(context, place, due);
  if (await update(context, due, due.conflictPage, properties))
    await keepShown(context, due, due.conflictPage, due.digest);
}

const keepShown = (
  { store }: ConflictPagesContext,
  { id }: DuePage,
  page: PageId,
  digest: string,
): Promise<void> => store.transaction((sql) => markPageShown(sql, id, page, digest));

async function propertiesOf(
  context: ConflictPagesContext,
  place: ReportDatabasePlace,
  due: DuePage,
): Promise<Readonly<Record<string, Json>>> {
  const table = context.tables.get(due.table as TableName);
  const shown = await readable(context, due);
  const all = Object.entries(conflictProperties(shown, table?.title ?? null));
  // A choice that somebody makes this moment must not be wiped out.
  const written = all.filter(([name]) => name !== RESOLUTION || due.status !== 'open' || due.taken);
  return writable(place, written);
}

async function create(
  context: ConflictPagesContext,
  place: ReportDatabasePlace,
  due: DuePage,
): Promise<void> {
  const { store, notion } = context;
  const created = await createOnce<PageId, 'over'>({
    intent: {
      sentAgoMs: due.sentAgoMs,
      begin: () => store.transaction((sql) => markPageSent(sql, due.id)),
      failed: async (_, isOver) => {
        if (isOver) await store.transaction((sql) => markPageUnsent(sql, due.id));
      },
    },
    find: () => find(context, place, due),
    send: async (beforeLeaving) => {
      if (due.status !== 'open') return { kind: 'unsent', why: 'over' };
      const properties = await propertiesOf(context, place, due);
      const ask = { ...ASK, beforeLeaving };
      const page = await notion.createPage({ dataSourceId: place.dataSource, properties }, ask);
      return { kind: 'made', thing: page.id };
    },
    byId: async (id) => id as PageId,
    graceMs: context.createGraceMs,
  });
  switch (created.kind) {
    case 'made':
      return keepShown(context, due, created.thing, due.digest);
    case 'found':
      // Somebody may have chosen there already: that is looked at before the page is written again.
      return keepShown(context, due, created.thing, '');
    case 'waits':
      // It stays due: the next round looks again.
      return;
    case 'unsent':
      return store.transaction((sql) => forgetPage(sql, due.id));
    case 'failed':
      throw created.failure;
    default:
      return created satisfies never;
  }
}

async function find(
  { notion }: ConflictPagesContext,
  place: ReportDatabasePlace,
  due: DuePage,
): Promise<Seen<PageId>> {
  const filter: Json = { property: 'title', title: { equals: conflictTitle(due) } };
  const { pages } = await notion.query({ dataSourceId: place.dataSource, filter, pageSize: 1 }, ASK);
  return pages[0] === undefined ? ABSENT : { kind: 'found', thing: pages[0].id };
}

/** False if Notion does not show the page now: it is tried again later. */
async function update(
  { store, notion, log }: ConflictPagesContext,
  { id: conflict }: DuePage,
  id: PageId,
  properties: Readonly<Record<string, Json>>,
): Promise<boolean> {
  try {
    await notion.updatePage({ id, properties }, ASK);
  } catch (error) {
    if (isGone(error)) {
      await store.transaction((sql) => markPageHidden(sql, conflict));
      return false;
    }
    if (!isInTrash(error)) throw error;
    // The conflict can still be decided elsewhere; a person did not want its page.
    log.debug({ page: id }, 'the page of a conflict is in the trash');
  }
  return true;
}

/** After so many days Notion purges its trash. */
const TRASH_DAYS = 30;

async function trashOld(context: ConflictPagesContext, broken: Patience<string>): Promise<void> {
  const { store, notion, keepDays } = context;
  for (const { conflict, page } of await oldPages(store, keepDays, MOST_DUE)) {
    await alone(context, broken, `trash of ${conflict}`, async () => {
      try {
        await notion.setTrash(page, true, ASK);
      } catch (error) {
        if (isGone(error)) {
          // Not shown now is not gone: it is tried again each day.
          const days = await store.transaction((sql) => markPageHidden(sql, conflict));
          if (days < TRASH_DAYS) return;
        } else if (!isInTrash(error)) throw error;
      }
      await store.transaction((sql) => forgetPage(sql, conflict));
    });
  }
}

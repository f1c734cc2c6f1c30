import type { Json } from '../model/change.ts';
import { plainText } from '../model/codecs/text.ts';
import {
  choiceOf,
  conflictProperties,
  conflictTitle,
  OPEN,
  RESOLUTION,
  STATUS,
  VALUE,
} from '../model/conflict-page.ts';
import { SOMEONE } from '../model/editor.ts';
import type { PageId, TableName } from '../model/ids.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import type { NotionClient, NotionPage } from '../notion/client.ts';
import { isGone, isInTrash, NotionFailure, stopsAll, unlessGone } from '../notion/error-classification.ts';
import type { People } from '../notion/people.ts';
import type { Log } from '../runtime/log.ts';
import { createPatience, type Patience } from '../runtime/patience.ts';
import { keepTrying, pause } from '../runtime/retry.ts';
import {
  type DuePage,
  duePages,
  forgetPage,
  markChoiceTaken,
  markPageHidden,
  markPageSent,
  markPageShown,
  oldPages,
  openPages,
} from '../state/conflict-pages.ts';
import { noteConflict, readConflict, resolveConflict } from '../state/conflicts.ts';
import { type ReportDatabasePlace, readReportDatabase } from '../state/report-databases.ts';
import type { Store } from '../state/sql.ts';
import { readable, typedValue } from './conflict-values.ts';
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
    const shown = () => knowingSchema(context, 'conflicts', ASK, () => show(context, place, due, signal));
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

async function takeChoice(
  context: ConflictPagesContext,
  place: ReportDatabasePlace,
  conflict: string,
  seen: PageId,
): Promise<void> {
  const { store, notion, people, botId, log } = context;
  // The query may lag and show a choice that has been carried out, or taken back.
  // One that is not shown any more is looked at once it is back.
  const page = await notion.retrievePage(seen, ASK).catch(unlessGone);
  const option = page && optionOf(place, page);
  if (page === null || option === null) return;
  const choice = await choiceOn(context, { place, page }, conflict, option);
  if ('why' in choice) {
    return store.transaction(async (sql) => {
      await noteConflict(sql, conflict, choice.why);
      await markChoiceTaken(sql, conflict);
    });
  }
  const known = page.lastEditedBy === botId ? null : await people.nameOf(page.lastEditedBy);
  const who = known ?? SOMEONE;
  const { message } = await store.transaction(async (sql) => {
    await markChoiceTaken(sql, conflict);
    return resolveConflict(sql, conflict, choice, who);
  });
  log.info({ conflict, who }, message);
}

type Chosen =
  | { readonly keep: 'postgres' | 'notion' }
  | { readonly value: string }
  | { readonly why: string };

/** What stands on the page as something that can be carried out, or why it cannot. */
async function choiceOn(
  { store, tables }: ConflictPagesContext,
  { place, page }: { readonly place: ReportDatabasePlace; readonly page: NotionPage },
  conflict: string,
  option: string,
): Promise<Chosen> {
  const line = await readConflict(store, conflict);
  const name = line?.fields[0] ?? null;
  const choice = choiceOf(option, textOf(place, page), name);
  if (choice.kind === 'side') return { keep: choice.keep };
  if (choice.kind === 'unclear') return { why: choice.why };
  const field = tables
    .get(line?.table_name ?? ('' as TableName))
    ?.fields.find(({ property }) => property === name);
  if (field === undefined) return { why: 'this property is not synced any more: choose a side' };
  const value = typedValue(field, choice.text);
  if ('json' in value) return { value: value.json };
  return { why: `"${VALUE}" cannot be used: ${value.fault.told?.wrong ?? value.fault.message}` };
}

function textOf(place: ReportDatabasePlace, page: NotionPage): string {
  const property = page.properties[place.properties[VALUE] ?? ''];
  return plainText(property?.rich_text) ?? '';
}

function optionOf(place: ReportDatabasePlace, page: NotionPage): string | null {
  const property = page.properties[place.properties[RESOLUTION] ?? ''] as
    | { readonly select?: { readonly name?: unknown } | null }
    | undefined;
  const name = property?.select?.name;
  return typeof name === 'string' ? name : null;
}

/** Makes the conflict's page, or has it show how the conflict stands. */
async function show(
  context: ConflictPagesContext,
  place: ReportDatabasePlace,
  due: DuePage,
  signal: AbortSignal,
): Promise<void> {
  const keep = (page: PageId, digest: string) =>
    context.store.transaction((sql) => markPageShown(sql, due.id, page, digest));
  if (due.conflictPage === null && due.sent) {
    const found = await find(context, place, due, signal);
    // Somebody may have chosen there already: that is looked at before the page is written again.
    if (found !== null) return keep(found, '');
  }
  const table = context.tables.get(due.table as TableName);
  const shown = await readable(context, due);
  const all = Object.entries(conflictProperties(shown, table?.title ?? null));
  // A choice that somebody makes this moment must not be wiped out.
  const written = all.filter(([name]) => name !== RESOLUTION || due.status !== 'open' || due.taken);
  const properties = writable(place, written);
  if (due.conflictPage === null) return keep(await create(context, place, due.id, properties), due.digest);
  if (await update(context, due, due.conflictPage, properties)) await keep(due.conflictPage, due.digest);
}

async function create(
  { store, notion }: ConflictPagesContext,
  place: ReportDatabasePlace,
  conflict: string,
  properties: Readonly<Record<string, Json>>,
): Promise<PageId> {
  const beforeLeaving = () => store.transaction((sql) => markPageSent(sql, conflict));
  const page = await notion.createPage(
    { dataSourceId: place.dataSource, properties },
    { ...ASK, beforeLeaving },
  );
  return page.id;
}

async function find(
  context: ConflictPagesContext,
  place: ReportDatabasePlace,
  due: DuePage,
  signal: AbortSignal,
): Promise<PageId | null> {
  const filter: Json = { property: 'title', title: { equals: conflictTitle(due) } };
  const look = async () =>
    (await context.notion.query({ dataSourceId: place.dataSource, filter, pageSize: 1 }, ASK)).pages[0];
  const page = await look();
  if (page !== undefined) return page.id;
  // It may come to exist until the grace is over.
  await pause(context.createGraceMs, signal);
  return (await look())?.id ?? null;
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

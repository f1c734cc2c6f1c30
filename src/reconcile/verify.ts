import { awayOf } from '../model/away.ts';
import type { PageId, RowKey } from '../model/ids.ts';
import { type InFlightKind, signatureOf } from '../model/verify.ts';
import type { NotionPage } from '../notion/client.ts';
import { readWhole } from '../notion/pages.ts';
import { checkCondition, existingAmong, sampleKeys } from '../postgres/chosen-keys.ts';
import { readKeys } from '../postgres/read-rows.ts';
import { recordsByKey } from '../state/records.ts';
import { notePages, noteSuspects, unlistedRecords } from '../state/verify.ts';
import { type InFlightCounts, lookAgain } from './verify-again.ts';
import type { Ref, VerifyScope, VerifyTable } from './verify-context.ts';
import { type Judged, judgePages, judgeRows, type PageRead, pageRead } from './verify-judge.ts';

const KEYS_AT_ONCE = 1_000;

export type TableCounts = {
  readonly rows: number;
  readonly pages: number;
  /** Records of which row and page were compared. */
  readonly compared: number;
  readonly inFlight: InFlightCounts;
};

/**
 * Compares a table's two sides: the pages as Notion lists them, each with its record and its row, then in the order of
 * their keys the rows without a record and the records whose pages were not listed. What looks different is kept aside and
 * looked at again once the rest is done.
 */
export async function verifyTable(
  at: VerifyTable,
  scope: Pick<VerifyScope, 'where' | 'sample'>,
): Promise<TableCounts> {
  if (scope.where !== null) await checkCondition(at.context.db, at.table, scope.where);
  const chosen =
    scope.sample === null ? null : await sampleKeys(at.context.db, at.table, scope.sample, scope.where);
  const { known, ...counts } =
    chosen === null ? await compareAll(at, scope.where) : await compareChosen(at, chosen);
  const inFlight = await lookAgain(at);
  add(inFlight, known);
  return { ...counts, inFlight };
}

type Compared = Omit<TableCounts, 'inFlight'> & { readonly known: InFlightCounts };

async function compareAll(at: VerifyTable, where: string | null): Promise<Compared> {
  const { context, run, table } = at;
  const { store, db } = context;
  let pages = 0;
  let compared = 0;
  const known: InFlightCounts = {};
  // The next answer of Notion is on its way, and the one before it is written down, while the last one is compared.
  for await (const batch of ahead(firstListed(at))) {
    if (context.signal.aborted) break;
    pages += batch.length;
    const judged = await judgePages(at, await readBatch(at, batch));
    const within = await inScope(at, where, judged);
    compared += within.filter(({ key }) => key !== null).length;
    await keepSuspects(at, within, known);
    context.tell(`${table.name}: ${pages} pages compared`);
  }
  let rows = 0;
  for await (const keys of readKeys(db, table, KEYS_AT_ONCE)) {
    if (context.signal.aborted) break;
    const own = where === null ? keys : [...(await existingAmong(db, table, keys, where))];
    rows += own.length;
    await keepSuspects(at, await judgeRows(at, own), known);
    context.tell(`${table.name}: ${rows} rows looked up`);
  }
  for await (const records of unlistedRecords(store, run, table.name, KEYS_AT_ONCE)) {
    if (context.signal.aborted) break;
    const keys =
      where === null
        ? null
        : await existingAmong(
            db,
            table,
            records.map(({ key }) => key),
            where,
          );
    const own = records.filter(({ key }) => keys === null || keys.has(key));
    await noteSuspects(
      store,
      run,
      table.name,
      own.map((record) => ({ ...record, signature: '' })),
    );
  }
  return { rows, pages, compared, known };
}

/** The next one is made while the last one is used. */
async function* ahead<T>(items: AsyncIterable<T>): AsyncIterable<T> {
  const iterator = items[Symbol.asyncIterator]();
  const next = async (): Promise<IteratorResult<T>> => iterator.next();
  let coming = next();
  for (;;) {
    const step = await coming;
    if (step.done === true) return;
    coming = next();
    // Whoever stops early waits for no answer.
    coming.catch(() => undefined);
    yield step.value;
  }
}

async function* listed({ context, source }: VerifyTable): AsyncIterable<readonly NotionPage[]> {
  for await (const batch of context.listPages(source, context.priority))
    yield batch.filter((page) => awayOf(page, source.dataSource) === null);
}

/** Without what was listed before: where one query gives no more, the next one begins with its last minute. */
async function* firstListed(at: VerifyTable): AsyncIterable<readonly NotionPage[]> {
  for await (const batch of ahead(listed(at))) {
    const pages = new Map(batch.map((page) => [page.id, page]));
    const fresh = await notePages(at.context.store, at.run, [...pages.keys()]);
    yield [...pages.values()].filter(({ id }) => fresh.has(id));
  }
}

async function readBatch({ context, table, source }: VerifyTable, pages: readonly NotionPage[]) {
  const ask = { priority: context.priority, lane: table.name };
  const reads: PageRead[] = [];
  for (const page of pages)
    reads.push(pageRead(await readWhole(context.notion, table, { ids: source.properties, page, ask })));
  return reads;
}

/** Only what belongs to a row that the condition takes. */
async function inScope(
  at: VerifyTable,
  where: string | null,
  judged: readonly Judged[],
): Promise<readonly Judged[]> {
  if (where === null) return judged;
  const keys = judged.flatMap(({ key }) => key ?? []);
  const own = await existingAmong(at.context.db, at.table, keys, where);
  return judged.filter(({ key }) => key !== null && own.has(key));
}

/** What is known to be under way needs no second look, and is counted at once. */
async function keepSuspects(
  { context, run, table }: VerifyTable,
  judged: readonly Judged[],
  counts: InFlightCounts,
): Promise<void> {
  const suspects = judged.filter(({ findings }) => findings.length > 0);
  await noteSuspects(
    context.store,
    run,
    table.name,
    suspects.map(({ key, page, findings, moved }) => ({
      key,
      page,
      signature: signatureOf(findings, moved),
    })),
  );
  for (const { findings, known } of judged)
    if (findings.length === 0 && known[0] !== undefined) add(counts, { [known[0].what]: 1 });
}

function add(counts: InFlightCounts, more: InFlightCounts): void {
  for (const [what, count] of Object.entries(more) as [InFlightKind, number][])
    counts[what] = (counts[what] ?? 0) + count;
}

/** A few rows: each page is asked for, and nothing is listed. */
async function compareChosen(at: VerifyTable, keys: readonly RowKey[]): Promise<Compared> {
  const { context, run, table } = at;
  const records = await recordsByKey(context.store, table.name, keys);
  const refs = keys.map((key): Ref => ({ key, page: pageOf(records.get(key)) }));
  await noteSuspects(
    context.store,
    run,
    table.name,
    refs.map((ref) => ({ ...ref, signature: '' })),
  );
  const pages = refs.filter(({ page }) => page !== null).length;
  return { rows: keys.length, pages, compared: pages, known: {} };
}

const pageOf = (
  record: { readonly page: PageId | null; readonly state: string } | undefined,
): PageId | null => (record?.state === 'linked' ? record.page : null);

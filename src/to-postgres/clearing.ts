import { awayOf } from '../model/away.ts';
import { clearedFields, type LikelyCause, likelyCause, lostOptions, optionNames } from '../model/clearing.ts';
import type { PageId } from '../model/ids.ts';
import { goesToNotion, goesToPostgres, type ResolvedField, type ResolvedTable } from '../model/mapping.ts';
import { readPage } from '../model/page.ts';
import { ownEntry } from '../model/schema/known.ts';
import { canonicalName, fallbacksOf } from '../model/schema/options.ts';
import type { NotionPage } from '../notion/client.ts';
import {
  actorsOfClearings,
  type Cleared,
  claimClearings,
  clearingName,
  dropClearings,
  lostOnTheWay,
  massClearing,
} from '../state/clearings.ts';
import { type Failure, markRestore } from '../state/outbox.ts';
import { advanceBase, type SyncRecord } from '../state/records.ts';
import type { Source } from '../state/sources.ts';
import type { SyncContext } from '../sync/context.ts';
import { holdMoveLosses } from '../sync/move-losses.ts';
import type { Sighting } from './context.ts';

type Seen = Pick<Sighting, 'page' | 'image'> & { readonly record: SyncRecord };

/** What the guard makes of an edit's fields. */
type GuardedEdit = {
  /** Fields that go on. */
  readonly free: readonly ResolvedField[];
  /** Those that go on and that no person emptied, with who is named for them. */
  readonly actors: ReadonlyMap<string, string>;
  /** Why the others do not; null if there are none. */
  readonly failure: Failure | null;
  /** Those of the others that a person has not decided about. */
  readonly waiting: readonly string[];
};

/**
 * Decides which fields of an edit are part of a mass clearing: they wait, while the others go on. What a person has
 * rejected is given back to the page here. The caller holds the record's lock.
 */
export async function guardEdit(
  context: SyncContext,
  sighting: Sighting,
  {
    record,
    changed,
    decided,
  }: {
    readonly record: SyncRecord & { readonly page: PageId };
    readonly changed: readonly ResolvedField[];
    readonly decided: ReadonlySet<string | null>;
  },
): Promise<GuardedEdit> {
  const mine = changed.filter((field) => goesToPostgres(field) && !decided.has(field.property));
  const fallbacks = fallbacksIn(context, sighting.table);
  const cleared = clearedFields(mine, record.basePage, sighting.image, fallbacks);
  const names = cleared.map(({ property }) => property);
  // What has got a value again waits for nobody.
  await dropClearings(context.store, record, 'to-postgres', names);
  if (cleared.length === 0) return { free: changed, failure: null, waiting: [], actors: new Map() };
  const seen = { page: sighting.page, image: sighting.image, record };
  const through = await holdMoveLosses(context, sighting, record, names);
  const states = await claim(context, sighting.table, {
    source: sighting.source,
    seen: [seen],
    fields: cleared,
  });
  const stateOf = (field: string) => states.get(clearingName({ key: record.key, field }));
  const waiting = names.filter((name) => stateOf(name) === 'waiting');
  const rejected = cleared.filter(({ property }) => stateOf(property) === 'rejected');
  if (rejected.length > 0) await giveBack(context, sighting, { record, rejected, cleared: names });
  const stopped = new Set([...waiting, ...rejected.map(({ property }) => property)]);
  return {
    free: changed.filter(({ property }) => !stopped.has(property)),
    failure:
      waiting.length === 0 ? null : through === null ? massClearing(waiting) : lostOnTheWay(waiting, through),
    waiting,
    actors: await actorsOfClearings(context.store, record),
  };
}

/** The page's empty value becomes its base, so that the row's value is written over nothing that a person typed. */
async function giveBack(
  context: SyncContext,
  { image }: Sighting,
  {
    record,
    rejected,
    cleared,
  }: {
    readonly record: SyncRecord & { readonly page: PageId };
    readonly rejected: readonly ResolvedField[];
    readonly cleared: readonly string[];
  },
): Promise<void> {
  const names = rejected.map(({ property }) => property);
  const back = rejected.filter(goesToNotion).map(({ property }) => property);
  await context.store.transaction(async (sql) => {
    const page = Object.fromEntries(names.map((name) => [name, image[name] ?? null]));
    await advanceBase(sql, record, { row: {}, page });
    if (back.length > 0) await markRestore(sql, { table: record.table, key: record.key, fields: back });
    const others = cleared.filter((name) => !names.includes(name));
    await dropClearings(sql, record, 'to-postgres', others);
  });
  context.onDirty();
}

/** Counts what all pages of a listing lost before the first of them is taken over, so that none of a mass crosses. */
export async function guardListed(
  context: SyncContext,
  table: ResolvedTable,
  {
    source,
    pages,
    records,
  }: {
    readonly source: Source;
    readonly pages: readonly NotionPage[];
    readonly records: ReadonlyMap<PageId, SyncRecord>;
  },
): Promise<void> {
  // What a relation does not show may be in the trash: it counts once each page has been looked at.
  const fields = table.fields.filter((field) => goesToPostgres(field) && field.type !== 'relation');
  const seen = pages.flatMap((page) => {
    const record = records.get(page.id);
    if (record?.state !== 'linked' || record.table !== table.name) return [];
    if (awayOf(page, source.dataSource) !== null) return [];
    const { image } = readPage(table, source.properties, page.properties);
    const cleared = clearedFields(fields, record.basePage, image, fallbacksIn(context, table));
    return cleared.length === 0 ? [] : [{ page, image, record }];
  });
  if (seen.length > 0) await claim(context, table, { source, seen, fields });
}

function claim(
  context: SyncContext,
  table: ResolvedTable,
  {
    source,
    seen,
    fields,
  }: { readonly source: Source; readonly seen: readonly Seen[]; readonly fields: readonly ResolvedField[] },
) {
  const fallbacks = fallbacksIn(context, table);
  const lost = (field: ResolvedField): readonly Seen[] =>
    seen.filter(({ record, image }) => clearedFields([field], record.basePage, image, fallbacks).length > 0);
  const cleared: Cleared[] = fields.flatMap((field) =>
    lost(field).map(({ record, page }) => ({ key: record.key, page: page.id, field: field.property })),
  );
  return claimClearings(context.store, {
    table: table.name,
    side: 'to-postgres',
    guard: context.guards.clearing,
    cleared,
    causeOf: async (name) => {
      const field = fields.find(({ property }) => property === name);
      if (field === undefined) return { text: '', byNobody: false };
      return causeOf(context, table, { source, field, seen: lost(field) });
    },
  });
}

const fallbacksIn = ({ schema }: SyncContext, { name, fields }: ResolvedTable) =>
  fallbacksOf(fields, schema.known(name));

const CHOICES: readonly string[] = ['select', 'multi_select', 'status'];

async function causeOf(
  context: SyncContext,
  table: ResolvedTable,
  {
    source,
    field,
    seen,
  }: { readonly source: Source; readonly field: ResolvedField; readonly seen: readonly Seen[] },
): Promise<LikelyCause> {
  const { property } = field;
  const isChoice = CHOICES.includes(field.type);
  const kind = !field.codec.writable ? 'computed' : isChoice ? 'choice' : 'other';
  const lost = new Set(
    seen.flatMap(({ record, image }) => lostOptions(record.basePage[property], image[property])),
  );
  const options = isChoice ? await optionsNow(context, table, source, field) : null;
  const people = new Set(
    seen.flatMap(({ page }) => (page.lastEditedBy === context.botId ? [] : (page.lastEditedBy ?? []))),
  );
  const editors = await Promise.all([...people].map((id) => context.people.nameOf(id)));
  return likelyCause({
    property,
    kind,
    deletedOptions: options === null ? null : [...lost].filter((name) => !options.includes(name)),
    edited: seen.some(({ page, record }) => page.lastEditedTime > (record.pageEditedAt ?? new Date(0))),
    editors: editors.flatMap((name) => name ?? []),
  });
}

/**
 * The options of a property as they are now, in the names that the mapping has for them, whatever they are called by now;
 * null if Notion does not answer, which keeps nothing waiting.
 */
async function optionsNow(
  context: SyncContext,
  { name }: ResolvedTable,
  { dataSource, properties }: Source,
  field: ResolvedField,
): Promise<readonly string[] | null> {
  const { property } = field;
  try {
    const { properties: schema } = await context.notion.retrieveDataSource(dataSource, { priority: 'poll' });
    const known = ownEntry(context.schema.known(name), property)?.options ?? {};
    return optionNames(Object.values(schema), properties[property] ?? property, (id) => {
      const option = ownEntry(known, id);
      return option === undefined ? undefined : canonicalName(field, option);
    });
  } catch (error) {
    context.log.warn({ err: error, property }, 'the options of a property could not be read');
    return null;
  }
}

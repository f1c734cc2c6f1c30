import type { Json } from '../model/change.ts';
import { codecs } from '../model/codecs/registry.ts';
import { PgnotionError } from '../model/errors.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import {
  isRemovable,
  losingPages,
  type Removal,
  schemaRemovals,
  type TellRemoval,
} from '../model/removals.ts';
import { optionsOf } from '../model/schema/options.ts';
import type { AppliedTable } from '../notion/apply-schema.ts';
import { queryArchived } from '../notion/archived-pages.ts';
import type { NotionClient } from '../notion/client.ts';
import { scan } from '../notion/scan.ts';
import { type Sources, wantedProperties } from '../notion/schema.ts';
import { currentDatabase } from '../postgres/server-identity.ts';
import { dropSlot, inspectSlot } from '../postgres/slot.ts';
import { forgetCheckpoint, knownSlots } from '../state/checkpoint.ts';
import { renewContact } from '../state/first-contact.ts';
import { forgetMadeProperty, readMadeProperties } from '../state/made-properties.ts';
import { type KeptValue, keepRemovedValues } from '../state/removed-values.ts';
import { forgetTable, isDaemonAtWork, pairsOf } from '../state/reset.ts';
import { readSources } from '../state/sources.ts';
import { createStore, inCommandTransaction, type Sql } from '../state/sql.ts';
import type { Installation } from './connections.ts';

const ASK = { priority: 'live' } as const;
const AT_ONCE = 100;

type Ends = {
  readonly installation: Installation;
  readonly notion: Pick<NotionClient, 'query'>;
  readonly store: Sql;
};

/** All that the configuration has no place for any more, and what its removal would take away. Changes nothing. */
export async function findRemovals(
  { installation, notion, store }: Ends,
  applied: readonly AppliedTable[],
): Promise<readonly TellRemoval[]> {
  const found: Removal[] = [];
  const sources: Sources = new Map(applied.map(({ table, dataSourceId }) => [table, dataSourceId]));
  for (const done of applied) {
    const table = installation.tables.find(({ name }) => name === done.table);
    if (table !== undefined && !done.created && !done.schema.inTrash)
      found.push(...(await ofSchema(store, table, done, sources)));
  }
  found.push(...(await leftTables(installation, store)), ...(await leftSlots(installation, store)));
  const told: TellRemoval[] = [];
  for (const removal of found) told.push(await count(notion, removal));
  return told;
}

async function ofSchema(
  store: Sql,
  table: ResolvedTable,
  { dataSourceId: dataSource, schema, identified }: AppliedTable,
  sources: Sources,
): Promise<readonly Removal[]> {
  const made = await readMadeProperties(store, table.name, dataSource);
  const properties = Object.entries(schema.properties).map(([name, each]) => ({ ...each, name }));
  const wanted = wantedProperties(table, sources);
  return schemaRemovals({ table: table.name, dataSource, wanted, identified, properties, made });
}

async function leftTables({ config }: Installation, store: Sql): Promise<readonly Removal[]> {
  const names = new Set(config.tables.map(({ name }) => name));
  const left = [...(await readSources(store)).values()].filter(({ table }) => !names.has(table));
  const found: Removal[] = [];
  for (const { table, dataSource } of left)
    found.push({ kind: 'table', table, dataSource, records: await pairsOf(store, table) });
  return found;
}

async function leftSlots({ config, pool }: Installation, store: Sql): Promise<readonly Removal[]> {
  const found: Removal[] = [];
  const database = await currentDatabase(pool);
  for (const slot of await knownSlots(store)) {
    if (slot === config.slot) continue;
    const state = await inspectSlot(pool, slot);
    if (state.exists && !state.active && state.database === database) found.push({ kind: 'slot', slot });
  }
  return found;
}

async function count(notion: Ends['notion'], removal: Removal): Promise<TellRemoval> {
  const filter = losingPages(removal);
  if (filter === null || removal.kind === 'table' || removal.kind === 'slot')
    return { removal, pages: null, more: false };
  const asked = { dataSourceId: removal.dataSource, filter: filter as Json, pageSize: AT_ONCE };
  const what = { ...asked, filterProperties: ['title'] };
  const [live, archived] = [await notion.query(what, ASK), await queryArchived(notion, what, ASK)];
  return {
    removal,
    pages: live.pages.length + archived.pages.length,
    more: live.nextCursor !== null || archived.nextCursor !== null,
  };
}

/** Removes what a person asked to be removed; what can be lost is kept in the operations before. */
export async function carryOut(
  installation: Installation,
  notion: NotionClient,
  told: readonly TellRemoval[],
): Promise<void> {
  const removals = told.filter(isRemovable).map(({ removal }) => removal);
  if (removals.length === 0) return;
  if (await isDaemonAtWork(createStore(installation.pool, 0))) throw atWork();
  for (const removal of removals) await remove(installation, notion, removal);
}

async function remove(installation: Installation, notion: NotionClient, removal: Removal): Promise<void> {
  const { pool } = installation;
  const sql = createStore(pool, 0);
  switch (removal.kind) {
    case 'table':
      return inCommandTransaction(pool, (inner) => forgetTable(inner, removal.table));
    case 'slot':
      await dropSlot(pool, removal.slot);
      return forgetCheckpoint(sql, removal.slot);
    case 'property':
      await keepValues(sql, notion, removal);
      await update(sql, notion, removal, null);
      return forgetMadeProperty(sql, removal, removal.property.id);
    case 'type':
      await keepValues(sql, notion, removal);
      return update(sql, notion, removal, removal.want.schemaJson);
    case 'option': {
      const { property, option } = removal;
      const rest = optionsOf(property, property.type).filter(({ id }) => id !== option.id);
      const options = rest.map(({ id, name }) => ({ ...(id === undefined ? {} : { id }), name }));
      return update(sql, notion, removal, { [property.type]: { options } });
    }
    default:
      return removal satisfies never;
  }
}

type InSchema = Exclude<Removal, { kind: 'table' | 'slot' }>;

async function update(
  sql: Sql,
  notion: NotionClient,
  { dataSource, property }: InSchema,
  change: Json,
): Promise<void> {
  await renewContact(sql, dataSource);
  await notion.updateDataSource(dataSource, { properties: { [property.id]: change } }, ASK);
}

/** The values of every page, archived ones included, as an operation of each: what the property shows is lost with it. */
async function keepValues(sql: Sql, notion: NotionClient, removal: InSchema): Promise<void> {
  const filter = losingPages(removal);
  const { property, dataSource } = removal;
  const codec = Object.values(codecs).find(({ type }) => type === property.type);
  if (filter === null || codec === undefined) return;
  const unlisted = (): never => {
    throw notAllListed(removal);
  };
  const kept = new Set<string>();
  for (const isArchived of [false, true]) {
    const pages = scan(notion, {
      dataSource,
      by: 'created_time',
      from: null,
      where: filter as Json,
      filterProperties: [property.id],
      isArchived,
      priority: 'live',
      onGap: unlisted,
      onUnreadable: unlisted,
    });
    for await (const batch of pages) {
      const values = batch.flatMap(({ id, properties }): KeptValue[] => {
        const shown = properties[property.id];
        const read = shown === undefined || kept.has(id) ? undefined : codec.read(shown);
        return read?.kind === 'value' ? [{ page: id, value: read.value }] : [];
      });
      for (const { page } of values) kept.add(page);
      await keepRemovedValues(sql, removal.table, property.name, values);
    }
  }
}

const notAllListed = ({ table, property }: InSchema): PgnotionError =>
  new PgnotionError({
    code: 'values_not_listed',
    message: `${property.name} of ${table} was not removed: Notion does not list all of the pages that have a value there, so that not all values could be kept`,
    remedy: `export the database in Notion, and delete the property there by hand`,
  });

const atWork = (): PgnotionError =>
  new PgnotionError({
    code: 'daemon_at_work',
    message: 'a daemon is at work, and might write to what is being removed',
    remedy: 'stop the daemon, run `pgnotion apply --allow-destructive` again, and start it',
  });

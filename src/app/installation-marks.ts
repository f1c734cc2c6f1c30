import type { Json } from '../model/change.ts';
import { restyled, runText } from '../model/codecs/runs.ts';
import type { TableName } from '../model/ids.ts';
import {
  ownerIn,
  type StartMark,
  startIn,
  startText,
  withOwner,
  withoutStart,
} from '../model/installation-marker.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import type { Identified } from '../model/schema/identify.ts';
import { ownEntry } from '../model/schema/known.ts';
import { seenSource } from '../notion/apply-schema.ts';
import type { NotionClient, NotionDataSource } from '../notion/client.ts';
import { NotionFailure } from '../notion/error-classification.ts';
import type { Sources } from '../notion/schema.ts';
import { renewContact } from '../state/first-contact.ts';
import {
  nextStart,
  readInstallation,
  type StartsKnown,
  type StoredInstallation,
  saveInstallation,
} from '../state/installation.ts';
import { createStore, inTransaction } from '../state/sql.ts';
import type { Installation } from './connections.ts';
import { copied, ownInstallation } from './installation-identity.ts';

const ASK = { priority: 'live' } as const;

/** A table's data source as it was just read, and the property that holds its records' keys: its id, and how requests call it. */
export type Marked = {
  readonly table: TableName;
  readonly actual: NotionDataSource;
  readonly idProperty: { readonly id: string; readonly key: string } | null;
  /** Just made: nobody has been there. */
  readonly isNew?: boolean;
};

export function markedOf(table: ResolvedTable, actual: NotionDataSource, { ids, keys }: Identified): Marked {
  const id = ownEntry(ids, table.idProperty);
  const idProperty = id === undefined ? null : { id, key: ownEntry(keys, table.idProperty) ?? id };
  return { table: table.name, actual, idProperty };
}

/** Who owns what, as far as this run is concerned. */
export type Claim = { readonly own: StoredInstallation; readonly takeOver: boolean };

/** Throws `installation_copied` if a data source belongs to another installation. */
export function assertOwnSource(
  installation: Installation,
  { own, takeOver }: Claim,
  { table, actual }: Pick<Marked, 'table' | 'actual'>,
): void {
  if (takeOver) return;
  const owner = ownerOf(actual);
  if (owner === null || owner === own.id) return;
  throw copied(
    own.id,
    `the database of ${table} in Notion (data source ${actual.id}) belongs to another installation of pgnotion, ${owner}`,
    installation,
  );
}

/** Whether a data source has our mark already. */
export const isMarked = ({ own }: Pick<Claim, 'own'>, actual: NotionDataSource): boolean =>
  ownerOf(actual) === own.id;

/** Whichever property has the mark: people may have moved the key to another one. */
export function ownerOf({ id, properties }: NotionDataSource) {
  for (const property of Object.values(properties)) {
    const owner = ownerIn(descriptionOf(property), id);
    if (owner !== null) return owner;
  }
  return null;
}

const descriptionOf = (property: Readonly<Record<string, unknown>>): string =>
  typeof property.description === 'string' ? property.description : '';

/**
 * Leaves our mark in each data source that has none, or, after a take-over, another one's. One that a person deleted is
 * written again, since we know that it was there. Where Notion refuses it, the database is only not protected.
 */
export async function markSources(
  installation: Installation,
  notion: NotionClient,
  { own }: Claim,
  sources: readonly Marked[],
): Promise<void> {
  const sql = createStore(installation.pool, 0);
  const marked = new Set(own.marked);
  for (const source of sources) {
    if (!isMarked({ own }, source.actual) && !(await markSource(installation, notion, own, source))) continue;
    marked.add(source.actual.id);
  }
  if (marked.size === own.marked.length) return;
  const present = (await readInstallation(sql)) ?? own;
  await saveInstallation(sql, { ...present, marked: [...marked].sort() });
}

async function markSource(
  { pool, log }: Installation,
  notion: NotionClient,
  own: StoredInstallation,
  { table, actual, idProperty, isNew = false }: Marked,
): Promise<boolean> {
  const found = Object.entries(actual.properties).find(([, { id }]) => id === idProperty?.id);
  if (found === undefined || idProperty === null || actual.inTrash) return false;
  const [name, property] = found;
  const description = withOwner(descriptionOf(property), own.id, actual.id);
  if (description === null) {
    log.warn(
      { table, property: name },
      'the description of this property leaves no room for the mark of the installation: a copy of this database will not notice whose it is',
    );
    return false;
  }
  if (own.marked.includes(actual.id))
    log.warn(
      { table, property: name },
      'the mark of the installation was gone from Notion; it is written again',
    );
  // Before the change: what is read right after a change of a schema is not trusted.
  if (!isNew) await renewContact(createStore(pool, 0), actual.id);
  const config = (property[property.type] ?? {}) as Json;
  const change: Record<string, Json> = { [idProperty.key]: { [property.type]: config, description } };
  return orTold(installationLog(log, table), () =>
    notion.updateDataSource(actual.id, { properties: change }, ASK),
  );
}

type Tell = (failure: NotionFailure) => void;

const installationLog =
  (log: Installation['log'], table: TableName): Tell =>
  (failure) =>
    log.warn({ table, reason: failure.message }, 'Notion does not take the mark of the installation');

/** What Notion refuses for good is told, and is no reason to stop. */
async function orTold(tell: Tell, work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (!(error instanceof NotionFailure) || error.retryable || error.errorClass.status === 401) throw error;
    tell(error);
    return false;
  }
}

/** The database in which the starts are counted, and what it says; null while none can be seen. */
type StartsSeen = {
  readonly table: TableName;
  readonly database: string;
  readonly text: string;
  readonly description: Awaited<ReturnType<NotionClient['retrieveDatabase']>>['description'];
};

/**
 * Looks whether the last start that Notion tells of is one that we know. Throws `installation_copied` if not: this
 * database was put back to an earlier time, or a copy of it has been at work since.
 */
export async function assertLastStart(
  installation: Installation,
  notion: NotionClient,
  { own, takeOver }: Claim,
  sources: readonly Marked[],
): Promise<StartsSeen | null> {
  const first = sources.find(({ actual }) => !actual.inTrash && actual.databaseId !== null);
  const id = first?.actual.databaseId;
  if (first === undefined || id === null || id === undefined) return null;
  const { description } = await notion.retrieveDatabase(id, ASK);
  const text = description.map((run) => runText(run) ?? '').join('');
  const seen = startIn(text, own.id);
  // Who was never at work has nothing older that could come back: its state was dropped, or it is yet to begin.
  const isNew = Object.keys(own.starts).length === 0;
  if (seen !== null && !takeOver && !isNew && !isKnown(seen, own.starts[id]))
    throw copied(own.id, unknownStart(first.table, seen, own.starts[id]), installation);
  return { table: first.table, database: id, text, description };
}

const isKnown = (seen: StartMark, known: StartsKnown | undefined): boolean =>
  known?.confirmed?.token === seen.token || known?.intended?.token === seen.token;

function unknownStart(table: TableName, seen: StartMark, known: StartsKnown | undefined): string {
  const last = known?.intended ?? known?.confirmed ?? null;
  const ours = last === null ? 'none' : `start ${last.number}`;
  return `the database of ${table} in Notion was used since by start ${seen.number} of this installation, and the last that this PostgreSQL database knows of is ${ours}: it was put back to an earlier time, or a copy of it has been at work`;
}

/** Marks this start. What is about to be written is stored before, so that no crash makes us a stranger to ourselves. */
export async function markStart(
  { pool, log }: Installation,
  notion: NotionClient,
  { own }: Claim,
  seen: StartsSeen,
): Promise<void> {
  const known = own.starts[seen.database];
  const present = startIn(seen.text, own.id);
  const mark = nextStart({ confirmed: present, intended: known?.intended ?? known?.confirmed ?? null });
  await keepStarts(pool, seen.database, { confirmed: present, intended: mark });
  const people = withoutStart(seen.text, own.id).trimEnd();
  const text = `${people}${people === '' ? '' : '\n'}${startText(own.id, mark)}`;
  const written = await orTold(installationLog(log, seen.table), () =>
    notion.describeDatabase(seen.database, restyled(text, [...seen.description]), ASK),
  );
  if (written) await keepStarts(pool, seen.database, { confirmed: mark, intended: mark });
}

const keepStarts = (pool: Installation['pool'], database: string, starts: StartsKnown): Promise<void> =>
  inTransaction(pool, async (sql) => {
    const own = await readInstallation(sql);
    if (own !== null) await saveInstallation(sql, { ...own, starts: { ...own.starts, [database]: starts } });
  });

/** Makes sure, before anything is changed, that the databases are this installation's, or nobody's yet. */
export async function claimSources(
  installation: Installation,
  notion: NotionClient,
  sources: Sources,
  takeOver: boolean,
): Promise<Claim> {
  const claim = { own: await ownInstallation(installation, takeOver), takeOver };
  const seen: Marked[] = [];
  for (const [table, id] of sources) {
    const actual = await seenSource(notion, id, ASK);
    if (actual === null) continue;
    assertOwnSource(installation, claim, { table, actual });
    seen.push({ table, actual, idProperty: null });
  }
  await assertLastStart(installation, notion, claim, seen);
  return claim;
}

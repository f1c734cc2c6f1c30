import type { RowImage } from '../model/change.ts';
import { type Editor, editorOf, moverOf } from '../model/editor.ts';
import type { Fault } from '../model/errors.ts';
import { newRowFiltered } from '../model/filtered.ts';
import { keyParts, type RowKey } from '../model/ids.ts';
import { goesToNotion, goesToPostgres, type ResolvedField, type ResolvedTable } from '../model/mapping.ts';
import { pausedBase } from '../model/paused-base.ts';
import { pick } from '../model/pick.ts';
import { readRows } from '../postgres/read-rows.ts';
import { passSequences } from '../postgres/restore.ts';
import { RowKeptError } from '../postgres/row-statement-error.ts';
import {
  type Actor,
  type ColumnValues,
  columnsOf,
  insertRow,
  settleConstraints,
  type UserTransaction,
  writeAs,
} from '../postgres/write.ts';
import { dropEdit } from '../state/edits.ts';
import { beginOperation, endOperation, lastDeletedRow } from '../state/operations.ts';
import { type Failure, markDirty, markRestore } from '../state/outbox.ts';
import { link, recordsByKey } from '../state/records.ts';
import { dropSightings } from '../state/sightings.ts';
import { fence, type Sql } from '../state/sql.ts';
import { releaseWaiting } from '../state/waiting.ts';
import { actorOf } from './actor.ts';
import {
  type DecodedField,
  decodeAll,
  type InboundContext,
  inboundLookups,
  type Sighting,
  stateOn,
} from './context.ts';
import { haveOwnKeys } from './log-read.ts';
import { type EditFailure, editFailureOf, isOfShape, refusedValues, relatedMissing } from './rejection.ts';
import { rowSince } from './row-since.ts';
import { alteredFields } from './write-row.ts';

type More = {
  /** Instead of the page's last editor. */
  readonly by?: string | null;
  /** Commits with the row; comes before its outbox entry. */
  readonly also?: (sql: Sql, made: RowKey) => Promise<void>;
};

/**
 * Makes a row of a page that a person made. Row, pair, audit line and the line that takes the key back to the page
 * commit together, so a page never becomes two rows. `key` is given when the page was this record's before.
 */
export async function insertFrom(
  context: InboundContext,
  sighting: Sighting,
  key: RowKey | null,
  more: More = {},
): Promise<EditFailure | null> {
  const failure = await insertAsSeen(context, sighting, key, more);
  if (failure === null || !isOfShape(failure)) return failure;
  // What the table was when the page was read refuses nothing: it is looked at again first.
  const table = await context.shapes.refresh(sighting.table.name);
  if (table === undefined || table === sighting.table) return failure;
  return insertAsSeen(context, { ...sighting, table }, key, more);
}

async function insertAsSeen(
  context: InboundContext,
  sighting: Sighting,
  key: RowKey | null,
  more: More,
): Promise<EditFailure | null> {
  const { table, page, image } = sighting;
  // What the page does not show is filled by a default, or stays empty.
  const fields = table.fields.filter((field) => goesToPostgres(field) && field.property in image);
  if (!(await haveOwnKeys(context, fields, [image])))
    return { kind: 'wait', cause: relatedMissing(relationsOf(fields)) };
  const lookups = await inboundLookups(context, { fields, image });
  const former = key === null ? {} : await formerTexts(context, table, key);
  const filled = decodeAll(fields, image, lookups, former).filter(
    ({ field, decoded }) =>
      !isEmpty(decoded) && !(isBlank(image, field) && (key === null || decoded.kind === 'refused')),
  );
  const problem = problemOf(table, image, filled, key);
  if (problem !== null) return problem;
  const values = valuesOf(table, filled, key);
  const actor = await actorOf(context, makerOf(context, page, key, more.by ?? null));
  const write = { operation: page.id, table: table.name, key: key ?? ('' as RowKey) };
  try {
    await writeAs(context.writer, { secret: context.tagSecret, write, actor }, async (transaction) => {
      const sql = stateOn(transaction);
      await fence(sql, context.store.epoch);
      const unseen = key === null ? {} : await unseenColumns(sql, transaction, table, key);
      const made = await insertRow(transaction, table, { ...unseen, ...values }, key !== null);
      if (key !== null) await passSequences(transaction, table, key);
      await settleConstraints(transaction);
      const row = (await readRows(transaction, table, [made])).get(made);
      // Its page would leave Notion the moment that it became a record.
      if (row === undefined)
        throw table.query === null ? new RowKeptError('insert', table.source) : new LeftOutError();
      await more.also?.(sql, made);
      const taken = filled.map(({ field }) => field);
      const written = { table, key: made, fields: taken, values, replaced: NONE, image, after: row, lookups };
      const altered = await alteredFields(transaction, written);
      const since = await rowSince(sql, context, sighting, key);
      await remember(sql, { sighting, key: made, row, filled: taken, altered, actor, since });
    });
  } catch (error) {
    if (error instanceof LeftOutError) return { kind: 'park', cause: newRowFiltered(table.name) };
    const failure = editFailureOf(error, { table, fields, present: null, sent: values });
    if (failure === null) throw error;
    return failure;
  }
  context.onDirty();
  return null;
}

const relationsOf = (fields: readonly ResolvedField[]): string[] =>
  fields.filter(({ relatedTable }) => relatedTable !== undefined).map(({ property }) => property);

const NONE: ReadonlySet<string> = new Set();

/** Takes an INSERT back whose row the table's query or condition leaves out. */
class LeftOutError extends Error {}

/** What the fields of a row that comes back held: a value that the page only shows in part comes back whole. */
async function formerTexts(context: InboundContext, table: ResolvedTable, key: RowKey): Promise<RowImage> {
  return (await recordsByKey(context.store, table.name, [key])).get(key)?.baseRow ?? {};
}

/** What the page cannot bring back, because no field of it writes there: as the deletion found it. */
async function unseenColumns(
  sql: Sql,
  transaction: UserTransaction,
  table: ResolvedTable,
  key: RowKey,
): Promise<ColumnValues> {
  const row = await lastDeletedRow(sql, table.name, key);
  if (row === null) return {};
  const seen = new Set(
    table.fields
      .filter(goesToPostgres)
      .flatMap(({ source }) => (source.kind === 'column' ? [source.column] : [])),
  );
  const columns = await columnsOf(transaction, table, row);
  return Object.fromEntries(Object.entries(columns).filter(([column]) => !seen.has(column)));
}

/** A page that came back was taken out of the trash by somebody: its last editor need not be that person. */
const makerOf = (
  { botId }: InboundContext,
  { lastEditedBy }: Sighting['page'],
  key: RowKey | null,
  by: string | null,
): Editor => {
  if (by !== null) return { kind: 'decided', name: by };
  return key === null ? editorOf({ lastEditedBy, values: {} }, botId, []) : moverOf(lastEditedBy, botId);
};

const isEmpty = (decoded: DecodedField['decoded']): boolean =>
  decoded.kind === 'value' && decoded.text === null;

/** Nobody has typed anything into it: a default may fill it. A row that comes back had its empty texts before. */
const isBlank = (image: Sighting['image'], field: ResolvedField): boolean => {
  const value = image[field.property] ?? null;
  return value === null || (Array.isArray(value) && value.length === 0);
};

function problemOf(
  table: ResolvedTable,
  image: Sighting['image'],
  filled: readonly DecodedField[],
  key: RowKey | null,
): EditFailure | null {
  const given = new Set(
    filled.flatMap(({ field }) => (field.source.kind === 'column' ? [field.source.column] : [])),
  );
  const missing = table.fields
    .filter((field) => field.required && field.source.kind === 'column' && !given.has(field.source.column))
    .filter((field) => goesToPostgres(field) && !(key !== null && isKeyColumn(table, field)))
    .map((field) => field.property);
  const faults = filled.flatMap(({ decoded }) =>
    decoded.kind === 'refused' ? [ofNoRow(decoded.fault)] : [],
  );
  const untouched = isUntouched(table, image);
  if (missing.length > 0 || untouched)
    return { kind: 'park', cause: incomplete(missing, untouched ? null : faults) };
  if (faults.length > 0) return { kind: 'park', cause: refusedValues(faults) };
  const waiting = filled
    .filter(({ decoded }) => decoded.kind === 'unresolved')
    .map(({ field }) => field.property);
  if (waiting.length > 0) return { kind: 'wait', cause: relatedMissing(waiting) };
  return null;
}

const isKeyColumn = (table: ResolvedTable, field: ResolvedField): boolean =>
  field.source.kind === 'column' && table.key.includes(field.source.column);

/** A page that nobody has typed anything into, which Notion makes at a click. */
const isUntouched = (table: ResolvedTable, image: Sighting['image']): boolean =>
  table.fields
    .filter(goesToPostgres)
    .every((field) => isBlank(image, field) || image[field.property] === false);

/** Without what the row holds: there is none. */
const ofNoRow = ({ told, ...fault }: Fault): Fault =>
  told === undefined ? fault : { ...fault, told: { property: told.property, wrong: told.wrong } };

/** `faults` is null for a page that nobody has typed into yet: there is nobody to be told anything. */
const incomplete = (missing: readonly string[], faults: readonly Fault[] | null): Failure => ({
  ...(faults === null
    ? {}
    : {
        told: [
          ...missing.map((property) => ({ property, wrong: 'must not be empty' })),
          ...faults.flatMap(({ told }) => told ?? []),
        ],
      }),
  code: 'page_incomplete',
  reason: missing.length === 0 ? 'the page is still empty' : `the page lacks ${missing.join(', ')}`,
  remedy: 'fill in what the page lacks; the row follows by itself',
});

function valuesOf(
  table: ResolvedTable,
  filled: readonly DecodedField[],
  key: RowKey | null,
): Record<string, string> {
  const values: Record<string, string> = {};
  for (const { field, decoded } of filled) {
    if (field.source.kind === 'column' && decoded.kind === 'value' && decoded.text !== null) {
      values[field.source.column] = decoded.text;
    }
  }
  if (key !== null) {
    const parts = keyParts(key, table.key.length);
    table.key.forEach((column, at) => {
      values[column] = parts[at] ?? '';
    });
  }
  return values;
}

/** What the row holds where the page did not show the field: by it, `mergeField` knows that the row never had the page's. */
const unseenOf = (table: ResolvedTable, image: Sighting['image'], row: RowImage): RowImage =>
  Object.fromEntries(
    table.fields
      .filter((field) => goesToPostgres(field) && goesToNotion(field) && !(field.property in image))
      .map(({ property }) => [property, row[property] ?? null]),
  );

async function remember(
  sql: Sql,
  made: {
    readonly sighting: Sighting;
    readonly key: RowKey;
    readonly row: RowImage;
    readonly filled: readonly ResolvedField[];
    readonly altered: readonly string[];
    readonly actor: Actor;
    /** When the page can have been given its values at the earliest. */
    readonly since: Date | null;
  },
): Promise<void> {
  const { sighting, key, row, filled } = made;
  const { table, page, image } = sighting;
  const after = Object.fromEntries(filled.map(({ property }) => [property, row[property] ?? null]));
  // Fields without a base (derived ones, defaults, the key) are what the page still has to get.
  await link(sql, {
    table: table.name,
    key,
    page: page.id,
    baseRow: { ...pausedBase(table), ...after, ...unseenOf(table, image, row) },
    // What a field held that the row was made without, because its column went since the page was read, is still news for the row.
    basePage: pick(
      image,
      table.fields.map(({ property }) => property),
    ),
    pageEditedAt: page.lastEditedTime,
  });
  await dropEdit(sql, page.id);
  await dropSightings(sql, page.id, []);
  const operation = await beginOperation(sql, {
    direction: 'to-postgres',
    table: table.name,
    key,
    page: page.id,
    kind: 'create',
    before: {},
    after,
    changedAt: made.since,
    actor: made.actor.name,
    actorId: made.actor.id,
    candidates: made.actor.candidates ?? [],
  });
  await endOperation(sql, operation, { status: 'done' });
  await releaseWaiting(sql, table.name, key);
  await markDirty(sql, [{ table: table.name, key, kind: 'write', changedAt: new Date(), lsn: null }]);
  if (made.altered.length > 0) await markRestore(sql, { table: table.name, key, fields: made.altered });
}

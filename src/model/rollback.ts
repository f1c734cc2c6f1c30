import type { RowImage, SqlText } from './change.ts';
import type { PageId } from './ids.ts';
import { goesToPostgres, type ResolvedField, type ResolvedTable } from './mapping.ts';

/** One change of a row, as an operation tells it: what a rollback takes back. */
export type RowEvent = {
  readonly kind: 'create' | 'update' | 'delete';
  readonly page: PageId | null;
  /** The row's values by property. Of a deletion in PostgreSQL's own hand they are in `whole` instead. */
  readonly before: RowImage;
  readonly after: RowImage;
  /** All columns of a row that pgnotion deleted, as PostgreSQL's JSON text. */
  readonly whole: string | null;
  /** The column that marks the row as deleted, where it was not taken away. */
  readonly marked: string | null;
};

/** The selected changes of one record, folded into what it must become. */
export type Undoing = {
  readonly newest: RowEvent['kind'];
  /** `stays`: it was there before and after. `goes`: it was inserted. `returns`: it was deleted. */
  readonly fate: 'stays' | 'goes' | 'returns';
  /** What the row holds if nobody has changed it since. */
  readonly expected: RowImage;
  /** What it held before the selected changes. */
  readonly target: RowImage;
  readonly whole: string | null;
  /** The column by which the row was only marked as deleted. */
  readonly marked: string | null;
  /** The page that the row had when it was deleted. */
  readonly page: PageId | null;
  /** Fields of which somebody else's change lies between the selected ones: what is older stays. */
  readonly interrupted: readonly string[];
};

/**
 * Takes one more change into account. Call it from the newest change to the oldest, so that one pass in bounded memory
 * will do. With `force` somebody else's changes in between are taken back as well.
 */
export function foldEvent(known: Undoing | undefined, event: RowEvent, force: boolean): Undoing {
  const undoing = known ?? startOf(event);
  switch (event.kind) {
    case 'create':
      // What the row was made with tells whether it was changed since, as far as no later change tells it.
      return {
        ...undoing,
        fate: 'goes',
        expected: undoing.fate === 'stays' ? { ...event.after, ...undoing.expected } : undoing.expected,
        target: {},
        whole: null,
        marked: null,
        page: null,
      };
    case 'delete':
      return foldDelete(undoing, event);
    case 'update':
      return Object.keys(event.after).reduce((all, name) => foldField(all, event, name, force), undoing);
    default:
      return event.kind satisfies never;
  }
}

const startOf = (event: RowEvent): Undoing => ({
  newest: event.kind,
  fate: 'stays',
  expected: {},
  target: {},
  whole: null,
  marked: null,
  page: null,
  interrupted: [],
});

/** A rollback's own deletion is told twice, by it and by the copy to Notion: the one with all columns is the better. */
const foldDelete = (undoing: Undoing, event: RowEvent): Undoing => ({
  ...undoing,
  fate: 'returns',
  target: undoing.fate === 'returns' ? { ...event.before, ...undoing.target } : event.before,
  whole: event.whole ?? undoing.whole,
  marked: undoing.marked ?? event.marked,
  page: undoing.page ?? event.page,
});

function foldField(undoing: Undoing, event: RowEvent, name: string, force: boolean): Undoing {
  const [before, after] = [event.before[name] ?? null, event.after[name] ?? null];
  const first = !(name in undoing.target);
  const expected =
    first && undoing.fate === 'stays' ? { ...undoing.expected, [name]: after } : undoing.expected;
  if (undoing.interrupted.includes(name)) return undoing;
  const present = undoing.target[name];
  if (first || present === after || force)
    return { ...undoing, expected, target: { ...undoing.target, [name]: before } };
  // A change that is told twice, by a rollback and by its copy to Notion, has been taken back already.
  if (present === before) return undoing;
  return { ...undoing, interrupted: [...undoing.interrupted, name] };
}

/** One value that a rollback changes. */
export type Restored = {
  readonly property: string;
  readonly now: SqlText;
  readonly becomes: SqlText;
  /** Somebody has changed it after the changes that are taken back. */
  readonly changedSince: boolean;
};

/** What is to be done with one record. `left`: values that somebody changed since, which stay. */
export type UndoDecision =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'update'; readonly changes: readonly Restored[]; readonly left: readonly Restored[] }
  | { readonly kind: 'insert'; readonly values: RowImage; readonly whole: string | null }
  | { readonly kind: 'unmark'; readonly column: string }
  | { readonly kind: 'delete' }
  | { readonly kind: 'leave'; readonly reason: string; readonly left: readonly Restored[] };

/**
 * Compares what a record must become with the row as it is now; null: there is none. A record that is as it was needs
 * nothing, so doing a rollback again goes on where it stopped. `stillMarked`: the row bears the mark of its deletion.
 */
export function decideUndo(
  undoing: Undoing,
  row: RowImage | null,
  force: boolean,
  stillMarked = false,
): UndoDecision {
  switch (undoing.fate) {
    case 'stays':
      return row === null ? leave('the row has been deleted since') : decideFields(undoing, row, force);
    case 'returns':
      if (row !== null)
        return stillMarked && undoing.marked !== null
          ? { kind: 'unmark', column: undoing.marked }
          : { kind: 'nothing' };
      if (undoing.newest !== 'delete' && !force) return leave('the row has been deleted since');
      return { kind: 'insert', values: undoing.target, whole: undoing.whole };
    case 'goes': {
      if (row === null) return { kind: 'nothing' };
      const left = changesOf(undoing.expected, undoing, row).map((one) => ({ ...one, becomes: null }));
      return left.length === 0 || force
        ? { kind: 'delete' }
        : { kind: 'leave', reason: 'the new row has been changed since', left };
    }
    default:
      return undoing.fate satisfies never;
  }
}

const leave = (reason: string): UndoDecision => ({ kind: 'leave', reason, left: [] });

function decideFields(undoing: Undoing, row: RowImage, force: boolean): UndoDecision {
  const all = changesOf(undoing.target, undoing, row);
  const left = force ? [] : all.filter((one) => one.changedSince);
  const changes = all.filter((one) => !left.includes(one));
  if (changes.length > 0) return { kind: 'update', changes, left };
  return left.length > 0
    ? { kind: 'leave', reason: 'somebody has changed it since', left }
    : { kind: 'nothing' };
}

const changesOf = (wanted: RowImage, undoing: Undoing, row: RowImage): Restored[] =>
  Object.entries(wanted)
    .filter(([property, becomes]) => becomes !== (row[property] ?? null))
    .map(([property, becomes]) => ({
      property,
      now: row[property] ?? null,
      becomes,
      changedSince: property in undoing.expected && undoing.expected[property] !== (row[property] ?? null),
    }));

/**
 * The fields that a rollback can set: those whose column is the table's own and takes values. Others (expressions,
 * generated columns, columns of joined tables) follow from what they are made of. A key is set back only where people may
 * change it.
 */
export const restorableFields = (table: ResolvedTable, columns: ReadonlySet<string>): ResolvedField[] =>
  table.fields.filter(
    (field) =>
      field.source.kind === 'column' &&
      columns.has(field.source.column) &&
      (!table.key.includes(field.source.column) || goesToPostgres(field)) &&
      (table.query === null || goesToPostgres(field)),
  );

/** The members of an image that these fields have. */
export const onlyFields = (image: RowImage, fields: readonly ResolvedField[]): RowImage =>
  Object.fromEntries(
    fields.flatMap(({ property }) => (property in image ? [[property, image[property] ?? null]] : [])),
  );

/** What a rollback comes to. */
export type UndoCount = {
  readonly records: number;
  readonly values: number;
  readonly updated: number;
  readonly inserted: number;
  readonly deleted: number;
  /** Records or values that stay because somebody changed them since. */
  readonly left: number;
  /** Records that PostgreSQL refuses to change. */
  readonly refused: number;
};

/** Up to this many updates of a batch look at each page by itself. */
const SINGLE_LOOKS = 5;

/**
 * About how many requests carry a rollback to Notion: a look and a write for an update (many share their look), one for
 * a page that goes to the trash, and for one that comes back a look, its return, another look and a write.
 */
export function requestsFor(count: UndoCount, batchSize: number): number {
  const looks = count.updated <= SINGLE_LOOKS ? count.updated : Math.ceil(count.updated / batchSize);
  return looks + count.updated + count.deleted + 4 * count.inserted;
}

export const NONE: UndoCount = {
  records: 0,
  values: 0,
  updated: 0,
  inserted: 0,
  deleted: 0,
  left: 0,
  refused: 0,
};

/** Counts one more record. */
export function added(count: UndoCount, decision: UndoDecision): UndoCount {
  const more = { ...count, records: count.records + 1 };
  switch (decision.kind) {
    case 'nothing':
      return count;
    case 'update':
      return {
        ...more,
        updated: count.updated + 1,
        values: count.values + decision.changes.length,
        left: count.left + decision.left.length,
      };
    case 'unmark':
    case 'insert':
      return { ...more, inserted: count.inserted + 1 };
    case 'delete':
      return { ...more, deleted: count.deleted + 1 };
    case 'leave':
      return { ...count, left: count.left + Math.max(1, decision.left.length) };
    default:
      return decision satisfies never;
  }
}

/** Of two passes; what PostgreSQL refused in the first one may have gone in the second. */
export const sum = (a: UndoCount, b: UndoCount): UndoCount => ({
  records: a.records + b.records,
  values: a.values + b.values,
  updated: a.updated + b.updated,
  inserted: a.inserted + b.inserted,
  deleted: a.deleted + b.deleted,
  left: a.left + b.left,
  refused: b.refused,
});

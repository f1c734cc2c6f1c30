import type { DataSourceId, TableName } from './ids.ts';
import type { Look } from './looks.ts';
import type { FirstLinkRule } from './mapping.ts';
import type { Price } from './plan-price.ts';

/** What may become of rows and pages in the first sync. */
export const PLAN_KINDS = [
  /** Rows that get a page. */
  'create',
  /** Pages that become the pages of the rows whose keys they show. */
  'adopt',
  /** Pages without a key that become the pages of the rows that hold the same. */
  'match',
  /** Pages that match several rows, or one that has a page. */
  'ambiguous',
  /** Pages without a key that show the same as another. */
  'alike',
  /** Pages that get values of their rows. */
  'update',
  /** Rows that get values of their pages. */
  'edit',
  /** Pages that leave with their rows. */
  'trash',
  /** Pages that come back with their rows. */
  'restore',
  /** Pages without a row, which become rows. */
  'become',
  /** Known pages that Notion lists no longer: each is looked at. */
  'missing',
  /** Pages of the connection itself that a person has to give to their rows. */
  'review',
  /** Pages that show a key which no row has. */
  'unknown',
  /** Second pages of one key. */
  'duplicate',
  /** Values that their properties cannot hold. */
  'refused',
  /** Rows that PostgreSQL does not give. */
  'unreadable',
] as const;
export type PlanKind = (typeof PLAN_KINDS)[number];

/** What is counted, in words that stand behind a number. */
export const KIND_WORDS: Readonly<Record<PlanKind, string>> = {
  create: 'pages to create',
  adopt: 'pages to adopt',
  match: 'pages to join with the rows that they match',
  ambiguous: 'pages that match several rows, or one that has a page: each waits for a person',
  alike: 'pages that match the same as another page: each waits for a person',
  update: 'pages to update',
  edit: 'rows to update from their pages',
  trash: 'pages to put away, because their rows are gone',
  restore: 'pages to bring back with their rows',
  become: 'pages to make rows of',
  missing: 'known pages that Notion does not list',
  review: 'pages of the connection that a person has to give to their rows',
  unknown: 'pages that show a key which no row has',
  duplicate: 'second pages of one key',
  refused: 'values that Notion would refuse',
  unreadable: 'rows that cannot be read',
};

/** By what people know a row or page again. Nothing but mapped values. */
export type Sample = {
  readonly key: string | null;
  readonly title: string | null;
  readonly page: string | null;
  /** What is to be known of it beyond that: fields that change, why it is refused. */
  readonly note: string | null;
};

export type Tally = { readonly count: number; readonly samples: readonly Sample[] };
export type Tallies = Readonly<Record<PlanKind, Tally>>;

/** What `apply` adds to a data source. */
export type SchemaChanges = {
  /** Members of the database that are written, because the configuration says something else of them. */
  readonly looks?: readonly Look[];
  readonly properties: readonly { readonly name: string; readonly type: string; readonly options: number }[];
  /** Options that a property gets which is there. */
  readonly options: readonly { readonly property: string; readonly names: readonly string[] }[];
};

export type FirstLinkCount = {
  /** Whose value counts. */
  readonly rule: FirstLinkRule;
  /** Pages on which a property and the row hold values that differ. */
  readonly differing: number;
  /** Of the pages, those whose row gets a value of the page: because it wins, or because the row has none. */
  readonly toRows: number;
  /** Those of which a person decides a property. */
  readonly review: number;
};

export type TablePlan = {
  readonly table: TableName;
  readonly title: string;
  /** Null: `apply` creates the database. */
  readonly dataSource: DataSourceId | null;
  readonly schema: SchemaChanges;
  readonly rows: number;
  readonly pages: number;
  readonly kinds: Tallies;
  /** How many of the adopted pages are written to, because they differ from their rows. */
  readonly adoptedWritten: number;
  /** Pages that are linked for the first time and hold what their rows do not. */
  readonly firstLink: FirstLinkCount;
  /** How many pages get a value in a property, of those that exist. */
  readonly fields: Readonly<Record<string, number>>;
  /** What becomes of the pages of rows that are gone. */
  readonly onPostgresDelete: string;
  /** Kinds that wait for a person, because they are so many. */
  readonly guarded: readonly ('trash' | 'become' | 'create')[];
  /** What `apply` or `start` stops at until a person has changed it. */
  readonly faults: readonly string[];
};

/** People who are named in pages that are written: Notion tells each of them, and cannot be asked not to. */
export type PeoplePlan = {
  readonly people: number;
  /** Pages and people together. */
  readonly notifications: number;
  readonly samples: readonly { readonly person: string; readonly pages: number }[];
};

/** Something that would be removed if a person asks for it. */
export type PlannedRemoval = {
  /** Null for a slot. */
  readonly table: TableName | null;
  readonly kind: 'property' | 'type' | 'option' | 'table' | 'slot';
  readonly what: string;
  /** What is lost with it. */
  readonly lost: string;
  /** Whether it can be removed as things are. */
  readonly removable: boolean;
  /** What the removal asks of Notion, beside `apply`. */
  readonly requests: number;
};

export type SyncPlan = {
  readonly tables: readonly TablePlan[];
  /** Databases for people to read that `apply` creates, or completes. */
  readonly reports: readonly { readonly title: string; readonly created: boolean }[];
  /** Tables whose pages are given up for those of another database. */
  readonly moves: readonly string[];
  /** What the configuration has no place for any more. It stays, unless `apply --allow-destructive` is told to remove it. */
  readonly removals?: readonly PlannedRemoval[];
  readonly people: PeoplePlan;
  readonly price: Price;
  readonly warnings: readonly string[];
};

export const MOST_SAMPLES = 10;

/** Counts what is found, and keeps the first ones of each kind. */
export type Counter = {
  readonly add: (kind: PlanKind, sample: Sample) => void;
  readonly countOf: (kind: PlanKind) => number;
  readonly done: () => Tallies;
};

export function createCounter(): Counter {
  const found = new Map<PlanKind, { count: number; readonly samples: Sample[] }>(
    PLAN_KINDS.map((kind) => [kind, { count: 0, samples: [] }]),
  );
  const of = (kind: PlanKind) => found.get(kind) ?? { count: 0, samples: [] };
  return {
    add: (kind, sample) => {
      const tally = of(kind);
      tally.count += 1;
      if (tally.samples.length < MOST_SAMPLES) tally.samples.push(sample);
    },
    countOf: (kind) => of(kind).count,
    done: () => Object.fromEntries(PLAN_KINDS.map((kind) => [kind, of(kind)])) as unknown as Tallies,
  };
}

/** What stays as it is, whoever waits for it. */
const IDLE: readonly PlanKind[] = ['refused', 'unreadable'];

/** Whether nothing would be done on either side. */
export const isInSync = ({
  tables,
  reports,
  moves,
}: Pick<SyncPlan, 'tables' | 'reports' | 'moves'>): boolean =>
  reports.length + moves.length === 0 &&
  tables.every(
    ({ dataSource, schema, kinds, faults }) =>
      dataSource !== null &&
      schema.properties.length + schema.options.length + (schema.looks?.length ?? 0) + faults.length === 0 &&
      PLAN_KINDS.every((kind) => IDLE.includes(kind) || kinds[kind].count === 0),
  );

import type { ChaosTable } from '../chaos-shop.ts';

/** Values by property, each as a text that is the same for a row and for the page that shows it; null for an empty one. */
export type Texts = Readonly<Record<string, string | null>>;

/**
 * One committed version of a row, as the audit has it. `line` names the row through all changes of its key. `n` is its
 * place in the order of commits: versions of one row follow each other under the row's lock.
 */
export type RowVersion = {
  readonly table: ChaosTable;
  readonly line: string;
  readonly key: string;
  readonly n: number;
  readonly at: number;
  readonly by: 'application' | 'pgnotion';
  readonly transaction: string;
  /** What the foreign key did in the transaction that changed the parent. */
  readonly cascaded: boolean;
  /** Null for the deletion. */
  readonly values: Texts | null;
  /** The same, as exactly as the row holds it: a page may show less. */
  readonly exact: Texts;
  /** Whether the table's condition leaves the row out. */
  readonly hidden: boolean;
};

/** How a write came that changed a page: when, and whether another one for the page came before this one took effect. */
export type Landing = { readonly came: number; readonly overtaken: boolean };

/** A page after one commit of Notion's. `values` has the properties that are as they were made, and no others. */
export type PageVersion = {
  /** Its place in the order of Notion's commits. */
  readonly index: number;
  readonly page: string;
  /** The table in whose data source it is. */
  readonly table: ChaosTable | null;
  readonly by: 'pgnotion' | 'person' | 'schema';
  readonly at: number;
  readonly isNew: boolean;
  readonly inTrash: boolean;
  /** It was deleted for good: the last version of all. */
  readonly isErased?: boolean;
  readonly before: Texts;
  readonly values: Texts;
  /** Numbers, dates and texts to the last digit and style: a row may hold less. */
  readonly exact: Texts;
  readonly landing: Landing | null;
};

/** A change that somebody committed and then waited for with `pgnotion.wait_for`. */
export type Wait = {
  readonly table: ChaosTable;
  readonly key: string;
  readonly property: string;
  readonly value: string;
  readonly answer: boolean;
  /** How many commits Notion had when the answer was there. */
  readonly index: number;
};

/** An operation as the audit trail has it, with each transaction that wrote it. */
export type Operation = {
  readonly direction: 'to-notion' | 'to-postgres';
  readonly kind: string;
  readonly page: string | null;
  readonly transaction: string;
  readonly before: Texts;
};

/** How a run stood after so many polls of every data source since the last fault. */
export type Sample = {
  readonly polls: number;
  /** What waits, in words. */
  readonly waiting: readonly string[];
  /** Changes made on either side when the faults ended, which are neither on the other side nor told of. */
  readonly missing: readonly string[];
};

export type History = {
  readonly rows: readonly RowVersion[];
  readonly pages: readonly PageVersion[];
  readonly waits: readonly Wait[];
  readonly operations: readonly Operation[];
  /** Fields that both sides are said to have changed. */
  readonly conflicts: readonly { readonly page: string; readonly property: string }[];
  /** Page -> the lines of rows that it ever belonged to. */
  readonly lines: ReadonlyMap<string, ReadonlySet<string>>;
  /** Pages that people took away, for a while or for good. */
  readonly taken: ReadonlySet<string>;
};

/** Properties that hold a set, whose elements count one by one. */
export const SETS: ReadonlySet<string> = new Set(['Tags', 'Docs']);

/** What a value consists of: its elements, or itself. An empty set has none; any other empty value is one. */
export function atomsOf(property: string, text: string | null | undefined): readonly string[] {
  if (!SETS.has(property)) return [text ?? EMPTY];
  return text === null || text === undefined ? [] : (JSON.parse(text) as string[]);
}

export const EMPTY = '(empty)';

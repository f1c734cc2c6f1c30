import type { PageId, RowKey, TableName } from '../model/ids.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import type { NotionClient, NotionPage } from '../notion/client.ts';
import type { Priority } from '../notion/fair-queue.ts';
import type { SettleRelations } from '../notion/locate.ts';
import type { People } from '../notion/people.ts';
import type { UserDatabase } from '../postgres/rows.ts';
import type { Log } from '../runtime/log.ts';
import type { Source } from '../state/sources.ts';
import type { Store } from '../state/sql.ts';

export type VerifyContext = {
  readonly store: Store;
  readonly db: UserDatabase;
  readonly notion: NotionClient;
  readonly people: People;
  readonly tables: ReadonlyMap<TableName, ResolvedTable>;
  /** All live pages of a data source, an answer at a time. */
  readonly listPages: (source: Source, priority: Priority) => AsyncIterable<readonly NotionPage[]>;
  /** Without an effect: nothing of what it finds is kept. */
  readonly settleRelations: SettleRelations;
  /** Resolves once all that is committed is in the outbox; with false if nobody reads the log. */
  readonly readLog: () => Promise<boolean>;
  /** How long an edit in Notion takes to be noticed by a daemon at work. */
  readonly noticedMs: (table: ResolvedTable) => number;
  readonly priority: Priority;
  readonly signal: AbortSignal;
  readonly log: Log;
  readonly tell: (text: string) => void;
};

/** Which records are compared. */
export type VerifyScope = {
  readonly tables: readonly TableName[];
  /** A condition in SQL on the rows; null for all. */
  readonly where: string | null;
  /** So many rows of each table, chosen at random; null for all. */
  readonly sample: number | null;
};

/** One table under comparison. */
export type VerifyTable = {
  readonly context: VerifyContext;
  readonly run: string;
  readonly table: ResolvedTable;
  readonly source: Source;
  /** Fields that a page did not show, and that nothing can be said of: judging the pages fills it. */
  readonly unseen: Set<string>;
};

export type Ref = { readonly key: RowKey | null; readonly page: PageId | null };

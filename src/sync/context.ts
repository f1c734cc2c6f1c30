import type { NotionClock } from '../model/clock.ts';
import type { Drift } from '../model/drift.ts';
import type { Fault } from '../model/errors.ts';
import type { RowKey, TableName } from '../model/ids.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import type { Guards } from '../model/mass-change.ts';
import type { KnownSchema } from '../model/schema/known.ts';
import type { NotionClient } from '../notion/client.ts';
import type { SettleRelations } from '../notion/locate.ts';
import type { People } from '../notion/people.ts';
import type { UserDatabase } from '../postgres/rows.ts';
import type { KeyLock } from '../runtime/keylock.ts';
import type { Log } from '../runtime/log.ts';
import type { Looks } from '../runtime/looks.ts';
import type { Source } from '../state/sources.ts';
import type { Store } from '../state/sql.ts';

/** Tells one state of a data source's schema from another. */
export type SchemaState = {
  /** As in `Source.schemaVersion`: changes with what we know of the schema. */
  readonly version: number;
  /** Changes with whatever is in the schema. */
  readonly digest: string;
};

/** Notion's schema as it is known, and whether it still is what a page was read by. */
export type SchemaView = {
  /**
   * Makes sure that what a page lacked at `askedAt` is not what a change of the schema left of it. False if a base has
   * become void since: the page is to be looked at again.
   */
  readonly confirm: (table: TableName, askedAt: number) => Promise<boolean>;
  /** What is known of a table's properties. */
  readonly known: (table: TableName) => KnownSchema;
  /** Reads the schema now, and says which one it is; null for a table that is not synced. */
  readonly afresh: (table: TableName) => Promise<SchemaState | null>;
};

/** What both directions of a sync work with. */
export type SyncContext = {
  readonly store: Store;
  readonly db: UserDatabase;
  readonly notion: NotionClient;
  readonly people: People;
  readonly tables: ReadonlyMap<TableName, ResolvedTable>;
  readonly schema: SchemaView;
  readonly sourceOf: (table: TableName) => Promise<Source>;
  /** Why nothing of a table can be synced, if that is what a failure means; null if it means something else. */
  readonly suspension: (table: TableName, error: unknown) => Promise<readonly Drift[] | null>;
  readonly shapes: {
    /** Looks whether PostgreSQL's catalog says something else of a table by now, and gives the table as it is. */
    readonly refresh: (table: TableName) => Promise<ResolvedTable | undefined>;
    /** The same; throws where a lock is in the way. */
    readonly look: (table: TableName) => Promise<void>;
    /** A delivery begins to read these rows of a table; what it gives is to be called once what was read is settled. */
    readonly reading: (table: TableName, keys: readonly RowKey[]) => () => void;
    /** Has a table go on without the fields that the failure of a row is about. False if it cannot. */
    readonly leaveOut: (table: TableName, faults: readonly Fault[], key: RowKey) => Promise<boolean>;
  };
  readonly settleRelations: SettleRelations;
  /** One record at a time: both directions lock it before they change either side of it. */
  readonly locks: KeyLock;
  /** Our own user in Notion: only what it made is ever taken for a page of ours. */
  readonly botId: string;
  /** Resolves once all that is committed now is in the outbox; with false if that takes too long. */
  readonly readLog: () => Promise<boolean>;
  readonly clock: NotionClock;
  readonly looks: Looks;
  readonly guards: Guards;
  /** Rings the delivery: records have become due, or more urgent. */
  readonly onDirty: () => void;
  readonly now: () => Date;
  readonly log: Log;
};

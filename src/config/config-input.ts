import type { PropertyType } from '../model/codecs/codec.ts';

// What an editor shows on hover. The schema in mapping-file.ts checks the same options; a test compares the two.

type Direction = 'both' | 'to-notion' | 'to-postgres';
type Transform = (value: string | null) => string | null;

/** Notion's colours. `apply` gives them to new options only: the API cannot change the colour of an option that exists. */
type ColorInput =
  | 'default'
  | 'gray'
  | 'brown'
  | 'orange'
  | 'yellow'
  | 'green'
  | 'blue'
  | 'purple'
  | 'pink'
  | 'red';

/** How an option looks in Notion. */
type OptionInput = {
  /** Its colour; Notion chooses one if it is left out. Later, people may change it. */
  color?: ColorInput | undefined;
  /** For `status`: the group that the option is made in; the default is `To-do`. */
  group?: 'To-do' | 'In progress' | 'Complete' | undefined;
};

/** A field of a table: a property in Notion, and the column or expression that it shows. */
export type FieldInput = {
  /** The column, as the catalog spells it. Either this or `expression`. */
  column?: string | undefined;
  /** SQL over the columns of the table or its query, such as `concat_ws(', ', material, grade)`. It goes to Notion only. */
  expression?: string | undefined;
  /**
   * The type of the property in Notion.
   *
   * - `title`, `rich_text`: any column, as its text; each table has one `title`
   * - `number`: integers, floats and `numeric` of up to 15 digits; wider ones with `lossy`
   * - `checkbox`: `boolean`
   * - `select`: any single value, such as an enum; `status`: the same with options that exist already
   * - `multi_select`: arrays
   * - `date`: `date`, `timestamp`, `timestamptz` and their ranges
   * - `url`, `email`, `phone_number`: any single value
   * - `relation`: the key of another table (see `relatedTable`), or an array of keys
   * - `people`: e-mail addresses of members; `files`: web addresses
   * - `formula`, `rollup`, `unique_id`, `created_time`, `created_by`, `last_edited_time`, `last_edited_by`: computed by
   *   Notion, so they go to PostgreSQL only
   */
  type: PropertyType;
  /** As for tables, and by default the table's. What a person types into a `to-notion` field is put right again. */
  direction?: Direction | undefined;
  /**
   * PostgreSQL's label to the name in Notion, used both ways: `{ open: 'Open' }`. Other labels pass unchanged. Options can
   * have a colour, and those of a `status` a group: `{ open: { name: 'Open', color: 'blue', group: 'In progress' } }`. They are
   * created in this order, after the labels of an enum, which keep their own.
   */
  values?: Record<string, string | (OptionInput & { name?: string | undefined })> | undefined;
  /** From the row's text to the text that is shown; `null` is NULL. The same text must always give the same result. */
  transform?: Transform | undefined;
  /** The way back from the shown text to the row's; needed if the field goes both ways. */
  reverseTransform?: Transform | undefined;
  /** For relations: the table of this configuration whose keys the column holds. */
  relatedTable?: string | undefined;
  /** For `number`: allows `bigint` and wide `numeric`, which Notion may round. What nobody edits is never written back. */
  lossy?: boolean | undefined;
  /** More options to create a select, multi-select or status property with: `['Low', { name: 'High', color: 'red' }]`. */
  choices?: (string | (OptionInput & { name: string }))[] | undefined;
  /** Notion's number format, such as `dollar`. It is set when the property is created; later, people may change it. */
  format?: string | undefined;
  /** Who wins this field if both sides changed it, whatever the table says. The default is the table's rule. */
  conflict?: 'lww' | 'manual' | 'postgres' | 'notion' | undefined;
};

type DependencyInput = {
  /** The joined table, as `schema.table`. */
  table: string;
  /** Columns of its key to columns of the query that hold them. */
  on: Record<string, string>;
};

/** A table of the configuration. */
export type TableInput = {
  /** The table, as `schema.table`. A part that has a full stop is quoted as in SQL. */
  source: string;
  /** A SELECT that is read in the table's place, for joins. It gives the key and all columns that fields name, one row per key. */
  query?: string | undefined;
  /** A condition in SQL: rows that do not meet it are filtered out, which is not deleted. */
  where?: string | undefined;
  /** The tables that `query` joins, so that their changes reach the pages too. `on` maps their key to columns of the query. */
  dependsOn?: DependencyInput[] | undefined;
  /** The primary key: a column, or a list of columns. */
  key: string | string[];
  /** What the Notion database is called. `apply` renames it when this changes; a name that people give it stays until then. */
  title: string;
  /** The database's description in Notion, set when it is created, and when this changes. People may change it there. */
  description?: string | undefined;
  /** The database's icon: an emoji, or the address (`https://`) of a picture. As for `description`. */
  icon?: string | undefined;
  /** Which way changes go; fields take it over. The default is `both`. */
  direction?: Direction | undefined;
  /** The name of each Notion property, and what it shows. One of them has the type `title`. */
  fields: Record<string, FieldInput>;
  /** The text property that holds the record's key; the default is `Supabase ID`. Nobody should edit it in Notion. */
  idProperty?: string | undefined;
  /** The date property that tells when the page was last written; the default is `Last Synced`. `null` leaves it out. */
  lastSyncedProperty?: string | null | undefined;
  /** A text property, such as `Sync Status`, that tells why an edit of the page was refused. There is none by default. */
  statusProperty?: string | null | undefined;
  /**
   * What a page in the trash means for its row. The default, `review`, has it wait for `guarded approve` or `guarded reject`.
   * `softDelete` names a column that is set instead of deleting the row.
   */
  onNotionTrash?: 'review' | 'delete' | 'restore' | 'ignore' | { softDelete: string } | undefined;
  /** What a deleted row means for its page; the default is `trash`. `mark` names a checkbox that is ticked instead. */
  onPostgresDelete?: 'trash' | 'archive' | 'ignore' | { mark: string } | undefined;
  /**
   * What a row that `query` or `where` leaves out means for its page; the default is `trash`. `mark` ticks a checkbox, which
   * is called `Filtered out` unless it is named.
   */
  onRowFiltered?: 'trash' | 'archive' | 'mark' | 'ignore' | { mark: string } | undefined;
  /**
   * What becomes of a page that shows the key of a record with another page: `report`, the default, lists it in the failures,
   * `new-row` gives it a key of its own.
   */
  onDuplicatePage?: 'report' | 'new-row' | undefined;
  /**
   * The column, or the columns, by which pages without a key are joined with rows when pgnotion first comes to the database,
   * such as `['email']`. One page and one row that hold the same are linked; whatever is not one to one waits in
   * `guarded list`. Without it, such a page becomes a row. Each column is mapped to a property.
   */
  match?: string | string[] | undefined;
  /**
   * Whose value counts where a page and a row differ that are linked for the first time: `postgres`, the default, `notion`,
   * `newest` (the later of the row's commit and the page's edit), or `review`, which has a person decide each. A value on one
   * side alone fills the other side, whatever this says.
   */
  firstLink?: 'postgres' | 'notion' | 'newest' | 'review' | undefined;
  /** Who wins what both sides changed; the default is SYNC_CONFLICT_STRATEGY. */
  conflict?: 'lww' | 'manual' | 'field_precedence' | undefined;
  /**
   * Seconds for which an edit in Notion must have stayed as it is before it is written to the row. The default is 0 for edits
   * that a poll sees, and 5 for those that a webhook tells of.
   */
  settleSeconds?: number | undefined;
};

type GuardInput = {
  /** Up to this many changes of one kind, table and side cross within the window without review; the default is 20. */
  number?: number | undefined;
  /** More than `number` cross if they are at most this share of the table's records; the default is 0.05. */
  share?: number | undefined;
  /** The length of the window in minutes; the default is 10. */
  windowMinutes?: number | undefined;
};

type GuardsInput = GuardInput & {
  /** Bounds of deletions alone. */
  deletion?: GuardInput | undefined;
  /** Bounds of one field that becomes empty in many records. */
  clearing?: GuardInput | undefined;
  /** Bounds of pages without a key that become rows at the first contact with a database. */
  creation?: GuardInput | undefined;
};

type SyncInput = {
  /** Seconds that a page made in Notion must have been left alone before it becomes a row; the default is 5. */
  settleSeconds?: number | undefined;
  /** Data sources of up to this many pages are read whole at each poll, so that a trashed page shows at once; the default is 200. */
  wholePollPages?: number | undefined;
  /** Hours between two full readings of a larger data source; the default is 24. */
  sweepHours?: number | undefined;
  /** Days for which a deleted record is remembered, so that it comes back as the same pair; the default is 30. */
  rememberDays?: number | undefined;
};

type SyncLogInput = {
  /** What it tells: nothing, what went wrong (the default), or every write. */
  level?: 'off' | 'problems' | 'all' | undefined;
  /** Days after which its entries go to the trash; the default is 30. */
  days?: number | undefined;
  /** How many entries it keeps at most; the default is 2000. */
  entries?: number | undefined;
};

type VerifyInput = {
  /** Hours between two comparisons of both sides that the daemon makes by itself; there are none by default. */
  everyHours?: number | undefined;
};

type RetentionInput = {
  /** Days for which finished operations are kept; older changes cannot be rolled back. The default is 90. */
  days?: number | undefined;
};

type AlertsInput = {
  /** So many records that are set aside; the default is 1. `false` switches the alert off, here and below. */
  failures?: number | false | undefined;
  /** More conflicts in an hour than this share of its changes; the default is 0.01. */
  conflictRate?: number | false | undefined;
  /** So many outbox entries, beside first syncs and tables that stand still; the default is 10000. */
  backlogEntries?: number | false | undefined;
  /** Minutes that the oldest of them waits; the default is 15. */
  backlogMinutes?: number | false | undefined;
  /** So many requests in ten minutes that Notion put off, or that waited over 30 seconds for a live change; the default is 5. */
  limitedRequests?: number | false | undefined;
  /** Minutes that the reading of the log is behind; the default is 5. */
  slotLagMinutes?: number | false | undefined;
  /** Megabytes of the log that the slot keeps on the disk; the default is 1024. */
  slotRetainedMegabytes?: number | false | undefined;
  /** Notion deviates from the configuration; the default is true. */
  drift?: boolean | undefined;
  /** The last comparison of both sides found differences; the default is true. */
  verifyDifferences?: boolean | undefined;
  /** Guarded changes wait for a person; the default is true. */
  guardedChanges?: boolean | undefined;
  /** A table does not fit any more and stands still; the default is true. */
  suspendedTables?: boolean | undefined;
  /** Hours after which an alert that lasts is told again; by default each is told once. */
  repeatHours?: number | false | undefined;
};

/** The whole configuration, as `pgnotion.config.ts` exports it. */
export type ConfigInput = {
  /** The replication slot's name; the default is `pgnotion`. Slots belong to the whole server: each synced database needs its own. */
  slot?: string | undefined;
  /** The publication's name; the default is `pgnotion`. */
  publication?: string | undefined;
  /** What decodes the log on the server; the default is `pgoutput`. */
  plugin?: 'pgoutput' | 'wal2json' | undefined;
  /** The synced tables, each under the name that commands and SQL functions use. */
  tables: Record<string, TableInput>;
  /** Deletions, clearings and creations above these bounds wait for a person, who decides with the command `guarded`. */
  guard?: GuardsInput | undefined;
  /** The former name of `guard.deletion`. */
  deleteGuard?: GuardInput | undefined;
  /** Comparisons of both sides. */
  verify?: VerifyInput | undefined;
  /** How long the history is kept. */
  retention?: RetentionInput | undefined;
  /** When Notion is read, and what is remembered. */
  sync?: SyncInput | undefined;
  /** The Sync Log, a database in Notion that people read. */
  syncLog?: SyncLogInput | undefined;
  /** When alerts are raised. */
  alerts?: AlertsInput | undefined;
};

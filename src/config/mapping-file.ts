import { z } from 'zod';
import type { PropertyType } from '../model/codecs/codec.ts';
import { codecs } from '../model/codecs/registry.ts';
import type { Fault } from '../model/errors.ts';
import { parseQualified, tableName } from '../model/ids.ts';
import type { TableMapping } from '../model/mapping.ts';
import type { Guards } from '../model/mass-change.ts';
import type { SyncLogSettings } from '../model/sync-log.ts';
import { crossFaults } from './cross-checks.ts';
import { toConfig, toTable } from './defaults.ts';
import { invalidConfig, toFault } from './invalid-config.ts';

const direction = z.enum(['both', 'to-notion', 'to-postgres']);
const propertyType = z.enum(Object.keys(codecs) as [PropertyType, ...PropertyType[]]);
const transform = z.custom<(value: string | null) => string | null>((value) => typeof value === 'function', {
  error: 'must be a function from text or null to text or null',
});
const qualified = z.string().transform((text, context) => {
  const name = parseQualified(text);
  if (name !== null) return name;
  context.addIssue({
    code: 'custom',
    message:
      'must be schema.table, for example public.suppliers; a part with a full stop is quoted, for example public."Doc. Lines"',
  });
  return z.NEVER;
});

const field = z
  .strictObject({
    /** The column, as the catalog spells it. Either this or `expression`. */
    column: z.string().min(1).optional(),
    /** SQL over the columns of the table or its query, such as `concat_ws(', ', material, grade)`. It goes to Notion only. */
    expression: z.string().min(1).optional(),
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
    type: propertyType,
    /** As for tables, and by default the table's. What a person types into a `to-notion` field is put right again. */
    direction: direction.optional(),
    /** PostgreSQL's label to the name in Notion, used both ways: `{ open: 'Open' }`. Other labels pass unchanged. */
    values: z.record(z.string(), z.string().min(1)).optional(),
    /** From the row's text to the text that is shown; `null` is NULL. The same text must always give the same result. */
    transform: transform.optional(),
    /** The way back from the shown text to the row's; needed if the field goes both ways. */
    reverseTransform: transform.optional(),
    /** For relations: the table of this configuration whose keys the column holds. */
    relatedTable: z.string().optional(),
    /** For `number`: allows `bigint` and wide `numeric`, which Notion may round. What nobody edits is never written back. */
    lossy: z.boolean().optional(),
    /** More options to create a select or multi-select property with. */
    choices: z.array(z.string().min(1)).optional(),
    /** Notion's number format, such as `dollar`. It is set when the property is created; later, people may change it. */
    format: z.string().optional(),
    /** Who wins this field if both sides changed it, whatever the table says. The default is the table's rule. */
    conflict: z.enum(['lww', 'manual', 'postgres', 'notion']).optional(),
  })
  .refine((value) => (value.column === undefined) !== (value.expression === undefined), {
    error: 'must have either a column or an expression',
  })
  .refine((value) => value.expression === undefined || (value.direction ?? 'to-notion') === 'to-notion', {
    error: 'an expression cannot be written back: set direction to "to-notion" or map a column',
    path: ['direction'],
  });

const table = z.strictObject({
  /** The table, as `schema.table`. A part that has a full stop is quoted as in SQL. */
  source: qualified,
  /** A SELECT that is read in the table's place, for joins. It gives the key and all columns that fields name, one row per key. */
  query: z.string().min(1).optional(),
  /** A condition in SQL: rows that do not meet it are filtered out, which is not deleted. */
  where: z.string().min(1).optional(),
  /** The tables that `query` joins, so that their changes reach the pages too. `on` maps their key to columns of the query. */
  dependsOn: z
    .array(
      z.strictObject({
        /** The joined table, as `schema.table`. */
        table: qualified,
        /** Columns of its key to columns of the query that hold them. */
        on: z.record(z.string(), z.string()),
      }),
    )
    .optional(),
  /** The primary key: a column, or a list of columns. */
  key: z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]),
  /** What the Notion database is called when `apply` creates it. */
  title: z.string().min(1),
  /** Which way changes go; fields take it over. The default is `both`. */
  direction: direction.optional(),
  /** The name of each Notion property, and what it shows. One of them has the type `title`. */
  fields: z.record(z.string().min(1), field),
  /** The text property that holds the record's key; the default is `Supabase ID`. Nobody should edit it in Notion. */
  idProperty: z.string().min(1).optional(),
  /** The date property that tells when the page was last written; the default is `Last Synced`. `null` leaves it out. */
  lastSyncedProperty: z.string().min(1).nullable().optional(),
  /** A text property, such as `Sync Status`, that tells why an edit of the page was refused. There is none by default. */
  statusProperty: z.string().min(1).nullable().optional(),
  /**
   * What a page in the trash means for its row. The default, `review`, has it wait for `guarded approve` or `guarded reject`.
   * `softDelete` names a column that is set instead of deleting the row.
   */
  onNotionTrash: z
    .union([
      z.enum(['review', 'delete', 'restore', 'ignore']),
      z.strictObject({ softDelete: z.string().min(1) }),
    ])
    .optional(),
  /** What a deleted row means for its page; the default is `trash`. `mark` names a checkbox that is ticked instead. */
  onPostgresDelete: z
    .union([z.enum(['trash', 'archive', 'ignore']), z.strictObject({ mark: z.string().min(1) })])
    .optional(),
  /**
   * What a row that `query` or `where` leaves out means for its page; the default is `trash`. `mark` ticks a checkbox, which
   * is called `Filtered out` unless it is named.
   */
  onRowFiltered: z
    .union([z.enum(['trash', 'archive', 'mark', 'ignore']), z.strictObject({ mark: z.string().min(1) })])
    .optional(),
  /**
   * What becomes of a page that shows the key of a record with another page: `report`, the default, lists it in the failures,
   * `new-row` gives it a key of its own.
   */
  onDuplicatePage: z.enum(['report', 'new-row']).optional(),
  /** Who wins what both sides changed; the default is SYNC_CONFLICT_STRATEGY. */
  conflict: z.enum(['lww', 'manual', 'field_precedence']).optional(),
  /**
   * Seconds for which an edit in Notion must have stayed as it is before it is written to the row. The default is 0 for edits
   * that a poll sees, and 5 for those that a webhook tells of.
   */
  settleSeconds: z.number().min(0).max(3600).optional(),
});

const guardBounds = {
  /** Up to this many changes within the window cross without review; the default is 20. */
  number: z.number().int().min(0).optional(),
  /** More than `number` cross if they are at most this share of the table's records; the default is 0.05. */
  share: z.number().min(0).max(1).optional(),
  /** The length of the window in minutes; the default is 10. */
  windowMinutes: z.number().int().min(1).optional(),
};

const config = z.strictObject({
  /** The replication slot's name; the default is `pgnotion`. Slots belong to the whole server: each synced database needs its own. */
  slot: z
    .string()
    .regex(/^[a-z0-9_]{1,63}$/, {
      error: "may hold lower-case letters, digits and _ only (PostgreSQL's rule for slots)",
    })
    .optional(),
  /** The publication's name; the default is `pgnotion`. */
  publication: z.string().min(1).optional(),
  /** What decodes the log on the server; the default is `pgoutput`. */
  plugin: z.enum(['pgoutput', 'wal2json']).optional(),
  /** The synced tables, each under the name that commands and SQL functions use. */
  tables: z.record(z.string().min(1), table),
  /** Deletions, clearings and creations above these bounds wait for a person, who decides with the command `guarded`. */
  guard: z
    .strictObject({
      /** Up to this many changes of one kind, table and side cross within the window without review; the default is 20. */
      number: guardBounds.number,
      /** More than `number` cross if they are at most this share of the table's records; the default is 0.05. */
      share: guardBounds.share,
      /** The length of the window in minutes; the default is 10. */
      windowMinutes: guardBounds.windowMinutes,
      /** Bounds of deletions alone. */
      deletion: z.strictObject(guardBounds).optional(),
      /** Bounds of one field that becomes empty in many records. */
      clearing: z.strictObject(guardBounds).optional(),
      /** Bounds of pages without a key that become rows at the first contact with a database. */
      creation: z.strictObject(guardBounds).optional(),
    })
    .optional(),
  /** The former name of `guard.deletion`. */
  deleteGuard: z.strictObject(guardBounds).optional(),
  /** How long the history is kept. */
  retention: z
    .strictObject({
      /** Days for which finished operations are kept; older changes cannot be rolled back. The default is 90. */
      days: z.number().int().min(1).optional(),
    })
    .optional(),
  /** When Notion is read, and what is remembered. */
  sync: z
    .strictObject({
      /** Seconds that a page made in Notion must have been left alone before it becomes a row; the default is 5. */
      settleSeconds: z.number().min(0).max(3600).optional(),
      /** Data sources of up to this many pages are read whole at each poll, so that a trashed page shows at once; the default is 200. */
      wholePollPages: z.number().int().min(0).optional(),
      /** Hours between two full readings of a larger data source; the default is 24. */
      sweepHours: z.number().positive().optional(),
      /** Days for which a deleted record is remembered, so that it comes back as the same pair; the default is 30. */
      rememberDays: z.number().positive().optional(),
    })
    .optional(),
  /** The Sync Log, a database in Notion that people read. */
  syncLog: z
    .strictObject({
      /** What it tells: nothing, what went wrong (the default), or every write. */
      level: z.enum(['off', 'problems', 'all']).optional(),
      /** Days after which its entries go to the trash; the default is 30. */
      days: z.number().int().positive().optional(),
      /** How many entries it keeps at most; the default is 2000. */
      entries: z.number().int().positive().optional(),
    })
    .optional(),
});

/** The whole configuration, as `pgnotion.config.ts` exports it. */
export type ConfigInput = z.input<typeof config>;
/** A table of the configuration. */
export type TableInput = ConfigInput['tables'][string];
/** A field of a table: a property in Notion, and the column or expression that it shows. */
export type FieldInput = TableInput['fields'][string];

export type ParsedConfig = z.output<typeof config>;

export type Config = {
  readonly slot: string;
  readonly publication: string;
  readonly plugin: 'pgoutput' | 'wal2json';
  readonly tables: readonly TableMapping[];
  readonly settleSeconds: number;
  readonly wholePollPages: number;
  readonly sweepHours: number;
  readonly rememberDays: number;
  readonly guards: Guards;
  readonly syncLog: SyncLogSettings;
  readonly retentionDays: number;
};

/**
 * Gives the configuration its type in an editor; what it says is checked when it is loaded.
 *
 * @example
 * export default defineConfig({
 *   tables: {
 *     suppliers: {
 *       source: 'public.suppliers',
 *       key: 'id',
 *       title: 'Suppliers',
 *       fields: { Name: { column: 'name', type: 'title' } },
 *     },
 *   },
 * });
 */
export const defineConfig = (input: ConfigInput): ConfigInput => input;

/** What a configuration says, as far as it can be understood, and all that is wrong with it. */
type ReadConfig = {
  /** Null if anything is wrong. */
  readonly config: Config | null;
  /** The tables that are right by themselves. */
  readonly tables: readonly TableMapping[];
  readonly faults: readonly Fault[];
};

export function readConfig(input: unknown): ReadConfig {
  const parsed = config.safeParse(input);
  const faults = parsed.success ? [] : parsed.error.issues.map((issue) => toFault(issue, input));
  const given = tablesOf(input);
  const tables = given.flatMap(([name, value]) => {
    const one = table.safeParse(value);
    return one.success ? [toTable(tableName(name), one.data)] : [];
  });
  const names = given.map(([name]) => name);
  faults.push(...tables.flatMap((each) => crossFaults(each, tables, names)));
  if (parsed.success && tables.length === 0)
    faults.push({ path: 'tables', message: 'is empty', remedy: 'name at least one table' });
  return {
    config: parsed.success && faults.length === 0 ? toConfig(parsed.data, tables) : null,
    tables,
    faults,
  };
}

function tablesOf(input: unknown): readonly (readonly [string, unknown])[] {
  const { tables } = (typeof input === 'object' && input !== null ? input : {}) as { tables?: unknown };
  return typeof tables === 'object' && tables !== null ? Object.entries(tables) : [];
}

/** Checks a configuration and fills in its defaults. Throws `config_invalid` with every fault at once. */
export function parseConfig(input: unknown): Config {
  const { config: read, faults } = readConfig(input);
  if (read === null) throw invalidConfig(faults);
  return read;
}

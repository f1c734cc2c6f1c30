import { z } from 'zod';
import type { PropertyType } from '../model/codecs/codec.ts';
import { codecs } from '../model/codecs/registry.ts';
import { parseQualified, type TableName, tableName } from '../model/ids.ts';
import type { Direction, FieldMapping, FieldSource, TableMapping } from '../model/mapping.ts';
import type { Guard, Guards } from '../model/mass-change.ts';
import type { SyncLogSettings } from '../model/sync-log.ts';
import { crossFaults } from './cross-checks.ts';
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
    column: z.string().min(1).optional(),
    expression: z.string().min(1).optional(),
    type: propertyType,
    direction: direction.optional(),
    values: z.record(z.string(), z.string().min(1)).optional(),
    transform: transform.optional(),
    reverseTransform: transform.optional(),
    relatedTable: z.string().optional(),
    lossy: z.boolean().optional(),
    choices: z.array(z.string().min(1)).optional(),
    format: z.string().optional(),
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
  source: qualified,
  query: z.string().min(1).optional(),
  /** A condition in SQL: rows that do not meet it are filtered out. */
  where: z.string().min(1).optional(),
  dependsOn: z.array(z.strictObject({ table: qualified, on: z.record(z.string(), z.string()) })).optional(),
  key: z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]),
  title: z.string().min(1),
  direction: direction.optional(),
  fields: z.record(z.string().min(1), field),
  idProperty: z.string().min(1).optional(),
  lastSyncedProperty: z.string().min(1).nullable().optional(),
  statusProperty: z.string().min(1).nullable().optional(),
  onNotionTrash: z
    .union([
      z.enum(['review', 'delete', 'restore', 'ignore']),
      z.strictObject({ softDelete: z.string().min(1) }),
    ])
    .optional(),
  onPostgresDelete: z
    .union([z.enum(['trash', 'archive', 'ignore']), z.strictObject({ mark: z.string().min(1) })])
    .optional(),
  onRowFiltered: z
    .union([z.enum(['trash', 'archive', 'mark', 'ignore']), z.strictObject({ mark: z.string().min(1) })])
    .optional(),
  onDuplicatePage: z.enum(['report', 'new-row']).optional(),
  conflict: z.enum(['lww', 'manual', 'field_precedence']).optional(),
  /** Seconds for which an edit in Notion must have stayed as it is before it is written to the row. */
  settleSeconds: z.number().min(0).max(3600).optional(),
});

const guardBounds = {
  number: z.number().int().min(0).optional(),
  share: z.number().min(0).max(1).optional(),
  windowMinutes: z.number().int().min(1).optional(),
};

const config = z.strictObject({
  /** The replication slot's name. Slots belong to the whole server: each database that is synced needs its own. */
  slot: z
    .string()
    .regex(/^[a-z0-9_]{1,63}$/, {
      error: "may hold lower-case letters, digits and _ only (PostgreSQL's rule for slots)",
    })
    .optional(),
  publication: z.string().min(1).optional(),
  plugin: z.enum(['pgoutput', 'wal2json']).optional(),
  tables: z.record(z.string().min(1), table),
  /** Deletions, clearings and creations above this wait for a person: see `guarded`. */
  guard: z
    .strictObject({
      number: guardBounds.number,
      share: guardBounds.share,
      windowMinutes: guardBounds.windowMinutes,
      deletion: z.strictObject(guardBounds).optional(),
      clearing: z.strictObject(guardBounds).optional(),
      creation: z.strictObject(guardBounds).optional(),
    })
    .optional(),
  /** The former name of `guard.deletion`. */
  deleteGuard: z.strictObject(guardBounds).optional(),
  retention: z
    .strictObject({
      /** Days for which finished operations are kept: what is older can no longer be rolled back. */
      days: z.number().int().min(1).optional(),
    })
    .optional(),
  sync: z
    .strictObject({
      /** Seconds that a page made in Notion must have been left alone before it becomes a row. */
      settleSeconds: z.number().min(0).max(3600).optional(),
      /** Data sources of up to this many pages are read whole at each poll, so that a trashed page shows at once. */
      wholePollPages: z.number().int().min(0).optional(),
      /** Hours between two full readings of a larger data source. */
      sweepHours: z.number().positive().optional(),
      /** Days for which a deleted record is remembered, so that it comes back as the same pair. */
      rememberDays: z.number().positive().optional(),
    })
    .optional(),
  syncLog: z
    .strictObject({
      /** What the Sync Log in Notion tells: nothing, what went wrong, or every write. */
      level: z.enum(['off', 'problems', 'all']).optional(),
      /** Days after which its entries go to the trash. */
      days: z.number().int().positive().optional(),
      /** How many entries it keeps at most. */
      entries: z.number().int().positive().optional(),
    })
    .optional(),
});

export type ConfigInput = z.input<typeof config>;
export type TableInput = ConfigInput['tables'][string];
export type FieldInput = TableInput['fields'][string];

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

/** Gives the configuration its type in an editor; what it says is checked when it is loaded. */
export const defineConfig = (input: ConfigInput): ConfigInput => input;

/** Checks a configuration and fills in its defaults. Throws `config_invalid` with every fault at once. */
export function parseConfig(input: unknown): Config {
  const parsed = config.safeParse(input);
  if (!parsed.success) throw invalidConfig(parsed.error.issues.map(toFault));
  const tables = Object.entries(parsed.data.tables).map(([name, value]) => toTable(tableName(name), value));
  const faults = tables.flatMap((each) => crossFaults(each, tables));
  if (tables.length === 0)
    faults.push({ path: 'tables', message: 'is empty', remedy: 'name at least one table' });
  if (faults.length > 0) throw invalidConfig(faults);
  return {
    slot: parsed.data.slot ?? 'pgnotion',
    publication: parsed.data.publication ?? 'pgnotion',
    plugin: parsed.data.plugin ?? 'pgoutput',
    tables,
    settleSeconds: parsed.data.sync?.settleSeconds ?? 5,
    wholePollPages: parsed.data.sync?.wholePollPages ?? 200,
    sweepHours: parsed.data.sync?.sweepHours ?? 24,
    retentionDays: parsed.data.retention?.days ?? 90,
    rememberDays: parsed.data.sync?.rememberDays ?? 30,
    guards: guardsOf(parsed.data),
    syncLog: {
      level: parsed.data.syncLog?.level ?? 'problems',
      days: parsed.data.syncLog?.days ?? 30,
      entries: parsed.data.syncLog?.entries ?? 2_000,
    },
  };
}

const DEFAULT_GUARD: Guard = { number: 20, share: 0.05, windowMinutes: 10 };

/** A bound that one kind does not have of its own is that of all kinds. */
function guardsOf({ guard = {}, deleteGuard = {} }: z.output<typeof config>): Guards {
  const of = (...given: readonly GuardInput[]): Guard =>
    given.reduce<Guard>(
      (known, { number, share, windowMinutes }) => ({
        number: number ?? known.number,
        share: share ?? known.share,
        windowMinutes: windowMinutes ?? known.windowMinutes,
      }),
      DEFAULT_GUARD,
    );
  return {
    deletion: of(guard, deleteGuard, guard.deletion ?? {}),
    clearing: of(guard, guard.clearing ?? {}),
    creation: of(guard, guard.creation ?? {}),
  };
}

type GuardInput = { readonly [Bound in keyof Guard]?: Guard[Bound] | undefined };

/** The checkbox of `onRowFiltered: 'mark'`. */
const FILTERED_OUT = 'Filtered out';

function toTable(name: TableName, input: z.output<typeof table>): TableMapping {
  const tableDirection = input.direction ?? 'both';
  const key = typeof input.key === 'string' ? [input.key] : input.key;
  const idProperty = input.idProperty ?? 'Supabase ID';
  const fields = Object.entries(input.fields).map(([property, value]) =>
    toField(property, value, tableDirection),
  );
  const identity: FieldMapping = {
    property: idProperty,
    type: 'rich_text',
    source: { kind: 'key' },
    direction: 'to-notion',
  };
  return {
    name,
    source: input.source,
    query: input.query ?? null,
    where: input.where ?? null,
    dependsOn: input.dependsOn ?? [],
    key,
    direction: tableDirection,
    title: input.title,
    fields: [...fields, identity],
    idProperty,
    lastSyncedProperty: input.lastSyncedProperty === undefined ? 'Last Synced' : input.lastSyncedProperty,
    statusProperty: input.statusProperty ?? null,
    onNotionTrash: input.onNotionTrash ?? 'review',
    onPostgresDelete: input.onPostgresDelete ?? 'trash',
    onRowFiltered: input.onRowFiltered === 'mark' ? { mark: FILTERED_OUT } : (input.onRowFiltered ?? 'trash'),
    onDuplicatePage: input.onDuplicatePage ?? 'report',
    conflict: input.conflict ?? null,
    settleSeconds: input.settleSeconds ?? null,
  };
}

function toField(property: string, input: z.output<typeof field>, tableDirection: Direction): FieldMapping {
  const { column, expression, relatedTable, direction: own, ...rest } = input;
  const source: FieldSource =
    column === undefined ? { kind: 'expression', sql: expression ?? '' } : { kind: 'column', column };
  return {
    ...withoutUndefined(rest),
    property,
    source,
    direction: fieldDirection(source, input.type, own, tableDirection),
    ...(own === undefined ? { directionImplied: true } : {}),
    ...(relatedTable === undefined ? {} : { relatedTable: tableName(relatedTable) }),
  } as FieldMapping;
}

function fieldDirection(
  source: FieldSource,
  type: PropertyType,
  own: Direction | undefined,
  table: Direction,
): Direction {
  if (own !== undefined) return own;
  if (source.kind !== 'column') return 'to-notion';
  return codecs[type].writable ? table : 'to-postgres';
}

function withoutUndefined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as T;
}

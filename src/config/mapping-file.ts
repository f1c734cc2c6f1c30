import { z } from 'zod';
import type { AlertLimits } from '../model/alert-limits.ts';
import type { PropertyType } from '../model/codecs/codec.ts';
import { codecs } from '../model/codecs/registry.ts';
import type { Fault } from '../model/errors.ts';
import { parseQualified, tableName } from '../model/ids.ts';
import { isIcon, MOST_DESCRIPTION } from '../model/looks.ts';
import { FIRST_LINK_RULES, type TableMapping } from '../model/mapping.ts';
import type { Guards } from '../model/mass-change.ts';
import { OPTION_COLORS, STATUS_GROUPS } from '../model/option-looks.ts';
import type { SyncLogSettings } from '../model/sync-log.ts';
import type { ConfigInput } from './config-input.ts';
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

const optionLook = { color: z.enum(OPTION_COLORS).optional(), group: z.enum(STATUS_GROUPS).optional() };
const label = z.string().min(1);

// src/config/config-input.ts documents each option.
const field = z
  .strictObject({
    column: z.string().min(1).optional(),
    expression: z.string().min(1).optional(),
    type: propertyType,
    direction: direction.optional(),
    values: z
      .record(z.string(), z.union([label, z.strictObject({ name: label.optional(), ...optionLook })]))
      .optional(),
    transform: transform.optional(),
    reverseTransform: transform.optional(),
    relatedTable: z.string().optional(),
    lossy: z.boolean().optional(),
    choices: z.array(z.union([label, z.strictObject({ name: label, ...optionLook })])).optional(),
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
  where: z.string().min(1).optional(),
  dependsOn: z
    .array(
      z.strictObject({
        table: qualified,
        on: z.record(z.string(), z.string()),
      }),
    )
    .optional(),
  key: z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]),
  title: z.string().min(1),
  description: z.string().min(1).max(MOST_DESCRIPTION).optional(),
  icon: z
    .string()
    .refine(isIcon, { error: 'must be one emoji, or the address of a picture that begins with https://' })
    .optional(),
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
  match: z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]).optional(),
  firstLink: z.enum(FIRST_LINK_RULES).optional(),
  conflict: z.enum(['lww', 'manual', 'field_precedence']).optional(),
  settleSeconds: z.number().min(0).max(3600).optional(),
});

const guardBounds = {
  number: z.number().int().min(0).optional(),
  share: z.number().min(0).max(1).optional(),
  windowMinutes: z.number().int().min(1).optional(),
};

const above = z.union([z.number().positive(), z.literal(false)]);

const config = z.strictObject({
  slot: z
    .string()
    .regex(/^[a-z0-9_]{1,63}$/, {
      error: "may hold lower-case letters, digits and _ only (PostgreSQL's rule for slots)",
    })
    .optional(),
  publication: z.string().min(1).optional(),
  plugin: z.enum(['pgoutput', 'wal2json']).optional(),
  tables: z.record(z.string().min(1), table),
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
  deleteGuard: z.strictObject(guardBounds).optional(),
  verify: z
    .strictObject({
      everyHours: z.number().positive().optional(),
    })
    .optional(),
  retention: z
    .strictObject({
      days: z.number().int().min(1).optional(),
    })
    .optional(),
  sync: z
    .strictObject({
      settleSeconds: z.number().min(0).max(3600).optional(),
      wholePollPages: z.number().int().min(0).optional(),
      sweepHours: z.number().positive().optional(),
      rememberDays: z.number().positive().optional(),
    })
    .optional(),
  syncLog: z
    .strictObject({
      level: z.enum(['off', 'problems', 'all']).optional(),
      days: z.number().int().positive().optional(),
      entries: z.number().int().positive().optional(),
    })
    .optional(),
  alerts: z
    .strictObject({
      failures: above.optional(),
      conflictRate: above.optional(),
      backlogEntries: above.optional(),
      backlogMinutes: above.optional(),
      limitedRequests: above.optional(),
      slotLagMinutes: above.optional(),
      slotRetainedMegabytes: above.optional(),
      drift: z.boolean().optional(),
      verifyDifferences: z.boolean().optional(),
      guardedChanges: z.boolean().optional(),
      suspendedTables: z.boolean().optional(),
      repeatHours: above.optional(),
    })
    .optional(),
});

export type { ConfigInput, FieldInput, TableInput } from './config-input.ts';

/** What the schema takes, which is what `ConfigInput` says. */
export type SchemaInput = z.input<typeof config>;
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
  /** Between two comparisons that the daemon makes by itself; null: it makes none. */
  readonly verifyHours: number | null;
  readonly retentionDays: number;
  readonly alerts: AlertLimits;
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

import { z } from 'zod';
import type { PropertyType } from './model/codecs/codec.ts';
import { codecs } from './model/codecs/registry.ts';
import { type Fault, PgnotionError } from './model/errors.ts';
import type { DeleteGuard } from './model/guard.ts';
import { type QualifiedName, type TableName, tableName } from './model/ids.ts';
import {
  type Direction,
  type FieldMapping,
  type FieldSource,
  goesToPostgres,
  type TableMapping,
} from './model/mapping.ts';

const direction = z.enum(['both', 'to-notion', 'to-postgres']);
const propertyType = z.enum(Object.keys(codecs) as [PropertyType, ...PropertyType[]]);
const transform = z.custom<(value: string | null) => string | null>((value) => typeof value === 'function', {
  error: 'must be a function from text or null to text or null',
});
const qualified = z
  .string()
  .regex(/^[^.]+\.[^.]+$/, { error: 'must be schema.table, for example public.suppliers' })
  .transform((text) => text as QualifiedName);

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
  dependsOn: z.array(z.strictObject({ table: qualified, on: z.record(z.string(), z.string()) })).optional(),
  key: z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]),
  title: z.string().min(1),
  direction: direction.optional(),
  fields: z.record(z.string().min(1), field),
  idProperty: z.string().min(1).optional(),
  lastSyncedProperty: z.string().min(1).nullable().optional(),
  onNotionTrash: z.enum(['delete', 'restore', 'ignore']).optional(),
  onPostgresDelete: z.enum(['trash', 'ignore']).optional(),
});

const config = z.strictObject({
  /** The replication slot's name. Slots belong to the whole server: each database that is synced needs its own. */
  slot: z
    .string()
    .regex(/^[a-z0-9_]{1,63}$/, {
      error: "may hold lower-case letters, digits and _ only (PostgreSQL's rule for slots)",
    })
    .optional(),
  publication: z.string().min(1).optional(),
  tables: z.record(z.string().min(1), table),
  /** Deletions above this wait for a person: see `deletes`. */
  deleteGuard: z
    .strictObject({
      number: z.number().int().min(0).optional(),
      share: z.number().min(0).max(1).optional(),
      windowMinutes: z.number().int().min(1).optional(),
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
    })
    .optional(),
});

export type ConfigInput = z.input<typeof config>;
export type TableInput = ConfigInput['tables'][string];
export type FieldInput = TableInput['fields'][string];

export type Config = {
  readonly slot: string;
  readonly publication: string;
  readonly tables: readonly TableMapping[];
  readonly settleSeconds: number;
  readonly wholePollPages: number;
  readonly sweepHours: number;
  readonly deleteGuard: DeleteGuard;
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
    tables,
    settleSeconds: parsed.data.sync?.settleSeconds ?? 5,
    wholePollPages: parsed.data.sync?.wholePollPages ?? 200,
    sweepHours: parsed.data.sync?.sweepHours ?? 24,
    deleteGuard: {
      number: parsed.data.deleteGuard?.number ?? 20,
      share: parsed.data.deleteGuard?.share ?? 0.2,
      windowMinutes: parsed.data.deleteGuard?.windowMinutes ?? 10,
    },
  };
}

/** One error for all faults of the configuration, a line for each. */
export function invalidConfig(faults: readonly Fault[]): PgnotionError {
  const lines = faults.map((fault) => `  ${fault.path}: ${fault.message}\n    mend: ${fault.remedy}`);
  return new PgnotionError({
    code: 'config_invalid',
    message: `the configuration has ${faults.length} ${faults.length === 1 ? 'fault' : 'faults'}:\n${lines.join('\n')}`,
    remedy: 'change the lines named above; nothing was written anywhere',
  });
}

function toFault(issue: z.core.$ZodIssue): Fault {
  const path = issue.path.map(String).join('.') || '(the whole file)';
  if (issue.code === 'unrecognized_keys') {
    return {
      path,
      message: `does not know ${issue.keys.join(', ')}`,
      remedy: 'remove it, or correct its spelling',
    };
  }
  if (issue.code === 'invalid_value') {
    const allowed = issue.values.map((value) => JSON.stringify(value)).join(', ');
    return { path, message: 'has a value that is not allowed', remedy: `use one of ${allowed}` };
  }
  return { path, message: issue.message, remedy: 'see the configuration table in the README' };
}

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
    dependsOn: input.dependsOn ?? [],
    key,
    direction: tableDirection,
    title: input.title,
    fields: [...fields, identity],
    idProperty,
    lastSyncedProperty: input.lastSyncedProperty === undefined ? 'Last Synced' : input.lastSyncedProperty,
    onNotionTrash: input.onNotionTrash ?? 'ignore',
    onPostgresDelete: input.onPostgresDelete ?? 'trash',
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

/** Faults that show only when a table is looked at as a whole, or beside the others. */
function crossFaults(each: TableMapping, tables: readonly TableMapping[]): Fault[] {
  const path = `tables.${each.name}`;
  const faults: Fault[] = [];
  const titles = each.fields.filter((one) => one.type === 'title');
  if (titles.length !== 1) {
    faults.push({
      path: `${path}.fields`,
      message: `has ${titles.length} fields of type title`,
      remedy: 'a Notion page has exactly one title: give one field that type',
    });
  }
  for (const one of each.fields) faults.push(...fieldFaults(`${path}.fields.${one.property}`, one, tables));
  faults.push(...nameFaults(path, each), ...writerFaults(path, each));
  const twins = tables.filter((other) => other !== each && other.source === each.source);
  if (twins.length > 0) {
    faults.push({ path: `${path}.source`, message: `is mapped twice`, remedy: 'map each source table once' });
  }
  if (each.query !== null && each.direction === 'to-postgres') {
    faults.push({
      path: `${path}.query`,
      message: 'is never read',
      remedy: 'remove it, or change the direction',
    });
  }
  return faults;
}

/** The properties that pgnotion keeps for itself need names of their own. */
function nameFaults(path: string, each: TableMapping): Fault[] {
  const names = each.fields.map((one) => one.property);
  const remedy = 'give it a name that no field has';
  const faults: Fault[] = [];
  if (names.indexOf(each.idProperty) < names.length - 1)
    faults.push({ path: `${path}.idProperty`, message: `is ${each.idProperty}, as a field is`, remedy });
  if (each.lastSyncedProperty !== null && names.includes(each.lastSyncedProperty))
    faults.push({
      path: `${path}.lastSyncedProperty`,
      message: `is ${each.lastSyncedProperty}, as another property is`,
      remedy,
    });
  return faults;
}

/** A column that two properties write would hold whichever came last. */
function writerFaults(path: string, each: TableMapping): Fault[] {
  const writers = new Map<string, string>();
  return each.fields.filter(goesToPostgres).flatMap(({ property, source }) => {
    if (source.kind !== 'column') return [];
    const first = writers.get(source.column);
    if (first === undefined) writers.set(source.column, property);
    if (first === undefined) return [];
    return [
      {
        path: `${path}.fields.${property}`,
        message: `writes the column ${source.column}, as ${first} does`,
        remedy: 'set the direction of one of them to "to-notion"',
      },
    ];
  });
}

function fieldFaults(path: string, one: FieldMapping, tables: readonly TableMapping[]): Fault[] {
  const faults: Fault[] = [];
  if (one.relatedTable !== undefined && !tables.some((other) => other.name === one.relatedTable)) {
    faults.push({
      path: `${path}.relatedTable`,
      message: `names ${one.relatedTable}, which is not a table of this configuration`,
      remedy: `use one of ${tables.map((other) => other.name).join(', ')}, or add that table`,
    });
  }
  if (one.transform !== undefined && one.reverseTransform === undefined && goesToPostgres(one)) {
    faults.push({
      path: `${path}.transform`,
      message: 'cannot be undone when the property is edited',
      remedy: 'add a reverseTransform, or set direction to "to-notion"',
    });
  }
  if (!codecs[one.type].writable && one.direction !== 'to-postgres') {
    faults.push({
      path: `${path}.direction`,
      message: `Notion computes ${one.type} itself, so nothing can be written to it`,
      remedy: 'set direction to "to-postgres" with a column, or choose another type',
    });
  }
  return faults;
}

import type { PropertyType } from '../model/codecs/codec.ts';
import { codecs } from '../model/codecs/registry.ts';
import { type TableName, tableName } from '../model/ids.ts';
import type { Direction, FieldMapping, FieldSource, TableMapping } from '../model/mapping.ts';
import type { Guard, Guards } from '../model/mass-change.ts';
import type { Config, ParsedConfig } from './mapping-file.ts';

type ParsedTable = ParsedConfig['tables'][string];
type ParsedField = ParsedTable['fields'][string];

const DEFAULT_GUARD: Guard = { number: 20, share: 0.05, windowMinutes: 10 };

/** A bound that one kind does not have of its own is that of all kinds. */
function guardsOf({ guard = {}, deleteGuard = {} }: ParsedConfig): Guards {
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

export function toTable(name: TableName, input: ParsedTable): TableMapping {
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
    match: typeof input.match === 'string' ? [input.match] : [...new Set(input.match ?? [])],
    firstLink: input.firstLink ?? 'postgres',
    conflict: input.conflict ?? null,
    settleSeconds: input.settleSeconds ?? null,
  };
}

function toField(property: string, input: ParsedField, tableDirection: Direction): FieldMapping {
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

export function toConfig(data: ParsedConfig, tables: readonly TableMapping[]): Config {
  return {
    slot: data.slot ?? 'pgnotion',
    publication: data.publication ?? 'pgnotion',
    plugin: data.plugin ?? 'pgoutput',
    tables,
    settleSeconds: data.sync?.settleSeconds ?? 5,
    wholePollPages: data.sync?.wholePollPages ?? 200,
    sweepHours: data.sync?.sweepHours ?? 24,
    retentionDays: data.retention?.days ?? 90,
    rememberDays: data.sync?.rememberDays ?? 30,
    guards: guardsOf(data),
    syncLog: {
      level: data.syncLog?.level ?? 'problems',
      days: data.syncLog?.days ?? 30,
      entries: data.syncLog?.entries ?? 2_000,
    },
  };
}

import { ALERT_DEFAULTS, type AlertLimits } from '../model/alert-limits.ts';
import type { PropertyType } from '../model/codecs/codec.ts';
import { codecs } from '../model/codecs/registry.ts';
import { fold } from '../model/codecs/values.ts';
import { type TableName, tableName } from '../model/ids.ts';
import type { Direction, FieldMapping, FieldSource, TableMapping } from '../model/mapping.ts';
import type { Guard, Guards } from '../model/mass-change.ts';
import type { OptionLook } from '../model/option-looks.ts';
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
    ...(input.description !== undefined && { description: input.description }),
    ...(input.icon !== undefined && { icon: input.icon }),
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
  const { column, expression, relatedTable, direction: own, values, choices, ...rest } = input;
  const source: FieldSource =
    column === undefined ? { kind: 'expression', sql: expression ?? '' } : { kind: 'column', column };
  return {
    ...withoutUndefined(rest),
    ...optionsOf({ values, choices }),
    property,
    source,
    direction: fieldDirection(source, input.type, own, tableDirection),
    ...(own === undefined ? { directionImplied: true } : {}),
    ...(relatedTable === undefined ? {} : { relatedTable: tableName(relatedTable) }),
  } as FieldMapping;
}

/** The names of options and, apart from them, how they are to look: a colour is nothing that a page holds. */
function optionsOf({
  values,
  choices,
}: Pick<ParsedField, 'values' | 'choices'>): Pick<FieldMapping, 'values' | 'choices' | 'looks'> {
  const named = [
    ...Object.entries(values ?? {}).map(([label, value]) => ({ label, option: optionOf(value, label) })),
    ...(choices ?? []).map((value) => ({ label: null, option: optionOf(value, '') })),
  ];
  const looks = named.flatMap(({ option: { name, look } }) =>
    Object.keys(look).length === 0 ? [] : [[fold(name.replaceAll(',', '\u201a')), look] as const],
  );
  const nameOf = ({ option }: (typeof named)[number]): string => option.name;
  return {
    ...(values && {
      values: Object.fromEntries(
        named.flatMap((each) => (each.label === null ? [] : [[each.label, nameOf(each)]])),
      ),
    }),
    ...(choices && { choices: named.filter(({ label }) => label === null).map(nameOf) }),
    ...(looks.length > 0 && { looks: Object.fromEntries(looks) }),
  };
}

type GivenOption = NonNullable<ParsedField['values']>[string];

function optionOf(given: GivenOption, label: string): { readonly name: string; readonly look: OptionLook } {
  if (typeof given === 'string') return { name: given, look: {} };
  const { name = label, ...look } = given;
  return { name, look: withoutUndefined(look) as OptionLook };
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

/** `false` switches an alert off. */
function alertsOf(given: NonNullable<ParsedConfig['alerts']>): AlertLimits {
  const limit = (name: keyof typeof given & LimitName): number | null => {
    const value = given[name];
    return value === undefined ? ALERT_DEFAULTS[name] : value === false ? null : value;
  };
  return {
    failures: limit('failures'),
    conflictRate: limit('conflictRate'),
    backlogEntries: limit('backlogEntries'),
    backlogMinutes: limit('backlogMinutes'),
    limitedRequests: limit('limitedRequests'),
    slotLagMinutes: limit('slotLagMinutes'),
    slotRetainedMegabytes: limit('slotRetainedMegabytes'),
    repeatHours: limit('repeatHours'),
    drift: given.drift ?? ALERT_DEFAULTS.drift,
    verifyDifferences: given.verifyDifferences ?? ALERT_DEFAULTS.verifyDifferences,
    guardedChanges: given.guardedChanges ?? ALERT_DEFAULTS.guardedChanges,
    suspendedTables: given.suspendedTables ?? ALERT_DEFAULTS.suspendedTables,
  };
}

type LimitName = {
  [Name in keyof AlertLimits]: AlertLimits[Name] extends number | null ? Name : never;
}[keyof AlertLimits];

export function toConfig(data: ParsedConfig, tables: readonly TableMapping[]): Config {
  return {
    slot: data.slot ?? 'pgnotion',
    publication: data.publication ?? 'pgnotion',
    plugin: data.plugin ?? 'pgoutput',
    tables,
    settleSeconds: data.sync?.settleSeconds ?? 5,
    wholePollPages: data.sync?.wholePollPages ?? 200,
    sweepHours: data.sync?.sweepHours ?? 24,
    verifyHours: data.verify?.everyHours ?? null,
    retentionDays: data.retention?.days ?? 90,
    rememberDays: data.sync?.rememberDays ?? 30,
    guards: guardsOf(data),
    alerts: alertsOf(data.alerts ?? {}),
    syncLog: {
      level: data.syncLog?.level ?? 'problems',
      days: data.syncLog?.days ?? 30,
      entries: data.syncLog?.entries ?? 2_000,
    },
  };
}

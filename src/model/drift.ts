import type { Fault } from './errors.ts';
import { type QualifiedName, splitQualified } from './ids.ts';
import { type NamedNow, NOTHING_KNOWN } from './known-columns.ts';
import type { TableMapping } from './mapping.ts';
import { listed, sentences } from './sentences.ts';

/** What settles an entry; `nothing`: it goes by itself. */
export type RemedyKind = 'config' | 'sql' | 'click' | 'command' | 'nothing';

type Traits = {
  /** Whose schema is not what the other end, or the configuration, expects. */
  readonly side: 'postgres' | 'notion';
  /** What stands still for as long. Everything else goes on. */
  readonly pauses: 'nothing' | 'field' | 'table';
  /** What settles it as a rule; an entry may say otherwise. */
  readonly remedy: RemedyKind;
};

/** Everything that is noticed about either schema. */
const KINDS = {
  property_renamed: { side: 'notion', pauses: 'nothing', remedy: 'config' },
  property_missing: { side: 'notion', pauses: 'field', remedy: 'command' },
  property_retyped: { side: 'notion', pauses: 'field', remedy: 'click' },
  relation_retargeted: { side: 'notion', pauses: 'field', remedy: 'click' },
  option_renamed: { side: 'notion', pauses: 'nothing', remedy: 'config' },
  option_missing: { side: 'notion', pauses: 'nothing', remedy: 'command' },
  left_over: { side: 'notion', pauses: 'nothing', remedy: 'command' },
  database_hidden: { side: 'notion', pauses: 'table', remedy: 'click' },
  database_trashed: { side: 'notion', pauses: 'table', remedy: 'click' },
  database_missing: { side: 'notion', pauses: 'table', remedy: 'command' },
  property_lacking: { side: 'notion', pauses: 'table', remedy: 'command' },
  property_unfit: { side: 'notion', pauses: 'table', remedy: 'click' },
  table_missing: { side: 'postgres', pauses: 'table', remedy: 'sql' },
  table_unpublishable: { side: 'postgres', pauses: 'table', remedy: 'sql' },
  rows_hidden: { side: 'postgres', pauses: 'table', remedy: 'sql' },
  table_changed: { side: 'postgres', pauses: 'table', remedy: 'sql' },
  column_missing: { side: 'postgres', pauses: 'field', remedy: 'config' },
  column_unfit: { side: 'postgres', pauses: 'field', remedy: 'config' },
  column_unreadable: { side: 'postgres', pauses: 'field', remedy: 'sql' },
  expression_broken: { side: 'postgres', pauses: 'field', remedy: 'config' },
  table_unreadable: { side: 'postgres', pauses: 'table', remedy: 'config' },
  write_denied: { side: 'postgres', pauses: 'nothing', remedy: 'sql' },
  publication: { side: 'postgres', pauses: 'nothing', remedy: 'nothing' },
} as const satisfies Readonly<Record<string, Traits>>;

export type DriftKind = keyof typeof KINDS;
export const DRIFT_KINDS = Object.keys(KINDS) as readonly DriftKind[];

/** One way in which a schema is not what the sync expects, before it is kept. */
export type Drift = {
  [Kind in DriftKind]: {
    readonly kind: Kind;
    readonly side: Traits['side'];
    readonly pauses: (typeof KINDS)[Kind]['pauses'];
    /** The name of a property, or what else of the table it is about; empty: the table as a whole. */
    readonly field: string;
    /** What is, as a sentence without its mark. */
    readonly detail: string;
    /** An imperative that settles it. */
    readonly remedy: string;
    readonly remedyKind: RemedyKind;
  };
}[DriftKind];

/** Makes an entry; what the kind says by itself need not be said. */
export const driftOf = (
  kind: DriftKind,
  given: Pick<Drift, 'field' | 'detail' | 'remedy'> & Partial<Pick<Drift, 'side' | 'remedyKind'>>,
): Drift => {
  const { side, pauses, remedy } = KINDS[kind];
  return { side, remedyKind: remedy, ...given, kind, pauses } as Drift;
};

/** The kinds for which a table stands still as a whole. */
export const SUSPENDING = DRIFT_KINDS.filter((kind) => KINDS[kind].pauses === 'table');

/** The kinds for which a field stands still because of its column. */
export const FIELD_FAULTS: readonly DriftKind[] = [
  'column_missing',
  'column_unfit',
  'column_unreadable',
  'expression_broken',
];

/** One entry for each field and kind: what several authors say about the same stands together. */
export function merged(drifts: readonly Drift[]): readonly Drift[] {
  const groups = Map.groupBy(drifts, ({ field, kind }) => `${kind} ${field}`);
  return [...groups.values()].flatMap(([first, ...more]) =>
    first === undefined
      ? []
      : more.length === 0
        ? [first]
        : [
            {
              ...first,
              detail: listed([first, ...more].map(({ detail }) => detail)),
              remedy: listed([first, ...more].map(({ remedy }) => remedy)),
            },
          ],
  );
}

/** Why a table stands still, for those who see its line alone. */
export const reasonOf = (drifts: readonly Drift[]): string =>
  listed(drifts.map(({ detail, remedy }) => sentences(detail, remedy)));

type TablePlaces = Pick<TableMapping, 'name' | 'source'> & {
  readonly fields: readonly Pick<TableMapping['fields'][number], 'property' | 'source' | 'direction'>[];
};

/** What the catalog says against a table that cannot be synced, each in the place that its path names. */
export const driftsOfFaults = (
  faults: readonly Fault[],
  table: TablePlaces,
  now: NamedNow = NOTHING_KNOWN,
): readonly Drift[] =>
  driftsOfFields(faults, table, now).map((drift) =>
    drift.pauses === 'table' ? drift : driftOf('table_changed', { ...drift }),
  );

/** What the catalog says against fields of a table that goes on without them. */
export const driftsOfFields = (
  faults: readonly Fault[],
  table: TablePlaces,
  now: NamedNow = NOTHING_KNOWN,
): readonly Drift[] => faults.flatMap((fault) => driftsOfFault(fault, table, now));

function driftsOfFault(fault: Fault, table: TablePlaces, now: NamedNow): readonly Drift[] {
  const { path, message, remedy, drift } = fault;
  const { name, source, fields } = table;
  const detail = `${path}: ${message}`;
  if (drift === 'table_missing')
    return [driftOf(drift, { field: '', detail, remedy: tableRemedy(fault, table, now) })];
  const column = path.startsWith(`${source}.`) ? path.slice(source.length + 1) : null;
  if (column !== null) {
    const reading = fields.filter((each) => each.source.kind === 'column' && each.source.column === column);
    return (reading.length === 0 ? [null] : reading).map((each) => {
      const field = each?.property ?? '';
      if (drift !== undefined) return driftOf(drift, { field, detail, remedy });
      const told = columnRemedy(each, column, { source, remedy, now });
      return driftOf('column_missing', { field, detail, ...told });
    });
  }
  if (drift !== undefined) return [driftOf(drift, { field: '', detail, remedy })];
  const ofConfig = `tables.${name}.fields.`;
  const ofField = fields.find(({ property }) =>
    [`${source} ${property}`, `${ofConfig}${property}`].some(
      (place) => path === place || path.startsWith(`${place}.`),
    ),
  );
  if (ofField === undefined) return [driftOf('table_changed', { field: '', detail, remedy })];
  const field = ofField.property;
  if (!path.startsWith(ofConfig)) return [driftOf('expression_broken', { field, detail, remedy })];
  return [driftOf('column_unfit', { field, detail, remedy: `${remedy}; or change the column in SQL` })];
}

const AGAIN = 'and run `pgnotion start` again';

/** It may be called otherwise by now, stand in another schema, or be gone. */
function tableRemedy({ path, remedy }: Fault, { name, source }: TablePlaces, now: NamedNow): string {
  if (path !== source)
    return `give the table its name back in SQL (ALTER TABLE … RENAME TO, or SET SCHEMA), or make it again; or, if ${path} is called otherwise for good, name it so in the query and in dependsOn of tables.${name} in the configuration, ${AGAIN}`;
  if (now.table !== null)
    return `give the table its name back in SQL: ${renaming(now.table, source, now.isSchemaGone)} or, if it is called so for good, set the source of tables.${name} in the configuration to ${quote(now.table)}, ${AGAIN}`;
  return `give the table its name back in SQL (ALTER TABLE … RENAME TO, or SET SCHEMA), or make it again; or, if ${path} is called otherwise for good, set the source of tables.${name} in the configuration (${remedy}), ${AGAIN}`;
}

function renaming(from: QualifiedName, to: QualifiedName, isSchemaGone = false): string {
  const [[schema, relation], [wanted, name]] = [splitQualified(from), splitQualified(to)];
  const at = (place: string): string => `ALTER TABLE ${quote(place)}.${quote(relation)}`;
  // Nobody has given the schema of all users another name.
  const isRenamed = isSchemaGone && schema !== 'public';
  return [
    ...(isRenamed ? [`ALTER SCHEMA ${quote(schema)} RENAME TO ${quote(wanted)};`] : []),
    ...(isSchemaGone && !isRenamed ? [`CREATE SCHEMA ${quote(wanted)};`] : []),
    ...(schema === wanted || isRenamed ? [] : [`${at(schema)} SET SCHEMA ${quote(wanted)};`]),
    ...(relation === name ? [] : [`${at(wanted)} RENAME TO ${quote(name)};`]),
  ].join(' ');
}

/** Without what was known of the column, a renamed one looks as one that was dropped. */
function columnRemedy(
  reading: TablePlaces['fields'][number] | null,
  column: string,
  {
    source,
    remedy,
    now,
  }: { readonly source: QualifiedName; readonly remedy: string; readonly now: NamedNow },
): Pick<Drift, 'remedy'> & Partial<Pick<Drift, 'remedyKind'>> {
  const setting = reading === null ? 'the key' : `the field ${JSON.stringify(reading.property)}`;
  const known = now.columns[column];
  const alter = `ALTER TABLE ${splitQualified(now.table ?? source)
    .map(quote)
    .join('.')}`;
  if (known === undefined) {
    const back = `ALTER TABLE ${source} RENAME COLUMN … TO "${column}", or ADD COLUMN "${column}" …`;
    return {
      remedy: `call the column of ${setting} in the configuration as it is called now (${remedy}), ${AGAIN}; or give the table the column in SQL: ${back}`,
    };
  }
  if (known.name !== null)
    return {
      remedy: `call the column of ${setting} in the configuration ${quote(known.name)}, as it is called now, ${AGAIN}; or give it its name back in SQL: ${alter} RENAME COLUMN ${quote(known.name)} TO ${quote(column)};`,
    };
  const leave = reading === null ? '' : ` or take ${setting} out of the configuration, ${AGAIN}`;
  // Pages give back what goes both ways; of anything else they show what the column holds, or nothing.
  const filled =
    reading !== null && reading.direction !== 'to-notion'
      ? 'whose rows then take what their pages show'
      : reading === null
        ? 'together with its values, by which rows find their pages'
        : 'together with its values, which pages show from then on';
  return {
    remedyKind: 'sql',
    remedy: `give the table the column again in SQL, ${filled}: ${alter} ADD COLUMN ${quote(column)} ${known.type};${leave}`,
  };
}

const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`;

import type { Json } from '../change.ts';
import type { NotionProperty, PropertyType } from '../codecs/codec.ts';
import { members } from '../codecs/support.ts';
import { type Drift, type DriftKind, driftOf, type RemedyKind } from '../drift.ts';
import { type DataSourceId, dataSourceId, type TableName } from '../ids.ts';
import type { ResolvedField } from '../mapping.ts';
import { propertyId } from './property-id.ts';

/** A property that the mapping needs. */
export type WantedProperty = {
  /** Its name in the configuration. */
  readonly property: string;
  readonly type: PropertyType;
  /** What to create it with; null if the API cannot create it, or not yet (`waitsFor`). */
  readonly schemaJson: Json | null;
  readonly relatedDataSource?: DataSourceId;
  /** For a relation: the table whose data source does not exist yet. */
  readonly waitsFor?: TableName;
  /** The field that it holds; absent for what pgnotion adds for itself. */
  readonly field?: ResolvedField;
  /** The setting that names it, for remedies: `the field "Price"`, `lastSyncedProperty`. */
  readonly setting?: string;
};

/** A property of a schema and the name that it has there. */
export type NamedProperty = NotionProperty & { readonly name: string };

/** An option as it was last seen, and the label of the column that it stands for, whatever it is called by now. */
export type KnownOption = { readonly label: string; readonly name: string };

/**
 * Why a field is out of sync: its property is gone, has another type, or its relation points elsewhere. Nothing of it is read
 * or written meanwhile, and its base is void afterwards.
 */
export type Interruption = 'missing' | 'retyped' | 'retargeted';

/** What is known of a mapped property, so that it is found again whatever a person makes of it. */
export type KnownProperty = {
  /** In its decoded spelling. */
  readonly id: string;
  /** What Notion calls it. */
  readonly name: string;
  /** The type that it is synced with; empty if an older version did not note it. */
  readonly type: string;
  /** What the field reads, which identifies it when the configuration calls it otherwise; empty if not noted. */
  readonly source: string;
  /** For a relation: the data source that it points to. */
  readonly target: string | null;
  /** By option id. */
  readonly options: Readonly<Record<string, KnownOption>>;
  /** For a status: the id of the option that it shows where none was set. */
  readonly defaultOption: string | null;
  /** Null while the field is in sync. */
  readonly interruption: Interruption | null;
};

/** A member of its own: a property may be called as something that every object has, such as `constructor`. */
export const ownEntry = <T>(record: Readonly<Record<string, T>>, key: string): T | undefined =>
  Object.hasOwn(record, key) ? record[key] : undefined;

/** By the property's name in the configuration. */
export type KnownSchema = Readonly<Record<string, KnownProperty>>;

/** What an older version kept: ids alone, as Notion's answers have them. */
export const knownByIds = (ids: Readonly<Record<string, string>>): KnownSchema =>
  Object.fromEntries(
    Object.entries(ids).map(([name, id]): [string, KnownProperty] => [
      name,
      {
        id: propertyId(id),
        name,
        type: '',
        source: '',
        target: null,
        options: {},
        defaultOption: null,
        interruption: null,
      },
    ]),
  );

const DEVIATION_KINDS = [
  'property_renamed',
  'property_missing',
  'property_retyped',
  'relation_retargeted',
  'option_renamed',
  'option_missing',
] as const satisfies readonly DriftKind[];

/** How Notion's schema deviates from the configuration, for people. */
export type Deviation = {
  readonly property: string;
  readonly kind: (typeof DEVIATION_KINDS)[number];
  readonly detail: string;
  readonly remedy: string;
  /** Where another act settles it than most of its kind. */
  readonly remedyKind?: RemedyKind;
};

export const DEVIATIONS: readonly DriftKind[] = DEVIATION_KINDS;

export const driftsOf = (deviations: readonly Deviation[]): readonly Drift[] =>
  deviations.map(({ property, kind, ...rest }) => driftOf(kind, { field: property, ...rest }));

/** What a field reads, as a text by which the field is known when its property's name in the configuration changes. */
export function sourceOf(wanted: WantedProperty): string {
  const source = wanted.field?.source;
  if (source === undefined) return `own:${wanted.setting ?? wanted.property}`;
  switch (source.kind) {
    case 'column':
      return `column:${source.column}`;
    case 'expression':
      return `expression:${source.sql}`;
    case 'key':
      return 'key';
    default:
      return source satisfies never;
  }
}

/** The data source that a relation points to; null if it does not say. */
export function targetOf(property: NamedProperty): string | null {
  const target = members(property.relation)?.data_source_id;
  return typeof target === 'string' ? dataSourceId(target) : null;
}

import type { ColumnShape, PropertyType } from '../codecs/codec.ts';
import type { Fault } from '../errors.ts';
import type { QualifiedName, TableName } from '../ids.ts';
import type { ForeignKey } from '../mapping.ts';

/** A column as the catalog has it, as far as a suggestion depends on it. */
export type ColumnFacts = {
  readonly name: string;
  readonly shape: ColumnShape;
  /** As SQL spells it: `character varying(80)`, `public.mood[]`. */
  readonly type: string;
  readonly composite: boolean;
  /** Of an array, as it was declared; 0 for anything else. */
  readonly dimensions: number;
  /** A default, of the column or of its domain. */
  readonly hasDefault: boolean;
  /** Who gives the value, if it is PostgreSQL alone or by itself. */
  readonly computed: 'generated' | 'identity' | null;
  /** Whether pgnotion's role may read it. */
  readonly readable: boolean;
  readonly comment: string | null;
};

/** A table that exists, with what speaks against syncing it. */
export type SourceFacts = {
  readonly source: QualifiedName;
  readonly relation: string;
  readonly schema: string;
  /** The planner's estimate; null if there is none yet. */
  readonly rows: number | null;
  readonly comment: string | null;
  readonly columns: readonly ColumnFacts[];
  /** What identifies a row: the primary key, or the columns of the replica identity. */
  readonly key: readonly string[];
  /** Sets of columns without NULL that never repeat. */
  readonly uniqueKeys: readonly (readonly string[])[];
  readonly foreignKeys: readonly ForeignKey[];
  readonly checks: readonly CheckFacts[];
  /** Why it cannot be synced as it is. */
  readonly faults: readonly Fault[];
  /** What lets pgnotion's role write to it; null if it may. */
  readonly writeGrant: string | null;
  readonly rowSecurity: boolean;
  readonly policies: readonly string[];
};

export type CheckFacts = { readonly columns: readonly string[]; readonly definition: string };

/** A property that is suggested for a table's page. */
export type SuggestedField = {
  readonly property: string;
  /** Either this or `expression`. */
  readonly column: string | null;
  readonly expression: string | null;
  readonly type: PropertyType;
  readonly direction: 'to-notion' | null;
  readonly relatedTable: TableName | null;
  readonly lossy: boolean;
  readonly choices: readonly string[];
  readonly comment: string | null;
  /** Why it is mapped in this way, where that is not plain. */
  readonly remark: string | null;
};

export type LeftOut = { readonly column: string; readonly type: string; readonly reason: string };

export type SuggestedTable = {
  readonly name: TableName;
  readonly source: QualifiedName;
  readonly key: readonly string[];
  readonly title: string;
  readonly direction: 'to-notion' | null;
  readonly rows: number | null;
  readonly comment: string | null;
  readonly fields: readonly SuggestedField[];
  readonly leftOut: readonly LeftOut[];
  readonly remarks: readonly string[];
};

export type UnsuitableTable = {
  readonly source: QualifiedName;
  readonly rows: number | null;
  readonly faults: readonly Fault[];
};

export type Suggestion = {
  readonly tables: readonly SuggestedTable[];
  readonly unsuitable: readonly UnsuitableTable[];
};

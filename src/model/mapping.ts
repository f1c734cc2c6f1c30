import type { SqlText } from './change.ts';
import type { Codec, CodecOptions, ColumnShape, PropertyType, SchemaOptions } from './codecs/codec.ts';
import type { Fault } from './errors.ts';
import type { QualifiedName, TableName } from './ids.ts';

/** Which way changes of a table or a field travel. */
export type Direction = 'both' | 'to-notion' | 'to-postgres';

/** Who wins what both sides changed, as an installation or a table says it. */
export type ConflictStrategy = 'lww' | 'manual' | 'field_precedence';
/** Who wins a field that both sides changed: the last write, a person's decision, or always the same side. */
export type ConflictRule = 'lww' | 'manual' | 'postgres' | 'notion';

/** Where a field's value comes from in PostgreSQL. Only a column can be written back. */
export type FieldSource =
  | { readonly kind: 'column'; readonly column: string }
  | { readonly kind: 'expression'; readonly sql: string }
  | { readonly kind: 'key' };

/** One property of a page and what it stands for in the row, as the configuration says it. */
export type FieldMapping = CodecOptions &
  SchemaOptions & {
    readonly type: PropertyType;
    readonly source: FieldSource;
    readonly direction: Direction;
    /** The configuration does not say the direction: a column that nobody can write is only shown then. */
    readonly directionImplied?: true;
    /** Instead of what the table's or the installation's strategy says. */
    readonly conflict?: ConflictRule;
    readonly transform?: (value: SqlText) => SqlText;
    readonly reverseTransform?: (value: SqlText) => SqlText;
  };

/** A table whose changes reach the pages of another one, because that one's query joins it. */
type Dependency = {
  readonly table: QualifiedName;
  /** Column of the joined table's replica identity -> column of the synced table's query. */
  readonly on: Readonly<Record<string, string>>;
};

/** What a page in the trash means for its row. `softDelete` names a column of the source table. */
type NotionTrashPolicy = 'review' | 'delete' | 'restore' | 'ignore' | { readonly softDelete: string };
/** What a deleted row means for its page. `mark` names a checkbox property. */
export type PostgresDeletePolicy = 'trash' | 'archive' | 'ignore' | { readonly mark: string };
/** The same for a row that is there, and that the query or the condition leaves out. */
type RowFilteredPolicy = PostgresDeletePolicy;

/** A person's copy of a page is reported, or becomes a row of its own with a key of its own. */
type DuplicatePagePolicy = 'report' | 'new-row';

/** Which side's value counts where a page and a row differ that are linked for the first time. */
export const FIRST_LINK_RULES = ['postgres', 'notion', 'newest', 'review'] as const;
export type FirstLinkRule = (typeof FIRST_LINK_RULES)[number];

export type TableMapping = {
  readonly name: TableName;
  readonly source: QualifiedName;
  /** A query that gives the key and all columns that fields name; null reads the source table itself. */
  readonly query: string | null;
  /** A condition on the rows that are synced; null takes all. */
  readonly where: string | null;
  readonly dependsOn: readonly Dependency[];
  /** Primary-key columns, in the order that makes up the record's key. */
  readonly key: readonly string[];
  readonly direction: Direction;
  /** The Notion database's title, as far as the configuration decides it: see `changedLooks`. */
  readonly title: string;
  readonly description?: string;
  /** An emoji, or the address of a picture. */
  readonly icon?: string;
  readonly fields: readonly FieldMapping[];
  /** The text property that holds the record's key in Notion. */
  readonly idProperty: string;
  /** The date property that tells when pgnotion last wrote the page. */
  readonly lastSyncedProperty: string | null;
  /** The text property that tells why an edit was refused; pgnotion alone writes it. */
  readonly statusProperty: string | null;
  readonly onNotionTrash: NotionTrashPolicy;
  readonly onPostgresDelete: PostgresDeletePolicy;
  readonly onRowFiltered: RowFilteredPolicy;
  /** What becomes of a page that shows the key of a record with another page. */
  readonly onDuplicatePage: DuplicatePagePolicy;
  /** Columns by which pages without a key are joined with rows at the first contact; none: they are not. */
  readonly match: readonly string[];
  /** Which side's value counts where both differ when a page and a row are linked for the first time. */
  readonly firstLink: FirstLinkRule;
  /** Null: as the installation says. */
  readonly conflict: ConflictStrategy | null;
  /** For how long an edit must have stayed as it is; null: as `editSettleMs` says. */
  readonly settleSeconds: number | null;
};

/** The column that a page in the trash sets; null if the policy is another one. */
export const softDeleteColumn = ({ onNotionTrash }: Pick<TableMapping, 'onNotionTrash'>): string | null =>
  typeof onNotionTrash === 'object' ? onNotionTrash.softDelete : null;

/** The checkbox that a deleted row ticks; null if the policy is another one. */
export const markProperty = ({ onPostgresDelete }: Pick<TableMapping, 'onPostgresDelete'>): string | null =>
  typeof onPostgresDelete === 'object' ? onPostgresDelete.mark : null;

/** The checkbox that a row which is left out ticks; null if the policy is another one. */
export const filterMark = ({ onRowFiltered }: Pick<TableMapping, 'onRowFiltered'>): string | null =>
  typeof onRowFiltered === 'object' ? onRowFiltered.mark : null;

/** A field joined with what the catalog says of its column. */
export type ResolvedField = FieldMapping & {
  readonly codec: Codec;
  readonly shape: ColumnShape;
  /** NOT NULL without a default and not generated: a new row needs it. */
  readonly required: boolean;
  readonly conflict: ConflictRule;
};

/** A CHECK constraint as the catalog spells it: `CHECK ((price >= (0)::numeric))`; a domain's says VALUE. */
type CheckRule = { readonly columns: readonly string[]; readonly definition: string };

export type ResolvedDependency = {
  readonly table: QualifiedName;
  /** Pairs of columns that the join compares; `type` is the `format_type` that both have. */
  readonly columns: readonly { readonly from: string; readonly to: string; readonly type: string }[];
};

export type RowStatement = 'insert' | 'update' | 'delete';

/** A table mapping joined with the catalog: everything that the flows need, and nothing that needs I/O. */
export type ResolvedTable = Omit<TableMapping, 'fields' | 'dependsOn' | 'conflict'> & {
  /** Decides deletions; each field has its own rule. */
  readonly conflict: ConflictStrategy;
  readonly fields: readonly ResolvedField[];
  /** Fields of the configuration that it goes without, because their columns are gone or do not suit them. */
  readonly pausedFields?: readonly FieldMapping[];
  /** What the role of the connection may not write; absent if it may write all. */
  readonly denied?: readonly Fault[];
  /** With the condition in it; null if every row of the source table is synced, and is read as it is. */
  readonly query: string | null;
  readonly dependsOn: readonly ResolvedDependency[];
  /** `format_type` of each field's column, by column name, for casts. */
  readonly columnTypes: Readonly<Record<string, string>>;
  /** `format_type` of each key column, for casts. */
  readonly keyTypes: readonly string[];
  /** The columns that a row which comes back can be inserted with: all but the generated ones. */
  readonly writableColumns: readonly string[];
  /** The statements that a rule of the table replaces, or may: PostgreSQL gives nothing back of these. */
  readonly replaced: readonly RowStatement[];
  /** What a CHECK of the table, or of a column's domain, says: by the constraint's name. */
  readonly checks: Readonly<Record<string, CheckRule>>;
  /** Columns of each foreign key and unique constraint, by its name. */
  readonly constraints: Readonly<Record<string, readonly string[]>>;
  readonly foreignKeys: readonly ForeignKey[];
  /** Place in the order of creation: a table comes after those that its relations point to. */
  readonly rank: number;
};

/** A reference to another table, and what the deletion of the row that it refers to does to the row that has it. */
export type ForeignKey = {
  readonly columns: readonly string[];
  readonly references: QualifiedName;
  /** In the order of `columns`. */
  readonly referencedColumns: readonly string[];
  readonly onDelete: 'no action' | 'restrict' | 'cascade' | 'set null' | 'set default';
};

/** Whether PostgreSQL's changes of a field are written to Notion. */
export const goesToNotion = (field: FieldMapping): boolean => field.direction !== 'to-postgres';
/** The properties of the fields that a table goes without. */
export const pausedNames = ({ pausedFields = [] }: Pick<ResolvedTable, 'pausedFields'>): readonly string[] =>
  pausedFields.map(({ property }) => property);

/** Whether a table goes without none of its fields. */
export const isWhole = ({ pausedFields }: Pick<ResolvedTable, 'pausedFields'>): boolean =>
  pausedFields === undefined;

/** Whether a change of either side is carried to the other. */
export const goesBothWays = (field: FieldMapping): boolean => goesToNotion(field) && goesToPostgres(field);

/** Whether a person's changes of a property are written to PostgreSQL. */
export const goesToPostgres = (field: FieldMapping): boolean =>
  field.direction !== 'to-notion' && field.source.kind === 'column';

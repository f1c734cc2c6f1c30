import type { Json, PageValue, SqlText } from '../change.ts';
import type { Fault } from '../errors.ts';
import type { PageId, RowKey, TableName } from '../ids.ts';
import type { OptionLooks } from '../option-looks.ts';
import type { Target } from '../references.ts';

/** The property types that a field can be mapped to. */
export type PropertyType =
  | 'title'
  | 'rich_text'
  | 'number'
  | 'checkbox'
  | 'select'
  | 'status'
  | 'multi_select'
  | 'date'
  | 'url'
  | 'email'
  | 'phone_number'
  | 'relation'
  | 'people'
  | 'files'
  | 'unique_id'
  | 'formula'
  | 'rollup'
  | 'created_time'
  | 'created_by'
  | 'last_edited_time'
  | 'last_edited_by';

/** What the catalog says of a column (or of an expression's result), domains resolved to their base type. */
export type ColumnShape = {
  /** `pg_type.typname` of the element: `text`, `uuid`, `numeric`, `int8`, `timestamptz`, `tstzrange`, an enum's name. */
  readonly type: string;
  /** Broad class of the type, so that codecs need no list of names. */
  readonly category: 'text' | 'number' | 'boolean' | 'date' | 'range' | 'enum' | 'uuid' | 'json' | 'other';
  readonly array: boolean;
  readonly nullable: boolean;
  /** Enum labels in their order; empty for other types. */
  readonly labels: readonly string[];
  /** Of `varchar(n)` and `char(n)`. */
  readonly maxLength: number | null;
  /** Of `numeric(precision, scale)`. */
  readonly precision: number | null;
  readonly scale: number | null;
};

/** The part of a field's configuration that a codec looks at. */
export type CodecOptions = {
  /** The property's name, for messages. */
  readonly property: string;
  /** PostgreSQL's label -> Notion's option name. A label that is missing here passes unchanged. */
  readonly values?: Readonly<Record<string, string>>;
  /** For `relation`: the synced table that the property points to. */
  readonly relatedTable?: TableName;
  /** The column of that table's row which the value is found in, if it is not the key. */
  readonly relatedBy?: string;
  /** For `number`: accept values that a double cannot hold exactly (they are rounded in Notion, never written back). */
  readonly lossy?: boolean;
};

/** What a codec cannot know by itself. Pure look-ups: whoever calls has fetched what is needed. */
export type Lookups = {
  readonly pageOf: (table: TableName, key: RowKey) => PageId | undefined;
  readonly keyOf: (table: TableName, page: PageId) => RowKey | undefined;
  /** The record that a reference without a page stands for, if it is not the one of that very key. */
  readonly targetOf?: (table: TableName, key: RowKey) => Target | undefined;
  readonly userOf: (email: string) => string | undefined;
  readonly emailOf: (userId: string) => string | undefined;
  /** Whether a page was found out of its place (in the trash, say), where a relation may list it all the same. */
  readonly isAway: (page: PageId) => boolean;
};

/** The outcome of turning a row's value into a page's. */
export type Encoded =
  | { readonly kind: 'value'; readonly value: PageValue }
  /** A relation whose target has no page yet; `value` holds the targets that have one. */
  | {
      readonly kind: 'unresolved';
      readonly value: PageValue;
      readonly missing: readonly Target[];
    }
  | { readonly kind: 'refused'; readonly fault: Fault };

/** The outcome of turning a page's value into a row's. */
export type Decoded =
  | { readonly kind: 'value'; readonly text: SqlText }
  /** A related page that is no record yet: the edit waits for it. */
  | { readonly kind: 'unresolved'; readonly missing: readonly PageId[] }
  | { readonly kind: 'refused'; readonly fault: Fault };

/** The outcome of reading a property out of a page object. */
export type PropertyRead =
  | { readonly kind: 'value'; readonly value: PageValue }
  /** Notion cut the value (more than 25 references): the property endpoint has the whole of it. */
  | { readonly kind: 'truncated' }
  /** Another type than the mapping says, or a shape that we do not know. */
  | { readonly kind: 'mismatch'; readonly found: string };

/** A property object of a page answer: `{ id, type, [type]: ... }`. New members may appear any day. */
export type NotionProperty = { readonly id: string; readonly type: string; readonly [key: string]: unknown };

/** What a value is decoded with. `current` is the row's present text, which keeps the order of arrays. */
export type DecodeContext = { readonly lookups: Lookups; readonly current: SqlText };

/** One kind of property: both ways, and what it can hold. All functions are pure. */
export type Codec = {
  readonly type: PropertyType;
  /** False for what Notion computes: such a field is `to-postgres` only. */
  readonly writable: boolean;
  /** What speaks against this column under this property, found at start-up. `path` is filled by the caller's option. */
  readonly check: (column: ColumnShape, options: CodecOptions) => readonly Fault[];
  /** Row text to canonical page value. */
  readonly encode: (text: SqlText, column: ColumnShape, options: CodecOptions, lookups: Lookups) => Encoded;
  /** Canonical page value to row text. */
  readonly decode: (
    value: PageValue,
    column: ColumnShape,
    options: CodecOptions,
    context: DecodeContext,
  ) => Decoded;
  /**
   * Canonical value of a property as the API answers it. Equal content gives equal JSON, whatever the order or styling.
   * What the column cannot tell apart is equal too: a column of days knows no time of day.
   */
  readonly read: (property: NotionProperty, column?: ColumnShape) => PropertyRead;
  /** Canonical value out of the items of `GET /pages/{id}/properties/{id}` (all pages of results joined). */
  readonly readItems: (items: readonly Json[], column?: ColumnShape) => PageValue;
  /**
   * What a property holds beyond its canonical value, in the request's shape: styled text, uploaded files, a time of day.
   * Undefined if there is nothing. Absent where canonical values are whole.
   */
  readonly extras?: (property: NotionProperty, column: ColumnShape) => Json | undefined;
  /** The request that brings stored `extras` back whole; absent if they are such a request. */
  readonly restore?: (extras: Json) => Json;
  /**
   * The request's property value, such as `{ number: 3 }`. Of the property's present `extras`, what belongs to an unchanged
   * part of the value stays.
   */
  readonly write: (value: PageValue, extras?: Json) => Json;
  /** For values that are sets: how their elements are told apart and ordered. Two changes of a set are both carried out. */
  readonly elements?: ElementRules;
  /**
   * Whether `page` may be what Notion made of `sent` (rounded dates, a double's rounding, trimmed text).
   * Used only to recognise our own write after a crash, and two sides that agree.
   */
  readonly same: (sent: PageValue, page: PageValue) => boolean;
  /** The schema entry to create the property with, such as `{ number: { format: 'number' } }`; null if it cannot be made by the API. */
  readonly schema: (column: ColumnShape, options: CodecOptions & SchemaOptions) => Json | null;
};

/** How two changes of one set are merged. */
export type ElementRules = {
  /** Equal for elements that Notion takes for the same. */
  readonly keyOf: (element: Json) => string;
  /** Whether the canonical value keeps the property's order; otherwise it is sorted. */
  readonly ordered: boolean;
};

/** What only the creation of a property needs. */
export type SchemaOptions = {
  /** Options to create a select, multi_select or status with, besides those that the column's labels give. */
  readonly choices?: readonly string[];
  /** How options are to look that are made, by their names in lower case. */
  readonly looks?: OptionLooks;
  /** Notion's number format, such as `dollar`. */
  readonly format?: string;
  /** For `relation`: the data source that it points to. */
  readonly relatedDataSource?: string;
};

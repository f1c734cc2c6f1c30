/** Branded identifiers: a bare string cannot stand where one of these is wanted. */

declare const brand: unique symbol;
type Brand<T, Name extends string> = T & { readonly [brand]: Name };

/** The name that the configuration gives a synced table, such as `suppliers`. */
export type TableName = Brand<string, 'TableName'>;
/** A record's primary key as text: the value itself for one column, a JSON array of texts for several. */
export type RowKey = Brand<string, 'RowKey'>;
/** A Notion page's id, lower case with dashes. */
export type PageId = Brand<string, 'PageId'>;
/** A Notion data source's id, lower case with dashes. */
export type DataSourceId = Brand<string, 'DataSourceId'>;
/** A position in the write-ahead log. Compare and store as a number; two text spellings exist. */
export type Lsn = Brand<bigint, 'Lsn'>;
/** `schema.table` as the catalog spells both; a part that has a full stop in it, or begins with a quote, is quoted as in SQL. */
export type QualifiedName = Brand<string, 'QualifiedName'>;

export const tableName = (text: string): TableName => text as TableName;
export const qualifiedName = (schema: string, table: string): QualifiedName =>
  `${spelled(schema)}.${spelled(table)}` as QualifiedName;

const spelled = (part: string): string =>
  part.includes('.') || part.startsWith('"') ? `"${part.replaceAll('"', '""')}"` : part;

/** Takes a table's name apart again. */
export function splitQualified(name: QualifiedName): readonly [schema: string, relation: string] {
  return partsOfName(name) ?? [name, ''];
}

/**
 * Reads `schema.table` or `"my.schema"."Table"`, where each part is either as the catalog spells it or quoted as in SQL.
 * Null if that is not what it says.
 */
export function parseQualified(text: string): QualifiedName | null {
  const parts = partsOfName(text);
  return parts === null ? null : qualifiedName(...parts);
}

const PART = '(?:"((?:[^"]|"")+)"|([^."][^.]*))';
const QUALIFIED = new RegExp(`^${PART}[.]${PART}$`, 's');

function partsOfName(text: string): readonly [schema: string, relation: string] | null {
  const match = QUALIFIED.exec(text);
  if (match === null) return null;
  const read = (quoted = '', plain = ''): string => plain || quoted.replaceAll('""', '"');
  return [read(match[1], match[2]), read(match[3], match[4])];
}

/** Joins the key columns' texts, in the configuration's order, into one key. */
export function rowKey(parts: readonly string[]): RowKey {
  const [only] = parts;
  return (parts.length === 1 && only !== undefined ? only : JSON.stringify(parts)) as RowKey;
}

/** Takes a key apart again; `columns` is how many columns the table's key has. */
export function keyParts(key: RowKey, columns: number): readonly string[] {
  return columns === 1 ? [key] : (JSON.parse(key) as string[]);
}

const DASHED = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Notion takes ids with or without dashes and answers with them: one spelling keeps comparisons honest. */
function dashed(text: string): string {
  if (DASHED.test(text)) return text;
  const hex = text.replaceAll('-', '').toLowerCase();
  if (!/^[0-9a-f]{32}$/.test(hex)) throw new TypeError(`not a Notion id: ${JSON.stringify(text)}`);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

export const pageId = (text: string): PageId => dashed(text) as PageId;
export const dataSourceId = (text: string): DataSourceId => dashed(text) as DataSourceId;

/** Reads PostgreSQL's `XXX/XXX` spelling, with or without leading zeros. Throws TypeError otherwise. */
export function parseLsn(text: string): Lsn {
  const match = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/.exec(text);
  if (!match) throw new TypeError(`not an LSN: ${JSON.stringify(text)}`);
  return ((BigInt(`0x${match[1]}`) << 32n) | BigInt(`0x${match[2]}`)) as Lsn;
}

export const lsn = (value: bigint): Lsn => value as Lsn;

export function formatLsn(value: Lsn): string {
  return `${(value >> 32n).toString(16).toUpperCase()}/${(value & 0xffffffffn).toString(16).toUpperCase()}`;
}

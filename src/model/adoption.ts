import type { PageImage, SqlText } from './change.ts';
import type { Fault } from './errors.ts';
import { decodeField } from './fields.ts';
import type { PageId, RowKey } from './ids.ts';
import type { FieldMapping, ResolvedField, TableMapping } from './mapping.ts';
import { isEmptyValue } from './merge.ts';
import { lookupsOver } from './page.ts';

/** Types whose values are pages, people or files: no value of a column stands in them. */
const NOT_MATCHED = ['relation', 'people', 'files'];

/** What speaks against the columns that a table is matched by. */
export function matchFaults(path: string, { match, fields }: TableMapping): Fault[] {
  return match.flatMap((column): Fault[] => {
    const [field] = fields.filter(({ source }) => source.kind === 'column' && source.column === column);
    if (field === undefined)
      return [
        {
          path: `${path}.match`,
          message: `names the column ${column}, which no field of the table maps`,
          remedy: `map ${column} to a property, or name one of ${mappedColumns(fields).join(', ')}`,
        },
      ];
    if (NOT_MATCHED.includes(field.type))
      return [
        {
          path: `${path}.match`,
          message: `names the column ${column}, whose property ${field.property} is of type ${field.type}`,
          remedy:
            'match by columns whose properties hold their values, such as an e-mail address, a number or a text',
        },
      ];
    if (field.transform !== undefined && field.reverseTransform === undefined)
      return [
        {
          path: `${path}.match`,
          message: `names the column ${column}, and what ${field.property} shows cannot be turned back into it`,
          remedy: `add a reverseTransform to ${field.property}, or match by another column`,
        },
      ];
    return [];
  });
}

/** Types that PostgreSQL cannot compare or sort. */
const NOT_COMPARED = ['json', 'xml', 'point', 'line', 'lseg', 'box', 'path', 'polygon', 'circle'];

/** What speaks against the columns that a table is matched by, as the catalog describes them. */
export const matchTypeFaults = (table: Matched & Pick<TableMapping, 'name'>): Fault[] =>
  matchFields(table)
    .filter(({ shape }) => NOT_COMPARED.includes(shape.type.replace(/\[\]$/, '')))
    .map(({ shape, source }) => ({
      path: `tables.${table.name}.match`,
      message: `names the column ${source.kind === 'column' ? source.column : ''} of type ${shape.type}, whose values PostgreSQL cannot compare`,
      remedy: 'match by another column',
    }));

const mappedColumns = (fields: readonly FieldMapping[]): readonly string[] =>
  fields.flatMap(({ source, type }) =>
    source.kind === 'column' && !NOT_MATCHED.includes(type) ? [source.column] : [],
  );

type Matched = { readonly match: readonly string[]; readonly fields: readonly ResolvedField[] };

/** The fields by which pages without a key are joined with rows, in the order of `match`. */
export const matchFields = ({ match, fields }: Matched): readonly ResolvedField[] =>
  match.flatMap(
    (column) => fields.find(({ source }) => source.kind === 'column' && source.column === column) ?? [],
  );

const NO_LOOKUPS = lookupsOver({ pairs: [], users: new Map() });

/**
 * What a page shows for the columns of `match`, as texts that PostgreSQL reads. Null if it shows nothing for one of them,
 * or what no value of the column can be: such a page matches no row.
 */
export function matchValuesOf(table: Matched, image: PageImage): readonly string[] | null {
  if (table.match.length === 0) return null;
  const values = matchFields(table).map((field): SqlText => {
    const value = image[field.property];
    if (value === undefined || isEmptyValue(value)) return null;
    const decoded = decodeField(field, value, NO_LOOKUPS, null);
    return decoded.kind === 'value' ? decoded.text : null;
  });
  return values.length > 0 && values.every((value) => value !== null) ? values : null;
}

/** Pages and rows that hold equal values in the columns of `match`. */
export type MatchGroup = {
  readonly pages: readonly PageId[];
  readonly rows: readonly MatchRow[];
};

/** `taken`: the row has a page, or a person gave it one. */
export type MatchRow = { readonly key: RowKey; readonly taken: boolean };

export type MatchVerdict =
  /** One page and one row, and nothing else that equals them. */
  | { readonly kind: 'pair'; readonly page: PageId; readonly key: RowKey }
  /** No row has what the page shows: it is a new one. */
  | { readonly kind: 'new'; readonly page: PageId }
  /** Several pages show the same. */
  | { readonly kind: 'duplicate'; readonly group: MatchGroup }
  /** Several rows have what the page shows, or one that has a page. */
  | { readonly kind: 'ambiguous'; readonly group: MatchGroup };

/** What becomes of pages and rows with equal values. Nothing is guessed: whatever is not one to one waits for a person. */
export function judgeMatch(group: MatchGroup): MatchVerdict | null {
  const [page, second] = group.pages;
  if (page === undefined) return null;
  if (second !== undefined) return { kind: 'duplicate', group };
  const [row, another] = group.rows;
  if (row === undefined) return { kind: 'new', page };
  if (another !== undefined || row.taken) return { kind: 'ambiguous', group };
  return { kind: 'pair', page, key: row.key };
}

/** Pages and rows that hold equal values, with their verdict. */
export type JudgedGroup = {
  readonly group: MatchGroup;
  readonly verdict: MatchVerdict;
  /** What the first page shows. */
  readonly values: readonly string[];
};

/** How many keys or addresses a reason names. */
const MOST_NAMED = 10;

/** At most so many of them, and how many more there are. */
export const named = (names: readonly string[]): string =>
  names.length <= MOST_NAMED
    ? names.join(', ')
    : `${names.slice(0, MOST_NAMED).join(', ')} and ${names.length - MOST_NAMED} more`;

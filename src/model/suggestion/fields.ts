import { foreignReference } from '../foreign-reference.ts';
import type { TableName } from '../ids.ts';
import { tableName } from '../ids.ts';
import type { ForeignKey, TableMapping } from '../mapping.ts';
import type { ColumnFacts, LeftOut, SourceFacts, SuggestedField } from './facts.ts';
import { displayName, snakeOf, takenNames } from './names.ts';
import { type Shown, shownAs } from './property-type.ts';
import { titleOf } from './title.ts';

/** The chosen tables that can be synced, which relations may point to. */
export type ChosenTable = Pick<TableMapping, 'name' | 'source' | 'key'>;

type Fields = { readonly fields: readonly SuggestedField[]; readonly leftOut: readonly LeftOut[] };

/** Properties that pgnotion makes itself, unless the configuration calls them otherwise. */
export const ID_PROPERTY = 'Supabase ID';
export const LAST_SYNCED = 'Last Synced';

/** What each column of a table becomes, in the order of the columns behind the title. */
export function fieldsOf(table: SourceFacts, chosen: readonly ChosenTable[]): Fields {
  const shown = new Map(table.columns.map((column) => [column.name, shownAs(column, table.checks)]));
  const mappable = table.columns.filter(({ name }) => shown.get(name)?.kind === 'shown');
  const title = titleOf(table, mappable);
  const taken = takenNames([ID_PROPERTY, LAST_SYNCED]);
  const leftOut: LeftOut[] = [];
  const fields: SuggestedField[] = [];
  if (title.kind === 'key') fields.push(keyTitle(title.expression, taken.take('Name', 'Key')));
  const titled = title.kind === 'column' ? table.columns.filter(({ name }) => name === title.column) : [];
  for (const column of [...titled, ...table.columns.filter((each) => !titled.includes(each))]) {
    const isTitle = titled.includes(column);
    const as = shown.get(column.name);
    const reason =
      as === undefined || as.kind === 'left out' ? as?.reason : isTitle ? null : ownId(table, column);
    if (as?.kind !== 'shown' || reason != null)
      leftOut.push({ column: column.name, type: column.type, reason: reason ?? '' });
    else {
      const reference = isTitle ? NO_REFERENCE : referenceOf(table, column, chosen);
      const name = nameOf(column, table, reference.table !== null);
      const property = taken.take(name.short, name.long);
      fields.push(fieldOf(table, column, { as, isTitle, reference, property }));
    }
  }
  return { fields, leftOut };
}

function keyTitle(expression: string, property: string): SuggestedField {
  return {
    property,
    column: null,
    expression,
    type: 'title',
    direction: 'to-notion',
    relatedTable: null,
    lossy: false,
    choices: [],
    comment: null,
    remark: 'no column names a row, so the page is called by its key',
  };
}

/** A key that PostgreSQL makes up tells people nothing beyond what the property for the record's id shows. */
function ownId({ key, foreignKeys }: SourceFacts, { name, shape, hasDefault, computed }: ColumnFacts) {
  const isOnly = key.length === 1 && key[0] === name;
  const madeUp =
    shape.type === 'uuid' || computed === 'identity' || (shape.category === 'number' && hasDefault);
  const refers = foreignKeys.some(({ columns }) => columns.includes(name));
  return isOnly && madeUp && !refers ? `the key, which the property ${ID_PROPERTY} shows` : null;
}

type ReferenceResult = { readonly table: TableName | null; readonly remark: string | null };
const NO_REFERENCE: ReferenceResult = { table: null, remark: null };

/** The table that a column points to, if the product can follow it there; else why it cannot. */
function referenceOf(
  table: SourceFacts,
  column: ColumnFacts,
  chosen: readonly ChosenTable[],
): ReferenceResult {
  const own = table.foreignKeys.filter(({ columns }) => columns.includes(column.name));
  const remarks: string[] = [];
  for (const foreignKey of own.toSorted((a, b) => a.columns.length - b.columns.length)) {
    const related = chosen.find(({ source }) => source === foreignKey.references);
    const found = related === undefined ? notChosen(foreignKey) : follow(table, column, related, chosen);
    if (found.table !== null) return found;
    if (found.remark !== null) remarks.push(found.remark);
  }
  return { table: null, remark: remarks[0] ?? null };
}

const notChosen = ({ references }: ForeignKey): ReferenceResult => ({
  table: null,
  remark: `it refers to ${references}, which is not among these tables; with it, this can be a relation`,
});

function follow(
  table: SourceFacts,
  { name, shape }: ColumnFacts,
  related: ChosenTable,
  chosen: readonly ChosenTable[],
): ReferenceResult {
  const field = {
    property: displayName(name),
    source: { kind: 'column', column: name },
    relatedTable: related.name,
  } as const;
  const reference = foreignReference({ name: tableName(table.relation) }, field, chosen, table.foreignKeys);
  if (reference.kind === 'refused') return { table: null, remark: `no relation: ${reference.fault.message}` };
  return shape.array ? NO_REFERENCE : { table: related.name, remark: null };
}

function nameOf(column: ColumnFacts, { columns }: SourceFacts, isRelation: boolean) {
  const place = columns.indexOf(column) + 1;
  const long = displayName(column.name) || `Column ${place}`;
  const target = isRelation
    ? displayName(snakeOf(column.name).replace(/_(id|uuid|fk|key|ref|code)$/, ''))
    : '';
  return { short: target || long, long };
}

type Part = {
  readonly as: Extract<Shown, { readonly kind: 'shown' }>;
  readonly isTitle: boolean;
  readonly reference: ReferenceResult;
  readonly property: string;
};

function fieldOf(
  table: SourceFacts,
  column: ColumnFacts,
  { as, isTitle, reference, property }: Part,
): SuggestedField {
  const type = isTitle ? 'title' : reference.table === null ? as.type : 'relation';
  const plain = type === as.type;
  const locked = lockOf(table, column) ?? (plain ? as.locked : null);
  const remarks = [locked, reference.remark, plain ? as.remark : null].filter((each) => each !== null);
  return {
    property,
    column: column.name,
    expression: null,
    type,
    direction: locked === null ? null : 'to-notion',
    relatedTable: reference.table,
    lossy: plain && as.lossy,
    choices: plain ? as.choices : [],
    comment: column.comment,
    remark: remarks.length === 0 ? null : remarks.join('; '),
  };
}

/** Why a value cannot be PostgreSQL's to take from Notion, whatever its type. */
function lockOf({ key }: SourceFacts, { name, computed }: ColumnFacts): string | null {
  if (computed === 'generated') return 'a generated column';
  if (computed === 'identity') return 'an identity column';
  return key.includes(name) ? 'a key column, which stays as it is' : null;
}

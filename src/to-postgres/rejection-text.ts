import type { RowImage, SqlText } from '../model/change.ts';
import { checkConstraintText } from '../model/check-constraint-text.ts';
import { optionName } from '../model/codecs/values.ts';
import type { Told } from '../model/errors.ts';
import { splitQualified } from '../model/ids.ts';
import type { ResolvedField, ResolvedTable } from '../model/mapping.ts';
import { sentences } from '../model/sentences.ts';
import type { ServerError } from '../model/server-error.ts';
import { cutText, TEXT_LIMITS } from '../model/texts.ts';
import { typeText } from '../model/type-text.ts';
import { keptIn } from '../model/validate.ts';

/** What was refused: an edit of these fields, or a new row of them (`present` is null). */
export type Rejection = {
  readonly table: ResolvedTable;
  readonly fields: readonly ResolvedField[];
  readonly present: RowImage | null;
  /** What was sent, by column. */
  readonly sent?: Readonly<Record<string, SqlText>>;
};

/** What was sent for the columns that the rule is about: `Price is "-5"`. Of other columns nothing is said. */
export function sentFor(error: ServerError, { table, sent = {} }: Rejection): string | null {
  const values = columnsOf(error, table)
    .filter((column) => column in sent)
    .map((column) => {
      const [property = column] = propertiesOf(table, [column]);
      const value = sent[column] ?? null;
      return `${property} is ${value === null ? 'empty' : JSON.stringify(cutText(value, TEXT_LIMITS.shownValue))}`;
    });
  return values.length === 0 ? null : values.join(', ');
}

/** PostgreSQL's refusal in words for the person who edited, with the property that it is about. */
export function rejectionText(error: ServerError, refused: Rejection): Told {
  const columns = columnsOf(error, refused.table);
  const field = fieldAbout(refused, columns);
  const others = propertiesOf(refused.table, columns);
  const property =
    field?.property ?? (refused.fields.length === 1 ? (refused.fields[0]?.property ?? null) : null);
  const wrong = wordsFor(error, refused.table, { field, columns, properties: others });
  const told = field ?? refused.fields.find((each) => each.property === property);
  const kept =
    told === undefined || refused.present === null
      ? {}
      : keptIn(told, refused.present[told.property] ?? null);
  return { property, wrong, ...kept };
}

/** The columns that the error is about, as far as the catalog knows. */
function columnsOf({ column, constraint, table }: ServerError, own: ResolvedTable): readonly string[] {
  if (table !== undefined && table !== splitQualified(own.source)[1]) return [];
  if (column !== undefined) return [column];
  if (constraint === undefined) return [];
  return own.checks[constraint]?.columns ?? own.constraints[constraint] ?? [];
}

const columnOf = ({ source }: ResolvedField): string | null =>
  source.kind === 'column' ? source.column : null;

/** Of the fields that were edited the one that the rule is about, else any field that it is about. */
function fieldAbout({ table, fields }: Rejection, columns: readonly string[]): ResolvedField | undefined {
  const isAbout = (field: ResolvedField): boolean => columns.includes(columnOf(field) ?? '');
  return fields.find(isAbout) ?? (fields.length === 1 ? undefined : table.fields.find(isAbout));
}

const propertiesOf = (table: ResolvedTable, columns: readonly string[]): string[] =>
  columns.flatMap((column) => table.fields.find((field) => columnOf(field) === column)?.property ?? column);

function wordsFor(
  error: ServerError,
  table: ResolvedTable,
  {
    field,
    columns,
    properties,
  }: {
    readonly field: ResolvedField | undefined;
    readonly columns: readonly string[];
    readonly properties: readonly string[];
  },
): string {
  const { code, constraint = '' } = error;
  const together = properties.length > 1 ? ` (${properties.join(' and ')} together)` : '';
  switch (code) {
    case '23514':
      return ruleWords(error, table, field);
    case '23505':
      return `another record has this value already, and it must be unique${together}`;
    case '23503':
      return columns.length > 0 && constraint in table.constraints
        ? 'the record chosen there does not exist in PostgreSQL'
        : 'other records still refer to this one';
    case '23502':
      return field === undefined && columns.length > 0
        ? `PostgreSQL needs a value in ${columns.join(', ')}`
        : 'must not be empty';
    case '22001':
      return 'is too long';
    case '22003':
      return 'is too large or too small';
    case '42501':
      return 'pgnotion is not allowed to change this';
    case '22P02':
    case '22007':
    case '22008':
    case '22023':
      // PostgreSQL's own text names its types, which mean nothing to whoever typed this.
      return field === undefined ? 'holds a value of another kind' : `must be ${typeText(field.shape)}`;
    case '23P01':
      return 'conflicts with another record';
    case '428C9':
      return 'PostgreSQL computes this itself';
    default:
      // A trigger speaks for itself, and so does what has no better words.
      return sentences(error.text, error.hint);
  }
}

function ruleWords(
  { text, constraint = '' }: ServerError,
  table: ResolvedTable,
  field: ResolvedField | undefined,
): string {
  const rule = table.checks[constraint];
  const column = field === undefined ? null : columnOf(field);
  if (rule === undefined || field === undefined || column === null)
    return constraint === '' ? text : `does not fit PostgreSQL's rule ${constraint}`;
  const words = checkConstraintText(rule.definition, {
    column,
    propertyOf: (name) => table.fields.find((each) => columnOf(each) === name)?.property ?? null,
    labelOf: (label) => optionName(label, field),
  });
  return words ?? `does not fit PostgreSQL's rule ${constraint}: ${rule.definition.replace(/^CHECK /, '')}`;
}

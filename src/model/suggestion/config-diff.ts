import { codecs } from '../codecs/registry.ts';
import type { QualifiedName } from '../ids.ts';
import { sameJson } from '../json.ts';
import type { FieldMapping, TableMapping } from '../mapping.ts';
import { fieldText, literal, tableLines } from './config-text.ts';
import type { ColumnFacts, SourceFacts, SuggestedField, SuggestedTable, Suggestion } from './facts.ts';
import { takenNames } from './names.ts';

/** A configuration that exists, as far as it can be compared with a suggestion. */
export type Existing = {
  readonly tables: readonly TableMapping[];
  /** The text of its file: what is named in the comments that pgnotion writes is known, and left out on purpose. */
  readonly text: string;
};

/** What the catalog has now: the suggestion that is made of it, and the tables that it is made of. */
export type Present = { readonly suggestion: Suggestion; readonly sources: readonly SourceFacts[] };

/**
 * How a suggestion goes beyond a configuration, line by line: `+` for what is new in the catalog, `-` for what is gone
 * from it, `!` for what has changed. Empty if nothing differs.
 */
export function configDiff(existing: Existing, { suggestion, sources }: Present): readonly string[] {
  const present = new Map(sources.map((source) => [source.source, source]));
  const suggested = new Map(suggestion.tables.map((table) => [table.source, table]));
  const known = existing.tables.flatMap((table) => {
    const facts = present.get(table.source);
    const lines =
      facts === undefined
        ? [`- table ${table.name}: ${table.source} is no longer there`]
        : tableDiff(table, facts, {
            suggested: suggested.get(table.source),
            text: sectionOf(existing, table.source),
          });
    return lines;
  });
  const mapped = new Set<QualifiedName>(existing.tables.map(({ source }) => source));
  const added = suggestion.tables
    .filter(({ source }) => !mapped.has(source) && !isLeftOut(existing.text, source))
    .flatMap((table) => [
      `+ table ${table.name}: ${table.source} is new`,
      ...tableLines(table).map((line) => `+     ${line}`.trimEnd()),
    ]);
  return [...known, ...added];
}

type Compared = { readonly suggested: SuggestedTable | undefined; readonly text: string };

function tableDiff(table: TableMapping, facts: SourceFacts, { suggested, text }: Compared): string[] {
  const lines: string[] = [];
  const say = (mark: '+' | '-' | '!', what: string): void => {
    lines.push(`${mark} table ${table.name}, ${what}`);
  };
  for (const { message, remedy } of facts.faults) say('!', `${facts.source}: ${message}: ${remedy}`);
  const sorted = (key: readonly string[]): readonly string[] => [...key].sort();
  if (facts.key.length > 0 && !sameJson(sorted(facts.key), sorted(table.key)))
    say('!', `key: the primary key is (${facts.key.join(', ')}) now, not (${table.key.join(', ')})`);
  // What a query gives is not the table's alone.
  if (table.query !== null) return lines;
  const columns = new Map(facts.columns.map((column) => [column.name, column]));
  for (const field of table.fields) {
    if (field.source.kind !== 'column') continue;
    const column = columns.get(field.source.column);
    if (column === undefined)
      say('-', `field ${field.property}: there is no column ${field.source.column} any more`);
    else for (const change of typeChange(field, column, suggested)) say('!', change);
  }
  const used = new Set(
    table.fields.flatMap(({ source }) => (source.kind === 'column' ? [source.column] : [])),
  );
  const names = takenNames(table.fields.map(({ property }) => property));
  for (const field of suggested?.fields ?? []) {
    const { column } = field;
    if (column === null || used.has(column) || isUnmapped(text, column, columns.get(column)?.type)) continue;
    if (table.fields.length > 0 && isOwnKey(table, column)) continue;
    const type = field.type === 'title' ? plainType(field) : field;
    say('+', `field ${names.take(field.property)}: ${fieldText(type)}`);
  }
  return lines;
}

/** The page has a title already. */
const plainType = (field: SuggestedField): SuggestedField => ({ ...field, type: 'rich_text' });

const isOwnKey = ({ key }: TableMapping, column: string): boolean => key.length === 1 && key[0] === column;

/** A column whose type the property cannot hold any more. */
function typeChange(
  field: FieldMapping,
  column: ColumnFacts,
  suggested: SuggestedTable | undefined,
): string[] {
  const [fault] = codecs[field.type].check(column.shape, field);
  if (fault === undefined) return [];
  const proposed = suggested?.fields.find((each) => each.column === column.name);
  const instead = proposed === undefined ? 'it can no longer be mapped' : fieldText(proposed);
  return [
    `field ${field.property}: ${column.name} is ${column.type} now, which ${field.type} cannot hold: ${instead}`,
  ];
}

/** The part of the file that is about a table: from where its source stands to where the next one does. */
function sectionOf({ tables, text }: Existing, source: QualifiedName): string {
  const start = placeOf(text, source);
  if (start === -1) return '';
  const ends = tables.map((each) => placeOf(text, each.source)).filter((at) => at > start);
  return text.slice(start, Math.min(text.length, ...ends));
}

const placeOf = (text: string, source: QualifiedName): number =>
  Math.max(text.indexOf(literal(source)), text.indexOf(JSON.stringify(source)));

/** The entries of the comments that list what is left out. */
const entriesOf = (text: string): readonly string[] =>
  text.split('\n').flatMap((line) => /^\s*\/\/ - (.*)$/.exec(line)?.[1] ?? []);

/** Whether a table was not chosen. One that could not be synced stands there with its reason, which may be over. */
const isLeftOut = (text: string, source: QualifiedName): boolean => entriesOf(text).includes(source);

/** Whether a column is left out, as it was then: one of another type may suit now. */
const isUnmapped = (text: string, name: string, type: string | undefined): boolean =>
  entriesOf(text).some((entry) => entry === name || `${entry}:`.startsWith(`${name} (${type ?? ''}):`));

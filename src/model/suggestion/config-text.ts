import type { QualifiedName } from '../ids.ts';
import { MOST_DESCRIPTION } from '../looks.ts';
import { cutText } from '../texts.ts';
import type { SuggestedField, SuggestedTable, Suggestion, UnsuitableTable } from './facts.ts';

/** What a configuration's text needs beside the mapping. */
export type ConfigFrame = {
  /** Where `defineConfig` comes from: `pgnotion`, or a file of a clone. */
  readonly importFrom: string;
  readonly database: string;
  /** Null leaves the default. */
  readonly slot: string | null;
  /** Tables that could be synced too, and that somebody left out. */
  readonly notChosen?: readonly QualifiedName[];
};

/** The text of a configuration that has the suggestion in it, with what it cannot have in comments. */
export function configText({ tables, unsuitable }: Suggestion, frame: ConfigFrame): string {
  const lines = [
    `import { defineConfig } from ${literal(frame.importFrom)};`,
    '',
    ...comment(
      `Suggested by pgnotion from the catalog of the database ${frame.database}. Change what you like:`,
    ),
    ...comment('docs/reference.md lists every option, and `pgnotion apply` checks them all.'),
    '',
    'export default defineConfig({',
    ...(frame.slot === null ? [] : slotLines(frame.slot)),
    '  tables: {',
    ...tables.flatMap((table, at) => [...(at === 0 ? [] : ['']), ...indent(tableLines(table), 4)]),
    '  },',
    '});',
    ...notChosenLines(frame.notChosen ?? []),
    ...unsuitableLines(unsuitable),
  ];
  return `${lines.join('\n')}\n`;
}

/** The planner's estimate as people say it; null if there is none. */
export function rowsText(rows: number | null): string | null {
  if (rows === null) return null;
  return rows === 0 ? 'no rows' : `about ${rows.toLocaleString('en-US')} ${rows === 1 ? 'row' : 'rows'}`;
}

const slotLines = (slot: string): string[] => [
  '  // Slots belong to the whole server, and another database of it has the slot `pgnotion`.',
  `  slot: ${literal(slot)},`,
];

export function tableLines(table: SuggestedTable): string[] {
  const { name, source, key, title, direction, rows, fields, leftOut, remarks } = table;
  const [only] = key;
  const described = descriptionOf(table);
  return [
    ...comment(rowsText(rows)),
    ...remarks.flatMap(comment),
    `${keyOf(name)}: {`,
    `  source: ${literal(source)},`,
    `  key: ${key.length === 1 && only !== undefined ? literal(only) : `[${key.map(literal).join(', ')}]`},`,
    `  title: ${literal(title)},`,
    ...(described === null ? [] : [`  description: ${literal(described)},`]),
    ...(direction === null ? [] : [`  direction: ${literal(direction)},`]),
    '  fields: {',
    ...fields.flatMap((field) => indent(fieldLines(field), 4)),
    '  },',
    ...(leftOut.length === 0 ? [] : ['  // Columns that are not mapped:']),
    ...leftOut.flatMap(({ column, type, reason }) => indent(comment(`- ${column} (${type}): ${reason}`), 2)),
    '},',
  ];
}

/** The same mapping as a value. */
export const configInput = ({ tables }: Suggestion) => ({
  tables: Object.fromEntries(
    tables.map((table) => {
      const { name, source, key, title, direction, fields } = table;
      const described = descriptionOf(table);
      const input = {
        source,
        key,
        title,
        ...(described === null ? {} : { description: described }),
        ...(direction === null ? {} : { direction }),
        fields: Object.fromEntries(fields.map((field) => [field.property, fieldInput(field)])),
      };
      return [name, input];
    }),
  ),
});

/** The table's comment, which is what the database is described with. */
function descriptionOf({ comment: text }: Pick<SuggestedTable, 'comment'>): string | null {
  const whole = (text ?? '').toWellFormed().replaceAll('\r\n', '\n').trim();
  return whole === '' ? null : cutText(whole, MOST_DESCRIPTION);
}

export const fieldLines = (field: SuggestedField): string[] => [
  ...comment(field.comment),
  ...comment(field.remark),
  `${keyOf(field.property)}: ${fieldText(field)},`,
];

/** A field as the configuration has it. */
export function fieldText(field: SuggestedField): string {
  const members = Object.entries(fieldInput(field)).map(([name, value]) =>
    typeof value === 'boolean'
      ? `${name}: ${value}`
      : `${name}: ${typeof value === 'string' ? literal(value) : `[${value.map(literal).join(', ')}]`}`,
  );
  return `{ ${members.join(', ')} }`;
}

type Member = string | true | readonly string[];

/** The same as a value. */
export const fieldInput = (field: SuggestedField): Readonly<Record<string, Member>> => ({
  ...(field.column === null ? {} : { column: field.column }),
  ...(field.expression === null ? {} : { expression: field.expression }),
  type: field.type,
  ...(field.relatedTable === null ? {} : { relatedTable: field.relatedTable }),
  ...(field.direction === null ? {} : { direction: field.direction }),
  ...(field.lossy ? { lossy: true as const } : {}),
  ...(field.choices.length === 0 ? {} : { choices: field.choices }),
});

/** `pgnotion init` proposes what it finds new: not what stands here. */
const notChosenLines = (names: readonly QualifiedName[]): string[] =>
  names.length === 0
    ? []
    : ['', '// Tables that were not chosen:', ...names.flatMap((name) => comment(`- ${name}`))];

function unsuitableLines(unsuitable: readonly UnsuitableTable[]): string[] {
  if (unsuitable.length === 0) return [];
  const each = unsuitable.flatMap(({ source, faults }) =>
    faults.flatMap(({ message, remedy }) => [`- ${source}: ${message}`, `    ${remedy}`]),
  );
  return [
    '',
    '// Tables that cannot be synced as they are, and what changes that:',
    ...each.flatMap(comment),
  ];
}

const indent = (lines: readonly string[], by: number): string[] =>
  lines.map((line) => (line === '' ? '' : `${' '.repeat(by)}${line}`));

const WIDTH = 110;

/** A text as comment lines, each of which ends where the language ends it. */
export function comment(text: string | null): string[] {
  if (text === null) return [];
  return text
    .toWellFormed()
    .split(/\r\n|[\n\r\u2028\u2029\v\f]/)
    .map((line) => line.trimEnd())
    .filter((line) => line !== '')
    .flatMap(wrapped)
    .map((line) => `// ${line}`);
}

/** What goes beyond the width is continued in the next line, between words. */
function wrapped(line: string): string[] {
  if (line.length <= WIDTH) return [line];
  const lead = /^\s*(?:- )?/.exec(line)?.[0].length ?? 0;
  const at = line.lastIndexOf(' ', WIDTH);
  if (at <= lead) return [line];
  return [line.slice(0, at), ...wrapped(`${' '.repeat(lead)}${line.slice(at + 1)}`)];
}

const keyOf = (name: string): string => {
  // Written plainly, this name sets the prototype of an object instead of a member.
  if (name === '__proto__') return "['__proto__']";
  return /^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(name) ? name : literal(name);
};

/** A text as TypeScript spells it, whatever is in it. */
export function literal(text: string): string {
  const escaped = text.replaceAll(/[\\'\p{Cc}\u2028\u2029\ud800-\udfff]/gu, (unit) =>
    unit === '\\' || unit === "'"
      ? `\\${unit}`
      : unit === '\n'
        ? '\\n'
        : `\\u{${(unit.codePointAt(0) ?? 0).toString(16)}}`,
  );
  return escaped.includes("\\'") && !text.includes('"')
    ? `"${escaped.replaceAll("\\'", "'")}"`
    : `'${escaped}'`;
}

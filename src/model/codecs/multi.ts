import type { PageValue, SqlText } from '../change.ts';
import { arrayItems, formatArray, parseArray } from './arrays.ts';
import { nameRefusal, optionFaults, optionSchema, readOption } from './choice.ts';
import type { Codec, CodecOptions, ColumnShape, Decoded, Encoded } from './codec.ts';
import { judged } from './judge.ts';
import {
  asSet,
  elementOf,
  keepsCurrent,
  list,
  misfit,
  pageOutcome,
  reader,
  refuse,
  refuseShape,
  rowOutcome,
  sameSet,
  singleItem,
  strings,
  UNKNOWN,
} from './support.ts';
import { fold, labelOf, optionName } from './values.ts';

const MOST = 100;

/** Names that differ only by case are one option: the first in order stands for all. */
function foldedSet(names: readonly string[]): readonly string[] {
  const seen = new Set<string>();
  return asSet(names).filter((name) => !seen.has(fold(name)) && seen.add(fold(name)));
}

function encode(text: SqlText, _column: ColumnShape, options: CodecOptions): Encoded {
  if (text === null) return pageOutcome([]);
  const items = arrayItems(text, options);
  if ('kind' in items) return items;
  const labels = items.filter((item) => item !== null);
  for (const label of labels) {
    const refusal = nameRefusal(label, optionName(label, options), options);
    if (refusal !== undefined) return refusal;
  }
  const names = foldedSet(labels.map((label) => optionName(label, options)).filter((name) => name !== ''));
  if (names.length <= MOST) return pageOutcome(names);
  return refuse(options, text, {
    message: `has ${names.length} different elements, and Notion takes 100 options at once`,
    remedy: 'map the column to rich_text, or shorten the array',
  });
}

function decode(value: PageValue, column: ColumnShape, options: CodecOptions, current: SqlText): Decoded {
  const names = strings(value);
  if (names === undefined) return refuseShape(options, value, 'multi_select');
  const wanted = new Map(names.filter((name) => name !== '').map((name) => [fold(name), name]));
  const present = current === null ? [] : (parseArray(current) ?? []);
  const shown = new Set<string>();
  const kept = present.filter((item) => {
    const name = item === null ? '' : fold(optionName(item, options));
    shown.add(name);
    // Notion never showed an element without a name, so nobody can have taken it away.
    return name === '' || wanted.has(name);
  });
  const added: string[] = [];
  for (const [folded, name] of wanted) {
    if (shown.has(folded)) continue;
    const outcome = judged(labelOf(name, column, options), elementOf(column), options);
    if (outcome.kind !== 'value' || outcome.text === null) return outcome;
    added.push(outcome.text);
  }
  return rowOutcome(formatArray([...kept, ...added]));
}

/** The canonical names of a multi-select's content. */
export function readOptions(content: unknown): PageValue | typeof UNKNOWN {
  const names = list(content)?.map(readOption);
  if (names === undefined || names.some((name) => name === undefined)) return UNKNOWN;
  return asSet(names.flatMap((name) => name || []));
}

const read = reader('multi_select', readOptions);

/**
 * Multi-select, for array columns; names are made as for select. Order and repetition mean nothing in Notion, so the
 * row keeps its own: elements that stay keep their places, new ones are appended. NULL and `''` elements are not shown and
 * stay. NULL and `{}` are both no options: the row keeps what it has, and an emptied property is `{}`.
 */
export const multiSelect: Codec = keepsCurrent({
  type: 'multi_select',
  writable: true,
  check: (column, options) =>
    column.array
      ? optionFaults(column, options)
      : [misfit(options, column, 'multi_select', 'use select or rich_text, or make the column an array')],
  encode,
  decode: (value, column, options, { current }) => decode(value, column, options, current),
  read,
  readItems: singleItem('multi_select', read, []),
  write: (value) => ({ multi_select: (strings(value) ?? []).map((name) => ({ name })) }),
  same: (sent, page) => {
    const [left, right] = [strings(sent)?.map(fold), strings(page)?.map(fold)];
    return left !== undefined && right !== undefined && sameSet(left, right);
  },
  elements: { keyOf: (name) => fold(String(name)), ordered: false },
  schema: (column, options) => ({ multi_select: optionSchema(column, options) }),
});

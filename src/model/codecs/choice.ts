import type { Json, PageValue, SqlText } from '../change.ts';
import type { Fault } from '../errors.ts';
import { TEXT_LIMITS } from '../texts.ts';
import type { Codec, CodecOptions, ColumnShape, Decoded, Encoded, SchemaOptions } from './codec.ts';
import { judged } from './judge.ts';
import {
  clean,
  emptyRow,
  keepsCurrent,
  members,
  misfit,
  pageOutcome,
  reader,
  refuse,
  refuseShape,
  singleItem,
  UNKNOWN,
} from './support.ts';
import { fold, knownLabels, labelOf, optionName, optionNames, valueFaults } from './values.ts';

/** What is wrong with an option's name, as a refusal of the label that it stands for. */
export function nameRefusal(label: string, name: string, options: CodecOptions) {
  if (name.length <= TEXT_LIMITS.optionName) return undefined;
  return refuse(options, label, {
    message: 'is too long for an option: Notion takes 100 characters',
    remedy: 'use rich_text for the column, or give the label a shorter name in `values`',
  });
}

/** The faults that the labels of an option property can have. */
export function optionFaults(column: ColumnShape, options: CodecOptions): readonly Fault[] {
  const tooLong = knownLabels(column, options).flatMap((label) => {
    const refusal = nameRefusal(label, optionName(label, options), options);
    return refusal === undefined ? [] : [refusal.fault];
  });
  return [...valueFaults(column, options, (label) => fold(optionName(label, options))), ...tooLong];
}

const lookOf = (name: string, { looks = {} }: SchemaOptions): Json & object => {
  const look = Object.hasOwn(looks, fold(name)) ? looks[fold(name)] : undefined;
  return { ...look };
};

/** The options to create a property with; none at all leaves them to Notion, which gives a status its own. */
export function optionSchema(column: ColumnShape, options: CodecOptions & SchemaOptions): Json {
  const names = optionNames(column, options);
  if (names.length === 0) return {};
  return { options: names.map((name): Json => ({ name, ...lookOf(name, options) })) };
}

/** The name in an option object; undefined for what is none. */
export function readOption(content: unknown): string | undefined {
  const name = members(content)?.name;
  return typeof name === 'string' ? clean(name) : undefined;
}

function encode(text: SqlText, _column: ColumnShape, options: CodecOptions): Encoded {
  if (text === null) return pageOutcome(null);
  const name = optionName(text, options);
  return nameRefusal(text, name, options) ?? pageOutcome(name === '' ? null : name);
}

function decodeAs(type: 'select' | 'status') {
  return (value: PageValue, column: ColumnShape, options: CodecOptions): Decoded => {
    if (value === null || value === '') return emptyRow(column, options);
    if (typeof value !== 'string') return refuseShape(options, value, type);
    return judged(labelOf(value, column, options), column, options);
  };
}

/** The canonical name of a select's or status's content. */
export function readChoice(content: unknown): PageValue | typeof UNKNOWN {
  if (content === null) return null;
  const name = readOption(content);
  if (name === undefined) return UNKNOWN;
  return name === '' ? null : name;
}

/**
 * Select and status, for one value of any scalar type. `values` maps labels to option names both ways. A comma in a
 * name becomes U+201A (`‚`) on the way out and a comma again on the way in; names that differ only by case are one
 * option to Notion, so labels are found whatever their case. NULL and `''` are both no choice, and the row keeps
 * whichever it has. Status: Notion fills an empty one with its default option, and takes existing options only.
 */
function choiceCodec(type: 'select' | 'status'): Codec {
  const read = reader(type, readChoice);
  return keepsCurrent({
    type,
    writable: true,
    check: (column, options) =>
      column.array
        ? [misfit(options, column, type, 'use multi_select for an array column')]
        : optionFaults(column, options),
    encode,
    decode: decodeAs(type),
    read,
    readItems: singleItem(type, read, null),
    write: (value) => ({ [type]: typeof value === 'string' && value !== '' ? { name: value } : null }),
    same: (sent, page) =>
      sent === page || (typeof sent === 'string' && typeof page === 'string' && fold(sent) === fold(page)),
    schema: (column, options) => ({ [type]: optionSchema(column, options) }),
  });
}

export const select = choiceCodec('select');
export const status = choiceCodec('status');

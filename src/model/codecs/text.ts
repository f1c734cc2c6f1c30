import type { Json, PageValue, SqlText } from '../change.ts';
import type { Codec, CodecOptions, ColumnShape, Decoded, Encoded } from './codec.ts';
import { judged } from './judge.ts';
import {
  clean,
  emptyText,
  itemContents,
  keepsCurrent,
  list,
  members,
  otherType,
  pageOutcome,
  refuse,
  refuseShape,
  unknownContent,
} from './support.ts';
import { mapped, unmapped, valueFaults } from './values.ts';

const RUN = 2000;
const RUNS = 100;
/** From this many references on, a page answer may show the rest as `Untitled` or leave them out. */
const SHOWN_MENTIONS = 25;

/** Cuts a text into runs of at most 2,000 UTF-16 units, hence of at most as many code points, and never inside a pair. */
export function splitText(text: string): readonly string[] {
  const runs: string[] = [];
  for (let at = 0; at < text.length; ) {
    const end = Math.min(at + RUN, text.length);
    const last = text.charCodeAt(end - 1);
    const cutsPair = end < text.length && last >= 0xd800 && last <= 0xdbff;
    runs.push(text.slice(at, cutsPair ? end - 1 : end));
    at = cutsPair ? end - 1 : end;
  }
  return runs;
}

/** The text of rich-text objects; undefined if they are none. */
export function plainText(content: unknown): string | undefined {
  const runs = list(content)?.map(runText);
  if (runs === undefined || runs.some((run) => run === undefined)) return undefined;
  return clean(runs.join(''));
}

function runText(run: unknown): string | undefined {
  const plain = members(run)?.plain_text ?? members(members(run)?.text)?.content;
  return typeof plain === 'string' ? plain : undefined;
}

const orNull = (text: string): PageValue => (text === '' ? null : text);

function encode(text: SqlText, column: ColumnShape, options: CodecOptions): Encoded {
  if (text === null) return pageOutcome(null);
  // char(n) pads its output with blanks that mean nothing.
  const meant = column.type === 'bpchar' && !column.array ? text.replace(/ +$/, '') : text;
  const value = mapped(meant, options);
  if (splitText(value).length > RUNS)
    return refuse(options, text, {
      message: `is ${value.length} characters long, more than a Notion property holds (about 200,000).`,
      remedy: 'Map an expression that shortens it, such as left(column, 2000), with direction to-notion.',
    });
  return pageOutcome(orNull(value));
}

function decode(value: PageValue, column: ColumnShape, options: CodecOptions): Decoded {
  if (value === null || value === '') return emptyText(column, options);
  if (typeof value !== 'string') return refuseShape(options, value, 'rich_text');
  const label = unmapped(value, column, options) ?? unmapped(value.trim(), column, options);
  return judged(label ?? value, column, options);
}

/**
 * Title and rich_text: any column's text, without styling. `values` maps labels both ways. NULL and `''` are both
 * an empty property; an emptied property is NULL where the column allows it. More than 100 runs are refused, never cut.
 */
function textCodec(type: 'title' | 'rich_text'): Codec {
  return keepsCurrent({
    type,
    writable: true,
    check: (column, options) => valueFaults(column, options, (label) => mapped(label, options)),
    encode,
    decode,
    read: (property) => {
      if (property.type !== type) return otherType(property);
      const content = property[type];
      const mentions = list(content)?.filter((run) => members(run)?.type === 'mention') ?? [];
      if (mentions.length >= SHOWN_MENTIONS) return { kind: 'truncated' };
      const text = plainText(content);
      return text === undefined ? unknownContent(type, content) : { kind: 'value', value: orNull(text) };
    },
    readItems: (items) =>
      orNull(
        clean(
          itemContents(type, items)
            .map((run) => runText(run) ?? '')
            .join(''),
        ),
      ),
    write: (value) => ({ [type]: typeof value === 'string' ? splitText(value).map(textRun) : [] }),
    same: (sent, page) => comparable(sent) === comparable(page),
    schema: () => ({ [type]: {} }),
  });
}

const textRun = (content: string): Json => ({ type: 'text', text: { content } });

/** Nobody documents whether Notion keeps line ends and outer blanks as they were sent. */
const comparable = (value: PageValue): string =>
  typeof value === 'string' ? value.replaceAll(/\r\n?/g, '\n').trim() : '';

export const title = textCodec('title');
export const richText = textCodec('rich_text');

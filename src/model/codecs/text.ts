import type { Json, PageValue, SqlText } from '../change.ts';
import { splitText } from '../texts.ts';
import type { Codec, CodecOptions, ColumnShape, Decoded, Encoded } from './codec.ts';
import { judged } from './judge.ts';
import { plainRuns, RUNS, requestRuns, restyled, runText, styledRuns } from './runs.ts';
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

/** From this many references on, a page answer may show the rest as `Untitled` or leave them out. */
const SHOWN_MENTIONS = 25;

/** The text of rich-text objects; undefined if they are none. */
export function plainText(content: unknown): string | undefined {
  const runs = list(content)?.map(runText);
  if (runs === undefined || runs.some((run) => run === undefined)) return undefined;
  return clean(runs.join(''));
}

const orNull = (text: string): PageValue => (text === '' ? null : text);

function encode(text: SqlText, _column: ColumnShape, options: CodecOptions): Encoded {
  if (text === null) return pageOutcome(null);
  const value = mapped(text, options);
  if (splitText(value).length > RUNS)
    return refuse(options, text, {
      message: `is ${value.length} characters long, more than a Notion property holds (about 200,000)`,
      remedy: 'map an expression that shortens it, such as left(column, 2000), with direction to-notion',
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
 * Title and rich_text: any column's text. Styles stay in Notion wherever the text does. `values` maps labels both ways. NULL and `''` are both
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
    extras: (property) => {
      const runs = property.type === type ? styledRuns(property[type]) : undefined;
      return runs === undefined ? undefined : { [type]: runs };
    },
    restore: (extras) => ({ [type]: requestRuns((members(extras)?.[type] as Json) ?? []) }),
    write: (value, extras) => {
      if (typeof value !== 'string') return { [type]: [] };
      const styled = members(extras)?.[type];
      return { [type]: styled === undefined ? plainRuns(value) : restyled(value, styled as Json) };
    },
    same: (sent, page) => comparable(sent) === comparable(page),
    schema: () => ({ [type]: {} }),
  });
}

/** Nobody documents whether Notion keeps line ends and outer blanks as they were sent. */
const comparable = (value: PageValue): string =>
  typeof value === 'string' ? value.replaceAll(/\r\n?/g, '\n').trim() : '';

export const title = textCodec('title');
export const richText = textCodec('rich_text');

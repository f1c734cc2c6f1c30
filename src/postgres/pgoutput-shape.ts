import { isUtf8 } from 'node:buffer';

/** What the decoder must know of a tuple beside its values. Both lists hold positions of columns. */
export type TupleShape = {
  /** Values that begin with a byte order mark. */
  readonly marked: readonly number[];
  /** Unchanged TOAST values, which were not sent. */
  readonly unchanged: readonly number[];
};

export type Shape = {
  /** The tuples in the order of the message: the old one first, if there is one. */
  readonly tuples: readonly TupleShape[];
  /** Names that begin with a byte order mark: of a Relation message schema, table, columns; else the prefix. */
  readonly markedNames: readonly number[];
};

/** How many columns a table has that the stream has described. */
type ColumnCount = (oid: number) => number | undefined;

type Cursor = { readonly buffer: Buffer; at: number };
type Check = (cursor: Cursor, columnCount: ColumnCount) => Shape;

const NONE: readonly number[] = [];
const PLAIN: Shape = { tuples: [], markedNames: NONE };
const MOST_DECLARED_TABLES = 1_000_000;

/** Each gives the place before the step. Buffer's own readers throw RangeError beyond the end. */
function skip(cursor: Cursor, bytes: number): number {
  const start = cursor.at;
  if (bytes < 0 || start + bytes > cursor.buffer.length) throw new RangeError('it is cut short');
  cursor.at += bytes;
  return start;
}
const int16 = (cursor: Cursor): number => cursor.buffer.readInt16BE(skip(cursor, 2));
const int32 = (cursor: Cursor): number => cursor.buffer.readInt32BE(skip(cursor, 4));
const oid = (cursor: Cursor): number => cursor.buffer.readUInt32BE(skip(cursor, 4));
const char = (cursor: Cursor): string => String.fromCharCode(cursor.buffer.readUInt8(skip(cursor, 1)));

const isMarked = ({ buffer }: Cursor, at: number): boolean =>
  buffer[at] === 0xef && buffer[at + 1] === 0xbb && buffer[at + 2] === 0xbf;

function text(cursor: Cursor, bytes: number): boolean {
  const start = skip(cursor, bytes);
  if (!isUtf8(cursor.buffer.subarray(start, cursor.at)))
    throw new RangeError('it has text that is not UTF-8');
  return isMarked(cursor, start);
}

function string(cursor: Cursor): boolean {
  const end = cursor.buffer.indexOf(0, cursor.at);
  if (end < 0) throw new RangeError('it is cut short');
  const marked = text(cursor, end - cursor.at);
  skip(cursor, 1);
  return marked;
}

function expectMark(cursor: Cursor, allowed: string): string {
  const mark = char(cursor);
  if (!allowed.includes(mark))
    throw new RangeError(`it has the mark ${JSON.stringify(mark)} instead of ${allowed}`);
  return mark;
}

function tuple(cursor: Cursor, columns: number): TupleShape {
  const count = int16(cursor);
  if (count !== columns) throw new RangeError(`it has ${count} values for ${columns} columns`);
  let marked = NONE;
  let unchanged = NONE;
  for (let position = 0; position < count; position += 1) {
    const kind = expectMark(cursor, 'tnu');
    if (kind === 'u') unchanged = [...unchanged, position];
    if (kind === 't' && text(cursor, int32(cursor))) marked = [...marked, position];
  }
  return { marked, unchanged };
}

function row(marks: readonly string[]): Check {
  return (cursor, columnCount) => {
    const table = oid(cursor);
    const columns = columnCount(table);
    if (columns === undefined) throw new RangeError(`it names table ${table}, which was not described`);
    const tuples: TupleShape[] = [];
    let allowed = marks[0] ?? '';
    do {
      const mark = expectMark(cursor, allowed);
      tuples.push(tuple(cursor, columns));
      allowed = mark === 'N' ? '' : (marks[1] ?? '');
    } while (allowed !== '');
    return { tuples, markedNames: NONE };
  };
}

const fixed =
  (bytes: number): Check =>
  (cursor) => {
    skip(cursor, bytes);
    return PLAIN;
  };

const CHECKS: Readonly<Record<string, Check>> = {
  B: fixed(20),
  C: fixed(25),
  O: (cursor) => {
    skip(cursor, 8);
    string(cursor);
    return PLAIN;
  },
  Y: (cursor) => {
    skip(cursor, 4);
    string(cursor);
    string(cursor);
    return PLAIN;
  },
  M: (cursor) => {
    skip(cursor, 9);
    const markedNames = string(cursor) ? [0] : NONE;
    // Whatever bytes somebody put into it.
    skip(cursor, int32(cursor));
    return { tuples: [], markedNames };
  },
  R: relation,
  I: row(['N']),
  U: row(['KON', 'N']),
  D: row(['KO']),
  T: (cursor, columnCount) => {
    const tables = int32(cursor);
    if (tables < 0 || tables > MOST_DECLARED_TABLES) throw new RangeError(`it names ${tables} tables`);
    skip(cursor, 1);
    for (let left = tables; left > 0; left -= 1) {
      const table = oid(cursor);
      if (columnCount(table) === undefined)
        throw new RangeError(`it names table ${table}, which was not described`);
    }
    return PLAIN;
  },
};

function relation(cursor: Cursor): Shape {
  skip(cursor, 4);
  const names = [string(cursor), string(cursor)];
  expectMark(cursor, 'dnfi');
  const columns = int16(cursor);
  if (columns < 0) throw new RangeError(`it has ${columns} columns`);
  for (let left = columns; left > 0; left -= 1) {
    skip(cursor, 1);
    names.push(string(cursor));
    skip(cursor, 8);
  }
  return { tuples: [], markedNames: names.flatMap((marked, at) => (marked ? [at] : [])) };
}

/**
 * Walks through a message of protocol version 1 and checks what the library reads without a look: lengths, counts,
 * marks, encoding, and that nothing is left over. Throws RangeError.
 */
export function checkShape(buffer: Buffer, columnCount: ColumnCount): Shape {
  const cursor: Cursor = { buffer, at: 0 };
  const tag = char(cursor);
  const check = Object.hasOwn(CHECKS, tag) ? CHECKS[tag] : undefined;
  if (check === undefined) throw new RangeError(`it is of the unknown type ${JSON.stringify(tag)}`);
  const shape = check(cursor, columnCount);
  if (cursor.at !== buffer.length) throw new RangeError(`${buffer.length - cursor.at} bytes are left over`);
  return shape;
}

import { isUtf8 } from 'node:buffer';
import type { SqlText, WalEvent, WalTuple } from '../model/change.ts';
import { messageOf, PgnotionError } from '../model/errors.ts';
import { parseKeepingDigits } from '../model/exact-json.ts';
import { type Lsn, parseLsn, type QualifiedName, qualifiedName } from '../model/ids.ts';
import { cutText, TEXT_LIMITS } from '../model/texts.ts';
import type { Decoded, WalDecoder } from './pgoutput.ts';
import { undecodable } from './wal-errors.ts';
import { asPartial, MOST_MESSAGE_BYTES } from './wal-large.ts';
import { shrinkJson } from './wal2json-large.ts';

type Line = Readonly<Record<string, unknown>>;
type Begin = Extract<WalEvent, { kind: 'begin' }>;
type Tuple = { readonly values: Map<string, SqlText | undefined>; readonly partial: boolean };

/**
 * Reads wal2json's format 2, one JSON object for each change; make one for each stream. A transaction without a change
 * of ours is only a position: the plug-in tells of every transaction of the database, our own included.
 */
export function createWal2jsonDecoder(): WalDecoder {
  let begun: Begin | null = null;
  const eventOf = (line: Line): Decoded => {
    const action = text(line, 'action');
    if (action === 'B') {
      begun = { kind: 'begin', xid: xidOf(line), commitAt: timeOf(line) };
      return null;
    }
    if (action === 'C') {
      const end = positionOf(line, 'nextlsn');
      const isEmpty = begun !== null;
      begun = null;
      return isEmpty ? { kind: 'keepalive', walEnd: end } : { kind: 'commit', end, commitAt: timeOf(line) };
    }
    const event = changeOf(action, line);
    // What stands outside of a transaction may have come before any begin.
    if (begun === null || (event.kind === 'message' && !event.transactional)) return event;
    const first = begun;
    begun = null;
    return [first, event];
  };
  const decode = (buffer: Buffer): Decoded => {
    try {
      return eventOf(lineOf(buffer));
    } catch (error) {
      throw error instanceof PgnotionError ? error : undecodable(messageOf(error), error);
    }
  };
  const large = () => {
    const { write, json } = shrinkJson(MOST_MESSAGE_BYTES);
    return { write, end: () => asPartial(decode(json())) };
  };
  return { decode, large };
}

const MESSAGE = '{"action":"M"';

function lineOf(buffer: Buffer): Line {
  const json = buffer.toString('utf8');
  // Any role may write a message of any bytes; it is none of ours, and no reason to stop.
  if (!isUtf8(buffer) && !json.startsWith(MESSAGE))
    throw new RangeError('it is not UTF-8; wal2json writes the encoding of the database');
  const line = parse(json);
  if (!isObject(line)) throw new RangeError('it is no JSON object');
  return line;
}

function parse(json: string): unknown {
  try {
    return parseKeepingDigits(json);
  } catch {
    // V8's words quote the text, which holds values.
    throw new RangeError('it is invalid JSON, as old versions of wal2json write some');
  }
}

function changeOf(action: string, line: Line): WalEvent {
  switch (action) {
    case 'I': {
      const { values, partial } = tupleOf(line, 'columns');
      const event: WalEvent = { kind: 'insert', table: tableOf(line), row: rowOf(values) };
      return partial ? { ...event, partial: true } : event;
    }
    case 'U':
      return updateOf(line);
    case 'D':
      return { kind: 'delete', table: tableOf(line), old: rowOf(tupleOf(line, 'identity').values) };
    case 'T':
      return { kind: 'truncate', tables: [tableOf(line)] };
    case 'M': {
      const content = typeof line.content === 'string' ? line.content : '';
      const prefix = text(line, 'prefix');
      return { kind: 'message', transactional: line.transactional === true, prefix, content };
    }
    default:
      throw new RangeError(`it has the unknown action ${JSON.stringify(cutText(action, TEXT_LIMITS.cell))}`);
  }
}

/** An unchanged TOAST value is left out; the identity is told whether it changed or not. */
function updateOf(line: Line): WalEvent {
  const { values, partial } = tupleOf(line, 'columns');
  const before =
    'identity' in line ? tupleOf(line, 'identity').values : new Map<string, SqlText | undefined>();
  for (const [name, value] of before) if (!values.has(name)) values.set(name, value);
  const isSame = [...before].every(([name, value]) => values.get(name) === value);
  const old = isSame ? null : rowOf(before);
  const event: WalEvent = { kind: 'update', table: tableOf(line), row: rowOf(values), old };
  return partial ? { ...event, partial: true } : event;
}

const tableOf = (line: Line): QualifiedName => qualifiedName(text(line, 'schema'), text(line, 'table'));

function rowOf(values: Tuple['values']): WalTuple {
  const row: Record<string, SqlText | undefined> = Object.create(null);
  for (const [name, value] of values) row[name] = value;
  return row;
}

function tupleOf(line: Line, part: 'columns' | 'identity'): Tuple {
  const columns = line[part];
  if (!Array.isArray(columns)) throw new RangeError(`it has no ${part}`);
  const values: Tuple['values'] = new Map();
  let partial = false;
  for (const column of columns as readonly unknown[]) {
    if (!isObject(column)) throw new RangeError('it has a column that is no object');
    const name = text(column, 'name');
    if (values.has(name)) throw new RangeError('it has two columns of one name');
    const value = sqlTextOf(column);
    if (value === undefined) partial = true;
    values.set(name, value);
  }
  return { values, partial };
}

/** Types whose NaN and infinity wal2json writes as null: what such a null means, only the row can tell. */
const LOSSY = /^(?:numeric|real|double precision)\b/;

function sqlTextOf(column: Line): SqlText | undefined {
  const type = text(column, 'type');
  const { value } = column;
  if (typeof value === 'string') return type === 'bytea' ? `\\x${value}` : value;
  if (typeof value === 'boolean') return value ? 't' : 'f';
  if (value === null) return LOSSY.test(type) ? undefined : null;
  if (isObject(value) && typeof value.digits === 'string') return value.digits;
  // Left out for its length.
  if (isObject(value) && Object.keys(value).length === 0) return undefined;
  throw new RangeError('it has a value that is no text');
}

const isObject = (value: unknown): value is Line =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function text(line: Line, name: string): string {
  const value = line[name];
  if (typeof value !== 'string') throw new RangeError(`it has no ${name}`);
  return value;
}

/** The log knows 32 bits of a transaction's id. */
function xidOf(line: Line): number {
  const { xid: written } = line;
  const xid = isObject(written) ? Number(written.digits) : Number.NaN;
  if (!Number.isInteger(xid) || xid < 0 || xid > 0xffff_ffff) throw new RangeError('it has no transaction');
  return xid;
}

const positionOf = (line: Line, name: string): Lsn => parseLsn(text(line, name));

const TIMESTAMP = /^(\d{4,}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?)([+-]\d\d)(?::?(\d\d))?$/;

/** ISO, under the settings that the session pins. */
function timeOf(line: Line): Date {
  const [, day, time, hours, minutes = '00'] = TIMESTAMP.exec(text(line, 'timestamp')) ?? [];
  const at = new Date(`${day}T${time}${hours}:${minutes}`);
  if (Number.isNaN(at.getTime())) throw new RangeError('it has no time');
  return at;
}

/** The options of START_REPLICATION. Tables are always named: without, the daemon would read its own writes for ever. */
export function wal2jsonOptions(
  tables: readonly (readonly [schema: string, table: string])[],
  prefix: string,
): Readonly<Record<string, string>> {
  const escaped = (name: string): string =>
    name.replaceAll(/[^\p{L}\p{N}_]/gu, (character) => `\\${character}`);
  return {
    'format-version': '2',
    'include-xids': '1',
    'include-timestamp': '1',
    'include-lsn': '1',
    'include-pk': '1',
    'add-msg-prefixes': escaped(prefix),
    'add-tables': tables.map((name) => name.map(escaped).join('.')).join(','),
  };
}

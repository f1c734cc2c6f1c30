import { type Pgoutput, PgoutputPlugin } from 'pg-logical-replication';
import type { WalEvent, WalTuple } from '../model/change.ts';
import { messageOf, PgnotionError } from '../model/errors.ts';
import { type Lsn, lsn, parseLsn, type QualifiedName, qualifiedName } from '../model/ids.ts';
import { shrinkPgoutput } from './pgoutput-large.ts';
import { checkShape, type Shape, type TupleShape } from './pgoutput-shape.ts';
import { undecodable } from './wal-errors.ts';
import { asPartial, createFeed, MOST_MESSAGE_BYTES } from './wal-large.ts';

/** The events that a message stands for; null for one that only describes others. */
export type Decoded = WalEvent | readonly WalEvent[] | null;

export type WalDecoder = {
  /** Throws `wal_undecodable`. */
  readonly decode: (buffer: Buffer) => Decoded;
  /** The same for a message of this many bytes that is too large to be held. `end` throws `wal_undecodable`. */
  readonly large: (length: number) => LargeMessage;
};

/** A large message that is read piece by piece. */
type LargeMessage = {
  readonly write: (piece: Buffer) => void;
  readonly end: () => Decoded;
};

type DecodeOne = (buffer: Buffer) => WalEvent | null;
type Relation = Pgoutput.MessageRelation;
/** The library's values; ours are text, null, or `undefined` for an unchanged TOAST value that was not sent. */
type Values = Record<string, unknown>;

const BYTE_ORDER_MARK = '\uFEFF';
const asIs = (text: unknown): unknown => text;

/**
 * Reads messages of protocol version 1 with `PgoutputPlugin`; remembers the tables that the stream has described, so
 * make one for each stream. The library drops a byte order mark at the beginning of a text, and does not check that a
 * message is whole: both are made good here.
 */
export function createPgoutputDecoder() {
  const plugin = new PgoutputPlugin({ protoVersion: 1, publicationNames: [] });
  const columns = new Map<number, number>();
  const read = (buffer: Buffer): WalEvent | null => {
    const shape = checkShape(buffer, (oid) => columns.get(oid));
    const message = plugin.parse(buffer);
    if (message.tag === 'relation') {
      columns.set(message.relationOid >>> 0, message.columns.length);
      keepText(message, shape.markedNames);
    }
    return toEvent(message, shape);
  };
  const decode = (buffer: Buffer): WalEvent | null => {
    try {
      return read(buffer);
    } catch (error) {
      throw error instanceof PgnotionError ? error : undecodable(messageOf(error), error);
    }
  };
  return { decode, large: (length: number) => readLarge(length, decode) };
}

function readLarge(length: number, decode: DecodeOne): LargeMessage {
  const kept: Buffer[] = [];
  const feed = createFeed(shrinkPgoutput(length, MOST_MESSAGE_BYTES, (part) => void kept.push(part)));
  return {
    write: feed.write,
    end: () => {
      if (!feed.complete()) throw undecodable(`one of ${length} bytes does not end where it should`);
      return kept.length === 0 ? null : asPartial(decode(Buffer.concat(kept)));
    },
  };
}

/** The library keeps this very object for the rows to come. */
function keepText(relation: Relation, markedNames: readonly number[]): void {
  const marked = (at: number, name: string): string =>
    markedNames.includes(at) ? BYTE_ORDER_MARK + name : name;
  relation.schema = marked(0, relation.schema);
  relation.name = marked(1, relation.name);
  relation.columns.forEach((column, at) => {
    column.name = marked(at + 2, column.name);
    column.parser = asIs;
  });
  relation.keyColumns = relation.columns.filter(({ flags }) => (flags & 1) === 1).map(({ name }) => name);
  if (new Set(relation.columns.map(({ name }) => name)).size !== relation.columns.length)
    throw new RangeError('it has two columns of one name');
}

function toEvent(message: Pgoutput.Message, { tuples, markedNames }: Shape): WalEvent | null {
  switch (message.tag) {
    case 'begin':
      return { kind: 'begin', xid: message.xid >>> 0, commitAt: timeOf(message.commitTime) };
    case 'commit':
      return { kind: 'commit', end: endOf(message.commitEndLsn), commitAt: timeOf(message.commitTime) };
    case 'message': {
      const { transactional, content } = message;
      const prefix = markedNames.length > 0 ? BYTE_ORDER_MARK + message.prefix : message.prefix;
      return { kind: 'message', transactional, prefix, content: Buffer.from(content).toString('utf8') };
    }
    case 'insert':
      return {
        kind: 'insert',
        table: tableOf(message.relation),
        row: whole(message.relation, message.new, tuples[0]),
      };
    case 'update':
      return updateEvent(message, tuples);
    case 'delete': {
      const old = whole(message.relation, message.key ?? message.old ?? {}, tuples[0]);
      return { kind: 'delete', table: tableOf(message.relation), old };
    }
    case 'truncate':
      return { kind: 'truncate', tables: message.relations.map(tableOf) };
    case 'relation':
    case 'type':
    case 'origin':
      return null;
  }
}

const tableOf = ({ schema, name }: Relation): QualifiedName => qualifiedName(schema || 'pg_catalog', name);

/** The library writes no position for 0. */
const endOf = (text: string | null): Lsn => (text === null ? lsn(0n) : parseLsn(text));

/** Microseconds since 1970, which the library makes of 64 bits that it reads without their sign. */
function timeOf(microseconds: Pgoutput.MessageBegin['commitTime']): Date {
  const at = new Date(Number(BigInt.asIntN(64, microseconds.valueOf()) / 1000n));
  if (Number.isNaN(at.getTime())) throw new RangeError('it has a time that does not exist');
  return at;
}

function updateEvent(message: Pgoutput.MessageUpdate, tuples: readonly TupleShape[]): WalEvent {
  const { relation } = message;
  const table = tableOf(relation);
  const before = message.key ?? message.old;
  if (before === null)
    return { kind: 'update', table, row: whole(relation, message.new, tuples[0]), old: null };
  const old = whole(relation, before, tuples[0]);
  whole(relation, message.new, tuples[1]);
  const row = filled(message, old, tuples[1]);
  // A key that is stored out of line is told though it did not change.
  const isSame = message.key !== null && Object.keys(old).every((name) => old[name] === row[name]);
  return { kind: 'update', table, row, old: isSame ? null : old };
}

/** What a new tuple leaves out is as it was: a key that is stored out of line, or anything under FULL identity. */
function filled(message: Pgoutput.MessageUpdate, old: WalTuple, shape: TupleShape | undefined): WalTuple {
  const row: Values = message.new;
  for (const at of shape?.unchanged ?? []) {
    const name = message.relation.columns[at]?.name ?? '';
    row[name] = old[name];
  }
  return row as WalTuple;
}

/** Puts back what the library's decoder took away; the tuple is the message's own. */
function whole({ columns }: Relation, values: Values, shape: TupleShape | undefined): WalTuple {
  for (const at of shape?.marked ?? []) {
    const name = columns[at]?.name ?? '';
    if (typeof values[name] === 'string') values[name] = BYTE_ORDER_MARK + values[name];
  }
  return values as WalTuple;
}

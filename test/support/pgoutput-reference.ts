import type { SqlText, WalEvent, WalTuple } from '../../src/model/change.ts';
import { type Lsn, lsn, type QualifiedName, qualifiedName } from '../../src/model/ids.ts';

// A second reader of pgoutput, strict and written from the protocol's documentation alone: what the decoder is held against.

/** A column of a Relation message. */
export type RelationColumn = { readonly name: string; readonly identity: boolean; readonly typeOid: number };

/** `undefined` stands for an unchanged TOAST value. */
type Values = readonly (SqlText | undefined)[];
type OldTuple = { readonly whole: boolean; readonly values: Values };

/** A message of protocol version 1 as it stands on the wire, with tuples by position. */
export type PgoutputMessage =
  | { readonly tag: 'begin'; readonly final: Lsn; readonly commitAt: Date; readonly xid: number }
  | { readonly tag: 'commit'; readonly commit: Lsn; readonly end: Lsn; readonly commitAt: Date }
  | { readonly tag: 'origin'; readonly name: string }
  | {
      readonly tag: 'message';
      readonly transactional: boolean;
      readonly prefix: string;
      readonly content: string;
    }
  | {
      readonly tag: 'relation';
      readonly oid: number;
      readonly table: QualifiedName;
      readonly columns: readonly RelationColumn[];
    }
  | { readonly tag: 'type'; readonly oid: number; readonly name: string }
  | { readonly tag: 'insert'; readonly oid: number; readonly row: Values }
  | { readonly tag: 'update'; readonly oid: number; readonly old: OldTuple | null; readonly row: Values }
  | { readonly tag: 'delete'; readonly oid: number; readonly old: OldTuple }
  | { readonly tag: 'truncate'; readonly oids: readonly number[] };

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

type Reader = ReturnType<typeof reader>;

/** Buffer's own readers throw a RangeError at the end, which is what tells a message that is cut short. */
function reader(buffer: Buffer) {
  let at = 0;
  const forward = (bytes: number): number => {
    const start = at;
    if (bytes < 0 || start + bytes > buffer.length) throw new RangeError('the message is cut short');
    at += bytes;
    return start;
  };
  const text = (bytes: number): string => {
    const start = forward(bytes);
    return strict.decode(buffer.subarray(start, start + bytes));
  };
  return {
    byte: () => buffer.readUInt8(forward(1)),
    char: () => String.fromCharCode(buffer.readUInt8(forward(1))),
    int16: () => buffer.readInt16BE(forward(2)),
    int32: () => buffer.readInt32BE(forward(4)),
    /** Object ids and transaction ids are unsigned. */
    uint32: () => buffer.readUInt32BE(forward(4)),
    lsn: () => lsn(buffer.readBigUInt64BE(forward(8))),
    time: () => {
      const time = new Date(Number((buffer.readBigInt64BE(forward(8)) + EPOCH_2000_US) / 1000n));
      if (Number.isNaN(time.getTime())) throw new RangeError('no time');
      return time;
    },
    text,
    /** Whatever bytes somebody put there, read as far as they are UTF-8. */
    bytes: (length: number) => {
      const start = forward(length);
      return buffer.toString('utf8', start, start + length);
    },
    string: () => {
      const end = buffer.indexOf(0, at);
      if (end < 0) throw new RangeError('the message is cut short');
      const value = text(end - at);
      at = end + 1;
      return value;
    },
    end: () => {
      if (at !== buffer.length) throw new RangeError(`${buffer.length - at} bytes are left over`);
    },
  };
}

const EPOCH_2000_US = BigInt(Date.UTC(2000, 0, 1)) * 1000n;

const PARSERS: Readonly<Record<string, (from: Reader) => PgoutputMessage>> = {
  B: (from) => ({ tag: 'begin', final: from.lsn(), commitAt: from.time(), xid: from.uint32() }),
  C: (from) => {
    from.byte();
    return { tag: 'commit', commit: from.lsn(), end: from.lsn(), commitAt: from.time() };
  },
  O: (from) => {
    from.lsn();
    return { tag: 'origin', name: from.string() };
  },
  M: (from) => {
    const transactional = (from.byte() & 1) === 1;
    from.lsn();
    return { tag: 'message', transactional, prefix: from.string(), content: from.bytes(from.int32()) };
  },
  R: parseRelation,
  Y: (from) => {
    const oid = from.uint32();
    const schema = from.string();
    return { tag: 'type', oid, name: `${schema || 'pg_catalog'}.${from.string()}` };
  },
  I: (from) => {
    const oid = from.uint32();
    expectMark(from.char(), 'N');
    return { tag: 'insert', oid, row: tuple(from) };
  },
  U: parseUpdate,
  D: (from) => {
    const oid = from.uint32();
    const mark = from.char();
    expectMark(mark, 'KO');
    return { tag: 'delete', oid, old: { whole: mark === 'O', values: tuple(from) } };
  },
  T: (from) => {
    const tables = count(from.int32());
    from.byte();
    return { tag: 'truncate', oids: Array.from({ length: tables }, () => from.uint32()) };
  },
};

function count(read: number): number {
  if (read < 0) throw new RangeError(`a count of ${read}`);
  return read;
}

function parseRelation(from: Reader): PgoutputMessage {
  const oid = from.uint32();
  const schema = from.string();
  const table = qualifiedName(schema || 'pg_catalog', from.string());
  expectMark(from.char(), 'dnfi');
  const columns = Array.from({ length: count(from.int16()) }, () => {
    const identity = (from.byte() & 1) === 1;
    const column = { name: from.string(), identity, typeOid: from.uint32() };
    from.int32();
    return column;
  });
  if (new Set(columns.map(({ name }) => name)).size < columns.length) throw new RangeError('a name twice');
  return { tag: 'relation', oid, table, columns };
}

function parseUpdate(from: Reader): PgoutputMessage {
  const oid = from.uint32();
  const mark = from.char();
  expectMark(mark, 'KON');
  if (mark === 'N') return { tag: 'update', oid, old: null, row: tuple(from) };
  const old = { whole: mark === 'O', values: tuple(from) };
  expectMark(from.char(), 'N');
  return { tag: 'update', oid, old, row: tuple(from) };
}

function expectMark(mark: string, allowed: string): void {
  if (!allowed.includes(mark))
    throw new RangeError(`tuple mark ${JSON.stringify(mark)}, expected ${allowed}`);
}

function tuple(from: Reader): Values {
  return Array.from({ length: count(from.int16()) }, () => {
    const kind = from.char();
    if (kind === 'n') return null;
    if (kind === 'u') return undefined;
    if (kind === 't') return from.text(from.int32());
    throw new RangeError(`value kind ${JSON.stringify(kind)}`);
  });
}

/** Reads one message; throws for whatever is not exactly one. */
export function parsePgoutput(buffer: Buffer): PgoutputMessage {
  const from = reader(buffer);
  const tag = from.char();
  const parse = PARSERS[tag];
  if (!parse) throw new RangeError(`message type ${JSON.stringify(tag)}`);
  const message = parse(from);
  from.end();
  return message;
}

type Relation = { readonly table: QualifiedName; readonly columns: readonly RelationColumn[] };

/** Turns messages into events; remembers the tables that the stream has described, so make one for each stream. */
export function createReferenceDecoder(): { readonly decode: (buffer: Buffer) => WalEvent | null } {
  const relations = new Map<number, Relation>();
  const relationOf = (oid: number): Relation => {
    const relation = relations.get(oid);
    if (!relation) throw new RangeError(`it names table ${oid}, which was not described`);
    return relation;
  };
  return {
    decode: (buffer) => {
      const message = parsePgoutput(buffer);
      if (message.tag === 'relation') relations.set(message.oid, message);
      return toEvent(message, relationOf);
    },
  };
}

function toEvent(message: PgoutputMessage, relationOf: (oid: number) => Relation): WalEvent | null {
  switch (message.tag) {
    case 'begin':
      return { kind: 'begin', xid: message.xid, commitAt: message.commitAt };
    case 'commit':
      return { kind: 'commit', end: message.end, commitAt: message.commitAt };
    case 'message': {
      const { transactional, prefix, content } = message;
      return { kind: 'message', transactional, prefix, content };
    }
    case 'insert': {
      const relation = relationOf(message.oid);
      return { kind: 'insert', table: relation.table, row: named(relation, message.row) };
    }
    case 'update':
      return updateEvent(relationOf(message.oid), message.row, message.old);
    case 'delete': {
      const relation = relationOf(message.oid);
      return { kind: 'delete', table: relation.table, old: oldTuple(relation, message.old) };
    }
    case 'truncate':
      return { kind: 'truncate', tables: message.oids.map((oid) => relationOf(oid).table) };
    case 'relation':
    case 'type':
    case 'origin':
      return null;
  }
}

function updateEvent(relation: Relation, row: Values, before: OldTuple | null): WalEvent {
  const old = before === null ? null : oldTuple(relation, before);
  // What the new tuple leaves out is as the old one says, if that has it.
  const whole = row.map((value, at) => {
    if (value !== undefined || before === null) return value;
    if (before.whole) return before.values[at];
    // A key tuple's null is a place that it does not fill.
    return relation.columns[at]?.identity ? (before.values[at] ?? undefined) : undefined;
  });
  const same =
    before?.whole === false &&
    relation.columns.every(({ name, identity }, at) => !identity || old?.[name] === whole[at]);
  return { kind: 'update', table: relation.table, row: named(relation, whole), old: same ? null : old };
}

/** A key tuple has a null for every column that is not part of the identity: those say nothing. */
function oldTuple(relation: Relation, { whole, values }: OldTuple): WalTuple {
  if (whole) return named(relation, values);
  const told = values.map((value) => value ?? undefined);
  return named(relation, told, (column) => column.identity);
}

function named(
  { table, columns }: Relation,
  values: Values,
  keep: (column: RelationColumn) => boolean = () => true,
): WalTuple {
  if (values.length !== columns.length)
    throw new RangeError(`a row of ${table} has ${values.length} values for ${columns.length} columns`);
  const row: Record<string, SqlText | undefined> = Object.create(null);
  columns.forEach((column, at) => {
    if (keep(column)) row[column.name] = values[at];
  });
  return row;
}

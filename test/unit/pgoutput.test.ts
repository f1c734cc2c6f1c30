import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PgnotionError } from '../../src/model/errors.ts';
import { lsn } from '../../src/model/ids.ts';
import { createPgoutputDecoder, parsePgoutput } from '../../src/postgres/pgoutput.ts';
import { parseFrame, statusFrame } from '../../src/postgres/wal-frames.ts';

const text = (value: string): Buffer => Buffer.from(`${value}\0`);
const u8 = (value: number): Buffer => Buffer.from([value]);
const i16 = (value: number): Buffer => {
  const buffer = Buffer.alloc(2);
  buffer.writeInt16BE(value);
  return buffer;
};
const u32 = (value: number): Buffer => {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32BE(value);
  return buffer;
};
const i64 = (value: bigint): Buffer => {
  const buffer = Buffer.alloc(8);
  buffer.writeBigInt64BE(value);
  return buffer;
};
const message = (tag: string, ...parts: Buffer[]): Buffer => Buffer.concat([Buffer.from(tag), ...parts]);

type Value = string | null | undefined;
function tuple(...values: Value[]): Buffer {
  const cells = values.map((value) => {
    if (value === undefined) return Buffer.from('u');
    if (value === null) return Buffer.from('n');
    const bytes = Buffer.from(value);
    return Buffer.concat([Buffer.from('t'), u32(bytes.length), bytes]);
  });
  return Buffer.concat([i16(values.length), ...cells]);
}
const relation = (oid: number, ...columns: (readonly [name: string, identity: boolean])[]): Buffer =>
  message(
    'R',
    u32(oid),
    text('public'),
    text('t'),
    Buffer.from('d'),
    i16(columns.length),
    ...columns.map(([name, identity]) =>
      Buffer.concat([u8(identity ? 1 : 0), text(name), u32(25), u32(0xffffffff)]),
    ),
  );

const OID = 3_000_000_000;
const table = relation(OID, ['id', true], ['big', false]);
function decoder(...first: Buffer[]) {
  const made = createPgoutputDecoder();
  for (const buffer of first) made.decode(buffer);
  return made;
}

test('begin and commit carry unsigned ids, times to the millisecond and the exclusive end', () => {
  const at = 820_454_400_123_456n;
  expect(parsePgoutput(message('B', i64(16n), i64(at), u32(4_000_000_000)))).toEqual({
    tag: 'begin',
    final: 16n,
    commitAt: new Date('2025-12-31T00:00:00.123Z'),
    xid: 4_000_000_000,
  });
  expect(decoder().decode(message('C', u8(0), i64(16n), i64(48n), i64(0n)))).toEqual({
    kind: 'commit',
    end: 48n,
    commitAt: new Date('2000-01-01T00:00:00Z'),
  });
});

test('null, unchanged and empty are told apart', () => {
  const update = message('U', u32(OID), Buffer.from('N'), tuple('', undefined));
  expect(decoder(table).decode(update)).toStrictEqual({
    kind: 'update',
    table: 'public.t',
    row: Object.assign(Object.create(null), { id: '', big: undefined }),
    old: null,
  });
  const insert = decoder(table).decode(message('I', u32(OID), Buffer.from('N'), tuple('1', null)));
  expect(insert).toMatchObject({ row: { id: '1', big: null } });
});

test('an old key shows the identity only, an old row all, and fills in what the new one leaves out', () => {
  const of = (mark: string) =>
    decoder(table).decode(
      message(
        'U',
        u32(OID),
        Buffer.from(mark),
        tuple('1', mark === 'K' ? null : 'x'),
        Buffer.from('N'),
        tuple('2', undefined),
      ),
    );
  expect(of('K')).toEqual({ kind: 'update', table: 'public.t', row: { id: '2' }, old: { id: '1' } });
  expect(of('O')).toEqual({
    kind: 'update',
    table: 'public.t',
    row: { id: '2', big: 'x' },
    old: { id: '1', big: 'x' },
  });
});

test('a table is read as it was described last', () => {
  const made = decoder(table, relation(OID, ['renamed', true]));
  expect(made.decode(message('D', u32(OID), Buffer.from('K'), tuple('7')))).toEqual({
    kind: 'delete',
    table: 'public.t',
    old: { renamed: '7' },
  });
  expect(made.decode(message('T', u32(1), u8(0), u32(OID)))).toEqual({
    kind: 'truncate',
    tables: ['public.t'],
  });
});

test('a column may be called as members of objects are', () => {
  const made = decoder(relation(OID, ['__proto__', true], ['constructor', false]));
  const event = made.decode(message('I', u32(OID), Buffer.from('N'), tuple('a', 'b')));
  expect(event?.kind === 'insert' && Object.entries(event.row)).toEqual([
    ['__proto__', 'a'],
    ['constructor', 'b'],
  ]);
});

test('origins and types stand for no event', () => {
  expect(decoder().decode(message('O', i64(1n), text('node')))).toBeNull();
  expect(decoder().decode(message('Y', u32(9), text(''), text('mood')))).toBeNull();
});

test.each([
  ['nothing', Buffer.alloc(0)],
  ['an unknown type', message('Z')],
  ['a table that was not described', message('I', u32(1), Buffer.from('N'), tuple('1', '2'))],
  ['another number of values', message('I', u32(OID), Buffer.from('N'), tuple('1'))],
  ['a binary value', message('I', u32(OID), Buffer.from('N'), i16(1), Buffer.from('b'), u32(0))],
  ['a negative length', message('I', u32(OID), Buffer.from('N'), i16(1), Buffer.from('t'), u32(0xffffffff))],
  ['bytes that are left over', message('T', u32(0), u8(0), u8(0))],
])('%s is refused', (_, buffer) => {
  const attempt = (): unknown => decoder(table).decode(buffer);
  expect(attempt).toThrow(PgnotionError);
  expect(attempt).toThrow(expect.objectContaining({ code: 'wal_undecodable', retryable: false }));
});

test('a message that is cut anywhere is refused, whatever its values', () => {
  const value = fc.option(fc.string({ unit: 'grapheme' }), { nil: null });
  fc.assert(
    fc.property(fc.tuple(value, value), fc.nat(), (values, at) => {
      const whole = message('I', u32(OID), Buffer.from('N'), tuple(...values));
      const event = decoder(table).decode(whole);
      expect(event).toMatchObject({ row: { id: values[0], big: values[1] } });
      expect(() => decoder(table).decode(whole.subarray(0, at % whole.length))).toThrow(PgnotionError);
    }),
  );
});

test('frames: a keepalive is read, a status repeats the position three times, anything else is refused', () => {
  expect(parseFrame(Buffer.concat([Buffer.from('k'), i64(99n), i64(0n), u8(1)]))).toEqual({
    kind: 'keepalive',
    walEnd: 99n,
    replyRequested: true,
  });
  const status = statusFrame(lsn(0x1_0000_0002n), Date.UTC(2000, 0, 1, 0, 0, 1), true);
  expect([1, 9, 17].map((at) => status.readBigUInt64BE(at))).toEqual(Array(3).fill(0x1_0000_0002n));
  expect(status.readBigInt64BE(25)).toBe(1_000_000n);
  expect([status[0], status[33], status.length]).toEqual([0x72, 1, 34]);
  expect(() => parseFrame(Buffer.from('x'))).toThrow(PgnotionError);
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PgnotionError } from '../../src/model/errors.ts';
import { lsn } from '../../src/model/ids.ts';
import { createPgoutputDecoder } from '../../src/postgres/pgoutput.ts';
import { parseFrame, statusFrame } from '../../src/postgres/wal-frames.ts';
import { i16, i64, message, relation, text, tuple, u8, u32 } from '../support/pgoutput-messages.ts';

const OID = 3_000_000_000;
const table = relation(OID, ['id', true], ['big', false]);
function decoder(...first: Buffer[]) {
  const made = createPgoutputDecoder();
  for (const buffer of first) made.decode(buffer);
  return made;
}

test('begin and commit carry unsigned ids, times to the millisecond and the exclusive end', () => {
  const at = 820_454_400_123_456n;
  expect(decoder().decode(message('B', i64(16n), i64(at), u32(4_000_000_000)))).toEqual({
    kind: 'begin',
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

test('a key that is stored out of line and did not change is the old one', () => {
  const update = message(
    'U',
    u32(OID),
    Buffer.from('K'),
    tuple('1', null),
    Buffer.from('N'),
    tuple(undefined, 'x'),
  );
  expect(decoder(table).decode(update)).toEqual({
    kind: 'update',
    table: 'public.t',
    row: { id: '1', big: 'x' },
    old: null,
  });
});

test('values stay text as PostgreSQL wrote them, whatever their types', () => {
  const values = [
    [20, '9223372036854775807'],
    [1700, 'NaN'],
    [1184, '2026-01-01 00:00:00.123456+00'],
    [1082, 'infinity'],
    [16, 't'],
    [17, '\\x00ff'],
    [1016, '{1,NULL}'],
    [114, '{"a": 12345678901234567890}'],
  ] as const;
  const described = message(
    'R',
    u32(OID),
    text('public'),
    text('t'),
    Buffer.from('d'),
    i16(values.length),
    ...values.map(([oid]) => Buffer.concat([u8(0), text(`c${oid}`), u32(oid), u32(0xffffffff)])),
  );
  const insert = message('I', u32(OID), Buffer.from('N'), tuple(...values.map(([, value]) => value)));
  expect(decoder(described).decode(insert)).toMatchObject({
    row: Object.fromEntries(values.map(([oid, value]) => [`c${oid}`, value])),
  });
});

test('a byte order mark is part of a value and of a name, in old rows and new ones', () => {
  const mark = '\uFEFF';
  const described = relation(OID, [`${mark}id`, true], ['big', false]);
  const insert = message('I', u32(OID), Buffer.from('N'), tuple(`${mark}${mark}1`, `x${mark}`));
  expect(decoder(described).decode(insert)).toMatchObject({
    row: { [`${mark}id`]: `${mark}${mark}1`, big: `x${mark}` },
  });
  const update = message(
    'U',
    u32(OID),
    Buffer.from('O'),
    tuple('1', mark),
    Buffer.from('N'),
    tuple('1', undefined),
  );
  expect(decoder(described).decode(update)).toMatchObject({ row: { big: mark }, old: { big: mark } });
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

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createPgoutputDecoder } from '../../src/postgres/pgoutput.ts';
import { MOST_MESSAGE_BYTES } from '../../src/postgres/wal-large.ts';
import { createCopyReader } from '../../src/postgres/wal-socket.ts';
import { createWal2jsonDecoder } from '../../src/postgres/wal2json.ts';
import { i64, message, relation, text, tuple, u8, u32 } from '../support/pgoutput-messages.ts';

const MEGABYTE = 1024 * 1024;
const packet = (tag: string, body: Buffer): Buffer =>
  Buffer.concat([Buffer.from(tag), u32(body.length + 4), body]);

/** Cuts where it is told to. */
function pieces(whole: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [...new Set(cuts.map((cut) => cut % (whole.length + 1)))].sort((a, b) => a - b);
  return [0, ...places].map((from, at) => whole.subarray(from, places[at] ?? whole.length));
}

test('messages are the same however the network cuts them, and what is not COPY data is handed on as it is', () => {
  const body = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes));
  const packets = fc.array(fc.tuple(fc.constantFrom('d', 'd', 'c', 'E', 'Z', 'S'), body), { maxLength: 8 });
  fc.assert(
    fc.property(packets, fc.array(fc.nat()), (sent, cuts) => {
      const seen: string[] = [];
      let other = Buffer.alloc(0);
      const read = createCopyReader(
        {
          message: (content) => void seen.push(content.toString('hex')),
          large: (length) => {
            let got = '';
            return {
              write: (piece) => {
                got += piece.toString('hex');
              },
              end: () => void seen.push(`${length}:${got}`),
            };
          },
          other: (bytes) => {
            other = Buffer.concat([other, bytes]);
          },
        },
        20,
      );
      for (const piece of pieces(Buffer.concat(sent.map(([tag, each]) => packet(tag, each))), cuts))
        read(piece);
      const data = sent.filter(([tag]) => tag === 'd').map(([, each]) => each);
      expect(seen).toEqual(
        data.map((each) =>
          each.length > 20 ? `${each.length}:${each.toString('hex')}` : each.toString('hex'),
        ),
      );
      const rest = sent.filter(([tag]) => tag !== 'd').map(([tag, each]) => packet(tag, each));
      expect(other).toEqual(Buffer.concat(rest));
    }),
  );
});

const OID = 16_384;
const table = relation(OID, ['id', true], ['big', false], ['note', false]);
const big = 'x'.repeat(6 * MEGABYTE);

function readLarge(whole: Buffer, cuts: readonly number[]) {
  const decoder = createPgoutputDecoder();
  decoder.decode(table);
  const large = decoder.large(whole.length);
  for (const piece of pieces(whole, cuts)) large.write(piece);
  return large.end();
}

test('invariant 12: of a large row the large values are dropped as they come, and its key stays', () => {
  const n = Buffer.from('N');
  const insert = message('I', u32(OID), n, tuple('7', big, 'n'));
  fc.assert(
    fc.property(fc.array(fc.nat(insert.length)), (cuts) => {
      expect(readLarge(insert, cuts)).toEqual({
        kind: 'insert',
        table: 'public.t',
        row: { id: '7', big: undefined, note: 'n' },
        partial: true,
      });
    }),
    { numRuns: 20 },
  );
  const update = message('U', u32(OID), Buffer.from('K'), tuple('6', null, null), n, tuple('7', big, null));
  expect(readLarge(update, [1, 40])).toMatchObject({
    row: { id: '7', note: null },
    old: { id: '6' },
    partial: true,
  });
  const whole = message('D', u32(OID), Buffer.from('O'), tuple('7', big, 'n'));
  expect(readLarge(whole, [])).toMatchObject({ kind: 'delete', old: { id: '7', note: 'n' } });
});

test('values that are small each are kept as far as the bound allows, keys always', () => {
  const many = 12;
  const names = Array.from({ length: many }, (_, at) => [`c${at}`, false] as const);
  const decoder = createPgoutputDecoder();
  decoder.decode(relation(OID, ...names, ['id', true]));
  const values = names.map(() => 'y'.repeat(MEGABYTE - 100));
  const insert = message('I', u32(OID), Buffer.from('N'), tuple(...values, 'k'.repeat(2_700)));
  const large = decoder.large(insert.length);
  for (let at = 0; at < insert.length; at += 65_536) large.write(insert.subarray(at, at + 65_536));
  const event = large.end();
  if (event === null || !('row' in event)) throw new Error('no row');
  const kept = Object.values(event.row).filter((value) => typeof value === 'string');
  expect(event.row.id).toHaveLength(2_700);
  expect(kept.length).toBeGreaterThan(2);
  expect(kept.join('').length).toBeLessThan(MOST_MESSAGE_BYTES + 10_000);
});

test('a large message that is none of ours means nothing; one that is cut short, or too long, is refused', () => {
  const other = message('M', u8(1), i64(1n), text('pgnotion'), u32(big.length), Buffer.from(big));
  expect(readLarge(other, [5, 1_000])).toBeNull();
  const insert = message('I', u32(OID), Buffer.from('N'), tuple('7', big, 'n'));
  const undecodable = expect.objectContaining({ code: 'wal_undecodable' });
  expect(() => readLarge(insert.subarray(0, -2), [])).toThrow(undecodable);
  expect(() => readLarge(Buffer.concat([insert, u8(0)]), [])).toThrow(undecodable);
});

const line = (columns: readonly unknown[]): string =>
  JSON.stringify({ action: 'I', xid: 7, schema: 'public', table: 't', columns });

test('invariant 12: of a large line of wal2json the long strings are dropped, whatever quotes they hold', () => {
  const odd = `${'"\\'.repeat(MEGABYTE)}x`;
  const columns = [
    { name: 'id', type: 'bigint', value: 7 },
    { name: 'big', type: 'text', value: odd },
    { name: 'bytes', type: 'bytea', value: '00'.repeat(2 * MEGABYTE) },
    { name: 'note', type: 'text', value: 'a "b" \\' },
  ];
  const whole = Buffer.from(line(columns));
  fc.assert(
    fc.property(fc.array(fc.nat(whole.length)), (cuts) => {
      const large = createWal2jsonDecoder().large(whole.length);
      for (const piece of pieces(whole, cuts)) large.write(piece);
      expect(large.end()).toEqual({
        kind: 'insert',
        table: 'public.t',
        row: { id: '7', big: undefined, bytes: undefined, note: 'a "b" \\' },
        partial: true,
      });
    }),
    { numRuns: 20 },
  );
});

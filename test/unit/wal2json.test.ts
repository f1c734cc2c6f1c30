import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PgnotionError } from '../../src/model/errors.ts';
import { createWal2jsonDecoder, wal2jsonOptions } from '../../src/postgres/wal2json.ts';
import { wal2jsonFaults } from '../../src/postgres/wal2json-checks.ts';

const decodeAll = (...lines: readonly string[]) => {
  const decoder = createWal2jsonDecoder();
  return lines.flatMap((each) => decoder.decode(Buffer.from(each)) ?? []);
};
const BEGIN =
  '{"action":"B","xid":4000000000,"timestamp":"2026-11-26 18:22:21.979142+00","lsn":"0/10","nextlsn":"0/20"}';
const COMMIT = BEGIN.replace('"B"', '"C"');
const column = (name: string, type: string, value: string): string =>
  `{"name":"${name}","type":"${type}","value":${value}}`;
const row = (action: string, columns: string, identity?: string): string =>
  `{"action":"${action}","xid":7,"schema":"public","table":"t","columns":[${columns}]${identity === undefined ? '' : `,"identity":[${identity}]`}}`;
const ID = column('id', 'bigint', '9223372036854775807');
const insert = row('I', ID);

test('a transaction begins with its first change; one without any is a position only', () => {
  const at = new Date('2026-11-26T18:22:21.979Z');
  expect(decodeAll(BEGIN, insert, insert, COMMIT)).toMatchObject([
    { kind: 'begin', xid: 4_000_000_000, commitAt: at },
    { kind: 'insert' },
    { kind: 'insert' },
    { kind: 'commit', end: 0x20n, commitAt: at },
  ]);
  expect(decodeAll(BEGIN, COMMIT)).toEqual([{ kind: 'keepalive', walEnd: 0x20n }]);
});

test('values are the text that PostgreSQL writes, digit by digit', () => {
  const columns = [
    ID,
    column('n', 'numeric', '12345678901234567890.12300'),
    column('f', 'double precision', '1e+300'),
    column('b', 'boolean', 'false'),
    column('by', 'bytea', '"00ff"'),
    column('d', 'db', '"\\\\x01"'),
    column('t', 'text', '"\\ufeff \\u0001 \\"q\\""'),
    column('z', 'text', 'null'),
  ];
  expect(decodeAll(row('I', columns.join()))).toEqual([
    {
      kind: 'insert',
      table: 'public.t',
      row: {
        id: '9223372036854775807',
        n: '12345678901234567890.12300',
        f: '1e+300',
        b: 'f',
        by: '\\x00ff',
        d: '\\x01',
        t: '\uFEFF \u0001 "q"',
        z: null,
      },
    },
  ]);
});

test.each(['numeric', 'numeric(10,2)', 'real', 'double precision'])(
  'a null of type %s may be NaN or infinity: only the row can tell',
  (type) => {
    const [event] = decodeAll(row('I', `${ID},${column('n', type, 'null')}`));
    expect(event).toMatchObject({ partial: true, row: { n: undefined } });
  },
);

test('an old row is told if it differs, and fills in what the new one leaves out', () => {
  const key = column('id', 'bigint', '1');
  const [same, rekeyed, full] = decodeAll(
    row('U', `${key},${column('v', 'text', '"a"')}`, key),
    row('U', `${ID},${column('v', 'text', '"a"')}`, key),
    row('U', `${key}`, `${key},${column('big', 'text', '"x"')}`),
  );
  expect(same).toMatchObject({ old: null });
  expect(rekeyed).toMatchObject({ old: { id: '1' }, row: { id: '9223372036854775807' } });
  expect(full).toMatchObject({ old: null, row: { id: '1', big: 'x' } });
});

test('deletes, truncates and messages', () => {
  const message = (transactional: boolean): string =>
    `{"action":"M","xid":7,"transactional":${transactional},"prefix":"pgnotion","content":"x"}`;
  expect(decodeAll(BEGIN, message(false), message(true), COMMIT)).toMatchObject([
    { kind: 'message', transactional: false },
    { kind: 'begin' },
    { kind: 'message', transactional: true, prefix: 'pgnotion', content: 'x' },
    { kind: 'commit' },
  ]);
  expect(
    decodeAll(
      `{"action":"D","schema":"s","table":"t","identity":[${column('id', 'integer', '1')}]}`,
      '{"action":"T","schema":"s","table":"t"}',
    ),
  ).toEqual([
    { kind: 'delete', table: 's.t', old: { id: '1' } },
    { kind: 'truncate', tables: ['s.t'] },
  ]);
});

test('bytes that anybody put into a message are no reason to stop; those of a row are', () => {
  const broken = Buffer.concat([
    Buffer.from('{"action":"M","xid":7,"transactional":true,"prefix":"pgnotion","content":"'),
    Buffer.from([0xff]),
    Buffer.from('"}'),
  ]);
  expect(createWal2jsonDecoder().decode(broken)).toMatchObject({ kind: 'message' });
  const latin1 = Buffer.from(row('I', column('t', 'text', '"é"')), 'latin1');
  expect(() => createWal2jsonDecoder().decode(latin1)).toThrow(
    expect.objectContaining({ code: 'wal_undecodable' }),
  );
});

/** What a line says to somebody who reads it as JSON and knows the format; null for one that breaks it. */
function meaning(text: string): unknown {
  try {
    const line = JSON.parse(text, (_key, value: unknown, context?: { readonly source?: string }) =>
      typeof value === 'number' ? { digits: context?.source } : value,
    );
    const values = Object.fromEntries(
      line.columns.map(({ name, type, value }: { name: unknown; type: unknown; value: unknown }) => {
        if (typeof name !== 'string' || typeof type !== 'string') throw new TypeError();
        if (typeof value === 'string') return [name, type === 'bytea' ? `\\x${value}` : value];
        if (typeof value === 'boolean') return [name, value ? 't' : 'f'];
        if (value === null) return [name, /^(numeric|real|double precision)\b/.test(type) ? undefined : null];
        const { digits } = value as { digits?: string };
        return [name, digits];
      }),
    );
    return { table: `${line.schema}.${line.table}`, values };
  } catch {
    return null;
  }
}

test('invariant 1: a spoiled line is refused, or means what it says: never another value', () => {
  const columns = [
    ID,
    column('t', 'text', '"a \\"b\\""'),
    column('n', 'numeric', '1.50'),
    column('b', 'boolean', 'true'),
  ];
  const whole = row('I', columns.join());
  const spoil = fc.tuple(
    fc.nat(whole.length - 1),
    fc.constantFrom('', '"', '\\', '0', ',', '}', 'x', ':', ' '),
    fc.nat(3),
  );
  let refused = 0;
  fc.assert(
    fc.property(fc.array(spoil, { minLength: 1, maxLength: 3 }), (damages) => {
      const text = damages.reduce(
        (now, [at, by, away]) => now.slice(0, at) + by + now.slice(at + away),
        whole,
      );
      try {
        const [event] = decodeAll(text);
        if (event?.kind !== 'insert') throw new Error('another event');
        expect({ table: event.table, values: { ...event.row } }).toEqual(meaning(text));
      } catch (error) {
        if (!(error instanceof PgnotionError)) throw error;
        expect(error).toMatchObject({ code: 'wal_undecodable', retryable: false });
        // No value of a row may stand in an error (invariant 14).
        expect(error.message).not.toContain('9223372036854775807');
        refused += 1;
      }
    }),
    { numRuns: 5_000 },
  );
  expect(refused).toBeGreaterThan(1_000);
});

test('a line that is cut anywhere is refused', () => {
  for (let end = 0; end < insert.length; end += 1)
    expect(() => decodeAll(insert.slice(0, end))).toThrow(
      expect.objectContaining({ code: 'wal_undecodable' }),
    );
});

test('names are escaped for the list of tables, which is always given', () => {
  const options = wal2jsonOptions(
    [
      ['public', 'plain_1'],
      ['My Schema', 'a,b.c*d\\e'],
    ],
    'pgnotion',
  );
  expect(options['add-tables']).toBe('public.plain_1,My\\ Schema.a\\,b\\.c\\*d\\\\e');
  expect(options).toMatchObject({ 'format-version': '2', 'add-msg-prefixes': 'pgnotion' });
});

test('what stands in the way of wal2json is named, with its remedy', () => {
  expect(wal2jsonFaults({ encoding: 'UTF8', allowed: null, partitioned: [] })).toEqual([]);
  expect(wal2jsonFaults({ encoding: 'UTF8', allowed: 'pgoutput, wal2json', partitioned: [] })).toEqual([]);
  const faults = wal2jsonFaults({ encoding: 'LATIN1', allowed: 'pgoutput', partitioned: ['public.t'] });
  expect(faults.map(({ path }) => path)).toEqual([
    'the encoding of the database',
    'output_plugin_libraries',
    'public.t',
  ]);
});

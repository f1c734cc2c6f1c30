import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { WalEvent } from '../../src/model/change.ts';
import { PgnotionError } from '../../src/model/errors.ts';
import { createPgoutputDecoder } from '../../src/postgres/pgoutput.ts';
import { i64, message, relation, text, tuple, u8, u32 } from '../support/pgoutput-messages.ts';
import { createReferenceDecoder } from '../support/pgoutput-reference.ts';

const OIDS = [16_384, 3_000_000_000] as const;
const COLUMNS = ['id', 'part', 'big'] as const;
const described = OIDS.map((oid) => relation(oid, ['id', true], ['part', true], ['big', false]));

const value = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('', '\uFEFF', '\uFEFFx', '\uFFFD', 'NaN', '9223372036854775807'),
);
const cell = fc.option(fc.oneof(value, fc.constant(undefined)), { nil: null });
const row = fc.tuple(...COLUMNS.map(() => cell)).map((cells) => tuple(...cells));
const oid = fc.constantFrom(...OIDS).map(u32);
const mark = (of: string): Buffer => Buffer.from(of);

const whole = fc.oneof(
  fc
    .tuple(fc.bigInt({ min: 0n, max: 2n ** 60n }), fc.nat())
    .map(([at, xid]) => message('B', i64(at), i64(at), u32(xid))),
  fc.bigInt({ min: 0n, max: 2n ** 60n }).map((at) => message('C', u8(0), i64(at), i64(at + 8n), i64(at))),
  fc.tuple(oid, row).map(([table, values]) => message('I', table, mark('N'), values)),
  fc.tuple(oid, row).map(([table, values]) => message('U', table, mark('N'), values)),
  fc
    .tuple(oid, fc.constantFrom('K', 'O'), row, row)
    .map(([table, of, old, values]) => message('U', table, mark(of), old, mark('N'), values)),
  fc.tuple(oid, fc.constantFrom('K', 'O'), row).map(([table, of, old]) => message('D', table, mark(of), old)),
  fc.array(oid, { maxLength: 3 }).map((tables) => message('T', u32(tables.length), u8(0), ...tables)),
  fc.constantFrom(...described),
  fc
    .tuple(value, fc.uint8Array({ maxLength: 20 }))
    .map(([prefix, content]) =>
      message(
        'M',
        u8(1),
        i64(9n),
        text(prefix.replaceAll('\0', '')),
        u32(content.length),
        Buffer.from(content),
      ),
    ),
  fc.constant(message('O', i64(7n), text('node'))),
  fc.constant(message('Y', u32(9), text(''), text('mood'))),
);

/** How a message is spoiled: bytes changed, cut out, put in, or all from somewhere on. */
const damage = fc.oneof(
  fc.record({ kind: fc.constant('set' as const), at: fc.nat(), byte: fc.nat(255) }),
  fc.record({ kind: fc.constant('flip' as const), at: fc.nat(), byte: fc.nat(7) }),
  fc.record({ kind: fc.constant('remove' as const), at: fc.nat(), byte: fc.nat(8) }),
  fc.record({ kind: fc.constant('insert' as const), at: fc.nat(), byte: fc.nat(255) }),
  fc.record({ kind: fc.constant('cut' as const), at: fc.nat(), byte: fc.constant(0) }),
);
type Damage = typeof damage extends fc.Arbitrary<infer Kind> ? Kind : never;

function spoil(buffer: Buffer, { kind, at, byte }: Damage): Buffer {
  if (buffer.length === 0) return buffer;
  const place = at % buffer.length;
  const before = buffer.subarray(0, place);
  switch (kind) {
    case 'set':
      return Buffer.concat([before, Buffer.from([byte]), buffer.subarray(place + 1)]);
    case 'flip':
      return Buffer.concat([
        before,
        Buffer.from([(buffer[place] ?? 0) ^ (1 << byte)]),
        buffer.subarray(place + 1),
      ]);
    case 'remove':
      return Buffer.concat([before, buffer.subarray(place + byte)]);
    case 'insert':
      return Buffer.concat([before, Buffer.from([byte]), buffer.subarray(place)]);
    case 'cut':
      return Buffer.from(before);
  }
}

type WalDecoder = { readonly decode: (buffer: Buffer) => WalEvent | null };
type Outcome = { readonly event: WalEvent | null } | 'refused';

function outcome(decoder: WalDecoder, buffer: Buffer): Outcome {
  try {
    return { event: decoder.decode(buffer) };
  } catch {
    return 'refused';
  }
}

/** As capture uses it: text by column name, nothing where a value was not sent. */
const plain = (result: Outcome): unknown =>
  result === 'refused'
    ? result
    : JSON.parse(
        JSON.stringify(result.event, (_key, each: unknown) =>
          typeof each === 'bigint' ? String(each) : each,
        ) ?? 'null',
      );

function both(): readonly [WalDecoder, WalDecoder] {
  const made = [createPgoutputDecoder(), createReferenceDecoder()] as const;
  for (const decoder of made) for (const buffer of described) decoder.decode(buffer);
  return made;
}

test('whole messages mean what the reference reader says', () => {
  const [decoder, reference] = both();
  fc.assert(
    fc.property(whole, (buffer) => {
      const expected = outcome(reference, buffer);
      expect(expected).not.toBe('refused');
      expect(plain(outcome(decoder, buffer))).toEqual(plain(expected));
    }),
    { numRuns: 2_000 },
  );
});

test('invariant 1: a spoiled message is refused, or means what the reference reader says: never another value', () => {
  let refused = 0;
  let runs = 0;
  fc.assert(
    fc.property(whole, fc.array(damage, { minLength: 1, maxLength: 4 }), (buffer, damages) => {
      // A table that is described anew would change what follows.
      const [decoder, reference] = both();
      const spoiled = damages.reduce(spoil, buffer);
      const found = outcome(decoder, spoiled);
      expect(plain(found)).toEqual(plain(outcome(reference, spoiled)));
      runs += 1;
      if (found === 'refused') refused += 1;
    }),
    { numRuns: 10_000 },
  );
  // Else the damage would have shown nothing.
  expect(refused).toBeGreaterThan(runs / 3);
});

test('any bytes at all are refused as ours to report, never as a fault of the process', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      fc.constantFrom(...'BCOMRYIUDTSEcAbPKrpZ'),
      (bytes, tag) => {
        const [decoder] = both();
        try {
          decoder.decode(Buffer.concat([Buffer.from(tag), bytes]));
        } catch (error) {
          expect(error).toBeInstanceOf(PgnotionError);
          expect(error).toMatchObject({ code: 'wal_undecodable', retryable: false });
        }
      },
    ),
    { numRuns: 5_000 },
  );
});

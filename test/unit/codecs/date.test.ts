import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { date } from '../../../src/model/codecs/date.ts';
import { parseRange } from '../../../src/model/codecs/range.ts';
import {
  arrayOf,
  column,
  decode,
  encode,
  named,
  notNull,
  prop,
  refusal,
  round,
  textIn,
  valueIn,
} from './support.ts';

const day = column('date');
const naive = column('timestamp');
const zoned = column('timestamptz');
const from = (start: string, end: string | null = null) => ({ start, end });

describe('to Notion', () => {
  test.each([
    ['2026-01-02', day, from('2026-01-02')],
    ['2026-01-02 03:04:05.123456+00', zoned, from('2026-01-02T03:04:05.123Z')],
    ['2026-01-02 03:04:05+05:30', zoned, from('2026-01-01T21:34:05.000Z')],
    ['2026-01-02 03:04:05.9-03', zoned, from('2026-01-02T06:04:05.900Z')],
    ['2026-01-02T03:04:05Z', zoned, from('2026-01-02T03:04:05.000Z')],
    ['2026-01-02 03:04:05', naive, from('2026-01-02T03:04:05.000Z')],
    ['1969-12-31 23:59:59.9999+00', zoned, from('1969-12-31T23:59:59.999Z')],
    ['0050-01-01', day, from('0050-01-01')],
    [null, zoned, null],
    ['[2026-01-01,2026-01-04)', column('daterange'), from('2026-01-01', '2026-01-03')],
    ['[2026-01-01,2026-01-02)', column('daterange'), from('2026-01-01')],
    ['[9999-12-30,10000-01-01)', column('daterange'), from('9999-12-30', '9999-12-31')],
    ['empty', column('daterange'), null],
    [
      '["2026-01-01 00:00:00+00","2026-01-02 00:00:00+00")',
      column('tstzrange'),
      from('2026-01-01T00:00:00.000Z', '2026-01-02T00:00:00.000Z'),
    ],
    ['["2026-01-01 10:00:00",)', column('tsrange'), from('2026-01-01T10:00:00.000Z')],
    ['empty', column('tsrange'), null],
  ])('%s', (text, shape, value) => {
    expect(valueIn(encode(date, text, shape))).toEqual(value);
  });

  test.each([
    ['infinity', zoned],
    ['-infinity', day],
    ['0044-03-15 BC', day],
    ['12026-01-01', day],
    ['9999-12-31 23:00:00-03', zoned],
    ['2026-02-30', day],
    ['soon', zoned],
    ['[2026-01-01,)', column('daterange')],
    ['(,2026-01-01)', column('daterange')],
    ['[2026-01-01,infinity)', column('daterange')],
    ['(,"2026-01-01 00:00:00")', column('tsrange')],
    ['["2026-01-01 00:00:00",infinity)', column('tsrange')],
    ['[-infinity,)', column('tstzrange')],
    ['nonsense', column('tstzrange')],
  ])('%s is refused', (text, shape) => {
    expect(refusal(encode(date, text, shape))).toMatch(/is not a (date|range) that Notion can .*rich_text/);
  });

  test('the request', () => {
    expect(date.write(null)).toEqual({ date: null });
    expect(date.write(from('2026-01-02'))).toEqual({ date: { start: '2026-01-02', end: null } });
    expect(date.schema(day, named())).toEqual({ date: {} });
  });
});

describe('to PostgreSQL', () => {
  test.each([
    ['a day for a timestamptz is midnight UTC', from('2026-01-02'), zoned, '2026-01-02T00:00:00.000Z'],
    ['a day for a timestamp', from('2026-01-02'), naive, '2026-01-02T00:00:00.000'],
    ['a time for a date', from('2026-01-02T23:30:00.000Z'), day, '2026-01-02'],
    ['a time', from('2026-01-02T03:04:00.000Z'), zoned, '2026-01-02T03:04:00.000Z'],
    ['nothing', null, zoned, null],
    ['days', from('2026-01-01', '2026-01-03'), column('daterange'), '[2026-01-01,2026-01-04)'],
    ['one day', from('2026-01-01'), column('daterange'), '[2026-01-01,2026-01-02)'],
    ['the last day there is', from('9999-12-31'), column('daterange'), '[9999-12-31,10000-01-01)'],
    [
      'times for days',
      from('2026-01-01T10:00:00.000Z', '2026-01-01T12:00:00.000Z'),
      column('daterange'),
      '[2026-01-01,2026-01-02)',
    ],
    [
      'times',
      from('2026-01-01T00:00:00.000Z', '2026-01-02T00:00:00.000Z'),
      column('tstzrange'),
      '["2026-01-01T00:00:00.000Z","2026-01-02T00:00:00.000Z")',
    ],
    [
      'days for times, the last one whole',
      from('2026-01-01', '2026-01-02'),
      column('tsrange'),
      '["2026-01-01T00:00:00.000","2026-01-03T00:00:00.000")',
    ],
    ['no end', from('2026-01-01T00:00:00.000Z'), column('tsrange'), '["2026-01-01T00:00:00.000",)'],
  ])('%s', (_name, value, shape, text) => {
    expect(textIn(decode(date, value, shape))).toBe(text);
  });

  test.each([
    ['an end', from('2026-01-01', '2026-01-02'), zoned, /"2026-01-01 to 2026-01-02" has an end.*tstzrange/],
    ['nothing', null, notNull(zoned), /NOT NULL/],
    ['nothing for a range', null, notNull(column('daterange')), /NOT NULL/],
    ['days backwards', from('2026-01-02', '2026-01-01'), column('daterange'), /does not end after/],
    [
      'no time at all',
      from('2026-01-02T00:00:00.000Z', '2026-01-02T00:00:00.000Z'),
      column('tsrange'),
      /does not end/,
    ],
    ['another shape', 'soon', zoned, /not a value of a date/],
    ['another shape for a range', { start: 3 }, column('daterange'), /not a value of a date/],
  ])('%s is refused', (_name, value, shape, message) => {
    expect(refusal(decode(date, value, shape))).toMatch(message);
  });

  test('the row keeps its microseconds, its bounds and its empty range', () => {
    const current = '2026-01-02 03:04:05.123456+00';
    expect(textIn(decode(date, from('2026-01-02T03:04:05.123Z'), zoned, named(), current))).toBe(current);
    expect(textIn(decode(date, from('2026-01-02T03:04:00.000Z'), zoned, named(), current))).not.toBe(current);
    expect(textIn(decode(date, null, column('tsrange'), named(), 'empty'))).toBe('empty');
    const times = from('2026-01-01T00:00:00.000Z', '2026-01-02T00:00:00.000Z');
    const bounds = (present: string) => textIn(decode(date, times, column('tsrange'), named(), present));
    expect(bounds('("2025-01-01 00:00:00","2025-01-02 00:00:00"]')).toMatch(/^\(.*\]$/);
    expect(bounds('(,)')).toMatch(/^\[.*\)$/);
  });
});

describe('invariant 6: a column of days takes the day that the person sees', () => {
  const TOKYO = '2026-05-01T08:00:00.000+09:00';
  const seen = (content: unknown, shape = day) => {
    const outcome = date.read(prop('date', content), shape);
    return outcome.kind === 'value' ? outcome.value : outcome;
  };

  test.each([
    ['a morning in Tokyo', { start: TOKYO }, from('2026-05-01')],
    ['an evening in New York', { start: '2026-05-01T22:00:00.000-04:00' }, from('2026-05-01')],
    ['a zone', { start: '2026-05-01T08:00:00', time_zone: 'Asia/Tokyo' }, from('2026-05-01')],
    [
      'an instant and a zone',
      { start: '2026-04-30T23:00:00.000Z', time_zone: 'Asia/Tokyo' },
      from('2026-05-01'),
    ],
    ['an offset and its zone', { start: TOKYO, time_zone: 'Asia/Tokyo' }, from('2026-05-01')],
    ['an hour', { start: TOKYO, end: '2026-05-01T09:00:00.000+09:00' }, from('2026-05-01')],
    ['two days', { start: TOKYO, end: '2026-05-02T00:30:00.000+09:00' }, from('2026-05-01', '2026-05-02')],
  ])('%s', (_name, content, value) => {
    expect(seen(content)).toEqual(value);
    expect(seen(content, column('daterange'))).toEqual(value);
  });

  test('another column takes the instant, so that another offset alone is no edit', () => {
    for (const shape of [zoned, naive, column('tstzrange')])
      expect(seen({ start: TOKYO }, shape)).toEqual(from('2026-04-30T23:00:00.000Z'));
    expect(seen({ start: 'soon' })).toMatchObject({ kind: 'mismatch' });
  });

  test('invariant 7: the time of day can be brought back', () => {
    const extras = (content: unknown, shape = day) => date.extras?.(prop('date', content), shape);
    expect(extras({ start: TOKYO, end: null, time_zone: null })).toEqual({
      date: { start: TOKYO, end: null },
    });
    expect(extras({ start: '2026-05-01', end: null, time_zone: null })).toBeUndefined();
    expect(extras({ start: TOKYO, end: null, time_zone: null }, zoned)).toBeUndefined();
    expect(extras(null)).toBeUndefined();
  });
});

test('invariant 6: a day that stands for the midnight of the row leaves the row as it is spelled', () => {
  const midnight = '2026-01-02 00:00:00+00';
  expect(textIn(decode(date, from('2026-01-02'), zoned, named(), midnight))).toBe(midnight);
  const range = '["2026-01-01 00:00:00","2026-01-03 00:00:00")';
  expect(textIn(decode(date, from('2026-01-01', '2026-01-02'), column('tsrange'), named(), range))).toBe(
    range,
  );
});

describe('reading', () => {
  const read = (content: unknown) => {
    const outcome = date.read(prop('date', content));
    return outcome.kind === 'value' ? outcome.value : outcome;
  };

  test.each([
    ['an offset', { start: '2026-01-02T03:04:00.000-08:00', end: null }, from('2026-01-02T11:04:00.000Z')],
    ['a zone', { start: '2026-07-01T12:00:00', time_zone: 'Europe/Oslo' }, from('2026-07-01T10:00:00.000Z')],
    [
      'the hour before the clock goes back',
      { start: '2026-10-25T00:30:00', time_zone: 'Europe/Oslo' },
      from('2026-10-24T22:30:00.000Z'),
    ],
    [
      'the hours after it',
      { start: '2026-10-25T04:00:00', time_zone: 'Europe/Oslo' },
      from('2026-10-25T03:00:00.000Z'),
    ],
    [
      'a zone of half hours',
      { start: '2026-01-01T00:00:00', time_zone: 'Asia/Kolkata' },
      from('2025-12-31T18:30:00.000Z'),
    ],
    ['neither', { start: '2026-01-02T03:04' }, from('2026-01-02T03:04:00.000Z')],
    ['a day in a zone', { start: '2026-01-02', time_zone: 'Asia/Tokyo' }, from('2026-01-02')],
    ['from a day to itself', { start: '2026-01-02', end: '2026-01-02' }, from('2026-01-02')],
    ['nothing', null, null],
  ])('%s', (_name, content, value) => {
    expect(read(content)).toEqual(value);
  });

  test.each([
    {},
    { start: 'soon' },
    { start: '2026-01-01', end: 3 },
    { start: '2026-01-01T00:00:00', time_zone: 'Nowhere/Here' },
    'x',
  ])('%j is unknown', (content) => {
    expect(read(content)).toMatchObject({ kind: 'mismatch' });
  });
});

test('minutes are enough to know our own write', () => {
  expect(date.same(from('2026-01-02T03:04:05.123Z'), from('2026-01-02T03:04:00.000Z'))).toBe(true);
  expect(date.same(from('2026-01-02T03:04:05.123Z'), from('2026-01-02T03:05:00.000Z'))).toBe(false);
  expect(date.same(from('2026-01-02'), from('2026-01-02T00:00:00.000Z'))).toBe(false);
  expect(
    date.same(from('2026-01-02T03:04:05.000Z', '2026-01-02T03:04:40.000Z'), from('2026-01-02T03:04:00.000Z')),
  ).toBe(true);
  expect(date.same(null, null)).toBe(true);
  expect(date.same(null, from('2026-01-02'))).toBe(false);
});

test('the check takes the three types and their ranges', () => {
  for (const type of ['date', 'timestamp', 'timestamptz', 'daterange', 'tsrange', 'tstzrange'])
    expect(date.check(column(type), named())).toEqual([]);
  for (const shape of [
    column('text'),
    column('interval', { category: 'date' }),
    column('numrange'),
    arrayOf(day),
  ])
    expect(date.check(shape, named())).toHaveLength(1);
});

describe('exact round trips', () => {
  const instants = fc.date({
    min: new Date('0001-01-01T00:00:00Z'),
    max: new Date('9999-12-31T23:59:59.999Z'),
    noInvalidDate: true,
  });
  const spaced = (value: Date) => value.toISOString().replace('T', ' ').replace('Z', '');

  test('dates', () => {
    fc.assert(
      fc.property(instants, (value) => {
        const text = value.toISOString().slice(0, 10);
        expect(round(date, text, day)).toBe(text);
      }),
    );
  });

  test('timestamps, to the millisecond', () => {
    fc.assert(
      fc.property(instants, (value) => {
        expect(round(date, `${spaced(value)}+00`, zoned)).toBe(value.toISOString());
        expect(round(date, spaced(value), naive)).toBe(value.toISOString().slice(0, -1));
      }),
    );
  });

  test('ranges', () => {
    fc.assert(
      fc.property(instants, instants, (one, other) => {
        const [lower, upper] = one <= other ? [one, other] : [other, one];
        const [first, last] = [lower.toISOString().slice(0, 10), upper.toISOString().slice(0, 10)];
        if (first !== last)
          expect(round(date, `[${first},${last})`, column('daterange'))).toBe(`[${first},${last})`);
        if (lower < upper)
          expect(
            parseRange(
              round(date, `["${spaced(lower)}+00","${spaced(upper)}+00")`, column('tstzrange')) ?? '',
            ),
          ).toEqual({
            lower: lower.toISOString(),
            upper: upper.toISOString(),
            lowerIn: true,
            upperIn: false,
          });
      }),
    );
  });

  test('the zone that a date is read in gives one instant', () => {
    const zones = fc.constantFrom(
      'Europe/Oslo',
      'America/St_Johns',
      'Australia/Lord_Howe',
      'Asia/Kolkata',
      'UTC',
    );
    const recent = fc.date({ min: new Date('1990-01-01'), max: new Date('2040-01-01'), noInvalidDate: true });
    fc.assert(
      fc.property(recent, zones, (value, timeZone) => {
        const clock = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' });
        const shown = clock.format(value);
        const read = date.read(prop('date', { start: shown.replace(' ', 'T'), time_zone: timeZone }));
        const { start } = (read.kind === 'value' ? read.value : null) as { readonly start: string };
        expect(clock.format(new Date(start))).toBe(shown);
      }),
    );
  });
});

test('range texts', () => {
  expect(parseRange('empty')).toBe('empty');
  expect(parseRange('[a,b)')).toEqual({ lower: 'a', upper: 'b', lowerIn: true, upperIn: false });
  expect(parseRange('("a\\"b""c",)')).toEqual({
    lower: 'a"b"c',
    upper: null,
    lowerIn: false,
    upperIn: false,
  });
  expect(parseRange('[a,b')).toBeUndefined();
  expect(parseRange('{[a,b)}')).toBeUndefined();
});

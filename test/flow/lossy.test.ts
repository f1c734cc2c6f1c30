import { expect, test } from 'vitest';
import type { ConfigInput } from '../../src/config/mapping-file.ts';
import { sidesOf, typed } from '../support/sides.ts';
import { startStack } from '../support/stack.ts';

const schema = `
  create table samples (
    id integer primary key, label text not null, exact numeric(40, 20), whole numeric(20), moment timestamptz,
    day date, note text, blanks text, padded char(10), ratio double precision, small real, letters text,
    tags text[], other_number integer, other_text text, touched timestamptz not null default now());
  create function touch() returns trigger language plpgsql as $$
    begin new.touched := clock_timestamp(); return new; end $$;
  create trigger touch before update on samples for each row execute function touch();
  insert into samples values (1, 'One', 12345678901234567890.12345678901234567890, 12345678901234567890,
    '2026-03-04 05:06:07.123456+00', '2026-03-04', 'plain, bold and linked', '  two before, three after   ', 'ab',
    0.1::float8 + 0.2::float8, 0.1, E'\\u00e9 e\\u0301 \\U0001F600 \\r\\n tab\\t', '{b,a,b}', 0, '')`;

const config: ConfigInput = {
  tables: {
    samples: {
      source: 'public.samples',
      key: 'id',
      title: 'Samples',
      fields: {
        Label: { column: 'label', type: 'title' },
        Exact: { column: 'exact', type: 'rich_text' },
        Whole: { column: 'whole', type: 'number', lossy: true },
        Moment: { column: 'moment', type: 'date' },
        Day: { column: 'day', type: 'date' },
        Note: { column: 'note', type: 'rich_text' },
        Blanks: { column: 'blanks', type: 'rich_text' },
        Padded: { column: 'padded', type: 'rich_text' },
        Ratio: { column: 'ratio', type: 'number' },
        Small: { column: 'small', type: 'number' },
        Letters: { column: 'letters', type: 'rich_text' },
        Tags: { column: 'tags', type: 'multi_select' },
        'Other Number': { column: 'other_number', type: 'number' },
        'Other Text': { column: 'other_text', type: 'rich_text' },
        Touched: { column: 'touched', type: 'date', direction: 'to-notion' },
      },
    },
  },
};

const LOSSY = [
  'Label',
  'Exact',
  'Whole',
  'Moment',
  'Day',
  'Note',
  'Blanks',
  'Padded',
  'Ratio',
  'Small',
  'Letters',
  'Tags',
];

const BYTES = `
  select xmin is not null as there, label, exact::text, whole::text, moment::text, day::text, note, blanks, padded,
         encode(float8send(ratio), 'hex') as ratio, encode(float4send(small), 'hex') as small,
         encode(convert_to(letters, 'UTF8'), 'hex') as letters, tags::text
    from samples`;

/** The same words in three styles, as a person's editor would leave them. */
const STYLED = [
  { text: { content: 'plain, ' } },
  { text: { content: 'bold' }, annotations: { bold: true, color: 'red' } },
  { text: { content: ' and ' } },
  { text: { content: 'linked', link: { url: 'https://example.com/' } } },
];

test('invariant 6: what a property cannot hold whole survives ten edits of other fields on each side', async () => {
  await using stack = await startStack({ config, schema, pollSeconds: 0.3 });
  const sides = sidesOf(stack);
  const page = await sides.pageOf('samples', '1');
  sides.edit(page, { Note: { rich_text: STYLED } });
  await sides.rest();
  const row = await sides.sql(BYTES);
  const properties = LOSSY.map((name) => sides.property(page, name));
  expect(row).toMatchObject([
    { exact: '12345678901234567890.12345678901234567890', moment: '2026-03-04 05:06:07.123456+00' },
  ]);
  expect(sides.property(page, 'Note').rich_text).toHaveLength(4);
  expect(sides.shown(page, 'Moment')).toBe('2026-03-04T05:06:00.000+00:00');
  for (let turn = 1; turn <= 10; turn += 1) {
    sides.edit(page, { 'Other Text': typed('rich_text', `by a person ${turn}`) });
    await sides.sql('update samples set other_number = $1', [turn]);
    await sides.rest();
    expect(await sides.sql('select other_number, other_text from samples')).toEqual([
      { other_number: turn, other_text: `by a person ${turn}` },
    ]);
    expect(sides.shown(page, 'Other Number')).toBe(turn);
    expect(await sides.sql(BYTES), `row after turn ${turn}`).toEqual(row);
    expect(
      LOSSY.map((name) => sides.property(page, name)),
      `page after turn ${turn}`,
    ).toEqual(properties);
  }
  const written = await sides.sql<{ field: string }>(
    'select distinct unnest(fields) as field from pgnotion.operations where kind = $1',
    ['update'],
  );
  expect(LOSSY.filter((name) => written.some(({ field }) => field === name))).toEqual([]);
});

test('an edit of a formatted text brings its words to PostgreSQL and leaves its styles in Notion', async () => {
  await using stack = await startStack({ config, schema, pollSeconds: 0.3 });
  const sides = sidesOf(stack);
  const page = await sides.pageOf('samples', '1');
  sides.edit(page, {
    Note: { rich_text: [...STYLED, { text: { content: '!' }, annotations: { italic: true } }] },
  });
  await sides.rest();
  expect(await sides.sql('select note from samples')).toEqual([{ note: 'plain, bold and linked!' }]);
  expect(sides.property(page, 'Note').rich_text).toHaveLength(5);
});

test('a char(n) edited in Notion takes the new text, and rests', async () => {
  await using stack = await startStack({ config, schema, pollSeconds: 0.3 });
  const sides = sidesOf(stack);
  const page = await sides.pageOf('samples', '1');
  sides.edit(page, {
    Padded: typed('rich_text', 'abc'),
    Moment: typed('date', '2030-01-02T03:04:00.000+00:00'),
  });
  await sides.rest();
  expect(await sides.sql('select padded, moment::text from samples')).toEqual([
    { padded: 'abc       ', moment: '2030-01-02 03:04:00+00' },
  ]);
  stack.sandbox.control.clearRequests();
  await sides.polls(5);
  expect(sides.writes()).toEqual([]);
});

import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ConfigInput } from '../../src/config/mapping-file.ts';
import { eventually } from '../support/eventually.ts';
import { type Sides, sidesOf } from '../support/sides.ts';
import { createStack, type Stack } from '../support/stack.ts';

// Values that are legal in PostgreSQL and that some part of the way may choke on: each is its row's own affair.

const config: ConfigInput = {
  tables: {
    odd: {
      source: 'public.odd',
      key: 'id',
      title: 'Odd',
      fields: {
        Name: { column: 'name', type: 'title' },
        Amount: { column: 'amount', type: 'number' },
        Ratio: { column: 'ratio', type: 'number', lossy: true },
        At: { column: 'at', type: 'date' },
        Day: { column: 'day', type: 'date' },
        Tags: { column: 'tags', type: 'multi_select' },
        Data: { column: 'data', type: 'rich_text' },
        Plain: { column: 'plain', type: 'rich_text' },
        Span: { column: 'span', type: 'rich_text' },
        Text: { column: 'body', type: 'rich_text' },
        Loud: { expression: 'shout(odd.loud)', type: 'rich_text' },
      },
    },
    pairs: {
      source: 'public.pairs',
      key: ['a', 'b'],
      title: 'Pairs',
      fields: { Name: { column: 'name', type: 'title' } },
    },
    others: {
      source: 'public.others',
      key: 'id',
      title: 'Others',
      fields: { Name: { column: 'name', type: 'title' } },
    },
  },
};

const schema = `
  create function shout(words text) returns text language plpgsql immutable as $$
    begin if words = 'raise' then raise exception '%', repeat('loud ', 200000) using errcode = '42P01'; end if; return words; end $$;
  create table odd (id text primary key, name text, amount numeric(12, 2), ratio float8, at timestamptz, day date,
    tags text[], data jsonb, plain json, span interval, body text, loud text);
  create table pairs (a text, b bytea, name text, primary key (a, b));
  create table others (id integer primary key, name text);
  insert into others values (1, 'first')`;

/** A row's key, and the columns in which it is odd. */
const ODD: readonly (readonly [key: string, values: string])[] = [
  ['nan', `amount = 'NaN'`],
  ['ratio nan', `ratio = 'NaN'`],
  ['ratio infinity', `ratio = '-Infinity'`],
  ['ratio tiny', `ratio = 5e-324`],
  ['infinity', `at = 'infinity'`],
  ['minus infinity', `at = '-infinity'`],
  ['before christ', `at = '0044-03-15 BC'`],
  ['far away', `at = '294276-12-31 23:59:59Z'`],
  ['endless day', `day = 'infinity'`],
  ['last day', `day = '5874897-12-31'`],
  ['first day', `day = '4713-01-01 BC'`],
  ['bounds', `tags = '[5:6]={a,b}'`],
  ['two dimensions', `tags = '{{a,b},{c,d}}'`],
  ['null elements', `tags = '{a,null,""}'`],
  ['comma', `tags = array['a,b']`],
  ['zero in json', `plain = '"\\u0000"'`],
  ['lone surrogate in json', `plain = '"\\ud800"'`],
  ['odd json', `data = '{"": {"a/b": ["\\u2028", 1e400]}}'`],
  ['interval', `span = '-178000000 years'`],
  ['control characters', `body = E'\\x01\\x02\\b\\x1b\\x7f'`],
  ['beyond the plane', `body = repeat('𝄞', 1500)`],
  ['long', `body = repeat('x', 250000)`],
  ['huge', `body = repeat('x', 30000000)`],
  ['loud', `loud = 'raise'`],
  [E('a key/with\\na line, \'quotes\', "double" and {braces}'), `body = 'x'`],
  [`${'k'.repeat(1_900)}`, `body = 'x'`],
];

function E(text: string): string {
  return text.replaceAll('\\n', '\n');
}

let stack: Stack;
let sides: Sides;

beforeAll(async () => {
  stack = await createStack({ config, schema, pollSeconds: 0.5 });
  sides = sidesOf(stack);
  await stack.apply();
});
afterAll(() => stack[Symbol.asyncDispose]());

const insertAll = async (): Promise<void> => {
  for (const [key, values] of ODD) {
    await sides.sql('insert into odd (id, name) values ($1, $2)', [key, 'odd']);
    await sides.sql(`update odd set ${values} where id = $1`, [key]);
  }
};

/** Waits until each odd row has a page or a failure of its own; gives the failures' keys. */
async function settledApart(): Promise<string[]> {
  await stack.settled();
  const failures = (await sides.failures()).filter(({ table_name }) => table_name === 'odd');
  const linked = await sides.sql<{ key: string }>(
    `select key from pgnotion.records where table_name = 'odd' and page_id is not null`,
  );
  const told = new Set([...failures.map(({ key }) => key), ...linked.map(({ key }) => key)]);
  expect(ODD.map(([key]) => key).filter((key) => !told.has(key))).toEqual([]);
  for (const { reason, remedy, parked } of failures) {
    expect(parked).toBe(true);
    expect(reason.length).toBeLessThan(2_000);
    expect(remedy).not.toBe('');
  }
  return failures.map(({ key }) => key ?? '').sort();
}

const othersGoOn = async (text: string): Promise<void> => {
  await sides.sql('update others set name = $1', [text]);
  const page = await sides.pageOf('others', '1');
  await eventually(() => sides.shown(page, 'Name') === text);
};

test('invariant 16: at the first sync, a row with an odd value has its page or its own failure', async () => {
  await insertAll();
  await stack.start();
  const failed = await settledApart();
  expect(failed).toEqual(expect.arrayContaining(['huge', 'long', 'loud', 'nan', 'two dimensions']));
  const huge = (await sides.failures()).find(({ key }) => key === 'huge');
  expect(huge).toMatchObject({
    code: 'value_too_large',
    reason: expect.stringContaining('"Text"') as unknown,
  });
  await othersGoOn('after the first sync');
});

test('invariant 16: the same as changes of rows, and of rows that are mended', async () => {
  await sides.sql('delete from odd where length(id) > 20');
  await sides.sql('delete from odd');
  await insertAll();
  await settledApart();
  await othersGoOn('after the changes');
  await sides.sql(`update odd set body = 'short' where id in ('huge', 'long')`);
  const huge = await sides.pageOf('odd', 'huge');
  await eventually(() => sides.shown(huge, 'Text') === 'short');
  await sides.sql(`update odd set loud = 'quiet' where id = 'loud'`);
  await sides.pageOf('odd', 'loud');
});

test('invariant 16: a row whose key is too long for an index of ours is a failure, and nothing waits for it', async () => {
  await sides.sql(`insert into pairs
    select (select string_agg(md5(i::text), '') from generate_series(1, 40) i),
           (select string_agg(decode(md5(i::text), 'hex'), '') from generate_series(1, 80) i), 'long'`);
  await sides.sql(`insert into pairs values ('short', '\\x00', 'short')`);
  const failure = await eventually(async () =>
    (await sides.failures()).find(({ table_name }) => table_name === 'pairs'),
  );
  expect(failure).toMatchObject({ code: 'key_too_long', parked: true });
  await sides.pageOf('pairs', JSON.stringify(['short', '\\x00']));
  await othersGoOn('beside a long key');
  await sides.sql('select pgnotion.resync()');
  await stack.settled();
  expect((await sides.failures()).filter(({ code }) => code === 'key_too_long')).toHaveLength(1);
  await sides.sql(`update pairs set a = 'shorter', b = '\\x01' where name = 'long'`);
  await sides.pageOf('pairs', JSON.stringify(['shorter', '\\x01']));
  await eventually(async () => !(await sides.failures()).some(({ code }) => code === 'key_too_long'));
});

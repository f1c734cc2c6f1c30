import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type VerifyArguments, verifyCommand } from '../../src/cli/verify.ts';
import { type ConfigInput, parseConfig } from '../../src/config/mapping-file.ts';
import type { VerifyReport } from '../../src/model/verify-report.ts';
import { silentLog } from '../../src/runtime/log.ts';
import { type Sides, sidesOf, soon } from '../support/sides.ts';
import { createStack, type Stack } from '../support/stack.ts';

// What Notion computes only comes from there: the row follows whichever side wins, and the page is never written to.

vi.setConfig({ testTimeout: 180_000, hookTimeout: 120_000 });

const ROWS = 5;
const config: ConfigInput = {
  sync: { settleSeconds: 0.2, wholePollPages: 0, sweepHours: 24 },
  tables: {
    makers: {
      source: 'public.makers',
      key: 'id',
      title: 'Makers',
      fields: { Name: { column: 'name', type: 'title' } },
    },
    scored: {
      source: 'public.scored',
      key: 'id',
      title: 'Scored',
      fields: {
        Name: { column: 'name', type: 'title' },
        Maker: { column: 'maker_id', type: 'relation', relatedTable: 'makers' },
        Score: { column: 'score', type: 'formula' },
        Names: { column: 'names', type: 'rollup' },
        Number: { column: 'number', type: 'unique_id' },
        Made: { column: 'made', type: 'created_time' },
        Edited: { column: 'edited', type: 'last_edited_time' },
        By: { column: 'made_by', type: 'created_by' },
      },
    },
  },
};
const schema = `
  create table makers (id integer primary key, name text not null);
  create table scored (id integer primary key, name text not null, maker_id integer references makers, score numeric,
    names text[], number integer, made timestamptz, edited timestamptz, made_by text);
  insert into makers values (1, 'one'), (2, 'two');
  insert into scored (id, name, maker_id) select n, 'scored ' || n, 1 + n % 2 from generate_series(1, ${ROWS}) n;`;

let stack: Stack;
let sides: Sides;

beforeAll(async () => {
  stack = await createStack({ config, schema, pollSeconds: 0.5 });
  sides = sidesOf(stack);
  await stack.apply();
  // The API makes no formula, and no rollup without its relation: a person does.
  const { control } = stack.sandbox;
  const source = await sides.source('scored');
  control.addProperty(source, 'Score', { formula: { expression: '1' } });
  control.addProperty(source, 'Names', {
    rollup: { relation_property_name: 'Maker', rollup_property_name: 'Name', function: 'show_original' },
  });
  await stack.apply();
  await stack.start();
  await stack.settled();
  for (let key = 1; key <= ROWS; key += 1)
    control.setComputed(await sides.pageOf('scored', String(key)), 'Score', {
      type: 'number',
      number: key / 4,
    });
});
afterAll(() => stack[Symbol.asyncDispose]());

async function command(options: VerifyArguments = {}): Promise<{ same: boolean; report: VerifyReport }> {
  const loaded = {
    config: parseConfig({ slot: stack.database.name, syncLog: { level: 'off' }, ...config }),
    environment: stack.environment,
    log: silentLog(),
  };
  const { text, same } = await verifyCommand(loaded, { ...options, json: true, tell: () => undefined });
  return { same, report: JSON.parse(text) as VerifyReport };
}

const rowsNow = () =>
  sides.sql<Record<string, unknown>>('select *, made is not null as dated from scored order by id');

test('what Notion computes for the pages of rows reaches those rows, and is no news for the pages', async () => {
  const { control } = stack.sandbox;
  const bot = control.botId;
  const names = ['one', 'two'];
  await soon(async () => {
    expect(await rowsNow()).toMatchObject(
      Array.from({ length: ROWS }, (_, at) => ({
        id: at + 1,
        score: String((at + 1) / 4),
        names: [names[(at + 1) % 2]],
        dated: true,
        made_by: bot,
      })),
    );
    return true;
  });
  const numbers = (await rowsNow()).map(({ number }) => Number(number)).sort();
  expect(numbers).toEqual([1, 2, 3, 4, 5]);
  await sides.rest();
  expect(sides.writes().filter(({ operation }) => operation === 'pages.update')).toEqual([]);
  expect(await sides.failures()).toEqual([]);
  expect(await command()).toMatchObject({ same: true });
});

test('the time of the last edit follows an edit that pgnotion makes itself', async () => {
  expect(await sides.sql('select from scored where edited is null')).toEqual([]);
  const before = sides.writes().length;
  await sides.sql(`update scored set name = 'renamed' where id = 1`);
  await sides.shows('scored', '1', 'Name', 'renamed');
  await sides.rest();
  // The row's own change of what came from Notion leads to no write.
  expect(sides.writes().length).toBe(before + 1);
  expect(await command()).toMatchObject({ same: true });
});

test.each(['postgres', 'notion'] as const)(
  'where %s wins, a computed value that differs goes to the row',
  async (winner) => {
    const { control } = stack.sandbox;
    await stack.stop();
    control.setComputed(await sides.pageOf('scored', '2'), 'Score', { type: 'number', number: 77 });
    await sides.sql(`update scored set number = 99, made = null where id = 3`);
    // As older versions left the rows of the pages that they made.
    await sides.sql('update scored set number = null where id = 4');
    await sides.sql(
      `update pgnotion.records set base_row = base_row - 'Number' where table_name = 'scored' and key = '4'`,
    );
    const { report } = await command();
    expect(report.findings.map(({ key, field, kind }) => `${key} ${field} ${kind}`).sort()).toEqual([
      '2 Score cell',
      '3 Made cell',
      '3 Number cell',
      '4 Number cell',
    ]);
    const writes = sides.writes().length;
    await command({ heal: winner });
    await stack.start();
    await stack.settled();
    await soon(async () => (await sides.sql('select from scored where id = 2 and score = 77')).length === 1);
    await soon(
      async () =>
        (await sides.sql('select from scored where id in (3, 4) and number < 9 and made is not null'))
          .length === 2,
    );
    await sides.rest();
    expect(sides.writes().length).toBe(writes);
    expect(await command()).toMatchObject({ same: true });
    control.setComputed(await sides.pageOf('scored', '2'), 'Score', { type: 'number', number: 0.5 });
    await soon(async () => {
      stack.pollNow();
      return (await sides.sql('select from scored where id = 2 and score = 0.5')).length === 1;
    });
  },
);

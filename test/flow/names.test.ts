import { afterAll, beforeAll, expect, test } from 'vitest';
import { databaseVariable } from '../../src/config/environment.ts';
import type { ConfigInput } from '../../src/config/mapping-file.ts';
import { type CliStage, createCliStage } from '../support/cli-stage.ts';
import { type Sides, sidesOf, soon, typed } from '../support/sides.ts';

const SCHEMA = 'my.schema "x"';
const TABLE = 'Doc. Lines "€" 100%';
const LONG = 'ä'.repeat(31).concat('z');
/** Names that SQL, Kysely or a pattern could read as something else. */
const COLUMNS = [
  'Amount in Doc. Curr.',
  'say "hi"',
  'with  two blanks',
  'UPPER',
  'größe',
  '50%_off',
  'back\\slash',
  "it's",
  LONG,
  'select',
  'a.b.c',
  '$1',
  ':name',
  '?',
  'k0',
  'w0',
  'f0',
  'present',
  'gone',
  '1',
] as const;
const KEY = ['Doc. No.', 'Line "No"'] as const;

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;
const table = `${quoted(SCHEMA)}.${quoted(TABLE)}`;
const values = (text: string): string => COLUMNS.map(() => `'${text}'`).join(', ');

const schema = `
  create schema ${quoted(SCHEMA)};
  create table ${table} (
    ${quoted(KEY[0])} integer, ${quoted(KEY[1])} text, "Title." text not null,
    ${COLUMNS.map((name) => `${quoted(name)} text`).join(', ')}, "Soft. Deleted" timestamptz,
    constraint "a.rule" check (${quoted(COLUMNS[0])} <> 'refused'),
    primary key (${KEY.map(quoted).join(', ')}));
  insert into ${table} values (1, 'a.b', 'one', ${values('first')});
  create table ${quoted(SCHEMA)}."Notes" (id integer primary key, name text,
    "Doc. No." integer, "Line" text, foreign key ("Doc. No.", "Line") references ${table});`;

const config: ConfigInput = {
  sync: { settleSeconds: 0.2 },
  tables: {
    'Doc. Lines': {
      source: table,
      key: [...KEY],
      title: 'Lines',
      onNotionTrash: { softDelete: 'Soft. Deleted' },
      fields: {
        Title: { column: 'Title.', type: 'title' },
        ...Object.fromEntries(
          COLUMNS.map((column) => [`P ${column}`, { column, type: 'rich_text' as const }]),
        ),
      },
    },
    notes: {
      source: `${quoted(SCHEMA)}.Notes`,
      query: `select n.*, l."Title." as "of. line" from ${quoted(SCHEMA)}."Notes" n left join ${table} l
                on l."Doc. No." = n."Doc. No." and l."Line ""No""" = n."Line"`,
      dependsOn: [{ table, on: { 'Doc. No.': 'Doc. No.', 'Line "No"': 'Line' } }],
      key: 'id',
      title: 'Notes',
      onNotionTrash: 'delete',
      fields: {
        Name: { column: 'name', type: 'title' },
        Of: { column: 'of. line', type: 'rich_text', direction: 'to-notion' },
        Again: { expression: `"Notes"."of. line" || '!'`, type: 'rich_text' },
      },
    },
  },
};

let stage: CliStage;
let sides: Sides;
beforeAll(async () => {
  stage = await createCliStage({ config, schema });
  sides = sidesOf(stage);
  await stage.apply();
  await stage.start();
  await stage.settled();
});
afterAll(() => stage[Symbol.asyncDispose]());

const LINE = '["1","a.b"]';
const text = (content: string) => typed('rich_text', content);

test('invariant 1: columns, tables and schemas of any name reach Notion, at the first sync and later', async () => {
  const page = await sides.pageOf('Doc. Lines', LINE);
  for (const column of COLUMNS) expect(sides.shown(page, `P ${column}`)).toBe('first');
  await sides.sql(`update ${table} set ${COLUMNS.map((name) => `${quoted(name)} = 'second'`).join(', ')}`);
  for (const column of COLUMNS) await soon(() => sides.shown(page, `P ${column}`) === 'second');
  await sides.sql(`insert into ${quoted(SCHEMA)}."Notes" values (1, 'note', 1, 'a.b')`);
  const note = await sides.pageOf('notes', '1');
  await soon(() => sides.shown(note, 'Again') === 'one!');
  await sides.sql(`update ${table} set "Title." = 'renamed'`);
  await soon(() => sides.shown(note, 'Again') === 'renamed!' && sides.shown(note, 'Of') === 'renamed');
});

test('invariant 4: edits of such columns reach the row, or are refused with the reason', async () => {
  const page = await sides.pageOf('Doc. Lines', LINE);
  sides.edit(page, Object.fromEntries(COLUMNS.map((name) => [`P ${name}`, text('edited')])));
  await soon(async () => {
    const [row] = await sides.sql<Record<string, string>>(`select * from ${table}`);
    return COLUMNS.every((name) => row?.[name] === 'edited');
  });
  sides.edit(page, { [`P ${COLUMNS[0]}`]: text('refused') });
  await soon(async () => (await sides.failures()).length === 1);
  const { code, stdout } = await stage.run(['failures', 'list']);
  expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining('a.rule') });
  sides.edit(page, { [`P ${COLUMNS[0]}`]: text('edited') });
  await soon(async () => (await sides.failures()).length === 0);
});

test('invariant 3: rows and pages of such tables are made, deleted, trashed and restored', async () => {
  await sides.sql(`insert into ${table} values (2, 'x"y', 'two', ${values('of two')})`);
  const two = await sides.pageOf('Doc. Lines', '["2","x\\"y"]');
  stage.sandbox.control.trashPage(two);
  const deleted = `select from ${table} where "Doc. No." = 2 and "Soft. Deleted" is not null`;
  await soon(async () => (await sides.sql(deleted)).length === 1);
  stage.sandbox.control.restorePage(two);
  await soon(async () => (await sides.sql(deleted)).length === 0);
  await sides.sql(`delete from ${table} where "Doc. No." = 2`);
  await soon(() => stage.sandbox.control.page(two).in_trash);
  await sides.sql(`truncate ${quoted(SCHEMA)}."Notes"`);
  await soon(async () => stage.sandbox.control.pages(await sides.source('notes')).length === 0);
});

test('commands take such a name as it stands in the configuration', async () => {
  for (const args of [
    ['resync', 'Doc. Lines'],
    ['explain', 'Doc. Lines', LINE],
    ['rollback', '--record', 'Doc. Lines', LINE, '--dry-run'],
  ]) {
    const { code, stderr } = await stage.run(args);
    expect([args[0], code, stderr]).toEqual([args[0], 0, '']);
  }
  const unknown = await stage.run(['resync', table]);
  expect(unknown.stderr).toContain('Doc. Lines');
  expect(databaseVariable('Doc. Lines')).toBe('NOTION_DATABASE_DOC__LINES_ID');
  await stage.settled();
  const page = await sides.pageOf('Doc. Lines', LINE);
  expect(sides.shown(page, 'P UPPER')).toBe('edited');
});

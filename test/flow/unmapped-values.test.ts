import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ConfigInput } from '../../src/config/mapping-file.ts';
import { type Sides, sidesOf, soon, typed } from '../support/sides.ts';
import { type Stack, startStack } from '../support/stack.ts';

const CANARY = 'c4n4ry';
/** Each note makes PostgreSQL fail in a way whose message, detail or context quotes a column that is not mapped. */
const schema = `
  create table goods (
    id integer primary key, name text not null, note text, price integer not null default 1, document jsonb, secret text,
    constraint cheap check (price < 100),
    constraint unlike exclude using btree (note with =) where (note = 'excluded'));
  create table log (id serial primary key, secret text unique, number integer);
  insert into log (secret) select '${CANARY} ' || i from generate_series(1, 40) i;
  create function leaks() returns trigger language plpgsql as $$
    begin
      case new.note
        when 'cast' then insert into log (number) values (new.secret::integer);
        when 'unique' then insert into log (secret) values (new.secret);
        when 'dynamic' then execute 'insert into log (number) values (' || new.secret || ')';
        when 'name' then execute format('insert into log (%I) values (1)', new.secret);
        when 'role' then perform set_config('role', new.secret, true);
        when 'date' then perform new.secret::date;
        when 'json' then perform new.secret::json;
        when 'pattern' then perform 'x' ~ (new.secret || '(');
        when 'detail' then raise exception 'not now' using detail = new.secret, errcode = 'APP01';
        when 'regtype' then perform new.secret::regtype;
        else null;
      end case;
      return new;
    end $$;
  create trigger leaks before insert or update on goods for each row execute function leaks();
  insert into goods (id, name, document, secret)
    select i, 'good ' || i, jsonb_build_object('token', '${CANARY} ' || i), '${CANARY} ' || i from generate_series(1, 20) i;
  update goods set note = 'excluded' where id = 20;`;

const NOTES = [
  'cast',
  'unique',
  'dynamic',
  'name',
  'role',
  'date',
  'json',
  'pattern',
  'detail',
  'regtype',
  'excluded',
];

const config = {
  sync: { settleSeconds: 0 },
  syncLog: { level: 'all' },
  tables: {
    goods: {
      source: 'public.goods',
      key: 'id',
      title: 'Goods',
      statusProperty: 'Sync Status',
      onNotionTrash: 'delete',
      fields: {
        Name: { column: 'name', type: 'title' },
        ID: { column: 'id', type: 'number' },
        Note: { column: 'note', type: 'rich_text' },
        Price: { column: 'price', type: 'number' },
      },
    },
  },
} satisfies ConfigInput;

let stack: Stack;
let sides: Sides;
const logged: string[] = [];

beforeAll(async () => {
  const destination = { write: (line: string) => void logged.push(line) };
  stack = await startStack({
    config,
    schema,
    pollSeconds: 0.5,
    daemon: { log: pino({ level: 'trace' }, destination) },
  });
  sides = sidesOf(stack);
});

afterAll(() => stack[Symbol.asyncDispose]());

/** Everything that pgnotion keeps, in its own tables. */
async function kept(): Promise<string> {
  const tables = await sides.sql<{ name: string }>(
    `select format('pgnotion.%I', relname) as name from pg_class where relnamespace = 'pgnotion'::regnamespace and relkind in ('r', 'v')`,
  );
  const texts = tables.map(async ({ name }) => {
    const rows = await sides.sql<{ row: string }>(`select to_jsonb(t.*)::text as row from ${name} t`);
    return rows.map(({ row }) => row).join('\n');
  });
  return (await Promise.all(texts)).join('\n');
}

const served = async (path: string): Promise<string> => (await fetch(`${stack.admin()}${path}`)).text();

test('invariant 14: no value of a column that is not mapped leaves by way of what PostgreSQL says of a refused edit', async () => {
  const goods = (key: number): Promise<string> => sides.pageOf('goods', String(key));
  for (const [at, note] of NOTES.entries())
    sides.edit(await goods(at + 1), { Note: typed('rich_text', note) });
  sides.edit(await goods(15), { Price: typed('number', 500) });
  await soon(async () => (await sides.failures()).length === NOTES.length + 1);
  // A whole round of what is told: comments, the status, the Sync Log.
  const texts = (): string => JSON.stringify(stack.sandbox.control.snapshot());
  for (let key = 1; key <= NOTES.length; key += 1)
    await soon(async () => stack.sandbox.control.comments(await goods(key)).length === 1);
  await soon(() => texts().includes('sql_APP01') || texts().includes('not now'));
  await sides.rest();
  for (const [where, text] of [
    ['Notion', texts()],
    ['the log', logged.join('')],
    ['our tables and views', await kept()],
    ['/readyz', await served('/readyz')],
  ] as const) {
    expect(text.length, where).toBeGreaterThan(50);
    expect(text.includes(CANARY), where).toBe(false);
  }
  const failures = await sides.failures();
  expect(failures.map(({ code }) => code)).toContain('sql_22P02');
  // What helps stays: the rule by its name and the value that the page has shown.
  expect(failures.find(({ code }) => code === 'sql_23514')?.reason).toBe(
    'new row for relation "goods" violates check constraint "cheap" (Price is "500")',
  );
});

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import lithiumbuy from '../../examples/lithiumbuy/pgnotion.config.ts';
import type { Json } from '../../src/model/change.ts';
import {
  type FieldMapping,
  goesToPostgres,
  type ResolvedField,
  type ResolvedTable,
} from '../../src/model/mapping.ts';
import type { JsonObject } from '../../src/sandbox/notion/types.ts';
import {
  columnValue,
  derived,
  keyOf,
  oneField,
  resolved,
  type Sample,
  sampleOf,
  someRows,
  tables,
} from '../support/lithiumbuy.ts';
import { type Sides, sidesOf, soon, typed } from '../support/sides.ts';
import { createStack, lithiumbuySchema, type Stack } from '../support/stack.ts';

let stack: Stack;
let sides: Sides;
let known: ReadonlyMap<string, ResolvedTable>;

beforeAll(async () => {
  stack = await createStack({
    config: { ...lithiumbuy, sync: { settleSeconds: 0 } },
    schema: await lithiumbuySchema(),
    pollSeconds: 0.3,
  });
  await stack.database.pool.query(someRows);
  await stack.apply();
  await stack.start();
  await stack.settled();
  sides = sidesOf(stack);
  known = await resolved(stack);
});

afterAll(() => stack[Symbol.asyncDispose]());

type Column = FieldMapping & { readonly source: { readonly kind: 'column' } };

const isColumn = (field: FieldMapping): field is Column => field.source.kind === 'column';

const cases = (wanted: (field: FieldMapping, key: readonly string[]) => boolean) =>
  tables.flatMap((table) =>
    table.fields
      .filter((field) => wanted(field, table.key))
      .map((field) => [table.name as string, field.property] as const),
  );
const isKey = (field: FieldMapping, key: readonly string[]): boolean =>
  field.source.kind === 'key' || (isColumn(field) && key.includes(field.source.column));

const names = tables.map((table) => table.name as string);
const columns = cases((field, key) => isColumn(field) && !isKey(field, key));
const expressions = cases((field) => field.source.kind === 'expression');
const ways = cases((field, key) => goesToPostgres(field) && !isKey(field, key));

const ONE_BY_ONE = { concurrent: false };
/** What is tried of one table follows one another, and the tables go side by side: each takes no longer for the others. */
const byTable = (all: readonly (readonly [string, string])[]): [string, string[]][] =>
  names.map((name) => [name, all.filter(([table]) => table === name).map(([, property]) => property)]);

/** The first row of a table and its page. */
async function subject(name: string, property: string) {
  const { table, field } = oneField(known, name, property);
  const key = keyOf(name, 1);
  return { table, field, key, page: await sides.pageOf(name, key) };
}

async function setColumn(table: ResolvedTable, field: ResolvedField, key: string, value: Json) {
  if (field.source.kind !== 'column') throw new Error(`${field.property} is no column`);
  const update = `update ${table.source} set "${field.source.column}" = $1 where "${table.key[0]}" = $2`;
  // The trigger would put its own time in the place of ours.
  if (field.source.column !== 'updated_at') return void (await sides.sql(update, [value, key]));
  const client = await stack.database.pool.connect();
  try {
    await client.query('begin; set local session_replication_role = replica');
    await client.query(update, [value, key]);
    await client.query('commit');
  } finally {
    client.release();
  }
}

async function columnOf(table: ResolvedTable, field: ResolvedField, key: string): Promise<Json> {
  const [row] = await sides.sql<{ row: Readonly<Record<string, Json>> }>(
    `select to_jsonb(t) as row from ${table.source} t where "${table.key[0]}" = $1`,
    [key],
  );
  if (row === undefined || field.source.kind !== 'column') throw new Error(`no row ${key} of ${table.name}`);
  return columnValue(field, row.row[field.source.column] ?? null);
}

const shows = (page: string, property: string, value: Json): Promise<boolean> =>
  soon(() => {
    expect(sides.shown(page, property)).toEqual(value);
    return true;
  });

const holds = (table: ResolvedTable, field: ResolvedField, key: string, value: Json): Promise<boolean> =>
  soon(async () => {
    expect(await columnOf(table, field, key)).toEqual(value);
    return true;
  });

/** What an empty property shows. */
const emptyOf = (field: FieldMapping): Json =>
  ['relation', 'multi_select'].includes(field.type)
    ? []
    : ['title', 'rich_text'].includes(field.type)
      ? ''
      : null;

test('invariant 1: a change of an idle row is in Notion within a second of its commit', async () => {
  const page = await sides.pageOf('suppliers', keyOf('suppliers', 1));
  const took: number[] = [];
  for (const name of ['First', 'Second', 'Third', 'Fourth', 'Fifth']) {
    await sides.rest();
    await sides.sql('update suppliers set name = $1 where id = $2', [name, keyOf('suppliers', 1)]);
    const committed = performance.now();
    await soon(() => sides.shown(page, 'Name') === name, 5);
    took.push(performance.now() - committed);
  }
  // The quickest of five: what else a machine is busy with only ever adds to the time.
  expect(Math.min(...took)).toBeLessThan(1_000);
});

describe('a changed column', () => {
  describe.concurrent.each(byTable(columns))('of %s', (name, properties) => {
    test.each(properties)('%s: shows on the page, NULL as empty', ONE_BY_ONE, async (property) => {
      const { table, field, key, page } = await subject(name, property);
      for (const turn of [2, 1]) {
        const sample = await sampleOf(sides, table, field, turn);
        await setColumn(table, field, key, sample.column);
        await shows(page, property, sample.page);
      }
      if (!field.shape.nullable) return;
      await setColumn(table, field, key, null);
      await shows(page, property, emptyOf(field));
    });
  });
});

test.each(expressions)(
  '%s, %s: what an expression derives from shows on the page',
  async (name, property) => {
    const page = await sides.pageOf(name, keyOf(name, 1));
    const { change, text } = derived(name, property);
    expect(sides.shown(page, property)).not.toBe(text);
    await sides.sql(change);
    await shows(page, property, text);
  },
);

test.concurrent.each(names)(
  '%s: an inserted row gets a page with its key, and a deleted row loses it',
  async (name) => {
    const { table, key, values } = await freshRow(name);
    const columns = Object.keys(values);
    await sides.sql(
      `insert into ${table.source} (${columns.join(', ')}) values (${columns.map((_, at) => `$${at + 1}`).join(', ')})`,
      Object.values(values),
    );
    const page = await sides.pageOf(name, key);
    for (const field of table.fields.filter((each) => isKey(each, table.key)))
      await shows(page, field.property, key);
    for (const { field, sample } of await required(table)) await shows(page, field.property, sample.page);
    await sides.sql(`delete from ${table.source} where "${table.key[0]}" = $1`, [key]);
    await soon(() => stack.sandbox.control.page(page).in_trash);
  },
);

describe("a person's edit", () => {
  describe.concurrent.each(byTable(ways))('in %s', (name, properties) => {
    test.each(properties)('of %s: reaches the column, clearing gives NULL', ONE_BY_ONE, async (property) => {
      const { table, field, key, page } = await subject(name, property);
      for (const turn of [3, 2]) {
        const sample = await sampleOf(sides, table, field, turn);
        sides.edit(page, { [property]: typed(field.type, sample.page) });
        await holds(table, field, key, sample.column);
      }
      if (!field.shape.nullable) return;
      sides.edit(page, { [property]: typed(field.type, null) });
      await holds(table, field, key, null);
    });
  });
});

test.concurrent.each(names)(
  "%s: a person's new page becomes one row, and trashing it deletes the row",
  async (name) => {
    const table = tableOf(name);
    const samples = await required(table, 'page');
    const properties: JsonObject = Object.fromEntries(
      samples.map(({ field, sample }) => [field.property, typed(field.type, sample.page)]),
    );
    const count = await rowsOf(table);
    const page = stack.sandbox.control.createPage(await sides.source(name), properties).id;
    const key = await sides.pageOf(name, await soon(() => sides.keyOf(page))).then(() => sides.keyOf(page));
    if (key === null) throw new Error('no key');
    await shows(page, 'Supabase ID', key);
    for (const { field, sample } of samples) await holds(table, field, key, sample.column);
    for (const field of table.fields.filter(({ source }) => source.kind === 'expression'))
      await soon(() => sides.shown(page, field.property) !== emptyOf(field));
    await sides.rest();
    expect(await rowsOf(table), 'invariant 3: made once').toBe(count + 1);
    stack.sandbox.control.trashPage(page);
    await soon(async () => (await rowsOf(table)) === count);
  },
);

test('invariant 4: the page of a row that others need is trashed in vain, and says why', async () => {
  const key = keyOf('suppliers', 3);
  const page = await sides.pageOf('suppliers', key);
  stack.sandbox.control.trashPage(page);
  const failure = await soon(async () => (await sides.failures()).find((one) => one.page_id === page));
  expect(failure).toMatchObject({ direction: 'to-postgres', table_name: 'suppliers', key, parked: true });
  expect(failure.code).toMatch(/^sql_(23503|23001)$/);
  expect(failure.reason).toContain('foreign key');
  expect(failure.remedy).not.toBe('');
  expect(await sides.sql('select from suppliers where id = $1', [key])).toHaveLength(1);
  stack.sandbox.control.restorePage(page);
  await soon(async () => (await sides.failures()).length === 0);
});

test("a person's change of a profile's key carries its row and page over", async () => {
  const { table, values } = await freshRow('user_profiles');
  await sides.sql(`insert into ${table.source} (user_id) values ($1)`, [values.user_id]);
  const page = await sides.pageOf('user_profiles', String(values.user_id));
  const { values: other } = await freshRow('user_profiles');
  sides.edit(page, { 'User ID': typed('rich_text', String(other.user_id)) });
  await shows(
    await sides.pageOf('user_profiles', String(other.user_id)),
    'Supabase ID',
    String(other.user_id),
  );
  await sides.rest();
  expect(await sides.failures()).toEqual([]);
});

const tableOf = (name: string): ResolvedTable => {
  const table = known.get(name);
  if (table === undefined) throw new Error(`no table ${name}`);
  return table;
};

type Filled = { readonly field: ResolvedField; readonly sample: Sample };

/** The fields that a row cannot be without, filled in. */
async function required(table: ResolvedTable, made: 'row' | 'page' = 'row'): Promise<Filled[]> {
  const fields = table.fields.filter(
    (field) => field.required && (made === 'page' || !isKey(field, table.key)),
  );
  return Promise.all(
    fields.map(async (field) => ({ field, sample: await sampleOf(sides, table, field, 3) })),
  );
}

let rows = 100;

async function freshRow(name: string) {
  const table = tableOf(name);
  const id = table.fields.find((field) => field.required && isKey(field, table.key));
  rows += 1;
  const key = id === undefined ? keyOf(name, rows) : String((await sampleOf(sides, table, id, 3)).column);
  const values: Record<string, Json> = { [table.key[0] ?? '']: key };
  for (const { field, sample } of await required(table)) {
    if (field.source.kind === 'column') values[field.source.column] = sample.column;
  }
  return { table, key, values };
}

async function rowsOf(table: ResolvedTable): Promise<number> {
  const [row] = await sides.sql<{ n: number }>(`select count(*)::int as n from ${table.source}`);
  return row?.n ?? 0;
}

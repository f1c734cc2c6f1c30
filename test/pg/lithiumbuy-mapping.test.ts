import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import exampleConfig from '../../examples/lithiumbuy/pgnotion.config.ts';
import { SEED_COUNTS, seed } from '../../examples/lithiumbuy/seed.ts';
import { parseConfig } from '../../src/config/mapping-file.ts';
import type { FieldMapping, TableMapping } from '../../src/model/mapping.ts';
import { createDatabase } from '../support/postgres.ts';

type Database = Awaited<ReturnType<typeof createDatabase>>;

/** The databases of LithiumBuy's plan, phase 1: each property and its type (its "Text" is our rich_text). */
const PLAN: Record<string, Record<string, string>> = {
  suppliers: {
    Name: 'title',
    ID: 'rich_text',
    'Logo URL': 'url',
    'Verification Tier': 'select',
    Rating: 'number',
    'Review Count': 'number',
    'Transaction Count': 'number',
    'Response Time': 'rich_text',
    'Years in Business': 'number',
  },
  products: {
    Name: 'title',
    ID: 'rich_text',
    Supplier: 'relation',
    'Product Type': 'select',
    'Purity Level': 'select',
    'Price Per Unit': 'number',
    Currency: 'select',
    Unit: 'rich_text',
    'Min Order Quantity': 'number',
    Availability: 'select',
    'Has Bulk Discount': 'checkbox',
    'Bulk Discount Threshold': 'number',
    'Bulk Discount Percentage': 'number',
  },
  rfqs: {
    Title: 'title',
    ID: 'rich_text',
    Buyer: 'relation',
    Description: 'rich_text',
    Status: 'select',
    'Product Type': 'select',
    'Purity Level': 'select',
    Quantity: 'number',
    Unit: 'rich_text',
    'Target Price': 'number',
    Currency: 'select',
    'Delivery Location Country': 'rich_text',
    'Delivery Location City': 'rich_text',
    'Required Certifications': 'multi_select',
    Deadline: 'date',
    'Published At': 'date',
    'Closed At': 'date',
    'Awarded To': 'relation',
  },
  rfq_responses: {
    ID: 'title',
    RFQ: 'relation',
    Supplier: 'relation',
    User: 'relation',
    'Quote Price': 'number',
    Currency: 'select',
    'Delivery Time Days': 'number',
    'Payment Terms': 'rich_text',
    Notes: 'rich_text',
    Status: 'select',
    Score: 'number',
  },
  auctions: {
    Title: 'title',
    ID: 'rich_text',
    Supplier: 'relation',
    Material: 'rich_text',
    Grade: 'rich_text',
    Quantity: 'number',
    'Starting Price': 'number',
    'Reserve Price': 'number',
    'Current Price': 'number',
    'Bid Increment': 'number',
    Status: 'select',
    'Start Time': 'date',
    'End Time': 'date',
    'Bid Count': 'number',
    Winner: 'relation',
  },
  orders: {
    'Order Number': 'title',
    ID: 'rich_text',
    Supplier: 'relation',
    User: 'relation',
    Quote: 'relation',
    Status: 'select',
    'Total Amount': 'number',
    Currency: 'select',
    'Payment Status': 'select',
  },
  user_profiles: {
    Name: 'title',
    'User ID': 'rich_text',
    'Company Name': 'rich_text',
    Phone: 'rich_text',
    Role: 'select',
    Email: 'email',
  },
};

const tables = parseConfig(exampleConfig).tables;
const tableNamed = (name: string): TableMapping => {
  const table = tables.find((each) => each.name === name);
  if (!table) throw new Error(`the example maps no ${name}`);
  return table;
};
const readable = (table: TableMapping): string => `(${table.query ?? `select * from ${table.source}`}) q`;

let database: Database;
beforeAll(async () => {
  database = await createDatabase();
  const schema = new URL('../../examples/lithiumbuy/schema.sql', import.meta.url);
  await database.pool.query(await readFile(schema, 'utf8'));
  await seed((text, params) => database.pool.query(text, params));
});
afterAll(() => database?.[Symbol.asyncDispose]());

/** First column of all rows. */
async function column(text: string, params: unknown[] = []): Promise<unknown[]> {
  const { rows } = await database.pool.query<unknown[]>({ text, values: params, rowMode: 'array' });
  return rows.map((row) => row[0]);
}

describe("the LithiumBuy example's mapping", () => {
  test.each(Object.entries(PLAN))('%s has each property of the plan', (name, properties) => {
    const table = tableNamed(name);
    const mapped = Object.fromEntries(
      table.fields
        .filter((field) => field.source.kind !== 'key')
        .map((field) => [field.property, field.type]),
    );
    expect(mapped).toEqual({ ...properties, 'Created At': 'date', 'Updated At': 'date' });
    expect([table.idProperty, table.lastSyncedProperty]).toEqual(['Supabase ID', 'Last Synced']);
  });

  test('is the seven tables of the plan, and quotes, which orders relate to', () => {
    expect(tables.map((table) => table.name).sort()).toEqual([...Object.keys(PLAN), 'quotes'].sort());
  });

  test.each(tables.map((table) => [table.name, table] as const))(
    '%s reads a row for each of its records',
    async (_, table) => {
      const values = table.fields.flatMap(({ source }) =>
        source.kind === 'column' ? [`q.${source.column}`] : source.kind === 'expression' ? [source.sql] : [],
      );
      const { rows, fields } = await database.pool.query(
        `select ${values.join(', ')} from ${readable(table)}`,
      );
      expect(rows).toHaveLength(SEED_COUNTS[table.name as keyof typeof SEED_COUNTS]);
      expect(fields.map((field) => field.name)).not.toContain('encrypted_password');
    },
  );

  test.each(tables.map((table) => [table.name, table] as const))(
    '%s gives every page a title',
    async (_, table) => {
      const title = table.fields.find((field) => field.type === 'title');
      const sql = title?.source.kind === 'expression' ? title.source.sql : 'q.name';
      const source = title?.source.kind === 'column' ? `q.${title.source.column}` : sql;
      expect(
        await column(`select ${source} from ${readable(table)} where coalesce(${source}, '') = ''`),
      ).toEqual([]);
    },
  );

  test('writes to columns of its source tables alone', async () => {
    for (const table of tables) {
      const columns = await column(
        'select attname::text from pg_attribute where attrelid = $1::regclass and attnum > 0 and not attisdropped',
        [table.source],
      );
      const written = table.fields.flatMap(({ source }) => (source.kind === 'column' ? [source.column] : []));
      expect(columns).toEqual(expect.arrayContaining([...table.key, ...written]));
    }
  });

  test('depends on tables by their keys', async () => {
    for (const { table, on } of tables.flatMap((each) => each.dependsOn)) {
      const key = await column(
        `select a.attname::text from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey)
         where i.indrelid = $1::regclass and i.indisprimary`,
        [table],
      );
      expect(Object.keys(on)).toEqual(key);
    }
  });

  test('names every label that a column may hold', async () => {
    const selects = tables.flatMap((table) =>
      table.fields
        .filter((field) => field.type === 'select' && field.property !== 'Currency')
        .map((field) => ({ table, field })),
    );
    expect(selects.length).toBeGreaterThan(10);
    for (const { table, field } of selects) {
      const labels = await labelsOf(table, field);
      const named = Object.keys(
        field.values ?? Object.fromEntries((field.choices ?? []).map((each) => [each, each])),
      );
      expect(named.toSorted(), `${table.name}.${field.property}`).toEqual(labels.toSorted());
    }
  });
});

/** The labels that a column's enum or check constraint allows. */
async function labelsOf(table: TableMapping, field: FieldMapping): Promise<string[]> {
  const name = field.source.kind === 'column' ? field.source.column : '';
  const place = [table.source, name];
  const labels = await column(
    `select e.enumlabel::text from pg_attribute a join pg_enum e on e.enumtypid = a.atttypid
     where a.attrelid = $1::regclass and a.attname = $2`,
    place,
  );
  if (labels.length > 0) return labels.map(String);
  const checks = await column(
    `select pg_get_constraintdef(c.oid) from pg_constraint c
     join pg_attribute a on a.attrelid = c.conrelid and c.conkey = array[a.attnum]
     where c.conrelid = $1::regclass and c.contype = 'c' and a.attname = $2`,
    place,
  );
  return checks.flatMap((check) =>
    [...String(check).matchAll(/'([^']+)'::text/g)].map((match) => String(match[1])),
  );
}

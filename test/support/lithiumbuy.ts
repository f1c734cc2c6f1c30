import lithiumbuy from '../../examples/lithiumbuy/pgnotion.config.ts';
import { openInstallation } from '../../src/app/connections.ts';
import { parseConfig } from '../../src/config/mapping-file.ts';
import type { Json } from '../../src/model/change.ts';
import type { ResolvedField, ResolvedTable } from '../../src/model/mapping.ts';
import { silentLog } from '../../src/runtime/log.ts';
import type { Sides } from './sides.ts';
import type { Stack } from './stack.ts';

/** The key of row `number` of a table: the first row is what cases work on, the others are what it may point to. */
export const keyOf = (table: string, number: number): string =>
  `00000000-0000-4000-8000-${String(PLACES.indexOf(table)).padStart(4, '0')}${String(number).padStart(8, '0')}`;

const PLACES = [
  'users',
  'user_profiles',
  'suppliers',
  'products',
  'quotes',
  'rfqs',
  'rfq_responses',
  'auctions',
  'orders',
];

/** Three rows of each table, few enough that polls are quick; auth users without a profile come after them. */
export const someRows = `
  create function pg_temp.k(place int, number int) returns uuid language sql as $$
    select format('00000000-0000-4000-8000-%s%s', lpad(place::text, 4, '0'), lpad(number::text, 8, '0'))::uuid $$;
  insert into auth.users (id, email) select pg_temp.k(1, n), 'user' || n || '@example.com' from generate_series(1, 30) n;
  insert into user_profiles (user_id, company_name) select pg_temp.k(1, n), 'Company ' || n from generate_series(1, 3) n;
  insert into suppliers (id, name) select pg_temp.k(2, n), 'Supplier ' || n from generate_series(1, 3) n;
  insert into products (id, supplier_id, name) select pg_temp.k(3, n), pg_temp.k(2, n), 'Product ' || n from generate_series(1, 3) n;
  insert into quotes (id, supplier_id, product_id, user_id)
    select pg_temp.k(4, n), pg_temp.k(2, n), pg_temp.k(3, n), pg_temp.k(1, n) from generate_series(1, 3) n;
  insert into rfqs (id, buyer_id, title) select pg_temp.k(5, n), pg_temp.k(1, n), 'RFQ ' || n from generate_series(1, 3) n;
  insert into rfq_responses (id, rfq_id, supplier_id, quote_price) values (pg_temp.k(6, 1), pg_temp.k(5, 1), pg_temp.k(2, 1), 100);
  insert into auctions (id, supplier_id, material) select pg_temp.k(7, n), pg_temp.k(2, n), 'Material ' || n from generate_series(1, 3) n;
  insert into orders (id, supplier_id, user_id) select pg_temp.k(8, n), pg_temp.k(2, n), pg_temp.k(1, n) from generate_series(1, 3) n`;

/** Every table with each of its fields, straight from the configuration: a new one there is a new case here. */
export const tables = parseConfig(lithiumbuy).tables;

/** The same tables, joined with what the catalog says of their columns. */
export async function resolved(stack: Stack): Promise<ReadonlyMap<string, ResolvedTable>> {
  const installation = await openInstallation(parseConfig(lithiumbuy), stack.environment, silentLog());
  await installation.close();
  return new Map(installation.tables.map((table) => [table.name, table]));
}

/** One value as both sides spell it. */
export type Sample = { readonly column: Json; readonly page: Json };

/** Value `turn` (1, 2 or 3) of the right kind for a field: different turns give different values. */
export async function sampleOf(
  sides: Sides,
  table: ResolvedTable,
  field: ResolvedField,
  turn: number,
): Promise<Sample> {
  const same = (value: Json): Sample => ({ column: value, page: value });
  switch (field.type) {
    case 'title':
    case 'rich_text':
      return same(
        field.shape.category === 'uuid' ? keyOf('user_profiles', freeUser()) : `${field.property} ${turn}`,
      );
    case 'url':
      return same(`https://example.com/${turn}`);
    case 'number':
      return same(turn + 1);
    case 'checkbox':
      return same(turn % 2 === 1);
    case 'select': {
      const labels = field.values === undefined ? (field.choices ?? []) : Object.keys(field.values);
      const label = labels[turn % labels.length] ?? '';
      return { column: label, page: field.values?.[label] ?? label };
    }
    case 'multi_select':
      return same((field.choices ?? []).slice(turn, turn + 2).sort());
    case 'date': {
      // Later fields get later times, as checks between two of them want it.
      const day = String(table.fields.indexOf(field) + 1).padStart(2, '0');
      return same(`2030-0${turn}-${day}T03:04:00.000+00:00`);
    }
    case 'relation': {
      const key = keyOf(field.relatedTable ?? '', turn);
      return { column: key, page: [await sides.pageOf(field.relatedTable ?? '', key)] };
    }
    default:
      throw new Error(`no sample for a ${field.type}`);
  }
}

let lastUser = 3;
/** The number of an auth user who has no profile yet. */
export function freeUser(): number {
  lastUser += 1;
  return lastUser;
}

/** A column's value out of `to_jsonb`, spelled as samples spell it. */
export function columnValue(field: ResolvedField, value: Json): Json {
  if (value === null || field.type !== 'date') return value;
  return new Date(value as string).toISOString().replace('Z', '+00:00');
}

export function oneField(
  known: ReadonlyMap<string, ResolvedTable>,
  name: string,
  property: string,
): { readonly table: ResolvedTable; readonly field: ResolvedField } {
  const table = known.get(name);
  const field = table?.fields.find((each) => each.property === property);
  if (table === undefined || field === undefined) throw new Error(`no field ${name}.${property}`);
  return { table, field };
}

type Derived = { readonly change: string; readonly text: string };

/** How what an expression reads is changed on first rows, and what it comes to. */
export function derived(table: string, property: string): Derived {
  const found = DERIVED[`${table}.${property}`];
  if (found === undefined) throw new Error(`say what ${table}.${property} derives from`);
  return found;
}

const one = (table: string): string => `'${keyOf(table, 1)}'`;

const DERIVED: Readonly<Record<string, Derived>> = {
  'rfq_responses.ID': {
    change: `update suppliers set name = 'Renamed' where id = ${one('suppliers')};
             update rfqs set title = 'Retitled' where id = ${one('rfqs')}`,
    text: 'Renamed – Retitled',
  },
  'auctions.Title': {
    change: `update auctions set material = 'Spodumene', grade = 'SC6' where id = ${one('auctions')}`,
    text: 'Spodumene, SC6',
  },
  'orders.Order Number': {
    change: `update orders set created_at = '2019-05-06T07:08:00Z' where id = ${one('orders')}`,
    text: 'LB-2019-00000000',
  },
  'user_profiles.Name': {
    change: `update auth.users set raw_user_meta_data = '{"full_name": "Ada Byron"}' where id = ${one('user_profiles')}`,
    text: 'Ada Byron',
  },
  'user_profiles.Email': {
    change: `update auth.users set email = 'ada.byron@example.com' where id = ${one('user_profiles')}`,
    text: 'ada.byron@example.com',
  },
  'quotes.Quote': {
    change: `update quotes set supplier_id = ${one('suppliers')}, product_id = ${one('products')} where id = ${one('quotes')};
             update products set name = 'Brine' where id = ${one('products')};
             update suppliers set name = 'Salar' where id = ${one('suppliers')}`,
    text: 'Salar – Brine',
  },
};

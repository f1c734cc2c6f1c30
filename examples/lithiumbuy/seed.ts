import {
  certification,
  location,
  product,
  profile,
  review,
  supplier,
  supplierProfile,
  user,
  userProfile,
} from './sample/catalogue.ts';
import { at, type Random, type Row, randomOf } from './sample/random.ts';
import { auction, bid, order, quote, response, rfq, settled } from './sample/trade.ts';

type Query = (text: string, params?: unknown[]) => Promise<unknown>;

/** How many rows `seed` puts into each table. */
export const SEED_COUNTS = {
  'auth.users': 24,
  profiles: 24,
  user_profiles: 24,
  suppliers: 30,
  supplier_profiles: 30,
  locations: 45,
  certifications: 60,
  reviews: 48,
  products: 80,
  quotes: 20,
  orders: 40,
  rfqs: 25,
  rfq_responses: 50,
  auctions: 12,
  bids: 36,
} as const;

type SeedTable = keyof typeof SEED_COUNTS;

/** Fills LithiumBuy's empty tables with the same sample data every time, a statement for each table. */
export async function seed(query: Query): Promise<void> {
  for (const [name, rows] of Object.entries(sampleData())) {
    const table = name.includes('.') ? name : `public.${name}`;
    const columns = Object.keys(rows[0] ?? {}).join(', ');
    // The rows go as one JSON parameter: PostgreSQL takes each value as its column's type.
    await query(
      `insert into ${table} (${columns}) select ${columns} from jsonb_populate_recordset(null::${table}, $1)`,
      [JSON.stringify(rows)],
    );
  }
}

/** All rows by table, in the order in which foreign keys let them in. */
function sampleData(): Record<SeedTable, Row[]> {
  const users = times('auth.users', user);
  const suppliers = times('suppliers', supplier);
  const products = times('products', (r, i) => product(r, i, suppliers));
  const quotes = times('quotes', (r, i) => quote(r, i, products, users));
  const rfqs = times('rfqs', (r, i) => rfq(r, i, suppliers, users));
  const auctions = times('auctions', (r, i) => auction(r, i, suppliers));
  const bids = times('bids', (r, i) => bid(r, i, auctions, users));
  return {
    'auth.users': users,
    profiles: times('profiles', (_, i) => profile(i, at(users, i))),
    user_profiles: times('user_profiles', (r, i) => userProfile(r, i, at(users, i))),
    suppliers,
    supplier_profiles: times('supplier_profiles', (r, i) => supplierProfile(r, i, at(suppliers, i))),
    locations: times('locations', (r, i) => location(r, i, suppliers)),
    certifications: times('certifications', (r, i) => certification(r, i, suppliers)),
    reviews: times('reviews', (r, i) => review(r, i, suppliers, users)),
    products,
    quotes,
    orders: times('orders', (r, i) => order(r, i, quotes, products, users)),
    rfqs,
    rfq_responses: times('rfq_responses', (r, i) => response(r, i, rfqs, suppliers, users)),
    auctions: auctions.map((each) => settled(each, bids)),
    bids,
  };
}

/** The rows of one table, each made from the table's own stream of chance. */
function times(table: SeedTable, make: (random: Random, index: number) => Row): Row[] {
  const random = randomOf(table);
  return Array.from({ length: SEED_COUNTS[table] }, (_, index) => make(random, index));
}

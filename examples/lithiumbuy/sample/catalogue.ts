import { at, made, moment, type Random, type Row } from './random.ts';
import { certificates, comments, companies, type Material, materials, people } from './vocabulary.ts';

export function user(random: Random, index: number): Row {
  const [name, , local] = at(people, index);
  return {
    id: random.uuid(),
    email: `${local}@${index % 3 === 0 ? 'buyers' : 'trade'}.example`,
    encrypted_password: 'never-synced',
    raw_user_meta_data: name === null ? {} : { full_name: name },
    ...made(random, index),
  };
}

export const profile = (index: number, owner: Row): Row => ({
  id: owner.id,
  username: at(people, index)[2],
  avatar_url: index % 4 === 0 ? `https://cdn.example/avatars/${index}.png` : null,
  created_at: owner.created_at,
  updated_at: owner.updated_at,
});

export const userProfile = (random: Random, index: number, owner: Row): Row => ({
  user_id: owner.id,
  company_name: at(people, index)[1],
  phone:
    index % 5 === 4 ? null : `+${random.int(1, 98)} ${random.int(100, 999)} ${random.int(100_000, 999_999)}`,
  role: index === people.length - 1 ? 'admin' : index >= 14 && index <= 17 ? 'supplier' : 'buyer',
  created_at: owner.created_at,
  updated_at: owner.updated_at,
});

export function supplier(random: Random, index: number): Row {
  const [name, , , host] = at(companies, index);
  const known = index % 7 !== 6;
  return {
    id: random.uuid(),
    name,
    logo_url: known ? `https://${host}.example/logo.svg` : null,
    verification_tier: known ? random.pick(['gold', 'silver', 'silver', 'bronze']) : null,
    rating: known ? (random.int(28, 50) / 10).toFixed(1) : null,
    review_count: known ? random.int(1, 240) : 0,
    transaction_count: known ? random.int(3, 900) : 0,
    response_time: random.pick(['< 2 hours', '< 24 hours', '1–2 days', 'within a week', null]),
    years_in_business: random.pick([null, 2, 4, 7, 11, 19, 34, 61]),
    ...made(random, index * 2),
  };
}

export function supplierProfile(random: Random, index: number, owner: Row): Row {
  const [name, country, city, host] = at(companies, index);
  return {
    supplier_id: owner.id,
    description: `${name} ships from ${city}, ${country}.`,
    website: `https://${host}.example/`,
    contact_email: `sales@${host}.example`,
    specialties: [random.pick(materials).name],
    created_at: owner.created_at,
    updated_at: owner.updated_at,
  };
}

export function location(random: Random, index: number, suppliers: readonly Row[]): Row {
  const first = index < suppliers.length;
  const [, country, city] = at(companies, index);
  return {
    id: random.uuid(),
    supplier_id: at(suppliers, index).id,
    kind: first ? 'office' : random.pick(['mine', 'plant', 'warehouse']),
    country,
    city: first ? city : null,
    created_at: moment(random, index),
  };
}

export const certification = (random: Random, index: number, suppliers: readonly Row[]): Row => ({
  id: random.uuid(),
  supplier_id: at(suppliers, index).id,
  name: at(certificates, (index % suppliers.length) + Math.floor(index / suppliers.length)),
  issuer: random.pick(['Nordcert', 'Bureau Lacaille', 'TQA International', null]),
  valid_until: `20${random.int(27, 29)}-0${random.int(1, 9)}-15`,
  created_at: moment(random, index),
});

export const review = (
  random: Random,
  index: number,
  suppliers: readonly Row[],
  users: readonly Row[],
): Row => ({
  id: random.uuid(),
  supplier_id: random.pick(suppliers).id,
  user_id: index % 9 === 8 ? null : random.pick(users).id,
  rating: random.pick([2, 3, 4, 4, 5, 5]),
  comment: random.pick(comments),
  created_at: moment(random, 100 + index),
});

export function product(random: Random, index: number, suppliers: readonly Row[]): Row {
  const material = random.pick(materials);
  const onRequest = index % 11 === 10;
  const bulk = !onRequest && random.next() < 0.4;
  const smallest = material.unit === 'kg' ? random.int(25, 500) : random.int(1, 60);
  return {
    id: random.uuid(),
    supplier_id: at(suppliers, index).id,
    name: `${material.name}, ${material.grade}`,
    product_type: material.type,
    purity_level: material.purity,
    ...(onRequest ? { price_per_unit: null, currency: 'USD' } : price(random, material)),
    unit: material.unit,
    min_order_quantity: index % 8 === 7 ? null : smallest.toFixed(2),
    availability: onRequest ? 'contact' : random.pick(['in-stock', 'in-stock', 'limited']),
    has_bulk_discount: bulk,
    bulk_discount_threshold: bulk ? (smallest * 10).toFixed(2) : null,
    bulk_discount_percentage: bulk ? random.pick(['2.50', '3.75', '5.00', '7.25', '10.00']) : null,
    ...made(random, 40 + index),
  };
}

/** One of the prices of a material, in a currency at a rate that is near enough for a sample; pesos have no cents. */
export function price(random: Random, material: Material): Row {
  const [currency, rate] = random.pick<readonly [string, number]>([
    ['USD', 1],
    ['USD', 1],
    ['USD', 1],
    ['EUR', 0.92],
    ['CNY', 7.2],
    ['AUD', 1.5],
    ['GBP', 0.79],
    ['CLP', 940],
  ]);
  const amount = Number(random.money(...material.price)) * rate;
  return { price_per_unit: (currency === 'CLP' ? Math.round(amount) : amount).toFixed(2), currency };
}

import { at, made, moment, type Random, type Row } from './random.ts';
import { certificates, destinations, materials, notes, paymentTerms, requestText } from './vocabulary.ts';

export function quote(random: Random, index: number, products: readonly Row[], users: readonly Row[]): Row {
  const offered = random.pick(products);
  const general = index % 10 === 9;
  return {
    id: random.uuid(),
    supplier_id: offered.supplier_id,
    product_id: general ? null : offered.id,
    user_id: random.pick(users).id,
    quantity: `${random.int(1, 400)}.${random.pick(['000', '500', '125'])}`,
    unit: offered.unit,
    price_per_unit: offered.price_per_unit,
    currency: offered.currency,
    status:
      offered.price_per_unit === null ? 'pending' : random.pick(['sent', 'accepted', 'declined', 'expired']),
    valid_until: general ? null : moment(random, 200 + index),
    ...made(random, 140 + index),
  };
}

/** The first orders follow a quote each, the others were placed straight away. */
export function order(
  random: Random,
  index: number,
  quotes: readonly Row[],
  products: readonly Row[],
  users: readonly Row[],
): Row {
  const basis = index < quotes.length ? at(quotes, index) : undefined;
  const bought = basis ?? random.pick(products);
  const amount = Number(basis?.quantity ?? random.int(1, 80)) * Number(bought.price_per_unit ?? 11_000);
  const status = random.pick(['pending', 'confirmed', 'shipped', 'delivered', 'delivered', 'cancelled']);
  const payments: Record<string, readonly string[]> = {
    pending: ['pending', 'failed'],
    confirmed: ['pending', 'paid'],
    cancelled: ['refunded', 'failed'],
  };
  return {
    id: random.uuid(),
    supplier_id: bought.supplier_id,
    user_id: basis?.user_id ?? random.pick(users).id,
    quote_id: basis?.id ?? null,
    status,
    total_amount: amount.toFixed(2),
    currency: bought.currency,
    payment_status: random.pick(payments[status] ?? ['paid']),
    ...made(random, 170 + index),
  };
}

export function rfq(random: Random, index: number, suppliers: readonly Row[], users: readonly Row[]): Row {
  const material = random.pick(materials);
  const [country, city] = random.pick(destinations);
  const whole = material.unit === 'kg' ? random.int(50, 4000) : random.int(5, 900);
  const quantity = `${whole}.${random.pick(['000', '000', '500', '275'])}`;
  const title = `${Number(quantity)} ${material.unit} ${material.name}, ${material.grade}, to ${city ?? country}`;
  const status = at(['draft', 'published', 'published', 'closed', 'awarded', 'cancelled'], index);
  const day = 100 + index * 2;
  const published = status !== 'draft';
  const closed = ['closed', 'awarded', 'cancelled'].includes(status);
  const publishedAt = published ? moment(random, day + 1) : null;
  const closedAt = closed ? moment(random, day + 50) : null;
  const own = made(random, day);
  return {
    id: random.uuid(),
    buyer_id: random.pick(users).id,
    title,
    // Two are longer than one of Notion's text objects may be (2,000 characters).
    description: index % 6 === 5 ? null : requestText(title, index === 1 || index === 8),
    status,
    product_type: material.type,
    purity_level: material.purity,
    quantity,
    unit: material.unit,
    target_price: index % 4 === 3 ? null : random.money(...material.price),
    currency: random.pick(['USD', 'USD', 'EUR']),
    delivery_location_country: country,
    delivery_location_city: city,
    required_certifications: certificates.filter(() => random.next() < 0.3),
    deadline: published ? moment(random, day + 45) : null,
    published_at: publishedAt,
    closed_at: closedAt,
    awarded_to: status === 'awarded' ? random.pick(suppliers).id : null,
    created_at: own.created_at,
    updated_at: closedAt ?? publishedAt ?? own.updated_at,
  };
}

/** Two or three for each request that was published, from different suppliers. */
export function response(
  random: Random,
  index: number,
  rfqs: readonly Row[],
  suppliers: readonly Row[],
  users: readonly Row[],
): Row {
  const published = rfqs.filter((each) => each.status !== 'draft');
  const asked = at(published, index);
  const status = random.pick(['submitted', 'under_review', 'shortlisted', 'rejected']);
  const won = asked.status === 'awarded' && index < published.length;
  const wanted = Number(asked.target_price ?? random.money(900, 14_000));
  return {
    id: random.uuid(),
    rfq_id: asked.id,
    supplier_id: won ? asked.awarded_to : at(suppliersBut(asked.awarded_to, suppliers), index * 7).id,
    user_id: index % 6 === 5 ? null : random.pick(users).id,
    quote_price: ((wanted * random.int(93, 118)) / 100).toFixed(2),
    currency: asked.currency,
    delivery_time_days: random.pick([14, 21, 30, 45, 60, 90, null]),
    payment_terms: random.pick(paymentTerms),
    notes: random.pick(notes),
    status: won ? 'accepted' : status,
    score: won ? random.int(80, 100) : status === 'submitted' ? null : random.int(0, 79),
    ...made(random, 120 + index),
  };
}

const suppliersBut = (id: unknown, suppliers: readonly Row[]): readonly Row[] =>
  suppliers.filter((each) => each.id !== id);

/** The day on which an auction begins; it lasts a week. */
const firstDay = (auction: number): number => 133 + auction * 4;

export function auction(random: Random, index: number, suppliers: readonly Row[]): Row {
  const material = at(materials, index);
  const start = Number(random.money(...material.price));
  return {
    id: random.uuid(),
    supplier_id: random.pick(suppliers).id,
    material: material.name,
    grade: index % 6 === 4 ? null : material.grade,
    quantity: `${random.int(2, 300)}.000`,
    starting_price: start.toFixed(2),
    reserve_price: index % 3 === 1 ? null : (start * 1.02).toFixed(2),
    bid_increment: (Math.ceil(start / 100) || 1).toFixed(2),
    status: at(['active', 'settled', 'closed', 'draft', 'active', 'settled', 'cancelled'], index),
    start_time: moment(random, firstDay(index)),
    end_time: moment(random, firstDay(index) + 7),
    ...made(random, firstDay(index) - 3),
  };
}

/** Bids go round the auctions that take any, each one step above the one before. */
export function bid(random: Random, index: number, auctions: readonly Row[], users: readonly Row[]): Row {
  const open = auctions.filter((each) => each.status !== 'draft' && each.status !== 'cancelled');
  const on = at(open, index);
  const steps = Math.floor(index / open.length) + 1;
  return {
    id: random.uuid(),
    auction_id: on.id,
    bidder_id: random.pick(users).id,
    amount: (Number(on.starting_price) + Number(on.bid_increment) * steps).toFixed(2),
    created_at: moment(random, firstDay(auctions.indexOf(on)) + steps),
  };
}

/** An auction with what its bids have made of it, so that the trigger on bids finds nothing to change. */
export function settled(each: Row, bids: readonly Row[]): Row {
  const own = bids.filter((one) => one.auction_id === each.id);
  const last = own.at(-1);
  return {
    ...each,
    current_price: last?.amount ?? null,
    bid_count: own.length,
    winner_id: each.status === 'settled' ? (last?.bidder_id ?? null) : null,
  };
}

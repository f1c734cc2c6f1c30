import type { ColumnShape } from '../model/codecs/codec.ts';
import type { Queryable } from './pool.ts';

type TypeRow = {
  readonly oid: number;
  readonly name: string;
  /** `pg_type.typtype`: b base, c composite, d domain, e enum, m multirange, p pseudo, r range. */
  readonly kind: string;
  /** `pg_type.typcategory`. */
  readonly category: string;
  readonly base: number;
  readonly modifier: number;
  readonly notNull: boolean;
  readonly hasDefault: boolean;
  /** The element's type if it is a true array, else 0. */
  readonly element: number;
  readonly labels: readonly string[];
};

/** What a type and its modifier mean for a column. */
type ResolvedType = {
  readonly shape: ColumnShape;
  /** Whether a domain on the way fills in a default. */
  readonly hasDefault: boolean;
  /** Whether a value is a row of several. */
  readonly composite: boolean;
};

export type TypeResolver = (typeOid: number, modifier: number, notNull: boolean) => ResolvedType;

/** Types that the wanted ones are made of come along: a domain's base, an array's element. */
const TYPES = `
  with recursive needed as (
    select t.* from pg_type t where t.oid = any ($1::oid[])
    union
    select t.* from needed n join pg_type t on t.oid in (n.typbasetype, n.typelem)
  )
  select coalesce(json_agg(json_build_object(
    'oid', oid::bigint, 'name', typname, 'kind', typtype, 'category', typcategory,
    'base', typbasetype::bigint, 'modifier', typtypmod, 'notNull', typnotnull,
    'hasDefault', typdefault is not null,
    'element', case when typcategory = 'A' and typtype = 'b' then typelem::bigint else 0 end,
    'labels', (select coalesce(json_agg(enumlabel order by enumsortorder), '[]') from pg_enum where enumtypid = needed.oid)
  )), '[]')::text as types from needed`;

/** Fetches what is needed to resolve these types. */
export async function loadTypes(db: Queryable, oids: readonly number[]): Promise<TypeResolver> {
  const { rows } = await db.query<{ types: string }>(TYPES, [[...new Set(oids)]]);
  const list = JSON.parse(rows[0]?.types ?? '[]') as readonly TypeRow[];
  const byOid = new Map(list.map((row) => [row.oid, row]));
  return (typeOid, modifier, notNull) => resolve(byOid, typeOid, modifier, notNull);
}

function resolve(
  types: ReadonlyMap<number, TypeRow>,
  typeOid: number,
  modifier: number,
  notNull: boolean,
): ResolvedType {
  const outer = unwrap(types, typeOid, modifier);
  const array = (outer.type?.element ?? 0) !== 0;
  const inner = array ? unwrap(types, outer.type?.element ?? 0, outer.modifier) : outer;
  const name = inner.type?.name ?? 'unknown';
  return {
    hasDefault: outer.hasDefault,
    composite: inner.type?.kind === 'c',
    shape: {
      type: name,
      category: categoryOf(inner.type),
      array,
      nullable: !notNull && !outer.notNull,
      labels: inner.type?.labels ?? [],
      ...limitsOf(name, inner.modifier),
    },
  };
}

/** Follows domains down to the type that they are made of; the first modifier on the way is the one that holds. */
function unwrap(types: ReadonlyMap<number, TypeRow>, typeOid: number, modifier: number) {
  let type = types.get(typeOid);
  let found = modifier;
  let notNull = false;
  let hasDefault = false;
  while (type?.kind === 'd') {
    if (found === -1) found = type.modifier;
    notNull ||= type.notNull;
    hasDefault ||= type.hasDefault;
    type = types.get(type.base);
  }
  return { type, modifier: found, notNull, hasDefault };
}

const BY_NAME: Readonly<Record<string, ColumnShape['category']>> = {
  uuid: 'uuid',
  json: 'json',
  jsonb: 'json',
  date: 'date',
  timestamp: 'date',
  timestamptz: 'date',
  // Written as the locale's currency text, which is no number.
  money: 'other',
};

function categoryOf(type: TypeRow | undefined): ColumnShape['category'] {
  if (!type) return 'other';
  if (type.kind === 'e') return 'enum';
  if (type.kind === 'r') return 'range';
  const named = BY_NAME[type.name];
  if (named) return named;
  if (type.category === 'B') return 'boolean';
  if (type.category === 'N') return 'number';
  return type.category === 'S' ? 'text' : 'other';
}

/** A modifier is the declared length plus the header's 4 bytes; numeric packs precision and scale into it. */
function limitsOf(name: string, modifier: number): Pick<ColumnShape, 'maxLength' | 'precision' | 'scale'> {
  const none = { maxLength: null, precision: null, scale: null };
  if (modifier < 4) return none;
  const packed = modifier - 4;
  if (name === 'varchar' || name === 'bpchar') return { ...none, maxLength: packed };
  if (name !== 'numeric') return none;
  // The scale is an 11-bit number with a sign.
  return { ...none, precision: (packed >> 16) & 0xffff, scale: ((packed & 0x7ff) ^ 1024) - 1024 };
}

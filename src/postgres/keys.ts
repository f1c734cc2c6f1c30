import { type RawBuilder, sql } from 'kysely';
import type { SqlText } from '../model/change.ts';
import { type RowKey, rowKey } from '../model/ids.ts';
import { type KeyCandidate, keyCandidates } from '../model/key-spelling.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import { keyJoin, keyTextsOf, type UserDatabase } from './rows.ts';
import { sqlState } from './write.ts';

/** A record id as PostgreSQL spells it, and whether a row has it. */
export type FoundKey = { readonly key: RowKey; readonly exists: boolean };

/**
 * What people typed as record ids, as PostgreSQL reads and spells them: one query for all of them. A text that is no
 * value of the key's type is missing from the answer, and costs the others nothing. `exact`: blanks around it always count.
 */
export async function findKeys(
  db: UserDatabase,
  table: ResolvedTable,
  typed: readonly string[],
  { exact = false }: { readonly exact?: boolean } = {},
): Promise<Map<string, FoundKey>> {
  const candidates = [...new Set(typed)].flatMap((text) =>
    keyCandidates(text, table.key.length).slice(0, exact ? 1 : undefined),
  );
  const read = await readCandidates(db, table, candidates);
  const found = new Map<string, FoundKey>();
  for (const candidate of candidates) {
    const one = read.get(candidate);
    // The first spelling that names a row; else the first that is a key at all.
    if (
      one !== undefined &&
      (!found.has(candidate.typed) || (one.exists && !found.get(candidate.typed)?.exists))
    )
      found.set(candidate.typed, one);
  }
  return found;
}

async function readCandidates(
  db: UserDatabase,
  table: ResolvedTable,
  candidates: readonly KeyCandidate[],
): Promise<Map<KeyCandidate, FoundKey>> {
  if (candidates.length === 0) return new Map();
  try {
    return await castAll(db, table, candidates);
  } catch (error) {
    if (!/^(22|23|0A000|42846)/.test(sqlState(error) ?? '')) throw error;
    if (candidates.length === 1) return new Map();
    // One of them is no key: the others are read without it.
    const half = Math.ceil(candidates.length / 2);
    const [left, right] = [candidates.slice(0, half), candidates.slice(half)];
    return new Map([...(await readCandidates(db, table, left)), ...(await readCandidates(db, table, right))]);
  }
}

async function castAll(
  db: UserDatabase,
  table: ResolvedTable,
  candidates: readonly KeyCandidate[],
): Promise<Map<KeyCandidate, FoundKey>> {
  const names = table.key.map((_, at) => sql.id(`p${at}`));
  const lists = table.key.map((_, at) => sql`${candidates.map(({ parts }) => parts[at] ?? null)}::text[]`);
  const asks = await mayAsk(db);
  const cast = table.key.map((_, at) =>
    castOf(table.keyTypes[at] ?? 'text', sql`pgnotion_typed.${names[at]}`, asks),
  );
  const columns = cast.map((value, at) => sql`${value} as ${sql.id(`c${at}`)}`);
  const { rows } = await sql<Readonly<Record<string, SqlText>>>`
    select pgnotion_typed.n as n, ${sql.join(columns)}, ${sql.join(keyTextsOf(table))}
      from unnest(${sql.join(lists)}) with ordinality as pgnotion_typed(${sql.join(names)}, n)
      left join ${keyJoin(table, cast)}`.execute(db);
  const found = new Map<KeyCandidate, FoundKey>();
  for (const row of rows) {
    const candidate = candidates[Number(row.n) - 1];
    const exists = row.k0 != null;
    const parts = table.key.map((_, at) => row[`${exists ? 'k' : 'c'}${at}`] ?? null);
    // What is null has no key: a number with a fraction, for one.
    if (candidate !== undefined && parts.every((part) => part !== null))
      found.set(candidate, { key: rowKey(parts), exists });
  }
  return found;
}

const INTEGERS = new Set(['smallint', 'integer', 'bigint']);

type Value = RawBuilder<unknown>;

/**
 * Casts to a type without its length: `varchar(3)` would cut what was typed, `numeric(5,2)` would round it. With `asks`,
 * the server is asked first whether the text is a value at all, and what is none gives null instead of an error.
 */
export function castOf(type: string, value: Value, asks: boolean): Value {
  const bare = type.replace(/\([\d, -]+\)/, '');
  if (!INTEGERS.has(bare)) {
    // `character` alone is `character(1)`.
    const name = bare === 'character' ? 'bpchar' : bare;
    return guarded(value, name, sql`${value}::${sql.raw(name)}`, asks);
  }
  const number = sql`${value}::numeric`;
  const whole = sql`trunc(${number})::text`;
  const integer = guarded(whole, bare, sql`(${whole})::${sql.raw(bare)}`, asks);
  return guarded(value, 'numeric', sql`case when ${number} = trunc(${number}) then ${integer} end`, asks);
}

const guarded = (text: Value, type: string, cast: Value, asks: boolean): Value =>
  asks ? sql`case when pg_input_is_valid(${text}, ${type}) then ${cast} end` : cast;

const askable = new WeakMap<UserDatabase, boolean>();

/** PostgreSQL 16 and later tell whether a text is a value of a type; before, only an error tells. */
export async function mayAsk(db: UserDatabase): Promise<boolean> {
  const known = askable.get(db);
  if (known !== undefined) return known;
  const { rows } = await sql<{ there: string }>`select to_regproc('pg_input_is_valid') as there`.execute(db);
  const asks = rows[0]?.there != null;
  askable.set(db, asks);
  return asks;
}

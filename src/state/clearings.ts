import type { LikelyCause } from '../model/clearing.ts';
import type { PageId, RowKey, TableName } from '../model/ids.ts';
import { changesIn, type Guard, type GuardLoad, isMassChange } from '../model/mass-change.ts';
import { commandEdits } from './edits.ts';
import { MASS_CLEARING, NOBODY, type Side } from './guarded-changes.ts';
import { LOCKS } from './locks.ts';
import type { Failure } from './outbox.ts';
import type { Sql, Store } from './sql.ts';

/** A field of a record that one side emptied, and that would become empty on the other. */
export type Cleared = { readonly key: RowKey; readonly page: PageId; readonly field: string };

/** `crossed`: it may cross, or has. A decision stays until it is carried out. */
type ClearingState = 'crossed' | 'waiting' | 'approved' | 'rejected';

/** The states of these fields, by key and field. */
type Clearings = ReadonlyMap<string, ClearingState>;
export const clearingName = ({ key, field }: Pick<Cleared, 'key' | 'field'>): string =>
  JSON.stringify([key, field]);

type Claim = {
  readonly table: TableName;
  readonly side: Side;
  readonly guard: Guard;
  readonly cleared: readonly Cleared[];
  /** How many more are known to come, by field. */
  readonly behind?: ReadonlyMap<string, number>;
  /** Asked for a field of which a mass is to wait. */
  readonly causeOf: (field: string) => Promise<LikelyCause>;
};

/**
 * Decides which of these fields may be emptied by themselves, and counts them. All that come together are decided as
 * one, and one decision is made at a time, so that portions of a mass count each other.
 */
export async function claimClearings(store: Store, claim: Claim): Promise<Clearings> {
  if (claim.cleared.length === 0) return new Map();
  const masses = await store.transaction((sql) => decide(sql, claim));
  for (const field of masses.fields) await tellCause(store, claim, field);
  return masses.states;
}

async function decide(
  sql: Sql,
  { table, side, guard, cleared, behind }: Claim,
): Promise<{ readonly states: Clearings; readonly fields: readonly string[] }> {
  await sql.query('select pg_advisory_xact_lock($1, hashtext($2))', [LOCKS.clearings, `${side} ${table}`]);
  await sql.query(
    `delete from pgnotion.clearings where table_name = $1 and side = $2 and state = 'crossed'
        and since < clock_timestamp() - make_interval(mins => $3)`,
    [table, side, guard.windowMinutes],
  );
  const states = new Map(await knownStates(sql, table, side, cleared));
  const fields: string[] = [];
  for (const field of new Set(cleared.map((each) => each.field))) {
    const fresh = cleared.filter((each) => each.field === field && !states.has(clearingName(each)));
    if (fresh.length === 0) continue;
    const load = await clearingLoad(
      sql,
      { table, side, field },
      guard,
      fresh.length + (behind?.get(field) ?? 0),
    );
    const state = isMassChange(load, guard) ? 'waiting' : 'crossed';
    if (state === 'waiting') fields.push(field);
    await keep(sql, { table, side, state, reason: reasonOf(field, load) }, fresh);
    for (const each of fresh) states.set(clearingName(each), state);
  }
  return { states, fields };
}

/**
 * Has fields of one record wait whatever their number, unless a person has decided of them. What a listing let through by
 * its number alone waits as well.
 */
export async function holdClearings(
  sql: Sql,
  table: TableName,
  cleared: readonly Cleared[],
  { reason, cause }: { readonly reason: string; readonly cause: string },
): Promise<void> {
  await sql.query(
    `insert into pgnotion.clearings as c (table_name, side, state, reason, cause, key, page_id, field)
     select $1, 'to-postgres', 'waiting', $2, $3, k, p, f from unnest($4::text[], $5::uuid[], $6::text[]) as u(k, p, f)
     on conflict (table_name, key, side, field) do update
       set state = 'waiting', reason = excluded.reason, cause = excluded.cause, since = clock_timestamp()
       where c.state = 'crossed'`,
    [
      table,
      reason,
      cause,
      cleared.map((each) => each.key),
      cleared.map((each) => each.page),
      cleared.map((each) => each.field),
    ],
  );
}

const reasonOf = (field: string, load: GuardLoad): string =>
  `${changesIn(load)} of ${load.records} records of this table would lose their ${field} at once`;

async function knownStates(
  sql: Sql,
  table: TableName,
  side: Side,
  cleared: readonly Cleared[],
): Promise<[string, ClearingState][]> {
  const rows = await sql.query<Pick<Cleared, 'key' | 'field'> & { readonly state: ClearingState }>(
    `select key, field, state
       from pgnotion.clearings join unnest($3::text[], $4::text[]) as u(k, f) on key = k and field = f
      where table_name = $1 and side = $2`,
    [table, side, cleared.map((each) => each.key), cleared.map((each) => each.field)],
  );
  return rows.map(({ key, field, state }) => [clearingName({ key, field }), state]);
}

async function clearingLoad(
  sql: Sql,
  { table, side, field }: { readonly table: TableName; readonly side: Side; readonly field: string },
  guard: Guard,
  coming: number,
): Promise<GuardLoad> {
  const [row] = await sql.query<Omit<GuardLoad, 'coming'>>(
    `select count(*) filter (where state = 'crossed')::int as crossed,
            count(*) filter (where state = 'waiting')::int as waiting,
            (select count(*)::int from pgnotion.records
              where table_name = $1 and page_id is not null and rested_at is null) as records
       from pgnotion.clearings
      where table_name = $1 and side = $2 and field = $3
        and since > clock_timestamp() - make_interval(mins => $4)`,
    [table, side, field, guard.windowMinutes],
  );
  return { crossed: 0, waiting: 0, records: 0, ...row, coming };
}

async function keep(
  sql: Sql,
  as: {
    readonly table: TableName;
    readonly side: Side;
    readonly state: ClearingState;
    readonly reason: string;
  },
  cleared: readonly Cleared[],
): Promise<void> {
  await sql.query(
    `insert into pgnotion.clearings (table_name, side, state, reason, key, page_id, field)
     select $1, $2, $3, $4, k, p, f from unnest($5::text[], $6::uuid[], $7::text[]) as u(k, p, f)
     on conflict do nothing`,
    [
      as.table,
      as.side,
      as.state,
      as.reason,
      cleared.map((each) => each.key),
      cleared.map((each) => each.page),
      cleared.map((each) => each.field),
    ],
  );
}

/** Finding it out may take a request, so it comes after the decision, which others wait for. */
async function tellCause(store: Store, { table, side, causeOf }: Claim, field: string): Promise<void> {
  const { text, byNobody } = await causeOf(field);
  await store.query(
    `update pgnotion.clearings set cause = $4, actor = $5
      where table_name = $1 and side = $2 and field = $3 and state = 'waiting' and cause is null`,
    [table, side, field, text, byNobody ? NOBODY : null],
  );
}

/** Rows of a table that wait to be delivered, but for these; at most so many. */
export async function rowsBehind(
  sql: Sql,
  table: TableName,
  batch: readonly RowKey[],
  most: number,
): Promise<RowKey[]> {
  const rows = await sql.query<{ key: RowKey }>(
    `select key from pgnotion.outbox
      where table_name = $1 and kind = 'write' and parked_at is null and key <> all($2::text[])
      order by first_at, key limit $3`,
    [table, batch, most],
  );
  return rows.map(({ key }) => key);
}

/** Forgets what no longer is a clearing of a record, or is carried out; `cleared` are the fields that still are. */
export async function dropClearings(
  sql: Sql,
  { table, key }: { readonly table: TableName; readonly key: RowKey },
  side: Side,
  cleared: readonly string[],
): Promise<void> {
  await sql.query(
    `delete from pgnotion.clearings
      where table_name = $1 and key = $2 and side = $3 and state <> 'crossed' and field <> all($4::text[])`,
    [table, key, side, cleared],
  );
}

/** The fields of a record of which no person's edit is known to be the reason, and who is named for them instead. */
export async function actorsOfClearings(
  sql: Sql,
  { table, key }: { readonly table: TableName; readonly key: RowKey },
): Promise<ReadonlyMap<string, string>> {
  const rows = await sql.query<{ field: string; actor: string }>(
    `select field, actor from pgnotion.clearings
      where table_name = $1 and key = $2 and side = 'to-postgres' and state = 'approved' and actor is not null`,
    [table, key],
  );
  return new Map(rows.map(({ field, actor }) => [field, actor]));
}

/** Fields of one page that wait with many others. */
export const massClearing = (fields: readonly string[]): Failure => ({
  code: MASS_CLEARING,
  reason: `${fields.join(', ')}: emptied together with the same property of many other records`,
  remedy:
    'look at `pgnotion guarded list`, which names the likely cause, then run `pgnotion guarded approve TABLE` to empty the rows too, or `pgnotion guarded reject TABLE` to write their values to the pages again',
});

/** Fields of one page that wait because it looks as if it had been elsewhere. */
export const lostOnTheWay = (fields: readonly string[], through: TableName): Failure => ({
  code: MASS_CLEARING,
  reason:
    `${fields.join(', ')}: emptied together, and they are what a page loses that is moved to the database of ` +
    `${through} and back`,
  remedy:
    "run `pgnotion guarded reject TABLE KEY` to write the row's values to the page again, or `pgnotion guarded approve TABLE KEY` to empty the row too",
});

/**
 * A decision may come between the look that found these fields waiting and the moment at which their edit is set aside,
 * and then finds nothing to wake. Called right after that, in the same transaction: whatever comes later sees the edit.
 */
export async function wakeIfDecided(
  sql: Sql,
  { page, table, key }: { readonly page: PageId; readonly table: TableName; readonly key: RowKey },
  waiting: readonly string[],
): Promise<void> {
  if (waiting.length === 0) return;
  await commandEdits(sql, 'look', {
    which: `page_id = $1 and exists (
      select from pgnotion.clearings where table_name = $2 and key = $3 and side = 'to-postgres'
         and field = any ($4) and state in ('approved', 'rejected'))`,
    parameters: [page, table, key, waiting],
  });
}

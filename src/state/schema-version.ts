import { PgnotionError } from '../model/errors.ts';
import { readStateSchema } from './doctor-facts.ts';
import { migrations } from './migrate.ts';
import type { Sql } from './sql.ts';

/**
 * Whether our schema is there, as this version of pgnotion has it. Throws PgnotionError `state_older` if `migrate` would have
 * something to do: who must not change anything cannot read it.
 */
export async function isStatePresent(sql: Sql): Promise<boolean> {
  if ((await readStateSchema(sql)).version === null) return false;
  const rows = await sql.query<{ version: number }>('select version from pgnotion.migrations');
  const present = new Set(rows.map(({ version }) => version));
  const known = (await migrations()).map(({ version }) => version);
  const lacking = known.filter((version) => !present.has(version));
  if (lacking.length === 0 && present.size === known.length) return true;
  throw new PgnotionError({
    code: 'state_other_version',
    message: `the schema pgnotion is of another version of pgnotion (${lacking.length} migrations are missing, ${present.size + lacking.length - known.length} are unknown), and a plan changes nothing`,
    remedy: 'run `pgnotion status`, which brings an older schema up to date, and `pgnotion plan` again',
  });
}

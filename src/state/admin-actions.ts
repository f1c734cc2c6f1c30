import type { Json } from '../model/change.ts';
import { UNDOABLE } from './activity.ts';
import type { Sql } from './sql.ts';

/** What a person had done through the admin port or by a command. */
export type ActionNote = {
  readonly actor: string;
  readonly action: string;
  readonly input: Readonly<Record<string, Json | undefined>>;
  /** What was told of it. */
  readonly message: string;
};

export async function noteAction(sql: Sql, { actor, action, input, message }: ActionNote): Promise<void> {
  await sql.query(
    'insert into pgnotion.admin_actions (actor, action, input, message) values ($1, $2, $3, $4)',
    [actor, action, JSON.stringify(input), message],
  );
}

/** A line of the view `actions`. */
export type ActionLine = ActionNote & {
  readonly id: string;
  readonly at: Date;
  /** The latest operation that carried a decision out, if `undo` can take it back; null for all other actions. */
  readonly operation: string | null;
};

/** The newest first. */
export const readActions = (sql: Sql, limit: number): Promise<ActionLine[]> =>
  sql.query<ActionLine>(
    `with latest as materialized (select * from pgnotion.actions order by id desc limit $1)
     select l.id::text as id, l.at, l.actor, l.action, l.input, l.message,
            case when l.action in ('resolve', 'approve', 'reject') then (
              select o.id::text from pgnotion.operations o
               where o.table_name = coalesce(l.input->>'table', c.table_name) and o.key = coalesce(l.input->>'key', c.record_id)
                 and o.actor in (l.actor, l.input->>'by') and o.started_at >= l.at and ${UNDOABLE}
               order by o.id desc limit 1) end as operation
       from latest l
       left join pgnotion.conflict_entries c on c.id = case l.action when 'resolve' then (l.input->>'id')::bigint end
      order by l.id desc`,
    [limit],
  );

export async function pruneActions(sql: Sql, days: number): Promise<void> {
  await sql.query(
    'delete from pgnotion.admin_actions where at < clock_timestamp() - make_interval(days => $1)',
    [days],
  );
}

/** A comparison that somebody asked the daemon for; `table` null: of all. */
export type AskedVerify = { readonly table: string | null; readonly actor: string };

/** Only one can wait: a second one is told of the first. Gives whether it was taken. */
export async function askVerify(sql: Sql, asked: AskedVerify): Promise<boolean> {
  const rows = await sql.query(
    `insert into pgnotion.settings (name, value) values ('verify_asked', $1)
     on conflict (name) do nothing returning 1`,
    [JSON.stringify(asked)],
  );
  return rows.length > 0;
}

export async function readAskedVerify(sql: Sql): Promise<AskedVerify | null> {
  const [row] = await sql.query<{ value: AskedVerify }>(
    `select value from pgnotion.settings where name = 'verify_asked'`,
  );
  return row?.value ?? null;
}

/** It was made, or it cannot be. */
export async function forgetAskedVerify(sql: Sql): Promise<void> {
  await sql.query(`delete from pgnotion.settings where name = 'verify_asked'`);
}

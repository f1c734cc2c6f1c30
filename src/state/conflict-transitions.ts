import { type ConflictEvent, frees, type LiveConflict, next } from '../model/conflict-lifecycle.ts';
import type { Sql } from './sql.ts';

/**
 * Moves conflicts on by what happened to each (null: nothing), as `model/conflict-lifecycle.ts` has it. Only conflicts that
 * are not over move. Returns whether something that waited because of one of them has to be looked at again.
 */
export async function applyTransitions(
  sql: Sql,
  conflicts: readonly LiveConflict[],
  eventOf: (conflict: LiveConflict) => ConflictEvent | null,
): Promise<boolean> {
  const moves = conflicts.flatMap((conflict) => {
    const event = eventOf(conflict);
    const transition = event === null ? null : next(conflict, event);
    return transition === null || transition.to === 'stays' ? [] : [{ id: conflict.id, transition }];
  });
  if (moves.length === 0) return false;
  await sql.query(
    `update pgnotion.conflict_entries c
        set status = m.status,
            resolution = case m.status when 'open' then null else coalesce(m.winner, c.resolution) end,
            note = case m.status when 'open' then m.note else c.note end,
            strategy = case m.status when 'open' then 'manual' else c.strategy end,
            value = case m.status when 'open' then null else c.value end,
            decided_at = case m.status when 'open' then null else c.decided_at end,
            resolved_by = case m.status when 'open' then null else c.resolved_by end,
            resolved_at = case m.status when 'open' then null else clock_timestamp() end
       from unnest($1::bigint[], $2::text[], $3::text[], $4::text[]) as m(id, status, winner, note)
      where c.id = m.id and c.status in ('open', 'decided')`,
    [
      moves.map(({ id }) => id),
      moves.map(({ transition }) => transition.to),
      moves.map(({ transition }) => ('winner' in transition ? transition.winner : null)),
      moves.map(({ transition }) => ('note' in transition ? transition.note : null)),
    ],
  );
  return moves.some(({ transition }) => frees(transition));
}

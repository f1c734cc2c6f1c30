import type { Store } from './sql.ts';

/** What Notion refuses every request of the daemon for, until a person acts. */
type NotionRefusal = { readonly code: string; readonly reason: string; readonly remedy: string };

/**
 * Keeps it for whoever asks how the daemon is; null: nothing is refused any more. Says whether anything changed. Belongs to
 * the daemon alone: what another program's token meets says nothing of it.
 */
export async function keepNotionRefusal(
  { query, epoch }: Store,
  refusal: NotionRefusal | null,
): Promise<boolean> {
  const rows =
    refusal === null
      ? await query(
          `with ended as (delete from pgnotion.notion_refusal returning code)
           select code from ended, pgnotion.fence($1)`,
          [epoch],
        )
      : await query(
          `insert into pgnotion.notion_refusal (code, reason, remedy) select $2, $3, $4 from pgnotion.fence($1)
           on conflict (only_row) do update
             set code = excluded.code, reason = excluded.reason, remedy = excluded.remedy
           returning code`,
          [epoch, refusal.code, refusal.reason, refusal.remedy],
        );
  return rows.length > 0;
}

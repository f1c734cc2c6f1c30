import type { Store } from './sql.ts';

/** What Notion refuses every request of the daemon for, until a person acts. */
export type NotionRefusal = { readonly code: string; readonly reason: string; readonly remedy: string };

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
          `with ended as (delete from pgnotion.settings where name = 'notion_refused' returning name)
           select name from ended, pgnotion.fence($1)`,
          [epoch],
        )
      : await query(
          `insert into pgnotion.settings as s (name, value)
           select 'notion_refused', $2::jsonb || jsonb_build_object('since', clock_timestamp()) from pgnotion.fence($1)
           on conflict (name) do update set value = excluded.value || jsonb_build_object('since', s.value -> 'since')
           returning name`,
          [epoch, JSON.stringify(refusal)],
        );
  return rows.length > 0;
}

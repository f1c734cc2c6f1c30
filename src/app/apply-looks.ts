import { runText } from '../model/codecs/runs.ts';
import type { InstallationId } from '../model/installation-marker.ts';
import { withoutStart } from '../model/installation-marker.ts';
import { changedLooks, type Look, looksRequest, markIn, mayDiffer, wantedLooks } from '../model/looks.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import type { AppliedTable } from '../notion/apply-schema.ts';
import type { NotionClient } from '../notion/client.ts';
import { readAppliedLooks, saveAppliedLooks } from '../state/applied-looks.ts';
import type { Sql } from '../state/sql.ts';

const ASK = { priority: 'live' } as const;

/** Which members of a database are to be written, and what its description ends with. */
type Planned = { readonly members: readonly Look[]; readonly mark: string };

const NOTHING: Planned = { members: [], mark: '' };

type At = { readonly sql: Sql; readonly notion: NotionClient; readonly own: InstallationId };

/** Looks only at a database of which the configuration says something else than when it was last carried out. */
export async function planLooks(
  { sql, notion, own }: Omit<At, 'notion'> & { readonly notion: Pick<NotionClient, 'retrieveDatabase'> },
  table: ResolvedTable,
  { dataSourceId, databaseId, created, schema }: AppliedTable,
): Promise<Planned> {
  const was = created ? wantedLooks(table) : await readAppliedLooks(sql, table.name, dataSourceId);
  const wanted = wantedLooks(table);
  if (!mayDiffer(wanted, was) || databaseId === null || schema.inTrash) return NOTHING;
  const shown = await notion.retrieveDatabase(databaseId, ASK);
  const text = shown.description.map((run) => runText(run) ?? '').join('');
  const members = changedLooks(wanted, was, {
    title: shown.title,
    description: withoutStart(text, own),
    hasIcon: shown.icon !== null,
  });
  return { members, mark: markIn(text, own) };
}

/** Writes what the configuration says otherwise of a database since the last time, and keeps that it did. */
export async function applyLooks(
  { sql, notion, own }: At,
  table: ResolvedTable,
  applied: AppliedTable,
): Promise<readonly Look[]> {
  const { dataSourceId: dataSource, databaseId } = applied;
  const { members, mark } = await planLooks({ sql, notion, own }, table, applied);
  const wanted = wantedLooks(table);
  if (members.length > 0 && databaseId !== null)
    await notion.updateDatabase(databaseId, looksRequest(wanted, members, mark), ASK);
  const was = await readAppliedLooks(sql, table.name, dataSource);
  const kept = {
    title: wanted.title,
    // What the configuration says no more was carried out all the same.
    description: wanted.description ?? was?.description ?? null,
    icon: wanted.icon ?? was?.icon ?? null,
  };
  await saveAppliedLooks(sql, { table: table.name, dataSource }, kept);
  return members;
}

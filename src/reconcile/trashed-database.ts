import { type Drift, driftOf } from '../model/drift.ts';
import type { TableName } from '../model/ids.ts';
import { isInTrash } from '../notion/in-trash.ts';
import type { SyncContext } from '../sync/context.ts';

/**
 * Notion answers a question to a database in the trash as one to a database that is not shared, and another act brings it
 * back: so the database itself is asked which of the two it is. What it does not say stays as it was.
 */
export async function withTrash(
  { notion, sourceOf }: Pick<SyncContext, 'notion' | 'sourceOf'>,
  table: TableName,
  drifts: readonly Drift[] | null,
): Promise<readonly Drift[] | null> {
  if (!drifts?.some(({ kind }) => kind === 'database_hidden')) return drifts;
  const { dataSource } = await sourceOf(table);
  const trashed = await isInTrash(notion, dataSource, { priority: 'poll' }).catch(() => false);
  return trashed
    ? drifts.map((drift) => (drift.kind === 'database_hidden' ? inTrash(table) : drift))
    : drifts;
}

const inTrash = (table: TableName): Drift =>
  driftOf('database_trashed', {
    field: '',
    detail: `the database of ${table} is in the trash`,
    remedy: `restore it in Notion; or, if it is not to come back, run \`pgnotion reset ${table} --yes\` and \`pgnotion apply\`, which makes a new one`,
  });

import type { History } from './history.ts';

/**
 * Rule 6: pgnotion deletes no row whose page nobody moved to the trash. That Notion does not show a page, that it was moved
 * elsewhere or erased, is no deletion.
 */
export function judgeRemovedRows({
  rows,
  pages,
  lines,
}: Pick<History, 'rows' | 'pages' | 'lines'>): string[] {
  const trashed = new Set(
    pages
      .filter(({ inTrash, isErased }) => inTrash && isErased !== true)
      .flatMap(({ page }) => [...(lines.get(page) ?? [])]),
  );
  return rows
    .filter(
      ({ values, by, cascaded, line }) =>
        values === null && by === 'pgnotion' && !cascaded && !trashed.has(line),
    )
    .map(
      ({ table, key }) =>
        `removal: ${table}/${key} was deleted by pgnotion, and nobody moved its page to the trash`,
    );
}

import type { History, RowVersion } from './history.ts';

/** Values that come once: by them a row is known as that of a page. */
const TITLES = { parents: 'Name', children: 'Title' } as const;

/** Rule 7: a page makes one row. A row that pgnotion makes has a page of its own that showed its title by then. */
export function judgeDoubledRows({ rows, pages }: Pick<History, 'rows' | 'pages'>): string[] {
  const versions = Map.groupBy(rows, ({ line }) => line);
  const made = [...versions.values()].flatMap(([first]) => (first?.by === 'pgnotion' ? [first] : []));
  return made.flatMap((row) => {
    const title = TITLES[row.table];
    const name = row.values?.[title] ?? null;
    if (name === null) return [];
    const named = [...versions.values()].filter((line) => {
      const now = line.findLast(({ n }) => n <= row.n);
      return now?.table === row.table && now.values?.[title] === name;
    });
    const shown = new Set(
      pages
        .filter(({ table, at, values }) => table === row.table && at <= row.at && values[title] === name)
        .map(({ page }) => page),
    );
    return named.length < 2 || named.length <= shown.size ? [] : [told(row, name, shown.size)];
  });
}

const told = ({ table, key }: RowVersion, name: string, pages: number): string =>
  `double: ${table}/${key} is one more row named ${name}, which ${pages === 1 ? 'one page' : `${pages} pages`} showed when pgnotion made it`;

import { cutText } from '../model/texts.ts';

/** Blanks between two columns. */
const GAP = 2;
/** However narrow the terminal is, this much is shown of a cell. */
const LEAST_SHOWN = 10;

/** Lays out rows under their headings for a terminal; numbers go to the right. */
export function formatTable(
  headings: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): string {
  const lines = [headings, ...rows.map((row) => row.map(String))];
  const widths = headings.map((_, at) => Math.max(...lines.map((line) => line[at]?.length ?? 0)));
  const numeric = headings.map((_, at) => rows.every((row) => typeof row[at] === 'number'));
  return lines
    .map((line) =>
      line
        .map((cell, at) => (numeric[at] ? cell.padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0)))
        .join(' '.repeat(GAP))
        .trimEnd(),
    )
    .join('\n');
}

type NarrowTable = {
  readonly headings: readonly string[];
  /** The headings of the columns, the most important first: those that have no room are left out. */
  readonly importance: readonly string[];
  readonly rows: readonly { readonly cells: readonly (string | number)[]; readonly remark: string }[];
};

/** A table in so many columns of a terminal; a remark on a row stands below it. */
export function narrowTable({ headings, importance, rows }: NarrowTable, columns: number): string {
  const most = Math.max(LEAST_SHOWN, Math.floor(columns / 2));
  const cells = rows.map((row) =>
    row.cells.map((cell) => (typeof cell === 'string' ? cutText(cell, most) : cell)),
  );
  const widths = headings.map((heading, at) =>
    Math.max(heading.length, ...cells.map((row) => String(row[at] ?? '').length)),
  );
  let room = columns + GAP;
  const kept = importance
    .map((heading) => headings.indexOf(heading))
    .filter((at) => {
      const wide = (widths[at] ?? 0) + GAP;
      if (wide > room) return false;
      room -= wide;
      return true;
    })
    .sort((a, b) => a - b);
  const pick = <T>(row: readonly T[]): T[] => kept.flatMap((at) => row[at] ?? []);
  const [head = '', ...lines] = formatTable(pick(headings), cells.map(pick)).split('\n');
  const remarks = rows.map(({ remark }) => (remark === '' ? [] : [`  ${remark}`]));
  return [head, ...lines.flatMap((line, at) => [line, ...(remarks[at] ?? [])])].join('\n');
}

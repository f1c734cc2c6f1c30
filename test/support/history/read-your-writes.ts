import { atomsOf, type History, type PageVersion, type RowVersion, SETS, type Wait } from './history.ts';

export type ReadYourWrites = {
  readonly faults: readonly string[];
  /** Answers that were true and could be looked at. */
  readonly kept: number;
  readonly refused: number;
};

/**
 * Rule 2: where `pgnotion.wait_for` answered true, the record's page showed that version of the field, or a newer one, at
 * that moment, or what a person had typed over it.
 */
export function judgeReadYourWrites(history: History): ReadYourWrites {
  const faults: string[] = [];
  let [kept, refused] = [0, 0];
  for (const wait of history.waits) {
    if (!wait.answer) {
      refused += 1;
      continue;
    }
    const fault = faultOf(history, wait);
    if (fault === 'untold') continue;
    kept += 1;
    if (fault !== null)
      faults.push(
        `read your writes: wait_for told that ${wait.property} of ${wait.table}/${wait.key} is ${wait.value}, and ${fault}`,
      );
  }
  return { faults, kept, refused };
}

function faultOf(history: History, wait: Wait): string | null {
  const line = history.rows.find(
    ({ table, values }) => table === wait.table && values?.[wait.property] === wait.value,
  )?.line;
  const versions = history.rows.filter((row) => row.line === line);
  const at = versions.findIndex(({ values }) => values?.[wait.property] === wait.value);
  const later = versions.slice(at);
  // The row went, left the table's condition or became another record at some time after: its page is not asked for.
  if (line === undefined || later.some((row) => isGone(row, wait))) return 'untold';
  const newest = new Map<string, PageVersion>();
  for (const version of history.pages)
    if (version.index < wait.index && history.lines.get(version.page)?.has(line))
      newest.set(version.page, version);
  const pages = [...newest.values()];
  if (pages.some(({ page, inTrash }) => inTrash || history.taken.has(page))) return 'untold';
  const shown = pages.filter(({ values }) => wait.property in values);
  if (pages.length > 0 && shown.length === 0) return 'untold';
  if (shown.some((page) => showsAny({ all: versions, later }, page, wait.property))) return null;
  if (shown.some((page) => lastBy(history, page, wait.property) !== 'pgnotion')) return null;
  return shown.length === 0
    ? 'it had no page'
    : `the page showed ${shown.map(({ values }) => values[wait.property]).join(', ')}`;
}

const isGone = ({ values, hidden, key }: RowVersion, wait: Wait): boolean =>
  values === null || hidden || key !== wait.key;

/**
 * Whether a page shows one of these versions. Of a set, elements that the row has never had are a person's, and stay beside
 * those of the row; one that it had before is a version that is gone.
 */
function showsAny(
  { all, later }: { readonly all: readonly RowVersion[]; readonly later: readonly RowVersion[] },
  { values }: PageVersion,
  property: string,
): boolean {
  const shown = atomsOf(property, values[property]);
  const ever = new Set(all.flatMap((row) => atomsOf(property, row.values?.[property])));
  const ours = shown.filter((atom) => !SETS.has(property) || ever.has(atom));
  return later.some(
    (row) => JSON.stringify(atomsOf(property, row.values?.[property])) === JSON.stringify(ours),
  );
}

/** Who set what a page showed. */
const lastBy = (history: History, { page, index }: PageVersion, property: string): PageVersion['by'] =>
  history.pages.findLast(
    (each) => each.page === page && each.index <= index && each.before[property] !== each.values[property],
  )?.by ?? 'person';

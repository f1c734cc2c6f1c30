import { readRowVersions, readTrail } from './chaos-audit.ts';
import type { Journal } from './chaos-journal.ts';
import type { Verdict } from './chaos-rows.ts';
import type { World } from './chaos-world.ts';
import { judgeConflicts } from './history/conflicts.ts';
import { judgeDoubledRows } from './history/doubles.ts';
import { judgeEchoes } from './history/echoes.ts';
import type { History } from './history/history.ts';
import { judgeLostUpdates } from './history/lost-updates.ts';
import { judgeMonotonic } from './history/monotonic.ts';
import { judgeDegraded } from './history/overwrites.ts';
import { judgeReadYourWrites } from './history/read-your-writes.ts';
import { judgeRemovedRows } from './history/removals.ts';
import { judgeSets } from './history/sets.ts';

/** What both sides and the run itself have recorded, for the checker. */
async function recordedHistory(world: World, { pages, options }: Journal): Promise<History> {
  const rows = await readRowVersions(world, options);
  const { operations, keys } = await readTrail(world, options);
  const ofKey = Map.groupBy(rows, ({ table, key }) => `${table}/${key}`);
  const lines = new Map(
    [...keys].map(([page, names]) => [
      page,
      new Set([...names].flatMap((name) => (ofKey.get(name) ?? []).map(({ line }) => line))),
    ]),
  );
  const conflicts = await world.sql<{ page: string; property: string }>(
    `select distinct page_id as page, unnest(fields) as property from pgnotion.conflict_entries
      where type = 'CONCURRENT_UPDATE' and page_id is not null`,
  );
  return { rows, pages, operations, conflicts, lines, waits: world.waits, taken: world.taken };
}

/** The rules over time, each judged from what was recorded and from nothing else. */
export async function judgeRecorded(world: World, journal: Journal): Promise<Verdict> {
  const history = await recordedHistory(world, journal);
  const monotonic = judgeMonotonic(history);
  const waited = judgeReadYourWrites(history);
  const lost = judgeLostUpdates(history);
  const degraded = judgeDegraded(history.pages, history.taken);
  return {
    faults: [
      ...monotonic.faults,
      ...waited.faults,
      ...lost.faults,
      ...degraded,
      ...judgeEchoes(history),
      ...judgeRemovedRows(history),
      ...judgeDoubledRows(history),
      ...judgeConflicts(history),
      ...judgeSets(history),
    ],
    counts: {
      shown: monotonic.shown,
      overtaken: monotonic.overtaken,
      waitsKept: waited.kept,
      waitsRefused: waited.refused,
      replacedRows: lost.replaced,
    },
  };
}

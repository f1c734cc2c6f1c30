import type { Json } from '../../src/model/change.ts';
import { type Journal, readJournal } from './chaos-journal.ts';
import { judgeRecorded } from './chaos-recorder.ts';
import { judgeRows, type Verdict } from './chaos-rows.ts';
import { keptTexts } from './chaos-texts.ts';
import { RATE, type World } from './chaos-world.ts';
import type { PageVersion } from './history/history.ts';
import { judgeOverwrites } from './history/overwrites.ts';

/** Pages that pgnotion made for a key while another one that it had made, and that showed it, was alive. */
type Twin = { readonly other: string; readonly page: string; readonly key: string };

const ID = 'Supabase ID';

function twinsOf(world: World, pages: readonly PageVersion[]): Twin[] {
  const made = new Set<string>();
  const alive = new Map<string, PageVersion>();
  return pages.flatMap((version) => {
    const { page, table, isNew, by, values } = version;
    alive.set(page, version);
    if (!isNew || by !== 'pgnotion') return [];
    const key = values[ID];
    const others = [...made].flatMap((each) => alive.get(each) ?? []);
    made.add(page);
    if (table === null || !key) return [];
    return others
      .filter((other) => other.table === table && !other.inTrash && other.values[ID] === key)
      .filter((other) => !world.restored.has(other.page) && !world.taken.has(other.page))
      .map((other) => ({ other: other.page, page, key }));
  });
}

/** A page may still show the key that its row had before, while another row got that key and its page. */
async function judgeTwins(world: World, twins: readonly Twin[]): Promise<string[]> {
  const moved = await world.sql<{ page: string; key: string }>(
    `select r.page_id as page, a.old ->> 'id' as key from pgnotion.records r
       join audit a on a.source = r.table_name and a.op = 'UPDATE'
        and a.old ->> 'id' <> a.new ->> 'id' and a.old ->> 'id' <> r.key`,
  );
  return twins
    .filter(({ other, key }) => !moved.some((each) => each.page === other && each.key === key))
    .map(({ other, page, key }) => `invariant 3: pages ${other} and ${page} were made for ${key}`);
}

type Asked = ReadonlyMap<string, readonly { readonly at: number }[]>;

const plain = (text: string): string => text.replaceAll('-', '').slice(-32);

const asked = (world: World, operation: string): Asked =>
  Map.groupBy(
    world.stage.sandbox.control.requests().filter((each) => each.operation === operation),
    ({ path }) => plain(path),
  );

const lastBefore = (requests: Asked, page: string, at: number): number | undefined =>
  requests
    .get(plain(page))
    ?.filter((one) => one.at <= at)
    .at(-1)?.at;

/** When a page was looked at before a write was decided: by a GET of it, or by a listing within the last three seconds. */
function lookedBefore(looks: Asked, page: string, left: number): number {
  const [before, last] = [undefined, undefined, ...(looks.get(plain(page)) ?? []).map(({ at }) => at)]
    .filter((at) => at === undefined || (at <= left && at > left - 5_000))
    .slice(-2);
  if (last === undefined) return left - 3_000;
  // The way back may look while a delivery decides by its own look, which came a moment before.
  return before !== undefined && last > left - DECIDING_MS && before > left - 1_000 ? before : last;
}

/** What a delivery takes at least, on a busy machine, from the answer to its look to the intent of its write. */
const DECIDING_MS = 50;

/** Whether what a person did to a page at `at` fell between a write of ours and the look that came before it. */
export function isRaced(world: World, page: string, at: number): boolean {
  const [looks, writes] = [asked(world, 'pages.retrieve'), asked(world, 'pages.update')];
  return (writes.get(plain(page)) ?? []).some(
    (write) => write.at >= at && lookedBefore(looks, page, write.at) <= at,
  );
}

/** Invariants 3 and 7 on Notion's side. */
async function judgePages(world: World, { pages, options }: Journal): Promise<Verdict> {
  const lines = await world.sql<{ page: string; before: Json; at: Date }>(
    `select page_id as page, before, started_at as at from pgnotion.operations
      where direction = 'to-notion' and page_id is not null`,
  );
  const written = lines.map(({ page, before, at }) => ({
    page,
    at: at.getTime(),
    before: keptTexts(before, options),
  }));
  const looks = asked(world, 'pages.retrieve');
  const writes = asked(world, 'pages.update');
  const judged = judgeOverwrites(pages, {
    written,
    leftBefore: (page, at) => lastBefore(writes, page, at) ?? at,
    lookedBefore: (page, at) => lookedBefore(looks, page, at),
  });
  return {
    faults: [...(await judgeTwins(world, twinsOf(world, pages))), ...judged.faults],
    counts: { overwrittenPages: judged.overwritten, raced: judged.raced },
  };
}

const GIVEN_UP = /"time":(\d+),.*"code":"notion_timeout"/g;

/**
 * Invariant 8, from the requests as they came. One that the daemon gave up without an answer left earlier than it came: how
 * much earlier nobody knows, so that those given up shortly before or within a window are not counted against it.
 */
function judgeRate(world: World): Verdict {
  const times = world.stage.sandbox.control.requests().map((request) => request.at);
  const givenUp = [...world.daemon.output().matchAll(GIVEN_UP)].map(([, time]) => Number(time));
  let most = 0;
  let from = 0;
  let worst: string | null = null;
  times.forEach((at, index) => {
    while ((times[from] ?? 0) <= at - RATE.windowMs) from += 1;
    const came = index - from + 1;
    most = Math.max(most, came);
    const late = givenUp.filter((time) => time > at - 2 * RATE.windowMs && time <= at).length;
    if (came - late > RATE.requests)
      worst ??= `invariant 8: ${came} requests within ${RATE.windowMs} ms, of which ${late} may have left before`;
  });
  return { faults: worst === null ? [] : [worst], counts: { requests: times.length, most } };
}

/** What the whole of a run must have kept to, whatever its end looks like. */
export async function judge(world: World): Promise<Verdict> {
  const journal = await readJournal(world);
  const verdicts = [
    await judgePages(world, journal),
    await judgeRows(world),
    await judgeRecorded(world, journal),
    judgeRate(world),
  ];
  return {
    faults: verdicts.flatMap((verdict) => verdict.faults),
    counts: Object.assign({}, ...verdicts.map((verdict) => verdict.counts)) as Record<string, number>,
  };
}

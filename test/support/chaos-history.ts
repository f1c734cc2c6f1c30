import { readFile } from 'node:fs/promises';
import type { Json } from '../../src/model/change.ts';
import type { Change, DataSource, Page, Property, Value } from '../../src/sandbox/notion/types.ts';
import { judgeRows, type Verdict } from './chaos-rows.ts';
import { TRACKED } from './chaos-shop.ts';
import { RATE, type World } from './chaos-world.ts';

/** A value of a page that pgnotion replaced. */
type Overwritten = {
  readonly page: string;
  readonly property: string;
  readonly old: string;
  readonly oldBy: string;
  readonly oldAt: number;
  readonly at: number;
};

type Story = {
  readonly options: ReadonlyMap<string, string>;
  readonly overwritten: readonly Overwritten[];
  /** Pages that pgnotion made for a key while another one that it had made, and that showed it, was alive. */
  readonly twins: readonly Twin[];
};

type Twin = { readonly other: string; readonly page: string; readonly key: string | null };

type Teller = {
  readonly bot: string;
  /** The properties that there are, by `data source/id`, under the names of the configuration. */
  readonly properties: Map<string, Property & { readonly source: string }>;
  /** The first name of each option, by its id, and by each name that it had. */
  readonly options: Map<string, string>;
  readonly pages: Map<string, Page>;
  /** Who set a value, and when, by `page/property`. */
  readonly setBy: Map<string, { readonly by: string; readonly at: number }>;
  readonly overwritten: Overwritten[];
  readonly twins: Twin[];
};

/** A value as a text that tells it from every other one; null for an empty one. */
function textOf(
  value: Value | undefined,
  options: ReadonlyMap<string, string>,
  name?: string,
): string | null {
  if (value === undefined) return null;
  if (value.type === 'title' || value.type === 'rich_text')
    return value.runs.map((run) => (run.type === 'text' ? run.content : '')).join('') || null;
  if (value.type === 'number') return value.number === null ? null : String(value.number);
  if (value.type === 'date')
    return value.date === null
      ? null
      : instant(name === 'Due' ? value.date.start.slice(0, 10) : value.date.start);
  if (value.type === 'multi_select') {
    const names = value.optionIds.flatMap((id) => options.get(id) ?? []);
    return names.length === 0 ? null : JSON.stringify(names.sort());
  }
  if (value.type === 'files') {
    const links = value.files.flatMap((file) => ('url' in file ? [file.url] : []));
    return links.length === 0 ? null : JSON.stringify(links.sort());
  }
  return null;
}

/** A day stays one; a time is the same in every offset. */
const instant = (text: string): string => new Date(text).toISOString();

/** The same text of a canonical value, as the audit trail keeps it. */
function textOfCanonical(value: Json | undefined, options: ReadonlyMap<string, string>): string | null {
  if (value === null || value === undefined) return null;
  if (Array.isArray(value)) {
    const items = value.flatMap((item) =>
      typeof item === 'object' && item !== null
        ? ((item as { readonly url?: string }).url ?? [])
        : [options.get(String(item)) ?? item],
    );
    return items.length === 0 ? null : JSON.stringify(items.sort());
  }
  if (typeof value === 'object') return instant(String((value as { readonly start: string }).start));
  return String(value);
}

/** What the sandbox's journal tells: each commit in its order, with who made it. */
async function tell(world: World): Promise<Story> {
  const teller: Teller = {
    bot: world.stage.sandbox.control.botId,
    properties: new Map(),
    options: new Map(),
    pages: new Map(),
    setBy: new Map(),
    overwritten: [],
    twins: [],
  };
  const lines = (await readFile(world.journal, 'utf8')).split('\n').filter((line) => line !== '');
  for (const line of lines) {
    const changes = JSON.parse(line) as readonly Change[];
    for (const [table, id, entity] of changes) {
      if (table === 'dataSources' && entity !== null) learn(teller, world, entity as DataSource);
      if (table === 'pages' && entity === null) teller.pages.delete(id);
      if (table === 'pages' && entity !== null) follow(teller, world, entity as Page);
    }
  }
  return teller;
}

/** Properties go by their ids: people rename them. */
function learn(teller: Teller, world: World, source: DataSource): void {
  const table = (['parents', 'children'] as const).find((each) => world.sources[each] === source.id);
  if (table === undefined) return;
  const names = new Map(Object.entries(world.properties[table]).map(([name, id]) => [id, name]));
  for (const key of [...teller.properties.keys()])
    if (key.startsWith(`${source.id}/`)) teller.properties.delete(key);
  for (const property of source.properties) {
    const name = names.get(property.id) ?? property.name;
    teller.properties.set(`${source.id}/${property.id}`, { ...property, name, source: source.id });
    for (const { id, name: called } of 'options' in property ? property.options : []) {
      const first = teller.options.get(id) ?? called;
      teller.options.set(id, first).set(called, first);
    }
  }
}

function follow(teller: Teller, world: World, page: Page): void {
  const before = teller.pages.get(page.id);
  teller.pages.set(page.id, page);
  if (page.parent.type !== 'data_source_id') return;
  const source = page.parent.dataSourceId;
  // What a change of the schema does to values is nobody's edit of the page.
  const edited = before === undefined || before.lastEditedTime !== page.lastEditedTime;
  const by = before === undefined ? page.createdBy : edited ? page.lastEditedBy : 'schema';
  for (const id of Object.keys({ ...before?.values, ...page.values })) {
    const property = teller.properties.get(`${source}/${id}`);
    if (property === undefined) continue;
    const old = textOf(before?.values[id], teller.options, property.name);
    const now = textOf(page.values[id], teller.options, property.name);
    if (old === now) continue;
    const name = `${page.id}/${property.name}`;
    const set = teller.setBy.get(name);
    if (by === teller.bot && old !== null && set !== undefined && isTracked(property.name))
      teller.overwritten.push({
        page: page.id,
        property: property.name,
        old,
        oldBy: set.by,
        oldAt: set.at,
        at: page.lastEditedTime,
      });
    teller.setBy.set(name, { by, at: page.lastEditedTime });
  }
  if (before === undefined && page.createdBy === teller.bot) noteTwin(teller, world, page);
}

const TRACKED_NAMES = new Set(Object.values(TRACKED).flatMap((fields) => Object.keys(fields)));
const isTracked = (name: string): boolean => TRACKED_NAMES.has(name) || name === 'Updated';

function noteTwin(teller: Teller, world: World, page: Page): void {
  const source = page.parent.type === 'data_source_id' ? page.parent.dataSourceId : '';
  const id = [...teller.properties.values()].find(
    (each) => each.source === source && each.name === 'Supabase ID',
  );
  if (id === undefined) return;
  const key = textOf(page.values[id.id], teller.options);
  for (const other of teller.pages.values()) {
    const same =
      other.id !== page.id &&
      other.createdBy === teller.bot &&
      other.parent.type === 'data_source_id' &&
      other.parent.dataSourceId === source &&
      !other.inTrash &&
      !world.restored.has(other.id) &&
      !world.taken.has(other.id) &&
      textOf(other.values[id.id], teller.options) === key;
    if (same) teller.twins.push({ other: other.id, page: page.id, key });
  }
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

type Line = {
  readonly page_id: string;
  readonly before: Readonly<Record<string, Json>>;
  readonly at: Date;
};

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
  const look = lastBefore(looks, page, left);
  return look !== undefined && look > left - 5_000 ? look : left - 3_000;
}

/** Whether what a person did to a page at `at` fell between a write of ours and the look that came before it. */
export function isRaced(world: World, page: string, at: number): boolean {
  const [looks, writes] = [asked(world, 'pages.retrieve'), asked(world, 'pages.update')];
  return (writes.get(plain(page)) ?? []).some(
    (write) => write.at >= at && lookedBefore(looks, page, write.at) <= at,
  );
}

/**
 * Invariants 3 and 7 on Notion's side. The documented rest are values typed after the daemon's last look at the page
 * before the write left; a write whose answer was lost may land much later than it left.
 */
async function judgePages(world: World): Promise<Verdict> {
  const story = await tell(world);
  const lines = await world.sql<Line>(
    `select page_id, before, started_at as at from pgnotion.operations
      where direction = 'to-notion' and page_id is not null`,
  );
  // A look between the intent and the request is another flow's.
  const decided = (page: string, left: number): number => {
    const before = lines.filter((line) => line.page_id === page && line.at.getTime() <= left);
    return before.length === 0 ? left : Math.max(...before.map(({ at }) => at.getTime()));
  };
  const kept = new Set(
    lines.flatMap(({ page_id, before }) =>
      Object.entries(before).map(
        ([name, value]) => `${page_id}/${name}=${textOfCanonical(value, story.options)}`,
      ),
    ),
  );
  const [looks, writes] = [asked(world, 'pages.retrieve'), asked(world, 'pages.update')];
  const faults = await judgeTwins(world, story.twins);
  let raced = 0;
  for (const each of story.overwritten) {
    if (kept.has(`${each.page}/${each.property}=${each.old}`)) continue;
    const left = lastBefore(writes, each.page, each.at) ?? each.at;
    const since = lookedBefore(looks, each.page, decided(each.page, left));
    if (each.oldAt >= since) raced += 1;
    else
      faults.push(
        `invariant 7: ${each.property} of page ${each.page} was ${each.old} (${each.at - each.oldAt} ms old, looked ${each.at - since} ms before) and is in no operation`,
      );
  }
  return { faults, counts: { overwrittenPages: story.overwritten.length, raced } };
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
  const verdicts = [await judgePages(world), await judgeRows(world), judgeRate(world)];
  return {
    faults: verdicts.flatMap((verdict) => verdict.faults),
    counts: Object.assign({}, ...verdicts.map((verdict) => verdict.counts)) as Record<string, number>,
  };
}

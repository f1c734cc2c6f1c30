import { readFile } from 'node:fs/promises';
import type { Json } from '../../src/model/change.ts';
import type { Change, DataSource, Page, Property, Value } from '../../src/sandbox/notion/types.ts';
import { type ChaosTable, isSqls, TRACKED } from './chaos-shop.ts';
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
  readonly overwritten: readonly Overwritten[];
  /** Pages that pgnotion made for a record while another one that it had made was alive. */
  readonly twins: readonly string[];
};

type Teller = {
  readonly bot: string;
  readonly properties: Map<string, Property & { readonly source: string }>;
  readonly pages: Map<string, Page>;
  /** Who set a value, and when, by `page/property`. */
  readonly setBy: Map<string, { readonly by: string; readonly at: number }>;
  readonly overwritten: Overwritten[];
  readonly twins: string[];
};

/** A value as a text that tells it from every other one; null for an empty one. */
function textOf(value: Value | undefined, property: Property): string | null {
  if (value === undefined) return null;
  if (value.type === 'title' || value.type === 'rich_text')
    return value.runs.map((run) => (run.type === 'text' ? run.content : '')).join('') || null;
  if (value.type === 'number') return value.number === null ? null : String(value.number);
  if (value.type === 'date') return value.date === null ? null : instant(value.date.start);
  if (value.type === 'multi_select' && 'options' in property) {
    const names = property.options
      .filter((option) => value.optionIds.includes(option.id))
      .map((option) => option.name);
    return names.length === 0 ? null : JSON.stringify(names.sort());
  }
  return null;
}

const instant = (text: string): string => new Date(text).toISOString();

/** The same text of a canonical value, as the audit trail keeps it. */
function textOfCanonical(value: Json | undefined): string | null {
  if (value === null || value === undefined) return null;
  if (Array.isArray(value)) return value.length === 0 ? null : JSON.stringify([...value].sort());
  if (typeof value === 'object') return instant(String((value as { readonly start: string }).start));
  return String(value);
}

/** What the sandbox's journal tells: each commit in its order, with who made it. */
async function tell(world: World): Promise<Story> {
  const teller: Teller = {
    bot: world.stage.sandbox.control.botId,
    properties: new Map(),
    pages: new Map(),
    setBy: new Map(),
    overwritten: [],
    twins: [],
  };
  const lines = (await readFile(world.journal, 'utf8')).split('\n').filter((line) => line !== '');
  for (const line of lines) {
    const changes = JSON.parse(line) as readonly Change[];
    for (const [table, id, entity] of changes) {
      if (table === 'dataSources' && entity !== null) {
        for (const property of (entity as DataSource).properties)
          teller.properties.set(`${id}/${property.id}`, { ...property, source: id });
      }
      if (table === 'pages' && entity !== null) follow(teller, world, entity as Page);
    }
  }
  return teller;
}

function follow(teller: Teller, world: World, page: Page): void {
  const before = teller.pages.get(page.id);
  teller.pages.set(page.id, page);
  if (page.parent.type !== 'data_source_id') return;
  const source = page.parent.dataSourceId;
  const by = before === undefined ? page.createdBy : page.lastEditedBy;
  for (const [id, value] of Object.entries({ ...before?.values, ...page.values })) {
    const property = teller.properties.get(`${source}/${id}`);
    if (property === undefined) continue;
    const [old, now] = [textOf(before?.values[id], property), textOf(value, property)];
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
  const key = textOf(page.values[id.id], id);
  for (const other of teller.pages.values()) {
    const same =
      other.id !== page.id &&
      other.createdBy === teller.bot &&
      other.parent.type === 'data_source_id' &&
      other.parent.dataSourceId === source &&
      !other.inTrash &&
      !world.restored.has(other.id) &&
      textOf(other.values[id.id], id) === key;
    if (same) teller.twins.push(`invariant 3: pages ${other.id} and ${page.id} were made for ${key}`);
  }
}

export type Verdict = {
  readonly faults: readonly string[];
  readonly counts: Readonly<Record<string, number>>;
};

type Line = { readonly page_id: string; readonly before: Readonly<Record<string, Json>> };

/**
 * Invariants 3 and 7 on Notion's side. The documented rest are values typed after the daemon's last look at the page
 * before the write left; a write whose answer was lost may land much later than it left.
 */
async function judgePages(world: World): Promise<Verdict> {
  const story = await tell(world);
  const lines = await world.sql<Line>(
    `select page_id, before from pgnotion.operations where direction = 'to-notion' and page_id is not null`,
  );
  const kept = new Set(
    lines.flatMap(({ page_id, before }) =>
      Object.entries(before).map(([name, value]) => `${page_id}/${name}=${textOfCanonical(value)}`),
    ),
  );
  const plain = (text: string): string => text.replaceAll('-', '').slice(-32);
  const asked = (operation: string) =>
    Map.groupBy(
      world.stage.sandbox.control.requests().filter((each) => each.operation === operation),
      ({ path }) => plain(path),
    );
  const [looks, writes] = [asked('pages.retrieve'), asked('pages.update')];
  const faults = [...story.twins];
  let raced = 0;
  for (const each of story.overwritten) {
    if (kept.has(`${each.page}/${each.property}=${each.old}`)) continue;
    const before = (requests: typeof looks, at: number) =>
      requests
        .get(plain(each.page))
        ?.filter((one) => one.at <= at)
        .at(-1)?.at;
    const left = before(writes, each.at) ?? each.at;
    const look = before(looks, left);
    const since = look !== undefined && look > left - 5_000 ? look : left - 3_000;
    if (each.oldAt >= since) raced += 1;
    else
      faults.push(
        `invariant 7: ${each.property} of page ${each.page} was ${each.old} (${each.at - each.oldAt} ms old, looked ${each.at - since} ms before) and is in no operation`,
      );
  }
  return { faults, counts: { overwrittenPages: story.overwritten.length, raced } };
}

type Audit = {
  readonly n: string;
  readonly xid: string;
  readonly source: ChaosTable;
  readonly op: string;
  readonly old: Readonly<Record<string, Json>> | null;
  readonly new: Readonly<Record<string, Json>> | null;
};

/** Invariants 6, 7 and 9 on PostgreSQL's side: the audit has every change, and the transaction that made it. */
async function judgeRows(world: World): Promise<Verdict> {
  const audit = await world.sql<Audit>(
    `select n, xid::text, source, op, old, new from audit where application = 'pgnotion' and depth = 1 order by n`,
  );
  const lines = await world.sql<{ xid: string; key: string; before: Record<string, Json>; kind: string }>(
    `select xmin::text as xid, key, before, kind from pgnotion.operations where direction = 'to-postgres'`,
  );
  const byTransaction = Map.groupBy(lines, (line) => line.xid);
  const faults: string[] = [];
  const applied = new Set<string>();
  let changes = 0;
  for (const each of audit) {
    if (each.op === 'INSERT') continue;
    const mine = byTransaction.get(each.xid) ?? [];
    const name = `${each.source}/${String(each.old?.id)}`;
    if (each.op === 'DELETE') {
      if (!mine.some((line) => line.kind === 'delete'))
        faults.push(`invariant 7: ${name} was deleted without an operation`);
      continue;
    }
    for (const [property, column] of Object.entries({ ...TRACKED[each.source], Mood: 'mood' })) {
      const [old, now] = [each.old?.[column] ?? null, each.new?.[column] ?? null];
      if (JSON.stringify(old) === JSON.stringify(now)) continue;
      changes += 1;
      if (!mine.some((line) => property in line.before))
        faults.push(`invariant 7: ${name} ${column} was ${JSON.stringify(old)} and is in no operation`);
      if (column === 'mood' || now === null) continue;
      const text = typeof now === 'string' ? now : JSON.stringify(now);
      // Of a set that both sides changed, what SQL put in stays; nothing of it is put in by us.
      const brought = Array.isArray(now) && Array.isArray(old) ? addedTo(old, now) : text;
      if (isSqls(column, column === 'amount' ? Number(now).toFixed(2) : brought))
        faults.push(`invariant 6: ${name} ${column} got ${text}, which nobody typed in Notion`);
      if (applied.has(`${name} ${column} ${text}`))
        faults.push(`invariant 9: ${name} ${column} got ${text} a second time`);
      applied.add(`${name} ${column} ${text}`);
    }
  }
  return { faults, counts: { appliedRows: changes } };
}

/** The elements that a list got, as one text. */
const addedTo = (old: readonly Json[], now: readonly Json[]): string =>
  now.filter((item) => !old.includes(item)).join(' ');

/** Invariant 8, from the requests as they came. */
function judgeRate(world: World): Verdict {
  const times = world.stage.sandbox.control.requests().map((request) => request.at);
  let most = 0;
  let from = 0;
  times.forEach((at, index) => {
    while ((times[from] ?? 0) <= at - RATE.windowMs) from += 1;
    most = Math.max(most, index - from + 1);
  });
  const faults = most > RATE.requests ? [`invariant 8: ${most} requests within ${RATE.windowMs} ms`] : [];
  return { faults, counts: { requests: times.length, most } };
}

/** What the whole of a run must have kept to, whatever its end looks like. */
export async function judge(world: World): Promise<Verdict> {
  const verdicts = [await judgePages(world), await judgeRows(world), judgeRate(world)];
  return {
    faults: verdicts.flatMap((verdict) => verdict.faults),
    counts: Object.assign({}, ...verdicts.map((verdict) => verdict.counts)) as Record<string, number>,
  };
}

import { atomsOf, EMPTY, type History, type PageVersion } from './history.ts';
import { type Span, type Timeline, timelineOf } from './timeline.ts';

/** Properties whose values come more than once: only the rows that a page belonged to tell which version one is. */
const COMMON: ReadonlySet<string> = new Set(['Mood', 'Stage', 'Share', 'Updated']);

export type Monotonic = {
  readonly faults: readonly string[];
  /** Values of pgnotion's that were told apart. */
  readonly shown: number;
  /** Writes that took effect after a later one had come, which nobody can take back. */
  readonly overtaken: number;
};

const RELATIONS: ReadonlySet<string> = new Set(['Parent']);

/** What a page has shown of one property: line -> the newest version. */
type Shown = Map<string, number>;

/**
 * Rule 1: no page shows an older version of a field after a newer one by pgnotion's doing, and none shows what no row ever
 * held. What a person typed counts as the version that it became, for every write that came afterwards.
 */
export function judgeMonotonic(history: History): Monotonic {
  const timeline = timelineOf(history.rows);
  const faults: string[] = [];
  const shown = new Map<string, Shown>();
  const counts = { shown: 0, overtaken: 0 };
  for (const version of history.pages) {
    if (version.table === null || version.by === 'schema') continue;
    for (const property of Object.keys(version.values)) {
      const name = `${version.page}/${property}`;
      const known = shown.get(name) ?? new Map<string, number>();
      shown.set(name, known);
      for (const atom of addedAtoms(version, property)) {
        const spans = spansOf(history, timeline, version, property, atom);
        if (spans === null) continue;
        if (version.by === 'person') typed(history, version, known, spans);
        else if (version.landing?.overtaken) counts.overtaken += 1;
        else {
          counts.shown += 1;
          const fault = faultOf(known, spans);
          if (fault !== null) faults.push(describe(version, property, atom, fault));
          advance(
            known,
            spans.filter(({ line, until }) => until > (known.get(line) ?? 0)),
          );
        }
      }
    }
  }
  return { faults, ...counts };
}

/** A person's value counts as a version if it had become one before the write came that follows. */
function typed(history: History, version: PageVersion, known: Shown, spans: readonly Span[]): void {
  const next = nextWrite(history.pages, version);
  if (next !== null)
    advance(
      known,
      spans.filter(({ at }) => at < next),
    );
}

function addedAtoms({ before, values }: PageVersion, property: string): readonly string[] {
  const [old, now] = [before[property], values[property]];
  if (old === now || RELATIONS.has(property)) return [];
  const had = old === undefined ? [] : atomsOf(property, old);
  return atomsOf(property, now).filter(
    (atom) => !had.includes(atom) && !(atom === EMPTY && old === undefined),
  );
}

/** The versions that a value may be; null where the rows do not tell. */
function spansOf(
  history: History,
  timeline: Timeline,
  { page, table }: PageVersion,
  property: string,
  atom: string,
): readonly Span[] | null {
  const values = timeline.get(`${table}/${property}`);
  if (values === undefined) return null;
  const spans = values.get(atom) ?? [];
  if (!COMMON.has(property) && atom !== EMPTY) return spans;
  const lines = history.lines.get(page);
  return lines === undefined ? null : spans.filter(({ line }) => lines.has(line));
}

/** When the next write of pgnotion's to that page came. */
function nextWrite(pages: readonly PageVersion[], { page, index }: PageVersion): number | null {
  const next = pages.find((each) => each.page === page && each.index > index && each.by === 'pgnotion');
  return next?.landing?.came ?? null;
}

/** A value that several rows held tells nothing of any of them. */
function advance(known: Shown, spans: readonly Span[]): void {
  const lines = new Set(spans.map(({ line }) => line));
  const [first] = spans;
  if (lines.size !== 1 || first === undefined) return;
  known.set(first.line, Math.max(known.get(first.line) ?? 0, first.from));
}

function faultOf(known: Shown, spans: readonly Span[]): string | null {
  if (spans.length === 0) return 'which no row ever held';
  const isNew = spans.some(({ line, until }) => until > (known.get(line) ?? 0));
  return isNew ? null : 'which is older than what it had shown before';
}

const describe = ({ page, index }: PageVersion, property: string, atom: string, what: string): string =>
  `monotonic: ${property} of page ${page} became ${atom} in commit ${index}, ${what}`;

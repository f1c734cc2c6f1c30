import { atomsOf, type RowVersion } from './history.ts';

/** While a row held a value: from one version up to the next one without it. */
export type Span = {
  readonly line: string;
  readonly from: number;
  readonly until: number;
  readonly at: number;
};

/** Value -> when rows held it, for one property of one table. */
type Spans = ReadonlyMap<string, readonly Span[]>;

/** When which row held which value: `table/property`. */
export type Timeline = ReadonlyMap<string, Spans>;

export function timelineOf(rows: readonly RowVersion[]): Timeline {
  const timeline = new Map<string, Map<string, Span[]>>();
  for (const versions of Map.groupBy(rows, ({ line }) => line).values())
    versions.forEach((version, at) => {
      const until = versions[at + 1]?.n ?? Number.POSITIVE_INFINITY;
      for (const [property, text] of Object.entries(version.values ?? {}))
        for (const atom of atomsOf(property, text))
          add(timeline, `${version.table}/${property}`, atom, {
            line: version.line,
            from: version.n,
            until,
            at: version.at,
          });
    });
  return timeline;
}

/** Joins a span to the one that it goes on from: a version that leaves the value as it was is no new one. */
function add(timeline: Map<string, Map<string, Span[]>>, name: string, atom: string, span: Span): void {
  const spans = timeline.get(name) ?? new Map<string, Span[]>();
  const known = spans.get(atom) ?? [];
  const last = known.at(-1);
  const goesOn = last !== undefined && last.line === span.line && last.until === span.from;
  spans.set(atom, goesOn ? [...known.slice(0, -1), { ...last, until: span.until }] : [...known, span]);
  timeline.set(name, spans);
}

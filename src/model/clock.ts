/**
 * What Notion's clock shows at least. Notion dates edits by its own clock, floored to the minute; ours may be wrong.
 * But a time that Notion gave was past when it came, and time runs equally fast on both sides: so Notion's clock shows
 * at least that time plus what a steady clock has counted since.
 */
export type NotionClock = {
  /** A time that an answer carried. */
  readonly observe: (time: Date) => void;
  /** A time that Notion's clock has passed; null before the first answer. */
  readonly atLeast: () => Date | null;
};

/** `steadyMs` never jumps: `performance.now`. */
export function createNotionClock(steadyMs: () => number): NotionClock {
  let offset: number | null = null;
  return {
    observe: (time) => {
      const candidate = time.getTime() - steadyMs();
      if (offset === null || candidate > offset) offset = candidate;
    },
    atLeast: () => (offset === null ? null : new Date(offset + steadyMs())),
  };
}

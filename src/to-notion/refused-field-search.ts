/** The search for the field that Notion refuses when its answer does not name it. */
type SearchStep = {
  /** Fields still to be tried, a request for each group; the first is next. */
  readonly groups: readonly (readonly string[])[];
  /** How many requests it took. */
  readonly requests: number;
  /** Whether any of them was accepted. */
  readonly accepted: boolean;
};

/** What is tried with a page that is to be made: all fields, fewer, none. What is left out follows by updates. */
type CreateStage = 'all' | 'essential' | 'key' | 'title' | 'nothing';

const STAGES: readonly CreateStage[] = ['all', 'essential', 'key', 'title', 'nothing'];

/** Enough to halve a hundred fields down to two of them. */
const MOST_REQUESTS = 24;
/** Records that are searched at the same time, or were left in the middle by a change of their row. */
const MOST_RECORDS = 1_000;

/** By record (`table/key`). Lost with the process, which then begins anew: nothing but a few requests is lost. */
export type RefusedFieldSearch = {
  readonly of: (record: string) => SearchStep | undefined;
  /** The first group was refused as a whole: it is tried in halves. False if the search has taken too long. */
  readonly split: (record: string, group: readonly string[]) => boolean;
  /** The first group is decided. Gives what is left of the search, if anything. */
  readonly decide: (record: string, accepted: boolean) => SearchStep | undefined;
  readonly stageOf: (record: string) => CreateStage;
  /** Tries the page with less; false if there is nothing less. */
  readonly lower: (record: string) => boolean;
  readonly end: (record: string) => void;
};

export function createRefusedFieldSearch(): RefusedFieldSearch {
  const trials = new Map<string, SearchStep>();
  const stages = new Map<string, CreateStage>();
  const keep = <T>(map: Map<string, T>, record: string, value: T): void => {
    map.delete(record);
    map.set(record, value);
    const [oldest] = map.keys();
    if (map.size > MOST_RECORDS && oldest !== undefined) map.delete(oldest);
  };
  return {
    of: (record) => trials.get(record),
    split: (record, group) => {
      const before = trials.get(record) ?? { groups: [group], requests: 0, accepted: false };
      const requests = before.requests + 1;
      if (requests > MOST_REQUESTS) return false;
      const half = Math.ceil(group.length / 2);
      const groups = [group.slice(0, half), group.slice(half), ...before.groups.slice(1)];
      keep(trials, record, { ...before, groups, requests });
      return true;
    },
    decide: (record, accepted) => {
      const before = trials.get(record);
      if (before === undefined) return undefined;
      const groups = before.groups.slice(1);
      const next = { groups, requests: before.requests + 1, accepted: before.accepted || accepted };
      if (groups.length === 0) trials.delete(record);
      else keep(trials, record, next);
      return next;
    },
    stageOf: (record) => stages.get(record) ?? 'all',
    lower: (record) => {
      const next = STAGES[STAGES.indexOf(stages.get(record) ?? 'all') + 1];
      if (next === undefined) return false;
      keep(stages, record, next);
      return true;
    },
    end: (record) => {
      trials.delete(record);
      stages.delete(record);
    },
  };
}

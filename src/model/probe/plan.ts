import type { Json } from '../change.ts';

// What the probe asks, within its budget. Each write serves two ends: it asks a question, and it is a trial of the lag.

/** Of one run, removal included. */
export const MOST_REQUESTS = 60;
/** Kept back for the removal of what the probe made. */
export const FOR_REMOVAL = 5;

/** Of the twenty trials, those that create pages; the others change and trash these. */
export const CREATED_PAGES = 12;
export const TRASHED_PAGES = 3;
/** A query between the writes after so many of them, so that a short lag is not measured in whole rounds. */
export const LOOK_EVERY = 4;

export const CREATE_LOOKS = { count: 6, untilMs: 75_000 } as const;
/** The first looks after a change of the schema are made in any case: what is complete at once may not stay so. */
export const SCHEMA_LOOKS = { count: 6, untilMs: 40_000, least: 3 } as const;
export const CHANGE_LOOKS = { most: 9, untilMs: 75_000 } as const;
/** What is asked after the looks at changes: the values as they are, once. */
export const AFTER_LOOKS = 1;

export const PROPERTY = {
  title: 'Name',
  round: 'Round',
  moment: 'Moment',
  choice: 'Choice',
  files: 'Files',
  links: 'Links',
  state: 'State',
} as const;

/** Numbers with as many digits as a double holds. */
export const NUMBERS: Readonly<Record<string, number>> = {
  'Number 1': 0.1 + 0.2,
  'Number 2': 9_007_199_254_740_991,
  'Number 3': 1_234_567.890_123_456,
};
export const MOMENT = '2031-05-06T07:08:09.123+05:30';
export const OPTION = { first: 'Probe first', renamed: 'Probe renamed', other: 'Probe other' } as const;
export const STATES = ['Probe begun', 'Probe done'] as const;

export const initialSchema = (): Readonly<Record<string, Json>> => ({
  [PROPERTY.title]: { title: {} },
  [PROPERTY.round]: { number: {} },
  [PROPERTY.moment]: { date: {} },
  [PROPERTY.choice]: { select: { options: [{ name: OPTION.first }, { name: OPTION.other }] } },
  [PROPERTY.files]: { files: {} },
  ...Object.fromEntries(Object.keys(NUMBERS).map((name) => [name, { number: {} }])),
});

/** What a status property needs that is made by the API is one of the questions, so it can be left out. */
export const addedSchema = (dataSource: string, withState: boolean): Readonly<Record<string, Json>> => ({
  [PROPERTY.links]: {
    relation: { data_source_id: dataSource, type: 'single_property', single_property: {} },
  },
  ...(withState ? { [PROPERTY.state]: { status: { options: STATES.map((name) => ({ name })) } } } : {}),
});

/** Lists both options: one that a change of the schema leaves out is removed. */
export const renamedSchema = (firstId: string, otherId: string): Readonly<Record<string, Json>> => ({
  [PROPERTY.choice]: {
    select: {
      options: [
        { id: firstId, name: OPTION.renamed },
        { id: otherId, name: OPTION.other },
      ],
    },
  },
});

const title = (text: string): Json => ({ title: [{ type: 'text', text: { content: text } }] });

/** The first page holds the values that are read back. */
export const createdValues = (at: number): Readonly<Record<string, Json>> => ({
  [PROPERTY.title]: title(`Trial ${at + 1}`),
  [PROPERTY.round]: { number: 0 },
  ...(at > 0
    ? {}
    : {
        [PROPERTY.moment]: { date: { start: MOMENT } },
        [PROPERTY.choice]: { select: { name: OPTION.first } },
        ...Object.fromEntries(Object.entries(NUMBERS).map(([name, number]) => [name, { number }])),
      }),
});

/** A change that queries are to show: the round goes up with every one of a page. */
export const roundOf = (round: number): Readonly<Record<string, Json>> => ({
  [PROPERTY.round]: { number: round },
});

/** The scratch page's title: a mark by which it is found whatever became of the run that made it. */
export const scratchTitle = (mark: string): string =>
  `${MARK} ${mark}: made by pgnotion doctor --probe, safe to delete`;
export const MARK = 'Scratch page of pgnotion';
const MARKED = /^Scratch page of pgnotion ([0-9a-f]{16}): /;
export const markIn = (title: string): string | null => MARKED.exec(title)?.[1] ?? null;

/** After so long a run that made a page cannot be at work any more. */
export const ABANDONED_MS = 3_600_000;
/** A scratch page that Notion has not shown for so long is not asked for any more. */
export const FORGOTTEN_MS = 7 * 86_400_000;

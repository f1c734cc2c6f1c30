import type { Json } from './change.ts';

/** How long a text may be, in UTF-16 units. The longest texts that Notion takes, then what people can read. */
export const TEXT_LIMITS = {
  /** One run of rich text. Its unit is not documented, so the stricter one is taken. */
  run: 2_000,
  url: 2_000,
  /** Of an email address or a phone number. Notion's OpenAPI document says 100, its page on limits 200. */
  contact: 100,
  fileName: 100,
  optionName: 100,
  propertyDescription: 280,
  /** A comment in a page: enough to read, and within one run. */
  comment: 1_900,
  /** Why something failed, as the state, the log, an alert and an error message say it. */
  reason: 1_000,
  conflictTitle: 200,
  /** A key or a value within a sentence, by which people recognise it. */
  shownKey: 120,
  shownValue: 100,
  /** The beginning of a key that is too long to be kept. */
  keyStart: 60,
  /** A value in a column of a table in the terminal. */
  cell: 30,
} as const;

/** The beginning of a text. Half of a surrogate pair, which Notion and jsonb refuse, is left out. */
export function startOf(text: string, most: number): string {
  return text.slice(0, isInPair(text, most) ? most - 1 : most);
}

/** The text, or its beginning with an ellipsis that says that there is more. */
export const cutText = (text: string, most: number): string =>
  text.length <= most ? text : `${startOf(text, most - 1)}…`;

/** Whether a place lies between the halves of a surrogate pair. */
export function isInPair(text: string, at: number): boolean {
  const last = text.charCodeAt(at - 1);
  return at > 0 && at < text.length && last >= 0xd800 && last <= 0xdbff;
}

/** A text in runs of at most 2,000 UTF-16 units, hence of at most as many code points, and never cut inside a pair. */
export function splitText(text: string): readonly string[] {
  const runs: string[] = [];
  for (let at = 0; at < text.length; at += runs.at(-1)?.length ?? 0)
    runs.push(startOf(text.slice(at, at + TEXT_LIMITS.run + 1), TEXT_LIMITS.run));
  return runs;
}

/** Rich text of as many runs as the text needs. */
export const textRuns = (text: string): Json[] =>
  splitText(text).map((content) => ({ type: 'text', text: { content } }));

/** Rich text of one run, cut to what Notion takes. */
export const runsOf = (text: string): Json[] => textRuns(cutText(text, TEXT_LIMITS.run));

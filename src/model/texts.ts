import type { Json } from './change.ts';

// Notion's limit for one run of text (request-limits).
const RUN_CHARS = 2_000;

/** Cut by whole characters: half of a surrogate pair is refused. */
export function cutText(text: string, most: number): string {
  if (text.length <= most) return text;
  const end = /[\uD800-\uDBFF]/.test(text.charAt(most - 2)) ? most - 2 : most - 1;
  return `${text.slice(0, end)}…`;
}

/** Rich text of one run, cut to what Notion takes. */
export const runsOf = (text: string): Json =>
  text === '' ? [] : [{ type: 'text', text: { content: cutText(text, RUN_CHARS) } }];

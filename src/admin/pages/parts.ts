import { html } from 'hono/html';
import type { Json } from '../../model/change.ts';
import { cutText } from '../../model/texts.ts';
import { ageText } from '../../model/units.ts';

/** What `hono/html` makes: everything that was put into it is escaped. */
export type Html = ReturnType<typeof html>;

/** Who looks at a page, where, and when. */
export type View = {
  readonly session: { readonly csrf: string; readonly readOnly: boolean; readonly actor: string };
  /** The path and query of the page, where an action leads back to. */
  readonly here: string;
  readonly now: Date;
};

export type Tone = 'plain' | 'good' | 'warn' | 'bad';

export const badge = (tone: Tone, text: string): Html => html`<span class="badge ${tone}">${text}</span>`;

/** A relative time that the script keeps counting, with the exact one on hover. */
export function timeText(at: Date | null, { now }: Pick<View, 'now'>, none = 'never'): Html {
  if (at === null) return html`<span class="quiet">${none}</span>`;
  const seconds = (now.getTime() - at.getTime()) / 1_000;
  const text = seconds < 0 ? `in ${wholeAge(-seconds)}` : `${wholeAge(seconds)} ago`;
  const exact = at.toISOString();
  return html`<time datetime="${exact}" title="${exact.replace('T', ' ').replace('Z', ' UTC')}" data-relative>${text}</time>`;
}

const wholeAge = (seconds: number): string => (seconds < 120 ? `${Math.floor(seconds)} s` : ageText(seconds));

export const secondsText = (seconds: number | null): string => (seconds === null ? '–' : ageText(seconds));

const WHOLE = new Intl.NumberFormat('en-US');
export const numberText = (count: number): string => WHOLE.format(count);

/** `99.95 %`; never rounded up to 100. */
export function shareText(share: number | null): string {
  if (share === null) return '–';
  const percent = Math.floor(share * 10_000) / 100;
  return `${percent} %`;
}

export const plural = (count: number, one: string, many = `${one}s`): string =>
  `${numberText(count)} ${count === 1 ? one : many}`;

/** A text of a person, a row or a page: its direction of writing is its own. */
export const content = (text: string): Html => html`<bdi>${text}</bdi>`;

/** A value longer than this is shown whole only on demand. */
const MOST_SHOWN = 300;

/** A value of a row or a page, as text. */
export function valueText(value: Json | undefined): Html {
  if (value === undefined) return html`<span class="quiet">nothing</span>`;
  const text = plainText(value);
  if (text === '') return html`<span class="quiet">empty</span>`;
  if (text.length <= MOST_SHOWN) return content(text);
  return html`<details><summary>${content(cutText(text, MOST_SHOWN))}</summary>${content(text)}</details>`;
}

/** The words of a value, without the marks of JSON where it has none of its own. */
export function plainText(value: Json): string {
  if (value === null) return '';
  if (typeof value !== 'object') return String(value);
  if (Array.isArray(value)) return value.map(plainText).join(', ');
  const { start, end, name } = value as Readonly<Record<string, Json>>;
  // A date, and a file.
  if (typeof start === 'string') return typeof end === 'string' ? `${start} to ${end}` : start;
  return typeof name === 'string' ? name : JSON.stringify(value);
}

/** A browser takes these for steps through the path, however they are encoded. */
const NO_PATH = ['', '.', '..'];

export const recordPath = (table: string, key: string): string =>
  NO_PATH.includes(key)
    ? `/records/${encodeURIComponent(table)}?key=${encodeURIComponent(key)}`
    : `/records/${encodeURIComponent(table)}/${encodeURIComponent(key)}`;

export function recordLink(table: string, key: string | null): Html {
  if (key === null) return content(table);
  return html`<a href="${recordPath(table, key)}">${content(`${table} ${key}`)}</a>`;
}

export const empty = (title: string, advice: string): Html =>
  html`<div class="empty"><p><strong>${title}</strong></p><p>${marked(advice)}</p></div>`;

/** The address of a page with these parameters; those that are null or empty are left out. */
export function addressOf(path: string, parameters: Readonly<Record<string, string | null>>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) if (value) query.set(name, value);
  const text = query.toString();
  return text === '' ? path : `${path}?${text}`;
}

/** A message of ours, whose commands and settings stand between backticks. */
export const marked = (text: string): Html =>
  html`${text.split('`').map((part, at) => (at % 2 === 1 ? html`<code>${part}</code>` : html`${content(part)}`))}`;

/** A reason as a sentence of its own. */
export const sentence = (text: string): string => {
  const begun = text.replace(/^\p{Ll}/u, (letter) => letter.toUpperCase());
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
};

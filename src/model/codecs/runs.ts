import type { Json } from '../change.ts';
import { isInPair, splitText } from '../texts.ts';
import { clean, list, members } from './support.ts';

export const RUNS = 100;

/** One stretch of a text, and what makes it in a request. */
type Run = {
  readonly text: string;
  /** A mention or an equation: it cannot be cut. */
  readonly whole: boolean;
  readonly request: (text: string) => Json;
};

/** A run in a text, from one place to before another. */
type Placed = { readonly run: Run; readonly from: number; readonly to: number };

/** The text that a reader sees of one rich-text object; undefined if it is none. */
export function runText(run: unknown): string | undefined {
  const plain = members(run)?.plain_text ?? members(members(run)?.text)?.content;
  return typeof plain === 'string' ? plain : undefined;
}

const PLAIN: Run = {
  text: '',
  whole: false,
  request: (content) => ({ type: 'text', text: { content } }),
};

/** What a request may mention. Anything else becomes the text that it shows, with its address. */
const MENTIONS: readonly string[] = ['user', 'page', 'database', 'date', 'template_mention', 'custom_emoji'];

function toRun(item: unknown): Run {
  const text = clean(runText(item) ?? '');
  const { type, annotations, href, ...content } = members(item) ?? {};
  const style = isStyled(annotations) ? { annotations: annotations as Json } : {};
  const mention = mentionOf(content.mention);
  if (mention !== undefined)
    return { text, whole: true, request: () => ({ type: 'mention', mention, ...style }) };
  const expression = members(content.equation)?.expression;
  if (typeof expression === 'string')
    return { text, whole: true, request: () => ({ type: 'equation', equation: { expression }, ...style }) };
  const url = members(members(content.text)?.link)?.url ?? (type === 'text' ? undefined : href);
  const link = typeof url === 'string' ? { link: { url } } : {};
  if (!('annotations' in style) && !('link' in link)) return { ...PLAIN, text };
  return {
    text,
    whole: false,
    request: (part) => ({ type: 'text', text: { content: part, ...link }, ...style }),
  };
}

function isStyled(annotations: unknown): boolean {
  return Object.values(members(annotations) ?? {}).some((value) => value !== false && value !== 'default');
}

/** A mention as a request names it: by ids, without what an answer tells of their objects. */
function mentionOf(mention: unknown): Json | undefined {
  const found = members(mention);
  const type = MENTIONS.find((each) => members(found?.[each]) !== undefined);
  if (found === undefined || type === undefined) return undefined;
  const named = members(found[type]) ?? {};
  if (type === 'date') {
    const { start = null, end = null, time_zone = null } = named as Readonly<Record<string, Json>>;
    return { type, date: { start, end, ...(time_zone === null ? {} : { time_zone }) } };
  }
  if (type === 'template_mention') return { type, template_mention: named as Json };
  return typeof named.id === 'string' ? { type, [type]: { id: named.id } } : undefined;
}

/** The rich-text objects of an answer if they are more than plain text, each as a request takes it and with its text. */
export function styledRuns(content: unknown): Json | undefined {
  const runs = (list(content) ?? []).map(toRun);
  if (runs.every(isPlain)) return undefined;
  return runs.map((run) => ({
    ...(run.request(run.text) as Readonly<Record<string, Json>>),
    plain_text: run.text,
  }));
}

const isPlain = (run: Run): boolean => run.request === PLAIN.request;

/**
 * A new text under the styles of the present one (`styledRuns`). Whatever the two texts have in common at their beginning and
 * their end keeps its runs, a mention or an equation only as a whole. What stands in for a part of one run takes over its
 * style; all else that is new is plain. Of more runs than Notion takes, the last ones lose their styles.
 */
export function restyled(text: string, styled: Json): Json[] {
  const placed = place((list(styled) ?? []).map(toRun));
  const former = placed.map(({ run }) => run.text).join('');
  const { head, tail } = commonEnds(placed, former, text);
  const until = former.length - tail;
  const replaced = placed.find(({ run, from, to }) => {
    const isPart = from <= head && until <= to && (from < head || until < to);
    return isPart && !run.whole && (head < until || (from < head && until < to));
  });
  const pieces = [
    ...cut(placed, former, 0, head),
    { run: replaced?.run ?? PLAIN, text: text.slice(head, text.length - tail) },
    ...cut(placed, former, until, former.length),
  ];
  return withinLimit(joined(pieces), text);
}

function place(runs: readonly Run[]): readonly Placed[] {
  let at = 0;
  return runs.map((run) => {
    const from = at;
    at += run.text.length;
    return { run, from, to: at };
  });
}

/** How much two texts share at their beginning and at their end, without cutting a pair or what cannot be cut. */
function commonEnds(
  placed: readonly Placed[],
  former: string,
  text: string,
): { readonly head: number; readonly tail: number } {
  const shorter = Math.min(former.length, text.length);
  const within = (at: number): Placed | undefined =>
    placed.find(({ run, from, to }) => run.whole && from < at && at < to);
  let head = 0;
  while (head < shorter && former[head] === text[head]) head += 1;
  if (isInPair(former, head) || isInPair(text, head)) head -= 1;
  head = within(head)?.from ?? head;
  let tail = 0;
  while (tail < shorter - head && former.at(-1 - tail) === text.at(-1 - tail)) tail += 1;
  if (isInPair(former, former.length - tail) || isInPair(text, text.length - tail)) tail -= 1;
  const cutRun = within(former.length - tail);
  return { head, tail: cutRun === undefined ? tail : former.length - cutRun.to };
}

type Piece = { readonly run: Run; readonly text: string };

/** The pieces of a text between two places. */
const cut = (placed: readonly Placed[], text: string, from: number, to: number): Piece[] =>
  placed.map((each) => ({
    run: each.run,
    text: text.slice(Math.max(each.from, from), Math.max(Math.min(each.to, to), Math.max(each.from, from))),
  }));

/** Without empty pieces, and with neighbours of one style joined. */
function joined(pieces: readonly Piece[]): readonly Piece[] {
  const all: Piece[] = [];
  for (const piece of pieces.filter(({ text }) => text !== '')) {
    const last = all.at(-1);
    const isOne = last !== undefined && !last.run.whole && last.run.request === piece.run.request;
    if (isOne) all[all.length - 1] = { ...last, text: last.text + piece.text };
    else all.push(piece);
  }
  return all;
}

function withinLimit(pieces: readonly Piece[], text: string): Json[] {
  const parts = pieces.flatMap(({ run, text: part }) =>
    (run.whole ? [part] : splitText(part)).map((each) => ({ text: each, item: run.request(each) })),
  );
  let styles = parts.length;
  let at = text.length;
  let rest: readonly string[] = [];
  while (styles + rest.length > RUNS) {
    styles -= 1;
    at -= parts[styles]?.text.length ?? 0;
    rest = splitText(text.slice(at));
  }
  return [...parts.slice(0, styles).map(({ item }) => item), ...rest.map(PLAIN.request)];
}

/** Stored runs (`styledRuns`) as a request takes them. */
export const requestRuns = (styled: Json): Json[] =>
  (list(styled) ?? []).map((item) => {
    const run = toRun(item);
    return run.request(run.text);
  });

/** A text without any style. */
export const plainRuns = (text: string): Json[] => splitText(text).map(PLAIN.request);

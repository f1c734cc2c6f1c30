import { arrayAt, idAt, objectAt, stringAt } from './check.ts';
import { parseDate } from './dates.ts';
import { failed } from './errors.ts';
import type { Annotations, JsonObject, Mention, Run } from './types.ts';

const PLAIN: Annotations = {
  bold: false,
  italic: false,
  strikethrough: false,
  underline: false,
  code: false,
  color: 'default',
};

/** Names that mentions show, which change while the mention stays. */
export type Names = {
  readonly user: (id: string) => string | undefined;
  readonly page: (id: string) => string | undefined;
};

/** Text without any style. */
export const plainRuns = (content: string): readonly Run[] =>
  content === '' ? [] : [{ type: 'text', content, link: null, annotations: PLAIN }];

/** Reads a rich-text array and gives what Notion keeps: no empty runs, equal neighbours joined. */
export function parseRuns(raw: unknown, path: string): readonly Run[] {
  const runs: Run[] = [];
  arrayAt(raw, path).forEach((item, index) => {
    const run = parseRun(objectAt(item, `${path}[${index}]`), `${path}[${index}]`);
    const last = runs.at(-1);
    if (run.type === 'text' && run.content === '') return;
    if (last?.type === 'text' && run.type === 'text' && sameStyle(last, run)) {
      runs[runs.length - 1] = { ...last, content: last.content + run.content };
    } else {
      runs.push(run);
    }
  });
  return runs;
}

function sameStyle(a: Extract<Run, { type: 'text' }>, b: Extract<Run, { type: 'text' }>): boolean {
  return a.link === b.link && JSON.stringify(a.annotations) === JSON.stringify(b.annotations);
}

function parseRun(item: JsonObject, path: string): Run {
  const annotations = parseAnnotations(item.annotations, `${path}.annotations`);
  if (item.mention !== undefined) {
    return { type: 'mention', mention: parseMention(item.mention, `${path}.mention`), annotations };
  }
  if (item.equation !== undefined) {
    const equation = objectAt(item.equation, `${path}.equation`);
    const expression = stringAt(equation.expression, `${path}.equation.expression`, 1000);
    return { type: 'equation', expression, annotations };
  }
  const text = objectAt(item.text, `${path}.text`);
  const content = stringAt(text.content, `${path}.text.content`, 2000);
  return { type: 'text', content, link: parseLink(text.link, `${path}.text.link`), annotations };
}

function parseLink(raw: unknown, path: string): string | null {
  if (raw === undefined || raw === null) return null;
  const url = stringAt(objectAt(raw, path).url, `${path}.url`, 2000);
  return url === '' ? null : url;
}

function parseMention(raw: unknown, path: string): Mention {
  const mention = objectAt(raw, path);
  if (mention.user !== undefined) {
    return { type: 'user', id: idAt(objectAt(mention.user, `${path}.user`).id, `${path}.user.id`) };
  }
  if (mention.page !== undefined) {
    return { type: 'page', id: idAt(objectAt(mention.page, `${path}.page`).id, `${path}.page.id`) };
  }
  if (mention.date !== undefined) return { type: 'date', date: parseDate(mention.date, `${path}.date`) };
  throw failed(path, 'a user, page or date mention', raw);
}

function parseAnnotations(raw: unknown, path: string): Annotations {
  if (raw === undefined) return PLAIN;
  const given = objectAt(raw, path);
  const flag = (name: string): boolean => given[name] === true;
  return {
    bold: flag('bold'),
    italic: flag('italic'),
    strikethrough: flag('strikethrough'),
    underline: flag('underline'),
    code: flag('code'),
    color: typeof given.color === 'string' ? given.color : 'default',
  };
}

/** What a reader sees of one run. */
function plainText(run: Run, names: Names): string {
  if (run.type === 'text') return run.content;
  if (run.type === 'equation') return run.expression;
  const mention = run.mention;
  if (mention.type === 'user') return `@${names.user(mention.id) ?? 'Anonymous'}`;
  if (mention.type === 'page') return names.page(mention.id) ?? 'Untitled';
  return mention.date.end === null ? mention.date.start : `${mention.date.start} → ${mention.date.end}`;
}

/** What a reader sees of a whole text. */
export function plainOf(runs: readonly Run[], names: Names): string {
  let text = '';
  for (const run of runs) text += plainText(run, names);
  return text;
}

/** The most that one run of an answer holds. */
const RUN_LENGTH = 2000;

/** A text as the API answers it: a long run comes in several. */
export const renderRuns = (runs: readonly Run[], names: Names): readonly JsonObject[] =>
  runs.flatMap(pieces).map((run) => renderRun(run, names));

function pieces(run: Run): readonly Run[] {
  if (run.type !== 'text' || run.content.length <= RUN_LENGTH) return [run];
  const cut: Run[] = [];
  for (let at = 0; at < run.content.length; ) {
    // A pair of units that make one character stays together.
    const pair = /[\uD800-\uDBFF]/.test(run.content.charAt(at + RUN_LENGTH - 1));
    const end = at + RUN_LENGTH - (pair ? 1 : 0);
    cut.push({ ...run, content: run.content.slice(at, end) });
    at = end;
  }
  return cut;
}

/** A run as the API answers it. */
function renderRun(run: Run, names: Names): JsonObject {
  const shared = { annotations: run.annotations, plain_text: plainText(run, names) };
  if (run.type === 'text') {
    const link = run.link === null ? null : { url: run.link };
    return { type: 'text', text: { content: run.content, link }, ...shared, href: run.link };
  }
  if (run.type === 'equation') {
    return { type: 'equation', equation: { expression: run.expression }, ...shared, href: null };
  }
  return { type: 'mention', mention: renderMention(run.mention), ...shared, href: null };
}

function renderMention(mention: Mention): JsonObject {
  if (mention.type === 'date') return { type: 'date', date: { ...mention.date, time_zone: null } };
  if (mention.type === 'page') return { type: 'page', page: { id: mention.id } };
  return { type: 'user', user: { object: 'user', id: mention.id } };
}

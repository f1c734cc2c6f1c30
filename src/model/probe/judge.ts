import type { Json } from '../change.ts';
import { list, members } from '../codecs/support.ts';
import { type Answer, type Answers, type DatesFound, found, type RateFound, unknown } from './evidence.ts';
import { MOMENT, NUMBERS, OPTION, PROPERTY, STATES } from './plan.ts';

/** A page's or a schema's properties by name. */
export type Named = Readonly<Record<string, Json>>;

const at = (value: Json | undefined, ...path: readonly string[]): Json | undefined =>
  path.reduce<Json | undefined>((inner, name) => members(inner)?.[name] as Json | undefined, value);

export function datesFound(page: Named): Answer<DatesFound> {
  const start = at(page[PROPERTY.moment], 'date', 'start');
  const match =
    typeof start === 'string' ? /T\d\d:\d\d(?::(\d\d))?[^+\-Z]*(Z|[+-]\d\d:?\d\d)?$/.exec(start) : null;
  if (typeof start !== 'string' || match === null)
    return unknown('the page does not show the time that was written');
  const [, second, offset] = match;
  const sameMinute = Math.abs(Date.parse(start) - Date.parse(MOMENT)) < 60_000;
  return found({
    seconds: second === '09' ? 'kept' : 'dropped',
    offset: !sameMinute
      ? 'changed'
      : offset === '+05:30'
        ? 'kept'
        : isUtc(offset)
          ? 'turned to UTC'
          : 'changed',
  });
}

const isUtc = (offset: string | undefined): boolean => offset === 'Z' || /^[+-]00:?00$/.test(offset ?? '');

/** How many significant digits two numbers agree in; 17 if they are the same. */
function agreeing(sent: number, read: number): number {
  if (sent === read) return 17;
  for (let digits = 16; digits > 0; digits -= 1)
    if (sent.toPrecision(digits) === read.toPrecision(digits)) return digits;
  return 0;
}

export function numbersFound(page: Named): Answer<number> {
  const digits = Object.entries(NUMBERS).map(([name, sent]) => {
    const read = at(page[name], 'number');
    return typeof read === 'number' ? agreeing(sent, read) : null;
  });
  return digits.some((each) => each === null)
    ? unknown('the page does not show the numbers that were written')
    : found(Math.min(...digits.map((each) => each ?? 0)));
}

/** `live` and `trashed` are the pages that the relation was written with. */
export function targetsFound(page: Named, live: string, trashed: string): Answers['trashedTargets'] {
  const ids = (list(at(page[PROPERTY.links], 'relation')) ?? []).map((each) => plain(at(each as Json, 'id')));
  if (!ids.includes(plain(live))) return unknown('the relation does not show its other target either');
  return found(ids.includes(plain(trashed)) ? 'listed' : 'left out');
}

const plain = (id: Json | undefined): string =>
  typeof id === 'string' ? id.replaceAll('-', '').toLowerCase() : '';

const optionsOf = (property: Json | undefined, type: 'select' | 'status'): readonly (Json | undefined)[] =>
  (list(at(property, type, 'options')) ?? []) as readonly Json[];

export function optionId(schema: Named, name: string): string | null {
  const option = optionsOf(schema[PROPERTY.choice], 'select').find((each) => at(each, 'name') === name);
  const id = at(option, 'id');
  return typeof id === 'string' ? id : null;
}

/** What became of the option with this id after its rename, by the schema and by a page that holds it. */
export function optionsFound(schema: Named, page: Named | null, id: string): Answers['optionIds'] {
  const now = optionId(schema, OPTION.renamed);
  if (now === null)
    return optionId(schema, OPTION.first) === null
      ? unknown('the schema shows the option under neither name')
      : found('rename ignored');
  const held = page === null ? now : (at(page[PROPERTY.choice], 'select', 'id') ?? null);
  return found(now === id && held === id ? 'kept' : 'changed');
}

export function statesFound(schema: Named): Answers['statusOptions'] {
  const names = optionsOf(schema[PROPERTY.state], 'status').map((each) => at(each, 'name'));
  return found(STATES.every((name) => names.includes(name)) ? 'written' : 'ignored');
}

/** The first file of a page that Notion hosts, as it is handed back. */
export function hostedFile(page: Named): Json | null {
  const files = list(at(page[PROPERTY.files], 'files')) ?? [];
  const hosted = files.find((each) => typeof at(each as Json, 'file', 'url') === 'string') as
    | Json
    | undefined;
  if (hosted === undefined) return null;
  return { name: at(hosted, 'name') ?? 'probe.txt', type: 'file', file: at(hosted, 'file') ?? null };
}

/** By all times that pages have shown: one that is not on the minute tells. */
export function pageTimesFound(times: readonly number[]): Answers['pageTimes'] {
  if (times.length === 0) return unknown('no page was shown');
  if (times.some((each) => each % 1_000 !== 0)) return found('millisecond');
  return found(times.some((each) => each % 60_000 !== 0) ? 'second' : 'minute');
}

type RequestSeen = {
  readonly atMs: number;
  readonly status: number | null;
  readonly retryAfterMs: number | null;
};

/** What was seen of the limit; nothing provokes it. */
export function rateFound(requests: readonly RequestSeen[], besideDaemon = false): Answer<RateFound> {
  const isRefused = ({ status }: RequestSeen): boolean => status === 429 || status === 529;
  const refused = requests.filter(isRefused);
  const waits = refused.flatMap(({ retryAfterMs }) => retryAfterMs ?? []);
  const first = requests.findIndex(isRefused);
  const within = requests.map(
    ({ atMs }) => requests.filter((each) => each.atMs >= atMs && each.atMs < atMs + 60_000).length,
  );
  return found({
    requests: requests.length,
    mostInAMinute: Math.max(0, ...within),
    refused: refused.length,
    besideDaemon,
    longestRetryAfterMs: waits.length === 0 ? null : Math.max(...waits),
    met:
      first < 0
        ? null
        : { requests: first, withinMs: Math.round((requests[first]?.atMs ?? 0) - (requests[0]?.atMs ?? 0)) },
  });
}

/** Files of free workspaces are at most 5 MiB; those of the others 5 GiB. */
export const planOf = (maxUploadBytes: number | null): 'free' | 'paid' | null =>
  maxUploadBytes === null ? null : maxUploadBytes <= 5 * 1_024 * 1_024 ? 'free' : 'paid';

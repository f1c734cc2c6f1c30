import { messageOf, PgnotionError } from '../../model/errors.ts';
import { type Answer, type Answers, found, unknown } from '../../model/probe/evidence.ts';
import {
  datesFound,
  numbersFound,
  optionId,
  optionsFound,
  pageTimesFound,
  statesFound,
  targetsFound,
} from '../../model/probe/judge.ts';
import { lagFound, lookTimes, schemaLagFound } from '../../model/probe/lag.ts';
import {
  AFTER_LOOKS,
  addedSchema,
  CHANGE_LOOKS,
  CREATE_LOOKS,
  CREATED_PAGES,
  createdValues,
  OPTION,
  renamedSchema,
  SCHEMA_LOOKS,
} from '../../model/probe/plan.ts';
import type { NotionPage } from '../../notion/client.ts';
import { NotionFailure, stopsAll } from '../../notion/error-classification.ts';
import { propertiesByName } from '../../notion/probe-client.ts';
import { type ChangeTrials, makeChanges } from './changes.ts';
import type { Place } from './scratch.ts';
import { BUDGET_SPENT, type Session } from './session.ts';
import { type Listing, list, type Trials, timesFor, tryWrites, waitUntil } from './trials.ts';

type Asked = Omit<Answers, 'rate' | 'webhooks'>;

/** Requests of the parts after the creations, and after the change of the schema: what must be left for them. */
const AFTER_CREATIONS = 22;
const AFTER_SCHEMA = 15;

/** Asks everything that pages and schemas can answer. A part that fails leaves its own questions open. */
export async function askAll(session: Session, place: Place): Promise<Asked> {
  const created = await part(session, () => createPages(session, place));
  if (created.kind === 'unknown') return allUnknown(created.why);
  const { trials } = created.value;
  const schema = await part(session, () => changeSchema(session, place, created.value));
  const changes = await part(session, () =>
    makeChanges(session, place, trials, {
      hasLinks: schema.kind === 'found' && schema.value.hasLinks,
      times: timesFor(trials.lags, CHANGE_LOOKS.most, CHANGE_LOOKS.untilMs),
      reserve: AFTER_LOOKS,
    }),
  );
  const first = trials.written.get('create 1');
  const page = await part(session, async () => {
    if (first === undefined) throw noFirstPage();
    return session.notion.retrievePage(first, session.ask());
  });
  return answersOf({ created: created.value, schema, changes, page });
}

const noFirstPage = (): PgnotionError =>
  new PgnotionError({
    code: 'probe_page_missing',
    message: 'the page with the values could not be made',
    remedy: 'run `pgnotion doctor --probe` again',
  });

/** What a part brings, or why it does not; what would end every other part too is thrown. */
async function part<T>(session: Session, work: () => Promise<T>): Promise<Answer<T>> {
  try {
    return found(await work());
  } catch (error) {
    const isOwn = error instanceof NotionFailure ? !stopsAll(error) : error instanceof PgnotionError;
    if (!isOwn || session.signal.aborted) throw error;
    const isSpent = error instanceof PgnotionError && error.code === BUDGET_SPENT;
    return unknown(isSpent ? 'the requests of the probe were used up before' : messageOf(error));
  }
}

type Created = { readonly trials: Trials };

async function createPages(session: Session, place: Place): Promise<Created> {
  const { notion, timed } = session;
  const writes = Array.from({ length: CREATED_PAGES }, (_, at) => ({
    id: `create ${at + 1}`,
    round: 0,
    send: async () => {
      const input = { dataSourceId: place.dataSource, properties: createdValues(at) };
      const { answeredMs, value } = await timed((ask) => notion.createPage(input, ask));
      return { answeredMs, page: value.id };
    },
  }));
  const times = lookTimes(CREATE_LOOKS.count, CREATE_LOOKS.untilMs);
  return { trials: await tryWrites(session, place, writes, { times, reserve: AFTER_CREATIONS }) };
}

type Changed = {
  readonly hasLinks: boolean;
  readonly lag: Answers['schemaLag'];
  readonly states: Answers['statusOptions'];
  /** What became of the option's id by the schema; the page has its say later. */
  readonly option:
    | { readonly id: string; readonly schema: ReturnType<typeof asNamed> }
    | Answers['optionIds'];
  readonly listings: readonly Listing[];
};

const asNamed = (properties: object): Parameters<typeof statesFound>[0] =>
  properties as Parameters<typeof statesFound>[0];

async function changeSchema(session: Session, place: Place, { trials }: Created): Promise<Changed> {
  const { notion, ask, timed } = session;
  const { dataSource: id } = place;
  const update = (properties: ReturnType<typeof addedSchema>) =>
    timed((asking) => notion.updateDataSource(id, { properties }, asking));
  const refused = await part(session, () => update(addedSchema(id, true)));
  // Without the status, which Notion may refuse to make.
  const without =
    refused.kind === 'found' ? refused : await part(session, () => update(addedSchema(id, false)));
  const before = without.kind === 'found' ? asNamed(without.value.value.properties) : null;
  const [first, other] = [OPTION.first, OPTION.other].map((name) =>
    before === null ? null : optionId(before, name),
  );
  const canRename = typeof first === 'string' && typeof other === 'string';
  const renamed = canRename ? await part(session, () => update(renamedSchema(first, other))) : null;
  const last = renamed?.kind === 'found' ? renamed : without;
  const watched =
    last.kind === 'found' ? await watchListings(session, place, trials, last.value.answeredMs) : null;
  const after =
    last.kind === 'found' ? asNamed((await notion.retrieveDataSource(id, ask())).properties) : null;
  return {
    hasLinks: without.kind === 'found',
    lag: watched?.lag ?? unknown('Notion refused each change of the schema'),
    states: statesAnswer(refused, without, after),
    option: optionAnswer(renamed, first ?? null, after),
    listings: watched?.listings ?? [],
  };
}

const statesAnswer = (
  tried: Answer<unknown>,
  without: Answer<unknown>,
  after: ReturnType<typeof asNamed> | null,
): Answers['statusOptions'] => {
  if (tried.kind === 'found')
    return after === null ? unknown('the schema could not be read') : statesFound(after);
  // Refused with the status and taken without it: that is the answer.
  return without.kind === 'found' ? found('refused') : unknown(tried.why);
};

const optionAnswer = (
  renamed: Answer<unknown> | null,
  id: string | null,
  after: ReturnType<typeof asNamed> | null,
): Changed['option'] => {
  if (renamed === null || id === null || after === null) return unknown('the options could not be read');
  if (renamed.kind === 'unknown') return found('rename refused');
  return { id, schema: after };
};

/** How many of the pages that were listed before the queries leave out, until they leave out none for a while. */
async function watchListings(
  session: Session,
  place: Place,
  trials: Trials,
  changedMs: number,
): Promise<{ readonly lag: Answers['schemaLag']; readonly listings: readonly Listing[] }> {
  const before = new Set(trials.listings.at(-1)?.pages.map(({ id }) => id) ?? []);
  const looks: { readonly askedMs: number; readonly missing: number }[] = [];
  const listings: Listing[] = [];
  for (const ms of [0, ...lookTimes(SCHEMA_LOOKS.count, SCHEMA_LOOKS.untilMs)]) {
    if (session.left() <= AFTER_SCHEMA) break;
    await waitUntil(session, changedMs + ms);
    const listing = await list(session, place);
    const listed = new Set(listing.pages.map(({ id }) => id));
    looks.push({ askedMs: listing.askedMs, missing: [...before].filter((id) => !listed.has(id)).length });
    listings.push(listing);
    const isQuiet = looks.slice(-2).every(({ missing }) => missing === 0);
    if (looks.length >= SCHEMA_LOOKS.least && isQuiet) break;
  }
  const lag =
    before.size === 0
      ? unknown('queries had not listed the pages before the change')
      : schemaLagFound(changedMs, looks);
  return { lag, listings };
}

type Parts = {
  readonly created: Created;
  readonly schema: Answer<Changed>;
  readonly changes: Answer<ChangeTrials>;
  readonly page: Answer<NotionPage>;
};

function answersOf({ created: { trials }, schema, changes, page }: Parts): Asked {
  const values = page.kind === 'found' ? propertiesByName(page.value) : null;
  const ofPage = <T>(judge: (named: NonNullable<typeof values>) => Answer<T>): Answer<T> =>
    values === null ? unknown(whyOf(page)) : judge(values);
  const ofChanges = <T>(judge: (done: ChangeTrials) => Answer<T>): Answer<T> =>
    changes.kind === 'found' ? judge(changes.value) : changes;
  const ofSchema = <T>(judge: (done: Changed) => Answer<T>): Answer<T> =>
    schema.kind === 'found' ? judge(schema.value) : schema;
  const more = changes.kind === 'found' ? changes.value.trials : null;
  const listings = [trials, more].flatMap((each) => each?.listings ?? []);
  const pages = [...listings, ...(schema.kind === 'found' ? schema.value.listings : [])].flatMap(
    (each) => each.pages,
  );
  return {
    queryLag: lagFound([...trials.lags, ...(more?.lags ?? [])]),
    schemaLag: ofSchema(({ lag }) => lag),
    dates: ofPage(datesFound),
    numberDigits: ofPage(numbersFound),
    trashedTargets: ofChanges(({ targets }) =>
      targets === null
        ? unknown('no relation could be written')
        : ofPage((named) => targetsFound(named, targets.live, targets.trashed)),
    ),
    optionIds: ofSchema(({ option }) =>
      'kind' in option ? option : optionsFound(option.schema, values, option.id),
    ),
    pageTimes: pageTimesFound(
      pages.flatMap(({ createdTime, lastEditedTime }) => [createdTime.getTime(), lastEditedTime.getTime()]),
    ),
    hostedFiles: ofChanges(({ hostedFiles }) => hostedFiles),
    statusOptions: ofSchema(({ states }) => states),
  };
}

const whyOf = (answer: Answer<unknown>): string =>
  answer.kind === 'unknown' ? answer.why : 'it was not shown';

const allUnknown = (why: string): Asked => ({
  queryLag: unknown(why),
  schemaLag: unknown(why),
  dates: unknown(why),
  numberDigits: unknown(why),
  trashedTargets: unknown(why),
  optionIds: unknown(why),
  pageTimes: unknown(why),
  hostedFiles: unknown(why),
  statusOptions: unknown(why),
});

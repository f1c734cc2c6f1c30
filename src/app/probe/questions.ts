import { PgnotionError } from '../../model/errors.ts';
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
import { propertiesByName } from '../../notion/probe-client.ts';
import { type ChangeTrials, makeChanges } from './changes.ts';
import type { Place } from './scratch.ts';
import type { Session } from './session.ts';
import { type Listing, list, type Trials, timesFor, tryWrites, waitUntil } from './trials.ts';
import { part, type Tried, tryTwice } from './tried.ts';

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

type Created = { readonly trials: Trials };

async function createPages(session: Session, place: Place): Promise<Created> {
  const { notion, timed } = session;
  const writes = Array.from({ length: CREATED_PAGES }, (_, at) => ({
    id: `create ${at + 1}`,
    round: 0,
    isNew: true,
    send: async () => {
      const input = { dataSourceId: place.dataSource, properties: createdValues(at) };
      const { answeredMs, value } = await timed((ask) => notion.createPage(input, ask));
      return { answeredMs, page: value.id, shown: value };
    },
  }));
  const times = lookTimes(CREATE_LOOKS.count, CREATE_LOOKS.untilMs);
  return { trials: await tryWrites(session, place, writes, { times, reserve: AFTER_CREATIONS }) };
}

type Schema = Parameters<typeof statesFound>[0];

type Changed = {
  readonly hasLinks: boolean;
  readonly lag: Answers['schemaLag'];
  readonly states: Answers['statusOptions'];
  /** What became of the option's id by the schema; the page has its say later. */
  readonly option: { readonly id: string; readonly schema: Schema } | Answers['optionIds'];
  readonly listings: readonly Listing[];
};

const asNamed = (properties: object): Schema => properties as Schema;

async function changeSchema(session: Session, place: Place, { trials }: Created): Promise<Changed> {
  const { notion, ask, timed } = session;
  const { dataSource: id } = place;
  const update = (properties: Schema) =>
    tryTwice(session, () => timed((asking) => notion.updateDataSource(id, { properties }, asking)));
  const tried = await update(addedSchema(id, true));
  // Without the status, which Notion may refuse to make.
  const added = tried.kind === 'refused' ? await update(addedSchema(id, false)) : tried;
  const before = added.kind === 'found' ? asNamed(added.value.value.properties) : null;
  const [first, other] = [OPTION.first, OPTION.other].map((name) =>
    before === null ? null : optionId(before, name),
  );
  const canRename = typeof first === 'string' && typeof other === 'string';
  const renamed = canRename ? await update(renamedSchema(first, other)) : null;
  const last = renamed?.kind === 'found' ? renamed : added;
  const watched =
    last.kind === 'found' ? await watchListings(session, place, trials, last.value.answeredMs) : null;
  // Whatever was answered: a change whose answer was lost may have been made.
  const after = await part(session, async () =>
    asNamed((await notion.retrieveDataSource(id, ask())).properties),
  );
  return {
    hasLinks: added.kind === 'found',
    lag: watched?.lag ?? unknown(last.kind === 'found' ? 'nothing was watched' : last.why),
    states: statesAnswer(tried, added, after),
    option: optionAnswer(renamed, first ?? null, after),
    listings: watched?.listings ?? [],
  };
}

function statesAnswer(
  tried: Tried<unknown>,
  added: Tried<unknown>,
  after: Answer<Schema>,
): Answers['statusOptions'] {
  const shown = after.kind === 'found' ? statesFound(after.value) : after;
  if (tried.kind === 'found' || (shown.kind === 'found' && shown.value === 'written')) return shown;
  // Refused with the status and taken without it: that is the answer.
  return tried.kind === 'refused' && added.kind === 'found' ? found('refused') : unknown(tried.why);
}

function optionAnswer(
  renamed: Tried<unknown> | null,
  id: string | null,
  after: Answer<Schema>,
): Changed['option'] {
  if (renamed === null || id === null) return unknown('the options could not be read');
  const isRenamed = after.kind === 'found' && optionId(after.value, OPTION.renamed) !== null;
  if (!isRenamed && renamed.kind === 'refused') return found('rename refused');
  if (!isRenamed && renamed.kind === 'unknown') return unknown(renamed.why);
  return after.kind === 'found' ? { id, schema: after.value } : after;
}

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
        ? unknown('no relation was written to a page that went to the trash')
        : ofPage((named) => targetsFound(named, targets.live, targets.trashed)),
    ),
    optionIds: ofSchema(({ option }) =>
      'kind' in option ? option : optionsFound(option.schema, values, option.id),
    ),
    pageTimes: pageTimesFound(
      [...pages, ...trials.shown, ...(page.kind === 'found' ? [page.value] : [])].flatMap(
        ({ createdTime, lastEditedTime }) => [createdTime.getTime(), lastEditedTime.getTime()],
      ),
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

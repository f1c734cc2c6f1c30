import type { Pool } from 'pg';
import type { Environment } from '../../config/environment.ts';
import { PgnotionError } from '../../model/errors.ts';
import { type Answers, type Evidence, found, unknown } from '../../model/probe/evidence.ts';
import { planOf, rateFound } from '../../model/probe/judge.ts';
import type { RequestInfo } from '../../notion/client.ts';
import { createProbeClient } from '../../notion/probe-client.ts';
import { createPool, describeConnectError, severPool } from '../../postgres/pool.ts';
import { ping } from '../../postgres/server-identity.ts';
import { type Log, silentLog } from '../../runtime/log.ts';
import { within } from '../../runtime/retry.ts';
import {
  isDaemonAtWork,
  lockProbes,
  readScratch,
  storeEvidence,
  watchWebhooks,
  webhookAfterMs,
} from '../../state/evidence.ts';
import { migrate } from '../../state/migrate.ts';
import { recordAnswers } from '../../state/requests.ts';
import { createStore, type Store } from '../../state/sql.ts';
import { webhookToken } from '../../state/webhook.ts';
import { openNotion } from '../connections.ts';
import { assertMayUpdate } from '../doctor/notion.ts';
import { askAll } from './questions.ts';
import { leftBehind, leftHidden, removeLeftovers, removeScratch, removeStrays } from './removal.ts';
import { createScratch, type Place, unanswered } from './scratch.ts';
import { createSession, type ProbeClock, type Session } from './session.ts';
import { mayPass } from './tried.ts';

export type ProbeOptions = {
  readonly environment: Environment;
  readonly clock: ProbeClock;
  readonly signal: AbortSignal;
  /** Tells how far it has come. */
  readonly tell: (text: string) => void;
  readonly log?: Log;
  /** Gets what was found as soon as it is stored, also where the scratch page cannot be removed. */
  readonly onEvidence?: (evidence: Evidence) => Promise<void>;
};

const CONNECT_MS = 15_000;
const MIGRATION_MS = 600_000;
const CLOSE_MS = 3_000;
const WEBHOOK_MS = 60_000;
const WEBHOOK_LOOK_MS = 2_000;

/**
 * Finds out what Notion's documents leave open on this workspace, on a page of its own, and stores it. Whatever it makes is in
 * the trash when it returns or throws, or else is known by its mark, so that the next run or `doctor` removes it.
 */
export async function probe(options: ProbeOptions): Promise<Evidence> {
  const { environment } = options;
  const parent = environment.NOTION_PARENT_PAGE_ID;
  if (parent === undefined) throw noParent();
  return withState(options, async (pool, store) => {
    const unlock = await lockProbes(pool);
    if (unlock === null) throw isRunning();
    try {
      return await withSession(options, { pool, store }, (session) => run(session, options, parent));
    } catch (error) {
      throw options.signal.aborted && !isOfProbe(error) ? stopped(error) : error;
    } finally {
      await unlock();
    }
  });
}

const isOfProbe = (error: unknown): boolean =>
  error instanceof PgnotionError && error.code.startsWith('probe_');

async function withState<T>(
  { environment, log = silentLog() }: ProbeOptions,
  work: (pool: Pool, store: Store) => Promise<T>,
): Promise<T> {
  const { DATABASE_URL: url } = environment;
  const pool = createPool({ url, max: 3, raw: false, applicationName: 'pgnotion state', log });
  try {
    await within(CONNECT_MS, 'the first query', ping(pool)).catch((error: unknown) => {
      throw describeConnectError(error, url);
    });
    await within(MIGRATION_MS, 'bringing the schema pgnotion up to date', migrate(pool));
    return await work(pool, createStore(pool, 0));
  } finally {
    await within(CLOSE_MS, 'closing the connections', pool.end()).catch(() => severPool(pool));
  }
}

type Ends = { readonly pool: Pool; readonly store: Store };

/** A session through the ordinary throttle, whose requests count in the window that a daemon shares. */
export async function withSession<T>(
  { environment, clock, signal, tell, log = silentLog() }: ProbeOptions,
  { pool, store }: Ends,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  let observe: (info: RequestInfo) => void = () => undefined;
  const opened = openNotion({ environment, pool, log }, null, (info) => observe(info));
  const session = createSession({
    notion: opened.notion,
    client: createProbeClient(opened.options),
    graceMs: environment.SYNC_CREATE_GRACE_SECONDS * 1_000,
    ...{ store, clock, signal, log, tell },
  });
  observe = session.onRequest;
  try {
    return await work(session);
  } finally {
    await opened.throttle.stop();
    await recordAnswers(store, opened.answers).catch(() => undefined);
  }
}

async function run(
  session: Session,
  { environment, onEvidence }: ProbeOptions,
  parent: string,
): Promise<Evidence> {
  const { clock, client, store } = session;
  const beganMs = clock.now();
  const self = await client.self(session.ask());
  await removeOld(session, parent, self.id);
  await assertRemovable(session);
  const { answers, left } = await onScratch(session, parent);
  const evidence: Evidence = {
    format: 1,
    at: clock.wall().toISOString(),
    apiVersion: environment.NOTION_VERSION,
    connection: self.id,
    workspace: self.workspace,
    plan: planOf(self.maxUploadBytes),
    requests: session.used(),
    seconds: Math.round((clock.now() - beganMs) / 100) / 10,
    answers,
  };
  await storeEvidence(store, evidence);
  await onEvidence?.(evidence);
  if (left !== null) throw left;
  return evidence;
}

async function removeOld(session: Session, parent: string, connection: string): Promise<void> {
  const { removed, hidden } = await removeLeftovers(session, parent);
  const strays = await removeStrays(session, connection).catch((error: unknown) => {
    // The search finds them another time.
    if (!mayPass(error)) throw error;
    return 0;
  });
  const all = removed + strays;
  if (all > 0)
    session.tell(`removed ${all === 1 ? 'a page' : `${all} pages`} that an earlier probe had left`);
  if (hidden.length > 0) tellOf(session, leftHidden(hidden));
}

/** What cannot be changed could not be moved to the trash either, so it is not made. */
async function assertRemovable(session: Session): Promise<void> {
  await assertMayUpdate(session.notion, session.ask()).catch((error: unknown) => {
    // Of what may pass, and of Notion's silence, the requests that follow tell.
    if (!mayPass(error)) throw error;
  });
}

const tellOf = ({ tell }: Session, { message, remedy }: PgnotionError): void => tell(`${message}; ${remedy}`);

/** `left`: the scratch page could not be removed; what was found out counts all the same. */
type Finding = { readonly answers: Answers; readonly left: PgnotionError | null };

async function onScratch(session: Session, parent: string): Promise<Finding> {
  const { store, tell, requests, signal } = session;
  let made: Place | null = null;
  const work = async (): Promise<Omit<Answers, 'rate'>> => {
    tell('making a scratch page');
    made = await createScratch(session, parent);
    await watchWebhooks(store, made.dataSource);
    tell('watching how long queries lag; this takes from some seconds to some minutes');
    const asked = await askAll(session, made);
    const webhooks = await webhooksFound(session);
    signal.throwIfAborted();
    return { ...asked, webhooks };
  };
  const done = await work().then(
    (answers) => ({ answers }),
    (error: unknown) => ({ error: signal.aborted ? stopped(error) : error }),
  );
  await watchWebhooks(store, null).catch(() => undefined);
  if (made !== null || (await readScratch(store)).length > 0)
    tell(`removing the scratch page${signal.aborted ? AT_ONCE : ''}`);
  const left = await cleanUp(session, parent, made);
  if ('answers' in done) {
    const beside = await isDaemonAtWork(store).catch(() => false);
    return { answers: { ...done.answers, rate: rateFound(requests, beside) }, left };
  }
  // What ended the probe is what has to be mended; the page is on record, and the next doctor removes it.
  if (left !== null && !isSame(done.error, left)) tellOf(session, left);
  throw done.error;
}

const AT_ONCE = '; a second Ctrl-C ends at once, and the next `pgnotion doctor` removes it then';

const isSame = (error: unknown, other: PgnotionError): boolean =>
  error instanceof PgnotionError && error.code === other.code;

async function cleanUp(session: Session, parent: string, made: Place | null): Promise<PgnotionError | null> {
  try {
    if (made !== null)
      return (await removeScratch(session, made)) === 'hidden' ? leftHidden([made.page]) : null;
    const { hidden } = await removeLeftovers(session, parent);
    // A request that nobody has answered may still be carried out.
    const mayCome = (await readScratch(session.store)).some(({ page }) => page === null);
    return hidden.length > 0 ? leftHidden(hidden) : mayCome ? unanswered(null) : null;
  } catch (error) {
    return leftBehind(made?.page ?? null, error);
  }
}

/** Events of our own edits, which the daemon notes if webhooks are set up. */
async function webhooksFound({ store, clock, signal, tell }: Session): Promise<Answers['webhooks']> {
  if ((await webhookToken(store)) === null) return unknown('webhooks are not set up');
  if (!(await isDaemonAtWork(store))) return unknown('no daemon was at work to receive them');
  const beganMs = clock.now();
  tell('waiting for a webhook of the own edits');
  for (;;) {
    const afterMs = await webhookAfterMs(store);
    if (afterMs !== null) return found({ ownEdits: 'delivered', afterMs: Math.round(afterMs) });
    if (clock.now() - beganMs >= WEBHOOK_MS)
      return found({ ownEdits: 'not delivered', watchedMs: WEBHOOK_MS });
    await clock.sleep(WEBHOOK_LOOK_MS, signal);
    signal.throwIfAborted();
  }
}

const noParent = (): PgnotionError =>
  new PgnotionError({
    code: 'probe_parent_missing',
    message: 'NOTION_PARENT_PAGE_ID is not set, and the probe needs a page under which it may make its own',
    remedy: 'set NOTION_PARENT_PAGE_ID to a page that is shared with the connection',
  });

const isRunning = (): PgnotionError =>
  new PgnotionError({
    code: 'probe_running',
    message: 'another probe is at work',
    remedy:
      'wait until `pgnotion doctor --probe` has ended in the other place, which takes some minutes at most',
    retryable: true,
  });

const stopped = (cause: unknown): PgnotionError =>
  new PgnotionError({
    code: 'probe_stopped',
    message: 'the probe was stopped before its end',
    remedy: 'run `pgnotion doctor --probe` again when there are some minutes for it',
    cause,
  });

import { messageOf, PgnotionError } from '../../model/errors.ts';
import { type Answer, found, unknown } from '../../model/probe/evidence.ts';
import { NotionFailure, stopsAll } from '../../notion/error-classification.ts';
import { BUDGET_SPENT, type Session } from './session.ts';

/**
 * What came of asking Notion for something: only what Notion says of the request itself is a refusal. A failure that says
 * nothing of it leaves open what Notion would have done.
 */
export type Tried<T> =
  | { readonly kind: 'found'; readonly value: T }
  | { readonly kind: 'refused'; readonly why: string }
  | { readonly kind: 'unknown'; readonly why: string };

/** Before a request that failed is made once more. */
const AGAIN_MS = 1_500;
const SPENT = 'the requests of the probe were used up before';

/** Why a part came to nothing; what would end every other part too is thrown. */
function whyOf(session: Session, error: unknown): string {
  const isOwn = error instanceof NotionFailure ? !stopsAll(error) : error instanceof PgnotionError;
  if (!isOwn || session.signal.aborted) throw error;
  return error instanceof PgnotionError && error.code === BUDGET_SPENT ? SPENT : messageOf(error);
}

/** What a part brings, or why it does not; what would end every other part too is thrown. */
export async function part<T>(session: Session, work: () => Promise<T>): Promise<Answer<T>> {
  try {
    return found(await work());
  } catch (error) {
    return unknown(whyOf(session, error));
  }
}

/** Whether a second try may bring something else: a 400 that does not say what is wrong may pass as well. */
export const mayPass = (error: unknown): boolean =>
  error instanceof NotionFailure &&
  !stopsAll(error) &&
  (error.errorClass.retry === 'soon' || error.errorClass.retry === 'later');

export async function again<T>(session: Session, work: () => Promise<T>): Promise<T> {
  await session.clock.sleep(AGAIN_MS, session.signal);
  session.signal.throwIfAborted();
  return work();
}

/** Asks for something that does no harm if it is done twice; once more if it failed in a way that may pass. */
export async function tryTwice<T>(session: Session, work: () => Promise<T>): Promise<Tried<T>> {
  try {
    const value = await work().catch((error: unknown) => {
      if (!mayPass(error)) throw error;
      return again(session, work);
    });
    return { kind: 'found', value };
  } catch (error) {
    const why = whyOf(session, error);
    const isRefusal = error instanceof NotionFailure && error.errorClass.status === 400;
    return { kind: isRefusal ? 'refused' : 'unknown', why };
  }
}

import { aftermathOf, nextStep, type Seen } from '../model/unanswered.ts';
import { NotionFailure } from './error-classification.ts';

/** What is stored of a request, from the moment at which it leaves until it is known what became of it. */
type SentRequest = {
  /** For `beforeLeaving`: a request that still waits, and one that never leaves, is not stored. */
  readonly begin: () => Promise<void>;
  /** It has failed. `isOver`: it has done nothing, and cannot any more; otherwise what was stored has to stay. */
  readonly failed: (failure: NotionFailure, isOver: boolean) => Promise<void>;
};

/** What is known of a request that nobody has answered, and how to look for what it may have made. */
type Search<Thing> = {
  /** How long ago it left, as it was read before this call; null if none is on record. */
  readonly sentAgoMs: number | null;
  readonly find: (sentAgoMs: number) => Promise<Seen<Thing>>;
  /** For how long after it has left its thing may still appear. */
  readonly graceMs: number;
};

type Unanswered<Thing> =
  | { readonly kind: 'found'; readonly thing: Thing }
  /** It may still appear: look again after so long. */
  | { readonly kind: 'waits'; readonly ms: number }
  /** There is none, and none will come. */
  | { readonly kind: 'absent' };

/** What became of an earlier request. Throws what `find` throws. */
export async function findUnanswered<Thing>({
  sentAgoMs,
  find,
  graceMs,
}: Search<Thing>): Promise<Unanswered<Thing>> {
  let seen: Seen<Thing> | null = null;
  for (;;) {
    const step = nextStep(sentAgoMs, seen, graceMs);
    switch (step.kind) {
      case 'look':
        seen = await find(step.sentAgoMs);
        break;
      case 'take':
        return { kind: 'found', thing: step.thing };
      case 'wait':
        return { kind: 'waits', ms: step.ms };
      case 'send':
        return { kind: 'absent' };
      default:
        return step satisfies never;
    }
  }
}

/** Where `Why` is never, the request is always sent. */
type Unsent<Why> = [Why] extends [never] ? never : { readonly kind: 'unsent'; readonly why: Why };
type Sent<Thing, Why> = { readonly kind: 'made'; readonly thing: Thing } | Unsent<Why>;

type Failed = { readonly kind: 'failed'; readonly failure: NotionFailure };

type Creation<Thing, Why> = Omit<Search<Thing>, 'sentAgoMs'> & {
  readonly intent: SentRequest & Pick<Search<Thing>, 'sentAgoMs'>;
  /** Sends the request, with `begin` as its `beforeLeaving`, unless that is not to be done now. */
  readonly send: (begin: SentRequest['begin']) => Promise<Sent<Thing, Why>>;
  /** The thing that a failure says was made all the same. */
  readonly byId: (id: string) => Promise<Thing>;
};

/**
 * Makes a thing in Notion once, through lost answers and crashes (invariant 3): the intent is stored before the request
 * leaves, and a request that nobody has answered is looked for until its grace is over before another one is sent. Throws
 * what `find` and `byId` throw, and of `send` what is no `NotionFailure`: what is stored stays then.
 */
export async function createOnce<Thing, Why = never>(
  creation: Creation<Thing, Why>,
): Promise<Exclude<Unanswered<Thing>, { kind: 'absent' }> | Sent<Thing, Why> | Failed> {
  const { intent, find, graceMs } = creation;
  const earlier = await findUnanswered({ sentAgoMs: intent.sentAgoMs, find, graceMs });
  return earlier.kind === 'absent' ? sendIntended(creation) : earlier;
}

async function sendIntended<Thing, Why>({
  intent,
  send,
  byId,
}: Creation<Thing, Why>): Promise<Sent<Thing, Why> | Failed> {
  try {
    return await send(intent.begin);
  } catch (error) {
    if (!(error instanceof NotionFailure)) throw error;
    const aftermath = aftermathOf(error.errorClass);
    if (aftermath.kind === 'made') return { kind: 'made', thing: await byId(aftermath.id) };
    await intent.failed(error, aftermath.kind === 'nothing');
    return { kind: 'failed', failure: error };
  }
}

/**
 * Sends a write to a page that exists. Nothing is looked for before it: made twice it does no harm, and whoever repeats it
 * looks at the page anyway. Throws what is no `NotionFailure`.
 */
export async function sendWrite<Answer>(
  write: SentRequest,
  send: (begin: SentRequest['begin']) => Promise<Answer>,
): Promise<{ readonly kind: 'answered'; readonly answer: Answer } | Failed> {
  try {
    return { kind: 'answered', answer: await send(write.begin) };
  } catch (error) {
    if (!(error instanceof NotionFailure)) throw error;
    await write.failed(error, aftermathOf(error.errorClass).kind === 'nothing');
    return { kind: 'failed', failure: error };
  }
}

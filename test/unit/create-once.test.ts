import { expect, test } from 'vitest';
import { ABSENT, type Seen } from '../../src/model/unanswered.ts';
import { createOnce, findUnanswered, sendWrite } from '../../src/notion/create-once.ts';
import { classify, NotionFailure } from '../../src/notion/error-classification.ts';

const GRACE_MS = 1_000;
const CREATE = { method: 'POST', effect: 'create' } as const;

const failure = (fault: 'lost' | 'unsent'): NotionFailure =>
  new NotionFailure(classify({ kind: 'transport', fault, message: fault, operation: CREATE }), 'createPage');
const saved = (id: string | null): NotionFailure => {
  const { errorClass } = failure('lost');
  return new NotionFailure({ ...errorClass, effect: 'saved', committedId: id }, 'createPage');
};

/** A Notion that holds what was made, an intent as a database would keep it, and what was done to both, in order. */
function stage(sentAgoMs: number | null = null) {
  const made: string[] = [];
  const done: string[] = [];
  const intent = { sentAgoMs };
  const create = (
    answer: 'answered' | NotionFailure | Error = 'answered',
    found: Seen<string> | Error = ABSENT,
    carriedOut = true,
  ) =>
    createOnce<string, 'needless'>({
      intent: {
        ...intent,
        begin: async () => {
          done.push('stored');
          intent.sentAgoMs = 0;
        },
        failed: async (_, isOver) => {
          done.push(isOver ? 'dropped' : 'kept');
          if (isOver) intent.sentAgoMs = null;
        },
      },
      find: async () => {
        done.push('looked');
        if (found instanceof Error) throw found;
        return made[0] === undefined ? found : { kind: 'found', thing: made[0] };
      },
      send: async (begin) => {
        await begin();
        done.push('sent');
        if (carriedOut) made.push(`page ${made.length + 1}`);
        if (answer instanceof Error) throw answer;
        return { kind: 'made', thing: made.at(-1) ?? '' };
      },
      byId: async (id) => `by id ${id}`,
      graceMs: GRACE_MS,
    });
  return { made, done, intent, create };
}

test('invariant 3: the intent is stored before the request leaves', async () => {
  const { done, create } = stage();
  expect(await create()).toEqual({ kind: 'made', thing: 'page 1' });
  expect(done).toEqual(['stored', 'sent']);
});

test('invariants 3 and 9: what a lost answer was about is found, and not made again', async () => {
  const { made, done, intent, create } = stage();
  expect(await create(failure('lost'))).toMatchObject({ kind: 'failed' });
  expect(intent.sentAgoMs).not.toBe(null);
  expect(await create()).toEqual({ kind: 'found', thing: 'page 1' });
  expect(done).toEqual(['stored', 'sent', 'kept', 'looked']);
  expect(made).toEqual(['page 1']);
});

test('invariant 3: what is not found is not made again before its grace is over', async () => {
  const early = stage(GRACE_MS);
  expect(await early.create()).toEqual({ kind: 'waits', ms: 1 });
  expect(early.done).toEqual(['looked']);
  const late = stage(GRACE_MS + 1);
  expect(await late.create()).toEqual({ kind: 'made', thing: 'page 1' });
  expect(late.done).toEqual(['looked', 'stored', 'sent']);
});

test('invariant 3: a look that fails forgets nothing and sends nothing', async () => {
  for (const sentAgoMs of [0, 10 * GRACE_MS]) {
    const { made, done, intent, create } = stage(sentAgoMs);
    await expect(create('answered', failure('unsent'))).rejects.toBeInstanceOf(NotionFailure);
    expect({ made, done, intent }).toEqual({ made: [], done: ['looked'], intent: { sentAgoMs } });
  }
});

test('what is known to have done nothing is sent again without a look', async () => {
  const { done, create } = stage();
  expect(await create(failure('unsent'), ABSENT, false)).toMatchObject({ kind: 'failed' });
  expect(await create()).toEqual({ kind: 'made', thing: 'page 1' });
  expect(done).toEqual(['stored', 'sent', 'dropped', 'stored', 'sent']);
});

test('a failure that names what was made is an answer; one that only says so is not', async () => {
  expect(await stage().create(saved('7'))).toEqual({ kind: 'made', thing: 'by id 7' });
  const { done, create } = stage();
  expect(await create(saved(null))).toMatchObject({ kind: 'failed' });
  expect(done).toEqual(['stored', 'sent', 'kept']);
});

test('a failure of ours between the two leaves the intent as it is', async () => {
  const { done, create } = stage();
  await expect(create(new Error('the database is gone'))).rejects.toThrow('the database is gone');
  expect(done).toEqual(['stored', 'sent']);
});

test('what is needless by then is not sent', async () => {
  const created = await createOnce<string, 'needless'>({
    intent: { sentAgoMs: null, begin: () => expect.unreachable(), failed: () => expect.unreachable() },
    find: () => expect.unreachable(),
    send: async () => ({ kind: 'unsent', why: 'needless' }),
    byId: () => expect.unreachable(),
    graceMs: GRACE_MS,
  });
  expect(created).toEqual({ kind: 'unsent', why: 'needless' });
});

test('what is not to be made any more is only looked for', async () => {
  const find = async (): Promise<Seen<string>> => ABSENT;
  const search = (sentAgoMs: number | null) => findUnanswered({ sentAgoMs, find, graceMs: GRACE_MS });
  expect(await search(null)).toEqual({ kind: 'absent' });
  expect(await search(GRACE_MS)).toMatchObject({ kind: 'waits' });
  expect(await search(GRACE_MS + 1)).toEqual({ kind: 'absent' });
});

test.each([
  [failure('lost'), false],
  [failure('unsent'), true],
  [saved('7'), false],
])('a write that failed with %s is over: %s', async (error, isOver) => {
  const said: boolean[] = [];
  const write = {
    begin: async () => undefined,
    failed: async (_: unknown, over: boolean) => void said.push(over),
  };
  expect(await sendWrite(write, () => Promise.reject(error))).toEqual({ kind: 'failed', failure: error });
  expect(said).toEqual([isOver]);
  expect(await sendWrite(write, async () => 'page')).toEqual({ kind: 'answered', answer: 'page' });
});

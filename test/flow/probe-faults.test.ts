import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Answers } from '../../src/model/probe/evidence.ts';
import { MOST_REQUESTS } from '../../src/model/probe/plan.ts';
import type { FaultAction, FaultMatch } from '../../src/sandbox/notion/faults.ts';
import { linkScratch, noteScratch, readScratch } from '../../src/state/evidence.ts';
import { eventually } from '../support/eventually.ts';
import { createProbeStage, type ProbeStage } from '../support/probe-stage.ts';

// What fails in the middle of a probe: no answer is told that Notion has not given, and nothing stays.

let stage: ProbeStage;
beforeEach(async () => {
  stage = await createProbeStage();
});
afterEach(() => stage[Symbol.asyncDispose]());

const status = (code: number, when: 'before' | 'after' = 'before'): FaultAction => ({
  kind: 'status',
  when,
  status: code,
});
const fail = (match: FaultMatch, action: FaultAction, times = 1): void =>
  void stage.sandbox.control.faults.add({ match, action, times });

/** The answer to one question, and that nothing is left, within the requests that are promised. */
async function answerTo<Name extends keyof Answers>(name: Name): Promise<Answers[Name]> {
  const evidence = await stage.run();
  expect(stage.leftBehind()).toEqual([]);
  expect(await readScratch(stage.store)).toEqual([]);
  expect(stage.sandbox.control.requests().length).toBeLessThanOrEqual(MOST_REQUESTS);
  return evidence.answers[name];
}

const RENAMING = { operation: 'dataSources.update', body: 'Probe renamed' } as const;
const WITH_STATES = { operation: 'dataSources.update', body: 'Probe begun' } as const;

describe('a failure is no refusal', () => {
  test.each([409, 500, 503])('a rename that fails with %i leaves open what Notion does', async (code) => {
    fail(RENAMING, status(code), 2);
    expect(await answerTo('optionIds')).toEqual({
      kind: 'unknown',
      why: expect.stringContaining(String(code)),
    });
  });

  test('a rename whose answer is lost shows in the schema', async () => {
    fail(RENAMING, status(503, 'after'), 2);
    expect(await answerTo('optionIds')).toEqual({ kind: 'found', value: 'kept' });
  });

  test('a 400 that passes is no refusal either', async () => {
    const message = 'Unsaved transactions: runQuery';
    fail(RENAMING, { kind: 'status', when: 'before', status: 400, code: 'validation_error', message });
    expect(await answerTo('optionIds')).toEqual({ kind: 'found', value: 'kept' });
  });

  test('a status that fails is not known, and one whose answer is lost is written', async () => {
    fail(WITH_STATES, status(502), 2);
    expect(await answerTo('statusOptions')).toMatchObject({ kind: 'unknown' });
    stage.sandbox.control.clearRequests();
    fail(WITH_STATES, status(502, 'after'), 2);
    expect(await answerTo('statusOptions')).toEqual({ kind: 'found', value: 'written' });
  });

  test('a target that could not be moved to the trash tells nothing of targets in the trash', async () => {
    fail({ operation: 'pages.update', body: '"in_trash":true' }, status(500));
    expect(await answerTo('trashedTargets')).toMatchObject({ kind: 'unknown' });
  });

  test('a file whose handing back fails is neither taken nor refused', async () => {
    fail({ operation: 'pages.update', body: '"type":"file"' }, status(504), 2);
    const why = expect.stringContaining('504');
    expect(await answerTo('hostedFiles')).toEqual({ kind: 'unknown', why });
  });

  test('a trial that surely was not carried out is made again', async () => {
    fail({ operation: 'pages.create', body: 'Trial 4' }, status(409));
    fail({ operation: 'pages.create', body: 'Trial 5' }, status(502, 'after'));
    fail({ operation: 'pages.update', body: '"Round"' }, status(409));
    expect(await answerTo('queryLag')).toMatchObject({ value: { trials: 20, unseen: 0 } });
  });

  test('the times of pages are told by what writes show, where no query shows a page', async () => {
    stage.sandbox.control.setQueryLag(600_000);
    stage.sandbox.control.setBehaviour({ pageTimes: 'second' });
    const evidence = await stage.run();
    expect(evidence.answers).toMatchObject({
      pageTimes: { kind: 'found', value: 'second' },
      queryLag: { kind: 'found', value: { trials: 20, unseen: 17 } },
      schemaLag: { kind: 'unknown' },
    });
    expect(stage.sandbox.control.requests().length).toBeLessThanOrEqual(MOST_REQUESTS);
    expect(stage.leftBehind()).toEqual([]);
  });
});

describe('what cannot be removed is not made', () => {
  const nothingMade = async () => {
    expect(stage.leftBehind()).toEqual([]);
    expect(await readScratch(stage.store)).toEqual([]);
  };

  test('a connection that may not update', async () => {
    stage.sandbox.control.withdrawCapability('update content');
    await expect(stage.run()).rejects.toMatchObject({
      code: 'notion_capability_missing',
      message: expect.stringContaining('Update content'),
    });
    await nothingMade();
  });

  test('a connection that may not insert, and a parent in the trash', async () => {
    const { control } = stage.sandbox;
    control.withdrawCapability('insert content');
    await expect(stage.run()).rejects.toMatchObject({ code: 'restricted_resource' });
    control.grantCapability('insert content');
    control.trashPage(stage.sandbox.parentPageId);
    await expect(stage.run()).rejects.toMatchObject({
      code: 'notion_parent_in_trash',
      remedy: expect.stringContaining('NOTION_PARENT_PAGE_ID'),
    });
    await nothingMade();
  });

  test('a parent that Notion refuses', async () => {
    const message = 'Can only create a page under a page.';
    fail(
      { operation: 'pages.create' },
      { kind: 'status', when: 'before', status: 400, code: 'validation_error', message },
    );
    await expect(stage.run()).rejects.toMatchObject({
      code: 'probe_parent_refused',
      message: expect.stringContaining(message),
    });
    await nothingMade();
  });
});

describe('the removal', () => {
  test.each([409, 502, 503])('goes on after a %i', async (code) => {
    fail({ operation: 'databases.update' }, status(code));
    fail({ operation: 'pages.update', body: '^\\{"in_trash":true\\}$' }, status(code, 'before'));
    expect(await answerTo('numberDigits')).toEqual({ kind: 'found', value: 17 });
  });

  test('Ctrl-C before anything was made is told as one', async () => {
    stage.stop.abort();
    await expect(stage.run()).rejects.toMatchObject({ code: 'probe_stopped' });
    expect(stage.sandbox.control.requests()).toEqual([]);
  });

  test('Ctrl-C while nobody has answered whether the page was made: it is said, and the next run removes it', async () => {
    const arrived = Promise.withResolvers<void>();
    const { control } = stage.sandbox;
    fail(
      { operation: 'pages.create', body: 'Scratch page' },
      { kind: 'delay', ms: 60_000, when: 'before', until: arrived.promise },
    );
    const ended = stage.run();
    ended.catch(() => undefined);
    await eventually(() => control.faults.list()[0]?.struck || null);
    stage.stop.abort();
    await expect(ended).rejects.toMatchObject({ code: 'probe_stopped' });
    expect(stage.told.join('\n')).toContain('whether Notion made the scratch page of the probe is not known');
    expect(await readScratch(stage.store)).toMatchObject([{ page: null }]);
    arrived.resolve();
    await eventually(() => stage.leftBehind().length > 0 || null);
    await stage.run({ signal: new AbortController().signal });
    expect(stage.leftBehind()).toEqual([]);
    expect(await readScratch(stage.store)).toEqual([]);
  });

  test('a page that Notion does not show is no page that is gone', async () => {
    const { control } = stage.sandbox;
    fail({ operation: 'databases.update' }, status(500), 3);
    await expect(stage.run()).rejects.toMatchObject({ code: 'probe_left_behind' });
    const [{ page } = { page: null }] = await readScratch(stage.store);
    control.unshare(page ?? '');
    await stage.run();
    expect(stage.told.join('\n')).toContain(
      `Notion does not show the scratch page of a probe any more: ${page}`,
    );
    expect(await readScratch(stage.store)).toMatchObject([{ page }]);
    control.share(page ?? '');
    await stage.run();
    expect(stage.leftBehind()).toEqual([]);
    expect(await readScratch(stage.store)).toEqual([]);
  });

  test('many leftovers take no more requests than there are, and fewer each time', async () => {
    await stage.run();
    const { url, token, parentPageId } = stage.sandbox;
    const headers = {
      authorization: `Bearer ${token}`,
      'notion-version': '2026-03-11',
      'content-type': 'application/json',
    };
    const body = JSON.stringify({ parent: { page_id: parentPageId }, properties: {} });
    for (let at = 0; at < 30; at += 1) {
      const mark = at.toString(16).padStart(16, '0');
      const answer = await fetch(`${url}/v1/pages`, { method: 'POST', headers, body });
      const { id } = (await answer.json()) as { readonly id: string };
      await noteScratch(stage.store, mark);
      await linkScratch(stage.store, mark, { page: id });
    }
    stage.sandbox.control.clearRequests();
    await expect(stage.run()).rejects.toMatchObject({ code: 'probe_budget_spent' });
    expect(stage.sandbox.control.requests().length).toBeLessThanOrEqual(MOST_REQUESTS);
    expect((await readScratch(stage.store)).length).toBeLessThan(30);
  });
});

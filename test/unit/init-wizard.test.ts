import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import type { Catalog } from '../../src/app/introspect.ts';
import { wizard } from '../../src/cli/init-wizard.ts';
import { PgnotionError } from '../../src/model/errors.ts';
import { suggestMapping } from '../../src/model/suggestion/suggest-mapping.ts';
import { sourceFacts } from '../support/source-facts.ts';

const faults = [{ path: 'public.log', message: 'it has no primary key', remedy: 'ALTER TABLE …' }];
const sources = [
  sourceFacts('log', [], { faults }),
  sourceFacts('people', [], { rows: 12 }),
  sourceFacts('pets', []),
];
const catalog: Catalog = {
  database: 'app',
  listings: [],
  suggest: async () => ({
    database: 'app',
    suggestion: suggestMapping(sources),
    sources,
    slot: null,
    remarks: [],
  }),
};

/** A terminal on which each question that has come is answered, in this order. */
function terminal(...answers: readonly (readonly [question: string, ...keys: string[]])[]) {
  const [input, output] = [new PassThrough(), new PassThrough()];
  const left = [...answers];
  let shown = '';
  output.on('data', (chunk: Buffer) => {
    shown += chunk.toString();
    const [next] = left;
    if (next === undefined || !shown.includes(next[0])) return;
    left.shift();
    shown = '';
    setImmediate(() => {
      for (const key of next.slice(1)) input.write(key);
    });
  });
  return { input, output: Object.assign(output, { columns: 100, rows: 40 }) };
}

const connects = async (): Promise<void> => undefined;

const URL = 'postgres://me:secret@localhost/app';

test('what is not known is asked, and the answers are taken', async () => {
  const questions = wizard(
    terminal(
      ['address of the database', URL, '\r'],
      ['token', 'ntn_1', '\r'],
      ['the page', 'https://www.notion.so/Team-5a4db00000004000800000000000face?pvs=4', '\r'],
      ['Which tables', ' ', '\x1b[B', ' ', '\r'],
      ['Write', '\r'],
    ),
  );
  expect(await questions.settings({ url: '', token: '', parent: '' }, connects)).toEqual({
    url: URL,
    token: 'ntn_1',
    parent: '5a4db00000004000800000000000face',
  });
  expect(await questions.tables(catalog)).toEqual(['public.people', 'public.pets']);
  expect(await questions.mayWrite(['a', 'b'])).toBe(true);
});

test('what is known is not asked, and Ctrl-C ends it', async () => {
  const questions = wizard(terminal(['Which tables', '\x03']));
  const known = { url: URL, token: 't', parent: 'p' };
  expect(await questions.settings(known, connects)).toEqual(known);
  await expect(questions.tables(catalog)).rejects.toMatchObject({ code: 'init_cancelled' });
});

test('an address that does not connect is asked for again, with what was typed', async () => {
  const tried: string[] = [];
  const questions = wizard(
    terminal(
      ['address of the database', URL, '\r'],
      ['nobody answers', '2', '\r'],
      ['token', '\r'],
      ['the page', '\r'],
    ),
  );
  const settings = await questions.settings({ url: '', token: '', parent: '' }, async (url) => {
    tried.push(url);
    if (tried.length === 1)
      throw new PgnotionError({ code: 'postgres_refused', message: 'nobody answers', remedy: 'look' });
  });
  expect(settings).toEqual({ url: `${URL}2`, token: '', parent: '' });
  expect(tried).toEqual([URL, `${URL}2`]);
});

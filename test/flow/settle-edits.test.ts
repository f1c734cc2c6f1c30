import { signWebhookPayload } from '@notionhq/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ConfigInput } from '../../src/config/mapping-file.ts';
import { createStore } from '../../src/state/sql.ts';
import { webhookToken } from '../../src/state/webhook.ts';
import { type Sides, sidesOf, soon, typed } from '../support/sides.ts';
import { createStack, type Stack } from '../support/stack.ts';

const schema = `
  create table slow (id integer primary key, name text not null, note text, other integer);
  create table quick (id integer primary key, name text not null, note text, other integer);
  insert into slow select i, 'Slow ' || i, 'note' from generate_series(1, 6) i;
  insert into quick select i, 'Quick ' || i, 'note' from generate_series(1, 3) i`;

/** Long enough for a busy machine to type on within. */
const SETTLE_SECONDS = 6;

const tableOf = (name: string, more: object = {}): ConfigInput['tables'][string] => ({
  source: `public.${name}`,
  key: 'id',
  title: name,
  fields: {
    Name: { column: 'name', type: 'title' },
    Note: { column: 'note', type: 'rich_text' },
    Other: { column: 'other', type: 'number' },
  },
  ...more,
});

const config: ConfigInput = {
  tables: { slow: tableOf('slow', { settleSeconds: SETTLE_SECONDS }), quick: tableOf('quick') },
};

describe('invariants 4 and 6: a half-typed edit waits until the person has stopped', () => {
  let stack: Stack;
  let sides: Sides;
  /** When, by PostgreSQL's clock, which values came to a row from its page. */
  const applied = (table: string, key: string) =>
    sides.sql<{ note: string; at: Date }>(
      `select after ->> 'Note' as note, started_at as at from pgnotion.operations
        where table_name = $1 and key = $2 and direction = 'to-postgres' order by id`,
      [table, key],
    );
  const note = async (table: string, key: number): Promise<string | null> =>
    (await sides.sql<{ note: string | null }>(`select note from ${table} where id = $1`, [key]))[0]?.note ??
    null;
  const type = (page: string, text: string): void =>
    void sides.edit(page, { Note: typed('rich_text', text) });
  const waiting = (page: string) =>
    sides.sql<{ since: Date }>(
      'select quiet_from as since from pgnotion.edits where page_id = $1 and code is null and digest is not null',
      [page],
    );

  beforeAll(async () => {
    stack = await createStack({ config, schema, pollSeconds: 0.3 });
    sides = sidesOf(stack);
    await stack.apply();
    await stack.start();
    await stack.settled();
  });
  afterAll(async () => stack?.[Symbol.asyncDispose]());

  test('only what was typed last crosses, once two looks that far apart agree', async () => {
    const page = await sides.pageOf('slow', '1');
    type(page, 'h');
    const [first] = await soon(async () => {
      const rows = await waiting(page);
      return rows.length > 0 ? rows : null;
    });
    type(page, 'hel');
    await soon(async () => (await waiting(page)).some(({ since }) => since > (first?.since ?? since)));
    type(page, 'hello');
    await soon(async () => (await note('slow', 1)) === 'hello');
    const crossed = await applied('slow', '1');
    expect(crossed.map((each) => each.note)).toEqual(['hello']);
    expect((crossed[0]?.at.getTime() ?? 0) - (first?.since.getTime() ?? 0)).toBeGreaterThanOrEqual(
      SETTLE_SECONDS * 1_000,
    );
  });

  test('an edit that is taken back meanwhile never crosses', async () => {
    const page = await sides.pageOf('slow', '2');
    type(page, 'oops');
    await soon(async () => (await waiting(page)).length > 0);
    type(page, 'note');
    await soon(async () => (await waiting(page)).length === 0);
    await stack.settled();
    expect(await applied('slow', '2')).toEqual([]);
    expect(await note('slow', 2)).toBe('note');
  });

  test('what SQL changes meanwhile is written at once, and holds the edit up no longer', async () => {
    const page = await sides.pageOf('slow', '3');
    type(page, 'from Notion');
    await soon(async () => (await waiting(page)).length > 0);
    await sides.sql('update slow set other = 7 where id = 3');
    await soon(() => sides.shown(page, 'Other') === 7);
    await soon(async () => (await note('slow', 3)) === 'from Notion');
  });

  test('a row that changes the same field meanwhile does not begin the wait again and again', async () => {
    const page = await sides.pageOf('slow', '4');
    await sides.sql(`update slow set note = 'from SQL' where id = 4`);
    await soon(() => sides.shown(page, 'Note') === 'from SQL');
    type(page, 'later');
    await sides.sql(`update slow set note = 'from SQL too' where id = 4`);
    await soon(async () => {
      const shown = sides.shown(page, 'Note');
      return shown !== 'from SQL' && shown === (await note('slow', 4));
    });
    await stack.settled();
    expect(await note('slow', 4)).toBe(sides.shown(page, 'Note'));
  });

  test('without the option an edit that a poll sees crosses at once', async () => {
    const page = await sides.pageOf('quick', '1');
    type(page, 'at once');
    await soon(async () => (await note('quick', 1)) === 'at once');
    expect(await waiting(page)).toEqual([]);
  });

  test('invariant 9: the wait outlives a restart', async () => {
    const page = await sides.pageOf('slow', '5');
    type(page, 'kept');
    await soon(async () => (await waiting(page)).length > 0);
    await stack.stop();
    await stack.start();
    await soon(async () => (await note('slow', 5)) === 'kept');
    expect((await applied('slow', '5')).map((each) => each.note)).toEqual(['kept']);
  });
});

describe('after a webhook', () => {
  test('invariant 4: an edit waits five seconds by itself, since the person may still be typing', async () => {
    await using stack = await createStack({ config, schema, pollSeconds: 3_600 });
    const sides = sidesOf(stack);
    await stack.apply();
    await stack.start();
    await stack.settled();
    const hook = `${stack.admin()}/webhooks/notion`;
    const verification_token = 'secret_settle';
    await fetch(hook, { method: 'POST', body: JSON.stringify({ verification_token }) });
    const token = await soon(() => webhookToken(createStore(stack.database.pool, 0)));
    const page = await sides.pageOf('quick', '1');
    const source = await sides.source('quick');
    const tell = async (): Promise<void> => {
      const body = JSON.stringify({
        type: 'page.properties_updated',
        authors: [{ id: stack.sandbox.control.personId, type: 'person' }],
        entity: { id: page, type: 'page' },
        data: { parent: { id: source, type: 'data_source', data_source_id: source }, updated_properties: [] },
      });
      const signature = await signWebhookPayload({ body, verificationToken: token });
      const answer = await fetch(hook, {
        method: 'POST',
        body,
        headers: { 'X-Notion-Signature': signature },
      });
      expect(answer.status).toBe(200);
    };
    sides.edit(page, { Note: typed('rich_text', 'half') });
    await tell();
    const [first] = await soon(async () => {
      const rows = await sides.sql<{ since: Date }>(
        'select quiet_from as since from pgnotion.edits where page_id = $1',
        [page],
      );
      return rows.length > 0 ? rows : null;
    });
    sides.edit(page, { Note: typed('rich_text', 'half and the rest') });
    await tell();
    const crossed = await soon(async () => {
      const rows = await sides.sql<{ note: string; at: Date }>(
        `select after ->> 'Note' as note, started_at as at from pgnotion.operations where direction = 'to-postgres'`,
      );
      return rows.length > 0 ? rows : null;
    });
    expect(crossed.map((each) => each.note)).toEqual(['half and the rest']);
    expect((crossed[0]?.at.getTime() ?? 0) - (first?.since.getTime() ?? 0)).toBeGreaterThanOrEqual(5_000);
  });
});

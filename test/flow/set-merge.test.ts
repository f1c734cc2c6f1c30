import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ConfigInput } from '../../src/config/mapping-file.ts';
import { type Sides, sidesOf, soon, typed } from '../support/sides.ts';
import { createStack, type Stack } from '../support/stack.ts';

const schema = `
  create table tags (id text primary key, name text not null);
  create table posts (
    id integer primary key, title text not null, labels text[], pinned text[], related text[], links text[],
    asked text[], single text);
  insert into tags select 't' || i, 'Tag ' || i from generate_series(1, 5) i;
  insert into posts select i, 'Post ' || i, '{b,a}', '{a,b}', '{t1,t2}', '{https://x.example/a}', '{a,b}', 'a'
    from generate_series(1, 7) i`;

const config: ConfigInput = {
  tables: {
    tags: {
      source: 'public.tags',
      key: 'id',
      title: 'Tags',
      fields: { Name: { column: 'name', type: 'title' } },
    },
    posts: {
      source: 'public.posts',
      key: 'id',
      title: 'Posts',
      fields: {
        Title: { column: 'title', type: 'title' },
        Labels: { column: 'labels', type: 'multi_select' },
        Pinned: { column: 'pinned', type: 'multi_select', conflict: 'postgres' },
        Asked: { column: 'asked', type: 'multi_select', conflict: 'manual' },
        Related: { column: 'related', type: 'relation', relatedTable: 'tags' },
        Links: { column: 'links', type: 'files' },
        Single: { column: 'single', type: 'select', conflict: 'manual' },
      },
    },
  },
};

/** Both sides change before either is seen: the poll is asked for by the delivery alone. */
const POLL_SECONDS = 3600;

describe.each([
  ['the delivery sees both first', POLL_SECONDS],
  ['polls go on', 0.1],
])('invariant 6: two changes of a set are both carried out: %s', (_name, pollSeconds) => {
  let stack: Stack;
  let sides: Sides;
  const open = () => sides.sql('select fields from pgnotion.open_conflicts');
  const array = async (id: number, name: string): Promise<string[]> => {
    const [row] = await sides.sql<{ items: string[] }>(
      `select coalesce(${name}, '{}') as items from posts where id = $1`,
      [id],
    );
    return row?.items ?? [];
  };

  beforeAll(async () => {
    stack = await createStack({ config, schema, pollSeconds });
    sides = sidesOf(stack);
    await stack.apply();
    await stack.start();
    await stack.settled();
  });
  afterAll(async () => stack?.[Symbol.asyncDispose]());

  test('each side adds an element: both hold both, and the row keeps its order', async () => {
    const page = await sides.pageOf('posts', '1');
    sides.edit(page, { Labels: typed('multi_select', ['a', 'b', 'c']) });
    await sides.sql(`update posts set labels = labels || '{d}' where id = 1`);
    await soon(async () => (await array(1, 'labels')).length === 4);
    expect((await array(1, 'labels')).slice(0, 2)).toEqual(['b', 'a']);
    expect((await array(1, 'labels')).toSorted()).toEqual(['a', 'b', 'c', 'd']);
    await soon(() => expect(sides.shown(page, 'Labels')).toEqual(['a', 'b', 'c', 'd']) ?? true);
    await stack.settled();
    expect(await array(1, 'labels')).toHaveLength(4);
    expect(sides.shown(page, 'Labels')).toEqual(['a', 'b', 'c', 'd']);
    expect(await open()).toEqual([]);
  });

  test('one side takes an element away, the other adds one; a manual rule is not asked', async () => {
    const page = await sides.pageOf('posts', '2');
    sides.edit(page, { Asked: typed('multi_select', ['b']) });
    await sides.sql(`update posts set asked = '{a,b,x}' where id = 2`);
    await soon(async () => (await array(2, 'asked')).join() === 'b,x');
    await soon(() => expect(sides.shown(page, 'Asked')).toEqual(['b', 'x']) ?? true);
    await stack.settled();
    expect(await array(2, 'asked')).toEqual(['b', 'x']);
    expect(await open()).toEqual([]);
  });

  test('a relation: what each side added is on both', async () => {
    const page = await sides.pageOf('posts', '3');
    const tag = async (key: string): Promise<string> => sides.pageOf('tags', key);
    const [one, two, three, four] = [await tag('t1'), await tag('t2'), await tag('t3'), await tag('t4')];
    sides.edit(page, { Related: typed('relation', [one, three]) });
    await sides.sql(`update posts set related = '{t1,t2,t4}' where id = 3`);
    await soon(async () => (await array(3, 'related')).join() === 't1,t4,t3');
    await soon(() => expect(sides.shown(page, 'Related')).toEqual([one, three, four].toSorted()) ?? true);
    await stack.settled();
    expect(sides.shown(page, 'Related')).not.toContain(two);
    expect(await open()).toEqual([]);
  });

  test('links of files: the page keeps its order', async () => {
    const page = await sides.pageOf('posts', '4');
    const file = (name: string) => ({ name, external: { url: `https://x.example/${name}` } });
    sides.edit(page, { Links: { files: [file('c'), file('a')] } });
    await sides.sql(`update posts set links = links || '{https://x.example/d}' where id = 4`);
    await soon(async () => (await array(4, 'links')).length === 3);
    expect((await array(4, 'links')).toSorted()).toEqual(
      ['a', 'c', 'd'].map((name) => `https://x.example/${name}`),
    );
    await stack.settled();
    const shown = sides.property(page, 'Links').files as { readonly name: string }[];
    expect(shown.map(({ name }) => name).toSorted()).toEqual(['a', 'c', 'd']);
    expect(await open()).toEqual([]);
  });

  test('a field whose own rule names PostgreSQL takes nothing from the page', async () => {
    const page = await sides.pageOf('posts', '5');
    sides.edit(page, { Pinned: typed('multi_select', ['a', 'b', 'c']) });
    await sides.sql(`update posts set pinned = '{a,b,d}' where id = 5`);
    await soon(() => expect(sides.shown(page, 'Pinned')).toEqual(['a', 'b', 'd']) ?? true);
    await stack.settled();
    expect(await array(5, 'pinned')).toEqual(['a', 'b', 'd']);
  });

  test('invariant 4: a write that carried on what a person had added, and whose answer was lost, does not make it the row’s to take away', async () => {
    const page = await sides.pageOf('posts', '7');
    const { faults } = stack.sandbox.control;
    const failing = { kind: 'status', status: 503, when: 'before' } as const;
    faults.add({ match: { operation: 'pages.update' }, times: 1, action: { kind: 'reset', when: 'after' } });
    faults.add({ match: { operation: 'dataSources.query' }, times: null, action: failing });
    sides.edit(page, { Labels: typed('multi_select', ['a', 'b', 'typed']) });
    await sides.sql(`update posts set labels = '{b,a,first}' where id = 7`);
    await soon(() => (sides.shown(page, 'Labels') as string[]).includes('first'), 5);
    // Nobody can look what became of it until the row is another one.
    faults.add({ match: { operation: 'pages.retrieve' }, times: null, action: failing });
    await sides.sql(`update posts set labels = '{b,second}' where id = 7`);
    faults.clear();
    const both = ['b', 'second', 'typed'];
    await soon(async () => expect((await array(7, 'labels')).toSorted()).toEqual(both) ?? true);
    await soon(() => expect((sides.shown(page, 'Labels') as string[]).toSorted()).toEqual(both) ?? true);
    await stack.settled();
    expect(await open()).toEqual([]);
  });

  test('invariant 4: a page whose creation got no answer, written in by a person before it is found, keeps that beside what the row became', async () => {
    const { faults } = stack.sandbox.control;
    const failing = { kind: 'status', status: 503, when: 'before' } as const;
    faults.add({ match: { operation: 'pages.create' }, times: 1, action: { kind: 'reset', when: 'after' } });
    faults.add({ match: { operation: 'dataSources.query' }, times: null, action: failing });
    await sides.sql(`insert into posts (id, title, labels) values (8, 'Post 8', '{sent,gone}')`);
    const source = await sides.source('posts');
    const named = () =>
      stack.sandbox.control.pages(source).find(({ id }) => sides.shown(id, 'Title') === 'Post 8');
    const page = await soon(() => named()?.id);
    sides.edit(page, { Labels: typed('multi_select', ['sent', 'gone', 'typed']) });
    await sides.sql(`update posts set labels = '{sent,added}' where id = 8`);
    faults.clear();
    const both = ['added', 'sent', 'typed'];
    await soon(async () => expect((await array(8, 'labels')).toSorted()).toEqual(both) ?? true);
    await soon(() => expect((sides.shown(page, 'Labels') as string[]).toSorted()).toEqual(both) ?? true);
    await stack.settled();
    expect(await open()).toEqual([]);
  });

  test('invariant 5: afterwards nothing is left to do', async () => {
    const page = await sides.pageOf('posts', '1');
    await sides.sql(`update posts set title = title || '!' where id = 1`);
    await soon(() => expect(sides.shown(page, 'Title')).toBe('Post 1!') ?? true);
    await stack.settled();
    const [last] = await sides.sql(
      `select fields from pgnotion.operations where table_name = 'posts' and key = '1' order by id desc limit 1`,
    );
    expect(last).toEqual({ fields: ['Title'] });
    expect(await sides.failures()).toEqual([]);
  });

  test('a single value that both sides changed stays a conflict', async () => {
    const page = await sides.pageOf('posts', '6');
    sides.edit(page, { Single: typed('select', 'p') });
    await sides.sql(`update posts set single = 'q' where id = 6`);
    await soon(async () => (await open()).length === 1);
    expect(await open()).toEqual([{ fields: ['Single'] }]);
    expect(sides.shown(page, 'Single')).toBe('p');
  });
});

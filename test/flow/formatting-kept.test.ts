import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ConfigInput } from '../../src/config/mapping-file.ts';
import { type Sides, sidesOf, soon } from '../support/sides.ts';
import { createStack, type Stack } from '../support/stack.ts';

const schema = `
  create table notes (id integer primary key, name text not null, body text, other integer);
  insert into notes select i, 'Note ' || i, 'body ' || i from generate_series(1, 30) i`;

const config: ConfigInput = {
  tables: {
    notes: {
      source: 'public.notes',
      key: 'id',
      title: 'Notes',
      fields: {
        Name: { column: 'name', type: 'title' },
        Body: { column: 'body', type: 'rich_text' },
        Other: { column: 'other', type: 'number' },
      },
    },
  },
};

type Run = {
  readonly type: string;
  readonly plain_text: string;
  readonly href: string | null;
  readonly annotations: { readonly bold: boolean };
};

/** `*bold*`, `[link]`, `{mention}`: what a reader sees of a text's styles. */
const picture = (property: Record<string, unknown>): string =>
  ((property.rich_text ?? property.title) as readonly Run[])
    .map(({ type, plain_text, href, annotations }) => {
      if (type === 'mention') return `{${plain_text}}`;
      const text = href === null ? plain_text : `[${plain_text}]`;
      return annotations.bold ? `*${text}*` : text;
    })
    .join('');

describe('invariants 6 and 7: what Notion can hold and PostgreSQL cannot survives a write of ours', () => {
  let stack: Stack;
  let sides: Sides;
  let styled: Record<string, unknown>[];
  const shows = (page: string, name: string, wanted: string) =>
    soon(() => expect(picture(sides.property(page, name))).toBe(wanted) ?? true);
  /** A person gives a text its styles; resolves once that has been seen. */
  const style = async (page: string, name: 'Name' | 'Body'): Promise<void> => {
    sides.edit(page, { [name]: name === 'Name' ? { title: styled } : { rich_text: styled } });
    await sides.rest();
  };

  beforeAll(async () => {
    stack = await createStack({ config, schema, pollSeconds: 0.3 });
    sides = sidesOf(stack);
    await stack.apply();
    await stack.start();
    await stack.settled();
    styled = [
      { text: { content: 'see ' } },
      { text: { content: 'bold' }, annotations: { bold: true } },
      { text: { content: ' and ' } },
      { text: { content: 'link', link: { url: 'https://x.example/' } } },
      { text: { content: ' by ' } },
      { mention: { user: { id: stack.sandbox.control.personId } } },
    ];
  });
  afterAll(async () => stack?.[Symbol.asyncDispose]());

  test.each(['Name', 'Body'] as const)('a word that SQL appends to %s leaves all of it', async (name) => {
    const page = await sides.pageOf('notes', '1');
    await style(page, name);
    const person = /\{(.*)\}/.exec(picture(sides.property(page, name)))?.[1] ?? '';
    await sides.sql(
      `update notes set ${name.toLowerCase()} = ${name.toLowerCase()} || ', today' where id = 1`,
    );
    await shows(page, name, `see *bold* and [link] by {${person}}, today`);
  });

  test('a word that SQL changes in the middle takes the style that it stands in', async () => {
    const page = await sides.pageOf('notes', '2');
    await style(page, 'Body');
    await sides.sql(`update notes set body = replace(body, 'bold', 'bald') where id = 2`);
    await soon(
      () => expect(picture(sides.property(page, 'Body'))).toMatch(/^see \*bald\* and \[link\] by \{/) ?? true,
    );
  });

  test('a batch that no page is looked at for keeps them too', async () => {
    const page = await sides.pageOf('notes', '7');
    await style(page, 'Body');
    // Long after the edit, its page is in no listing of the edited ones any more.
    stack.sandbox.control.clearRequests();
    await sides.sql(`update notes set body = body || '!'`);
    await soon(
      () =>
        expect(picture(sides.property(page, 'Body'))).toMatch(/^see \*bold\* and \[link\] by \{.*\}!$/) ??
        true,
    );
    await stack.settled();
    const other = await sides.pageOf('notes', '8');
    expect(picture(sides.property(other, 'Body'))).toBe('body 8!');
  });

  test('what cannot be kept is in the operation, without a plain word of it lost', async () => {
    const page = await sides.pageOf('notes', '3');
    await style(page, 'Body');
    await sides.sql(`update notes set body = 'new', other = 1 where id = 3`);
    await shows(page, 'Body', 'new');
    const [operation] = await soon(async () => {
      const rows = await sides.sql<{ extras: { readonly Body: { readonly rich_text: object[] } } }>(
        `select extras from pgnotion.operations where table_name = 'notes' and key = '3' and extras is not null`,
      );
      return rows.length > 0 ? rows : null;
    });
    expect(operation?.extras.Body.rich_text).toHaveLength(6);
    expect(operation?.extras.Body.rich_text[1]).toMatchObject({
      text: { content: 'bold' },
      annotations: { bold: true },
    });
  });

  test('an unchanged text is not written when another field is', async () => {
    const page = await sides.pageOf('notes', '4');
    await style(page, 'Body');
    const before = sides.property(page, 'Body');
    await sides.sql('update notes set other = 5 where id = 4');
    await soon(() => sides.shown(page, 'Other') === 5);
    expect(sides.property(page, 'Body')).toEqual(before);
  });
});

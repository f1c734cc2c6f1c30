import { expect, test, vi } from 'vitest';
import { createRollbackStage } from '../support/rollback-stage.ts';
import { soon } from '../support/sides.ts';

vi.setConfig({ testTimeout: 120_000 });

type Run = { readonly plain_text: string; readonly annotations: { readonly bold: boolean } };

test('invariant 7: a rollback brings back the styles that a write could not keep', async () => {
  await using stage = await createRollbackStage(3);
  const { control } = stage.sandbox;
  const page = (await stage.pageIds()).get(2) ?? '';
  const shown = () =>
    ((control.page(page).properties.Name?.title ?? []) as readonly Run[])
      .map(({ plain_text, annotations }) => (annotations.bold ? `*${plain_text}*` : plain_text))
      .join('');
  const styled = [
    { text: { content: 'a ' } },
    { text: { content: 'bold' }, annotations: { bold: true } },
    { text: { content: ' name' } },
  ];
  control.editPage(page, { Name: { title: styled } });
  await soon(
    async () => (await stage.sql(`select from items where id = 2 and name = 'a bold name'`)).length === 1,
  );
  await stage.settled();
  const since = await stage.now();
  await stage.sql(`update items set name = 'something else' where id = 2`);
  await soon(() => shown() === 'something else');
  await stage.settled();
  const { said, code } = await stage.rollback('--since', since, '--table', 'items');
  expect(code, said).toBe(0);
  await soon(() => expect(shown()).toBe('a *bold* name') ?? true);
  await stage.settled();
  // A change that is no rollback brings no styles of the past.
  await stage.sql(`update items set name = 'something else' where id = 2`);
  await soon(() => shown() === 'something else');
  await stage.sql(`update items set name = 'a bold name' where id = 2`);
  await soon(() => expect(shown()).toBe('a bold name') ?? true);
});

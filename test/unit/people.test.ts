import { expect, test } from 'vitest';
import type { NotionUser } from '../../src/notion/client.ts';
import { createPeople } from '../../src/notion/people.ts';

type Notion = Parameters<typeof createPeople>[0];

const ADA: NotionUser = { id: 'ada', name: 'Ada', email: 'Ada@Example.com', kind: 'person' };

test('whoever asks while the users are read waits for the same answer', async () => {
  let asked = 0;
  let ms = 0;
  const listUsers: Notion['listUsers'] = async () => {
    asked += 1;
    await Promise.resolve();
    return [ADA];
  };
  const people = createPeople({ listUsers } as Notion, () => ms);
  const answers = await Promise.all([people.nameOf('ada'), people.byEmail(), people.nameOf('nobody')]);
  expect(answers).toEqual(['Ada', new Map([['ada@example.com', 'ada']]), 'nobody']);
  expect(asked).toBe(1);
  ms = 11 * 60_000;
  await Promise.all([people.nameOf('ada'), people.nameOf('ada')]);
  expect(asked).toBe(2);
});

test('a failure is told to all who waited, and the next one asks again', async () => {
  let asked = 0;
  const listUsers: Notion['listUsers'] = async () => {
    asked += 1;
    if (asked === 1) throw new Error('Notion is away');
    return [ADA];
  };
  const people = createPeople({ listUsers } as Notion);
  const failed = await Promise.allSettled([people.byEmail(), people.nameOf('ada')]);
  expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(await people.nameOf('ada')).toBe('Ada');
  expect(asked).toBe(2);
});

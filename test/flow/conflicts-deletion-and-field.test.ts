import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Json } from '../../src/model/change.ts';
import type { ConflictLine } from '../../src/state/conflicts.ts';
import { type Disputes, openDisputes } from '../support/disputes.ts';
import { soon } from '../support/sides.ts';

let there: Disputes;
beforeAll(async () => {
  there = await openDisputes();
});
afterAll(() => there.stack[Symbol.asyncDispose]());

const isOver = ({ status }: ConflictLine): boolean => status === 'resolved' || status === 'outdated';

/** A record of which one field is disputed, and then its deletion as well. */
async function disputed(side: 'row' | 'page') {
  const { key, page } = await there.make('held');
  await there.clash({
    table: 'held',
    key,
    row: `update held set note = 'in SQL' where id = ${key}`,
    page: () => there.type(page, 'Note', 'in Notion'),
  });
  await there.line(key, 'open', 'held');
  if (side === 'row') await there.sql('delete from held where id = $1', [key]);
  else there.stack.sandbox.control.trashPage(page);
  const open = await soon(async () => {
    const lines = (await there.lines(key, 'held')).filter(({ status }) => status === 'open');
    return lines.length === 2 ? lines : null;
  });
  const field = open.find(({ fields }) => fields.length > 0);
  const deletion = open.find(({ fields }) => fields.length === 0);
  expect(field).toMatchObject({ type: 'CONCURRENT_UPDATE', fields: ['Note'] });
  expect(deletion?.type).toBe(side === 'row' ? 'DELETED_IN_POSTGRES' : 'DELETED_IN_NOTION');
  return { key, page, field: field?.id ?? '', deletion: deletion?.id ?? '' };
}

const cases = (['row', 'page'] as const).flatMap((side) =>
  (['postgres', 'notion', 'neither'] as const).flatMap((choice) =>
    (['field', 'deletion'] as const).map((first) => [side, choice, first] as const),
  ),
);

describe('the deletion of a record and one of its fields are both decided', () => {
  test.each(cases)(
    'invariant 5 and invariant 7: its %s is deleted, its field goes by %s, the %s is decided first: both end with the record',
    async (side, choice, first) => {
      const { key, page, field, deletion } = await disputed(side);
      const value: Json = choice === 'neither' ? 'a third value' : choice;
      const steps = {
        field: () => there.resolve(field, value),
        deletion: () => there.resolve(deletion, side === 'row' ? 'postgres' : 'notion'),
      };
      await steps[first]();
      await steps[first === 'field' ? 'deletion' : 'field']();
      await soon(async () => (await there.lines(key, 'held')).every(isOver));
      await soon(() => there.stack.sandbox.control.page(page).in_trash);
      await soon(async () => (await there.sql('select from held where id = $1', [key])).length === 0);
      await there.rest();
      const lines = await there.lines(key, 'held');
      expect(lines.find(({ id }) => id === deletion)).toMatchObject({
        status: 'resolved',
        resolution: side === 'row' ? 'postgres' : 'notion',
      });
      const ended = lines.find(({ id }) => id === field);
      expect(ended?.status === 'resolved' || ended?.note?.includes('was deleted')).toBe(true);
      expect(await there.failures()).toEqual([]);
      for (const left of ['queue', 'edits', 'outbox', 'open_conflicts', 'guarded_changes'])
        expect(await there.sql(`select * from pgnotion.${left}`), left).toEqual([]);
      expect(await there.extras(3)).toEqual([]);
    },
  );
});

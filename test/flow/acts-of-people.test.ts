import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from '@notionhq/client';
import { expect, test } from 'vitest';
import { rowKey, tableName } from '../../src/model/ids.ts';
import { remake, unlinkRecord } from '../../src/state/reset.ts';
import { inTransaction } from '../../src/state/sql.ts';
import { documentedActs, testActs } from '../support/acts.ts';
import { actsStage } from '../support/acts-stage.ts';
import { soon, typed } from '../support/sides.ts';

// Every row of the table `A page` in docs/notion.md (invariant 15).

const {
  stack,
  sides,
  source,
  control,
  item,
  row,
  becomes,
  shows,
  failing,
  quiet,
  update,
  isTrashed,
  leavesAlone,
} = actsStage();

testActs('A page', {
  'make a page': async () => {
    const { id: page } = control().createPage(source(), { Name: typed('title', 'made') });
    const key = await soon(() => sides().keyOf(page));
    await shows(page, 'Supabase ID', key);
    expect(await row(key)).toMatchObject({ name: 'made' });
  },
  'make a page that lacks what its row needs': async () => {
    const { id: page } = control().createPage(source(), { Price: typed('number', 5) });
    await failing(page, 'page_incomplete');
    sides().edit(page, { Name: typed('title', 'now named') });
    const key = await soon(() => sides().keyOf(page));
    expect(await row(key)).toMatchObject({ name: 'now named', price: 5 });
    await quiet(page);
  },
  'duplicate a page, or type the key of a record on a new one': async () => {
    const { id, page } = await item();
    const copies = [
      control().duplicatePage(page).id,
      control().createPage(source(), {
        Name: typed('title', 'mine'),
        'Supabase ID': typed('rich_text', String(id)),
      }).id,
    ];
    for (const copy of copies) {
      await failing(copy, 'duplicate_page');
      sides().edit(copy, { 'Supabase ID': typed('rich_text', '') });
      expect(await soon(() => sides().keyOf(copy))).not.toBe(String(id));
      await quiet(copy);
    }
    expect(await sides().keyOf(page)).toBe(String(id));
  },
  'trash a page': async () => {
    const [one, two] = [await item(), await item()];
    for (const { page } of [one, two]) control().trashPage(page);
    for (const { id, page } of [one, two]) {
      await failing(page, 'delete_review');
      expect(await row(id)).toBeDefined();
    }
    await sides().sql(`select pgnotion.approve_guarded('items', '${one.id}')`);
    await sides().sql(`select pgnotion.reject_guarded('items', '${two.id}')`);
    await soon(async () => (await row(one.id)) === undefined);
    await soon(() => !isTrashed(two.page));
    expect(isTrashed(one.page)).toBe(true);
    expect(await row(two.id)).toBeDefined();
  },
  'restore a page': async () => {
    const { id, page } = await item();
    control().trashPage(page);
    await failing(page, 'delete_review');
    control().restorePage(page);
    await quiet(page);
    control().trashPage(page);
    await failing(page, 'delete_review');
    await sides().sql(`select pgnotion.approve_guarded('items', '${id}')`);
    await soon(async () => (await row(id)) === undefined);
    control().restorePage(page);
    await becomes(id, { name: `item ${id}` });
    expect(await sides().keyOf(page)).toBe(String(id));
  },
  'archive a page': async () => {
    const { id, page } = await item();
    control().archivePage(page);
    await failing(page, 'page_archived');
    expect(await row(id)).toBeDefined();
    await update(id, `notes = 'meanwhile'`);
    control().archivePage(page, false);
    await shows(page, 'Notes', 'meanwhile');
    await quiet(page);
  },
  'move a page to the database of another table': async () => {
    await movedAndBack((page) =>
      sides()
        .source('parts')
        .then((parts) => control().movePage(page, parts)),
    );
    expect(await sides().sql('select from parts')).toHaveLength(3);
  },
  'move a page to a database that is not synced': async () => {
    const elsewhere = await unsynced();
    await movedAndBack(async (page) => control().movePage(page, elsewhere.source));
    control().trashDatabase(elsewhere.database);
  },
  'make it a page outside of any database': () => movedAndBack(async (page) => control().makePlainPage(page)),
  'move a page away and back before it is seen elsewhere': async () => {
    const { id, page } = await item();
    const before = await row(id);
    // Another table's database, which has a record id of its own.
    control().movePage(page, await sides().source('parts'));
    control().movePage(page, source());
    sides().edit(page, { Name: typed('title', 'typed since') });
    expect(sides().shown(page, 'Notes')).toBe('');
    await failing(page, 'mass_clearing');
    await becomes(id, { ...before, name: 'typed since' });
    await sides().sql(`select pgnotion.reject_guarded('items', '${id}')`);
    await shows(page, 'Notes', before?.notes);
    await shows(page, 'Price', before?.price);
    await quiet(page);
    // A database that has none.
    const elsewhere = await unsynced();
    control().movePage(page, elsewhere.source);
    control().movePage(page, source());
    expect(sides().shown(page, 'Supabase ID')).toBe('');
    for (const [name, value] of [
      ['Supabase ID', String(id)],
      ['Notes', before?.notes],
      ['Price', before?.price],
      ['Tags', before?.tags],
    ] as const)
      await shows(page, name, value);
    await becomes(id, { ...before, name: 'typed since' });
    await quiet(page);
    control().trashDatabase(elsewhere.database);
  },
  'unshare a page': async () => {
    const { id, page } = await item();
    control().unshare(page);
    await failing(page, 'page_hidden');
    await update(id, `notes = 'meanwhile'`);
    expect(await row(id)).toBeDefined();
    control().share(page);
    await shows(page, 'Notes', 'meanwhile');
    await quiet(page);
  },
  'lock a page': async () => {
    const { id, page } = await item();
    await leavesAlone(id, page, () => control().lockPage(page));
    await update(id, `notes = 'locked'`);
    await shows(page, 'Notes', 'locked');
  },
  'comment on a page': async () => {
    const { id, page } = await item();
    control().addToken('of-ada', control().personId);
    const ada = new Client({ auth: 'of-ada', baseUrl: stack().sandbox.url });
    const rich_text = [{ text: { content: 'is this right?' } }];
    await ada.comments.create({ parent: { page_id: page }, rich_text });
    await leavesAlone(id, page, () => expect(control().comments(page)).toHaveLength(1));
  },
  'trash, archive, move or unshare a related page': async () => {
    const maker = await sides().pageOf('makers', '1');
    const makers = await sides().source('makers');
    const kept = async (): Promise<void> => {
      await sides().polls(3);
      const rows = await sides().sql('select from items where maker_id = 1 and id between 51 and 60');
      expect(rows).toHaveLength(10);
    };
    const acts: readonly [away: () => void, back: () => void, code: string][] = [
      [() => control().trashPage(maker), () => control().restorePage(maker), 'delete_review'],
      [() => control().archivePage(maker), () => control().archivePage(maker, false), 'page_archived'],
      [() => control().movePage(maker, source()), () => control().movePage(maker, makers), 'page_moved'],
      [() => control().unshare(maker), () => control().share(maker), 'page_hidden'],
    ];
    for (const [away, back, code] of acts) {
      away();
      await failing(maker, code);
      await kept();
      back();
      await quiet(maker);
      await kept();
    }
  },
  'delete a page for good': async () => {
    const { id, page } = await item();
    control().deleteForever(page);
    const failure = await failing(page, 'page_hidden');
    expect(await row(id)).toBeDefined();
    expect(failure.remedy).toContain(`pgnotion reset items ${id} --yes`);
    // What that command does.
    await inTransaction(stack().database.pool, async (sql) => {
      await unlinkRecord(sql, tableName('items'), rowKey([String(id)]), 'the operator');
      await remake(sql, tableName('items'), rowKey([String(id)]));
    });
    const anew = await soon(async () =>
      control()
        .pages(source())
        .find((each) => sides().shown(each.id, 'Supabase ID') === String(id)),
    );
    await shows(anew.id, 'Name', `item ${id}`);
    await quiet(page);
  },
});

/** A database that is not synced, and has a title only. */
async function unsynced(): Promise<{ readonly database: string; readonly source: string }> {
  const notion = new Client({ auth: stack().sandbox.token, baseUrl: stack().sandbox.url });
  const made = await notion.databases.create({
    parent: { type: 'page_id', page_id: stack().sandbox.parentPageId },
    title: [{ text: { content: 'Elsewhere' } }],
    initial_data_source: { properties: { Name: { title: {} } } },
  });
  const [only] = 'data_sources' in made ? made.data_sources : [];
  return { database: made.id, source: only?.id ?? '' };
}

async function movedAndBack(move: (page: string) => Promise<unknown>): Promise<void> {
  const { id, page } = await item();
  await move(page);
  const failure = await failing(page, 'page_moved');
  expect(failure).toMatchObject({ table_name: 'items', key: String(id) });
  expect(await row(id)).toMatchObject({ name: `item ${id}` });
  await update(id, `notes = 'meanwhile'`);
  await soon(async () =>
    (await sides().failures()).some((each) => each.page_id === page && each.direction === 'to-notion'),
  );
  control().movePage(page, source());
  await shows(page, 'Notes', 'meanwhile');
  await quiet(page);
}

test('each table of acts in docs/notion.md is run by one of these files', () => {
  const files = readdirSync(import.meta.dirname).filter((name) => name.startsWith('acts-of-people'));
  const run = files.flatMap((name) =>
    [...readFileSync(join(import.meta.dirname, name), 'utf8').matchAll(/^testActs\('(.+?)',/gm)].map(
      ([, heading]) => heading,
    ),
  );
  expect(run.sort()).toEqual([...documentedActs.keys()].sort());
  expect(run).toHaveLength(5);
});

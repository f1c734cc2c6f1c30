import { expect } from 'vitest';
import { testActs } from '../support/acts.ts';
import { actsStage } from '../support/acts-stage.ts';
import { soon, typed } from '../support/sides.ts';

// Every row of the table `A value` in docs/notion.md (invariant 15).

const {
  sides,
  control,
  item,
  row,
  becomes,
  shows,
  failing,
  quiet,
  guarded,
  waits,
  update,
  writesTo,
  leavesAlone,
  meanwhile,
} = actsStage();

testActs('A value', {
  'edit a property': async () => {
    const { id, page } = await item();
    const writes = writesTo(page);
    sides().edit(page, { Price: typed('number', 700) });
    await becomes(id, { price: 700 });
    await sides().rest();
    expect(writesTo(page)).toBe(writes);
    const [line] = await sides().sql<{ actor: string }>(
      `select actor from pgnotion.recent_operations where page_id = $1 and direction = 'to-postgres'`,
      [page],
    );
    expect(line?.actor).toContain('Ada');
  },
  'edit a property that SQL changes too': async () => {
    const { id, page } = await item();
    await meanwhile(page, { Price: typed('number', 701) }, id, 'price = 702');
    const found = await soon(
      async () =>
        (
          await sides().sql<{ type: string }>('select type from pgnotion.conflicts where record_id = $1', [
            String(id),
          ])
        )[0],
    );
    expect(found.type).toBe('CONCURRENT_UPDATE');
    await sides().rest();
    expect(sides().shown(page, 'Price')).toBe((await row(id))?.price);
  },
  'type what PostgreSQL refuses': async () => {
    const { id, page } = await item();
    sides().edit(page, { Price: typed('number', -1), Notes: typed('rich_text', 'goes on') });
    await failing(page, 'sql_23514');
    await shows(page, 'Sync Status', expect.stringContaining('Price'));
    await becomes(id, { price: id, notes: 'goes on' });
    expect(sides().shown(page, 'Price')).toBe(-1);
    await soon(() => control().comments(page).length === 1);
    sides().edit(page, { Price: typed('number', 1) });
    await becomes(id, { price: 1 });
    await quiet(page);
    await shows(page, 'Sync Status', '');
  },
  'empty a property': async () => {
    const [one, two] = [await item(), await item()];
    sides().edit(one.page, { Price: typed('number', null) });
    await becomes(one.id, { price: null });
    sides().edit(two.page, { Amount: typed('number', null) });
    await failing(two.page, 'value_refused');
    expect(await row(two.id)).toMatchObject({ amount: 1 });
    sides().edit(two.page, { Amount: typed('number', 2) });
    await becomes(two.id, { amount: 2 });
    await quiet(two.page);
  },
  'empty a property of many pages': async () => {
    const items = [await item(), await item(), await item(), await item(), await item()];
    for (const { page } of items) sides().edit(page, { Notes: typed('rich_text', '') });
    for (const { id } of items) await waits(id);
    expect((await guarded()).map(({ kind }) => kind)).toEqual(items.map(() => 'clearing'));
    for (const { id } of items) expect(await row(id)).toMatchObject({ notes: 'a note' });
    await sides().sql(`select pgnotion.reject_guarded('items')`);
    for (const { page } of items) await shows(page, 'Notes', 'a note');
    await soon(async () => (await guarded()).length === 0);
  },
  'change a style, a link or a mention': async () => {
    const { id, page } = await item();
    const bold = { text: { content: 'a note' }, annotations: { bold: true } };
    await leavesAlone(id, page, () => sides().edit(page, { Notes: { rich_text: [bold] } }));
    await update(id, `notes = notes || ' of mine'`);
    await shows(page, 'Notes', 'a note of mine');
    const [first] = sides().property(page, 'Notes').rich_text as { annotations: { bold: boolean } }[];
    expect(first?.annotations.bold).toBe(true);
  },
  'enter a time for a column of days': async () => {
    const { id, page } = await item();
    const start = '2026-05-01T08:00:00.000+09:00';
    const writes = writesTo(page);
    sides().edit(page, { Due: { date: { start } } });
    await becomes(id, { due: '2026-05-01' });
    await sides().rest();
    expect(writesTo(page)).toBe(writes);
    expect(sides().shown(page, 'Due')).toBe(start);
  },
  'upload a file beside links': async () => {
    const { id, page } = await item();
    await leavesAlone(id, page, () => control().uploadFile(page, 'Links', 'scan.pdf'));
    await update(id, `links = links || '{https://x.example/b}'`);
    const files = () => (sides().property(page, 'Links').files as { name: string }[]).map(({ name }) => name);
    await soon(() => expect(files()).toEqual(['a', 'scan.pdf', 'b']) ?? true);
  },
  'add to a set while SQL adds to it': async () => {
    const { id, page } = await item();
    await meanwhile(page, { Tags: typed('multi_select', ['a', 'b', 'c']) }, id, `tags = tags || '{d}'`);
    await shows(page, 'Tags', ['a', 'b', 'c', 'd']);
    await soon(async () => [...((await row(id))?.tags ?? [])].sort().join() === 'a,b,c,d');
  },
  'edit a to-notion property': async () => {
    const { id, page } = await item();
    sides().edit(page, { Label: typed('rich_text', 'mine') });
    await shows(page, 'Label', `item #${id}`);
  },
  'edit the status property': async () => {
    const { id, page } = await item();
    await leavesAlone(id, page, () => sides().edit(page, { 'Sync Status': typed('rich_text', 'mine') }));
    expect(sides().shown(page, 'Sync Status')).toBe('mine');
  },
  'type its key into Supabase ID in another spelling': async () => {
    const { id, page } = await item();
    const other = `0${id}`;
    await leavesAlone(id, page, () => sides().edit(page, { 'Supabase ID': typed('rich_text', other) }));
    expect(sides().shown(page, 'Supabase ID')).toBe(other);
  },
  'clear Supabase ID, or type what is no key': async () => {
    const [one, two] = [await item(), await item()];
    sides().edit(one.page, { 'Supabase ID': typed('rich_text', '') });
    sides().edit(two.page, { 'Supabase ID': typed('rich_text', 'whatever') });
    await shows(one.page, 'Supabase ID', String(one.id));
    await shows(two.page, 'Supabase ID', String(two.id));
    const lines = await sides().sql(
      `select from pgnotion.conflicts where type = 'ID_EDITED' and record_id = any ($1)`,
      [[String(one.id), String(two.id)]],
    );
    expect(lines).toHaveLength(2);
  },
  'type the key of another row into Supabase ID': async () => {
    const [one, two] = [await item(), await item()];
    sides().edit(one.page, { 'Supabase ID': typed('rich_text', String(two.id)) });
    await failing(one.page, 'id_of_another_record');
    expect(sides().shown(one.page, 'Supabase ID')).toBe(String(two.id));
    sides().edit(one.page, { 'Supabase ID': typed('rich_text', '') });
    await shows(one.page, 'Supabase ID', String(one.id));
    await quiet(one.page);
    expect(await row(two.id)).toMatchObject({ name: `item ${two.id}` });
  },
});

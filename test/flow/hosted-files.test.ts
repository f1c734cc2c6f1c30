import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ConfigInput } from '../../src/config/mapping-file.ts';
import { type Evidence, found, unknown } from '../../src/model/probe/evidence.ts';
import { storeEvidence } from '../../src/state/evidence.ts';
import { createStore } from '../../src/state/sql.ts';
import { type Sides, sidesOf, soon } from '../support/sides.ts';
import { createStack, type Stack } from '../support/stack.ts';

const schema = `
  create table papers (id integer primary key, name text not null, links text[], cover text, other integer);
  insert into papers select i, 'Paper ' || i, '{https://x.example/a}', 'https://x.example/cover'
    from generate_series(1, 12) i`;

const config: ConfigInput = {
  tables: {
    papers: {
      source: 'public.papers',
      key: 'id',
      title: 'Papers',
      fields: {
        Name: { column: 'name', type: 'title' },
        Links: { column: 'links', type: 'files' },
        Cover: { column: 'cover', type: 'files' },
        Other: { column: 'other', type: 'number' },
      },
    },
  },
};

type File = { readonly name: string; readonly type: string; readonly file?: { readonly url: string } };

describe('invariant 7: a file that a person uploaded survives every write of ours', () => {
  let stack: Stack;
  let sides: Sides;
  const files = (page: string, property = 'Links') => sides.property(page, property).files as readonly File[];
  const names = (page: string, property = 'Links') =>
    files(page, property).map(({ name, type }) => (type === 'external' ? name : `${name} (uploaded)`));
  const shows = (page: string, wanted: readonly string[], property = 'Links') =>
    soon(() => expect(names(page, property)).toEqual(wanted) ?? true);
  const row = async (id: number) =>
    (
      await sides.sql<{ links: string[]; cover: string | null }>(
        'select links, cover from papers where id = $1',
        [id],
      )
    )[0];
  /** The part of an address that names the file, without the signature that expires. */
  const storedAt = (page: string) => files(page).flatMap(({ file }) => file?.url.split('?')[0] ?? []);
  const upload = async (page: string, property = 'Links', name = 'scan.pdf'): Promise<void> => {
    stack.sandbox.control.uploadFile(page, property, name);
    await sides.rest();
  };
  const conflicts = () =>
    sides.sql<{ id: string; fields: string[]; note: string | null }>(
      `select id, fields, note from pgnotion.conflicts where status = 'open' order by id`,
    );

  beforeAll(async () => {
    stack = await createStack({ config, schema, pollSeconds: 0.3 });
    sides = sidesOf(stack);
    await stack.apply();
    await stack.start();
    await stack.settled();
  });
  afterAll(async () => stack?.[Symbol.asyncDispose]());

  test('an upload beside a link is no refusal, and leaves the row alone', async () => {
    const page = await sides.pageOf('papers', '1');
    await upload(page);
    expect(names(page)).toEqual(['a', 'scan.pdf (uploaded)']);
    expect(await row(1)).toMatchObject({ links: ['https://x.example/a'] });
    expect(await sides.failures()).toEqual([]);
  });

  test('the row gains a link: the upload is still there, and it is the same file', async () => {
    const page = await sides.pageOf('papers', '2');
    await upload(page);
    const before = storedAt(page);
    await sides.sql(`update papers set links = links || '{https://x.example/b}' where id = 2`);
    await shows(page, ['a', 'scan.pdf (uploaded)', 'b']);
    expect(storedAt(page)).toEqual(before);
  });

  test('the row is cleared: its links go, the upload stays', async () => {
    const page = await sides.pageOf('papers', '3');
    await upload(page);
    await sides.sql('update papers set links = null where id = 3');
    await shows(page, ['scan.pdf (uploaded)']);
    const other = await sides.pageOf('papers', '4');
    await upload(other, 'Cover', 'photo.png');
    await sides.sql(`update papers set cover = 'https://x.example/new' where id = 4`);
    await shows(other, ['new', 'photo.png (uploaded)'], 'Cover');
  });

  test('a link that a person takes away beside an upload leaves the row', async () => {
    const page = await sides.pageOf('papers', '5');
    await upload(page);
    sides.edit(page, { Links: { files: files(page).filter(({ type }) => type === 'file') } });
    await soon(async () => ((await row(5))?.links ?? []).length === 0);
    await sides.rest();
    expect(names(page)).toEqual(['scan.pdf (uploaded)']);
  });

  test('a batch that no page is looked at for keeps uploads too', async () => {
    const page = await sides.pageOf('papers', '6');
    await upload(page);
    await sides.sql(`update papers set links = links || '{https://x.example/z}' where id between 6 and 12`);
    await shows(page, ['a', 'scan.pdf (uploaded)', 'z']);
    // Notion has no conditional write: a file that is uploaded between a look and its write cannot be seen.
    await stack.settled();
  });

  test('the operation tells the whole property, for a rollback', async () => {
    const [operation] = await sides.sql<{ extras: { Links: { files: readonly File[] } } }>(
      `select extras from pgnotion.operations where key = '2' and extras is not null`,
    );
    expect(operation?.extras.Links.files.map(({ type, name }) => [type, name])).toEqual([
      ['external', 'a'],
      ['file', 'scan.pdf'],
    ]);
    // The signature of an address lets anybody read the file for an hour.
    expect(JSON.stringify(operation)).not.toContain('X-Amz-Signature');
  });

  describe('where Notion does not take uploaded files back', () => {
    beforeAll(() => stack.sandbox.control.setBehaviour({ hostedFilesInWrites: false }));
    afterAll(() => stack.sandbox.control.setBehaviour({ hostedFilesInWrites: true }));

    test('the field waits as a conflict, the rest of the row is written, and the upload is not lost', async () => {
      const page = await sides.pageOf('papers', '7');
      await upload(page);
      await sides.sql(`update papers set links = links || '{https://x.example/b}', other = 5 where id = 7`);
      await soon(async () => (await conflicts()).length === 1);
      await soon(() => sides.shown(page, 'Other') === 5);
      await sides.rest();
      expect(names(page)).toEqual(['a', 'z', 'scan.pdf (uploaded)']);
      expect(await conflicts()).toMatchObject([
        { fields: ['Links'], note: expect.stringContaining('uploaded') },
      ]);
      // Nothing is tried again and again, and other fields go on.
      await sides.sql('update papers set other = 6 where id = 7');
      await soon(() => sides.shown(page, 'Other') === 6);
      expect(await conflicts()).toHaveLength(1);
    });

    test('decided for Notion, the row takes the links of the page', async () => {
      const page = await sides.pageOf('papers', '7');
      const [line] = await conflicts();
      await sides.sql(`select pgnotion.resolve_conflict($1, 'notion')`, [line?.id]);
      await soon(async () => (await row(7))?.links.join() === 'https://x.example/a,https://x.example/z');
      await soon(async () => (await conflicts()).length === 0);
      expect(names(page)).toEqual(['a', 'z', 'scan.pdf (uploaded)']);
    });

    test('decided for PostgreSQL, the page takes the links of the row, and the operation holds the upload', async () => {
      const page = await sides.pageOf('papers', '8');
      await upload(page);
      await sides.sql(`update papers set links = links || '{https://x.example/b}' where id = 8`);
      await soon(async () => (await conflicts()).length === 1);
      const [line] = await conflicts();
      await sides.sql(`select pgnotion.resolve_conflict($1, 'postgres')`, [line?.id]);
      await shows(page, ['a', 'z', 'b']);
      const [operation] = await soon(async () => {
        const rows = await sides.sql<{ extras: object }>(
          `select extras from pgnotion.operations where key = '8' and status = 'done' and extras is not null`,
        );
        return rows.length > 0 ? rows : null;
      });
      expect(JSON.stringify(operation?.extras)).toContain('scan.pdf');
    });

    test('it ends by itself once the row is as it was, or the upload is gone', async () => {
      const page = await sides.pageOf('papers', '9');
      await upload(page);
      await sides.sql(`update papers set links = links || '{https://x.example/b}' where id = 9`);
      await soon(async () => (await conflicts()).length === 1);
      sides.edit(page, { Links: { files: files(page).filter(({ type }) => type === 'external') } });
      await shows(page, ['a', 'z', 'b']);
      await soon(async () => (await conflicts()).length === 0);
    });

    test('and where a probe has found so, Notion is not even asked', async () => {
      await stack.stop();
      await storeEvidence(createStore(stack.database.pool, 0), refusing(stack.sandbox.control.botId));
      await stack.start();
      const page = await sides.pageOf('papers', '10');
      await upload(page);
      stack.sandbox.control.clearRequests();
      await sides.sql(`update papers set links = links || '{https://x.example/b}', other = 7 where id = 10`);
      await soon(async () => (await conflicts()).length === 1);
      await soon(() => sides.shown(page, 'Other') === 7);
      expect(names(page)).toEqual(['a', 'z', 'scan.pdf (uploaded)']);
      expect(stack.sandbox.control.requests().filter(({ status }) => status === 400)).toEqual([]);
    });
  });
});

/** What a probe of such a workspace stores. */
function refusing(connection: string): Evidence {
  const open = unknown('not asked');
  return {
    format: 1,
    at: new Date().toISOString(),
    apiVersion: '2026-03-11',
    connection,
    workspace: null,
    plan: null,
    requests: 1,
    seconds: 1,
    answers: {
      queryLag: open,
      schemaLag: open,
      dates: open,
      numberDigits: open,
      trashedTargets: open,
      optionIds: open,
      pageTimes: open,
      rate: open,
      webhooks: open,
      hostedFiles: found('refused'),
      statusOptions: open,
    },
  };
}

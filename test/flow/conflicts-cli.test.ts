import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ConflictLine } from '../../src/state/conflicts.ts';
import { type CliStage, createCliStage } from '../support/cli-stage.ts';
import { eventually } from '../support/eventually.ts';
import { shopConfig, shopRows, shopSchema } from '../support/shop.ts';
import { shownIn, typed } from '../support/sides.ts';

let stage: CliStage;

/** Every field of the shop goes by hand, because the installation says so. */
beforeAll(async () => {
  stage = await createCliStage({
    config: shopConfig,
    schema: `${shopSchema};${shopRows(5)}`,
    variables: { SYNC_CONFLICT_STRATEGY: 'manual' },
  });
  await stage.apply();
  const daemon = await stage.start();
  await stage.settled();
  daemon.signal('SIGTERM');
  await daemon.exit;
});
afterAll(() => stage[Symbol.asyncDispose]());

const sql = async <Row extends object>(text: string, values: readonly unknown[] = []): Promise<Row[]> =>
  (await stage.database.pool.query<Row>(text, [...values])).rows;
const pageOf = async (key: string): Promise<string> =>
  (await sql<{ id: string }>('select page_id as id from pgnotion.records where key = $1', [key]))[0]?.id ??
  '';
const noteIn = async (key: string) =>
  (await sql<{ note: string }>('select note from items where id = $1', [key]))[0]?.note;
const noteOn = async (key: string) =>
  shownIn(stage.sandbox.control.page(await pageOf(key)).properties.Note ?? {});

/** Both sides change the notes of these records while no daemon runs, and the next one finds it. */
async function disputed(...keys: readonly string[]): Promise<ConflictLine[]> {
  for (const key of keys) {
    await sql(`update items set note = 'row ' || id where id = $1`, [key]);
    stage.sandbox.control.editPage(await pageOf(key), { Note: typed('rich_text', `page ${key}`) });
  }
  const daemon = await stage.start();
  const found = await eventually(async () => {
    const lines = await sql<ConflictLine>(
      `select * from pgnotion.open_conflicts where record_id = any($1::text[]) order by record_id`,
      [keys],
    );
    // The deliveries have met the conflicts too.
    const pending = await sql('select from pgnotion.outbox where parked_at is null');
    return lines.length === keys.length && pending.length === 0 && lines;
  });
  await daemon.kill9();
  return found;
}

async function said(args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await stage.run(args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}

test('conflicts are listed, shown and resolved; what cannot be is told with its remedy', async () => {
  expect(await said(['conflicts', 'list'])).toBe('no conflict waits for a decision\n');
  const [one, two] = await disputed('1', '2');
  const listed = await said(['conflicts', 'list']);
  expect(listed).toMatch(/^id .+\n(\d+ +CONCURRENT_UPDATE .+\n){2}$/);
  for (const key of ['1', '2'])
    expect(listed).toMatch(new RegExp(`items +${key} +Note +"row ${key}" +"page ${key}" +open `));
  expect(JSON.parse(await said(['conflicts', 'list', '--json']))).toHaveLength(2);
  expect(await said(['status'])).toMatch(/conflicts[\s\S]+\nitems +5 +5 +0 +- +0 +2 /);
  const shown = await said(['conflicts', 'show', one?.id ?? '']);
  expect(shown).toContain(`conflict ${one?.id}: CONCURRENT_UPDATE of items 1`);
  expect(shown).toContain('when both agreed: "note 1" in PostgreSQL, "note 1" in Notion');
  expect(shown).toContain(`pgnotion conflicts resolve ${one?.id} --keep postgres|notion, or --value JSON`);
  expect(JSON.parse(await said(['conflicts', 'show', one?.id ?? '', '--json']))).toMatchObject({
    record_id: '1',
  });

  const refusals: readonly (readonly [readonly string[], string])[] = [
    [['show', '4711'], 'conflict_unknown'],
    [['resolve', '4711', '--keep', 'notion'], 'conflict_unknown'],
    [['resolve', one?.id ?? ''], 'conflict_choice_missing'],
    [['resolve', one?.id ?? '', '--value', 'no json'], 'conflict_value_invalid'],
    [['resolve', one?.id ?? '', '--value', '{"a":1}'], 'conflict_value_invalid'],
    [['resolve', one?.id ?? '', '--value', '1', '--keep', 'notion'], 'conflict_choice_missing'],
  ];
  for (const [args, code] of refusals) {
    const outcome = await stage.run(['conflicts', ...args]);
    expect({ code: outcome.code, stderr: outcome.stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(new RegExp(`what to do: [\\s\\S]+\\(${code}\\)`)),
    });
  }
  expect((await stage.run(['conflicts', 'resolve', '1', '--keep', 'both'])).stderr).toContain(
    'Allowed choices',
  );

  expect(await said(['conflicts', 'resolve', one?.id ?? '', '--keep', 'notion', '--by', 'Ada'])).toBe(
    `conflict ${one?.id}: Notion is kept\n`,
  );
  expect(await said(['conflicts', 'resolve', two?.id ?? '', '--value', '"ours"'])).toBe(
    `conflict ${two?.id}: the row and the page get "ours"\n`,
  );
  const late = await stage.run(['conflicts', 'resolve', one?.id ?? '', '--keep', 'postgres']);
  expect(late).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/was decided by Ada at .+: notion\n/),
  });

  await using _ = await stage.start();
  await eventually(async () => (await noteIn('1')) === 'page 1' && (await noteOn('1')) === 'page 1');
  await eventually(async () => (await noteIn('2')) === 'ours' && (await noteOn('2')) === 'ours');
  expect(await said(['conflicts', 'list'])).toBe('no conflict waits for a decision\n');
  expect(await said(['conflicts', 'list', '--all'])).toContain('resolved: notion (Ada)');
});

test('invariant 9: a daemon that is killed while it carries decisions out leaves none half done', async () => {
  const keys = ['3', '4', '5'];
  const lines = await disputed(...keys);
  const choices = [`'postgres'`, `'notion'`, `'"both"'::jsonb`];
  const wanted = ['row 3', 'page 4', 'both'];
  for (const [at, line] of lines.entries())
    await sql(`select pgnotion.resolve_conflict($1, ${choices[at]}, 'Grace')`, [line.id]);
  const settled = async (): Promise<number> =>
    (await sql(`select from pgnotion.conflicts where resolved_by = 'Grace' and status = 'resolved'`)).length;
  // Killed as soon as anything of it shows on either side, until all is done.
  for (let done = await settled(); done < keys.length; done = await settled()) {
    const daemon = await stage.start();
    // What the start said of itself in Notion is nothing of it.
    const version = stage.sandbox.control.version();
    await eventually(
      async () => {
        if ((await settled()) > done) return true;
        return stage.sandbox.control.version() !== version;
      },
      { everyMs: 1 },
    );
    await daemon.kill9();
  }
  await using _ = await stage.start();
  for (const [at, key] of keys.entries())
    await eventually(async () => (await noteIn(key)) === wanted[at] && (await noteOn(key)) === wanted[at]);
  await stage.settled();
  expect(await sql('select from pgnotion.open_conflicts')).toEqual([]);
  expect(await sql('select from pgnotion.failures')).toEqual([]);
  expect(
    await sql(
      `select record_id, resolution from pgnotion.conflicts where resolved_by = 'Grace' order by record_id`,
    ),
  ).toEqual([
    { record_id: '3', resolution: 'postgres' },
    { record_id: '4', resolution: 'notion' },
    { record_id: '5', resolution: 'value' },
  ]);
});

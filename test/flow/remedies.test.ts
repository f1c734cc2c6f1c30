import { existsSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePort } from '../../src/sandbox/postgres-server.ts';
import { type CliStage, createCliStage } from '../support/cli-stage.ts';
import { eventually } from '../support/eventually.ts';
import { shopConfig, shopRows, shopSchema } from '../support/shop.ts';
import { type Sides, sidesOf, typed } from '../support/sides.ts';
import { commandsIn, sources, sqlSources } from '../support/source-errors.ts';

// Every command of pgnotion that a message or a remedy names is run here, in a state that it is named for, and ends as stated.

const { items } = shopConfig.tables;
let stage: CliStage;
let sides: Sides;

beforeAll(async () => {
  stage = await createCliStage({
    config: {
      ...shopConfig,
      sync: { settleSeconds: 0 },
      guard: { deletion: { number: 1, share: 0 }, creation: { number: 2, share: 0 } },
      tables: {
        items: { ...items, fields: { ...items.fields, Note: { ...items.fields.Note, conflict: 'manual' } } },
      },
    },
    schema: `${shopSchema};${shopRows(12)}`,
  });
  sides = sidesOf(stage);
});
afterAll(() => stage[Symbol.asyncDispose]());

/** Commands that were run, as the source writes them: what is filled in has a name in capitals. */
const done = new Set<string>();

/** Runs a command that is named as `named`; `TABLE` and the like are given their values in `args`. */
async function run(
  named: string,
  values: Readonly<Record<string, string>> = {},
  codes: readonly number[] = [0],
): Promise<string> {
  const args = named.split(' ').map((word) => values[word] ?? word);
  const { code, stdout, stderr } = await stage.run(args);
  expect(codes, `${named}: ${stderr}`).toContain(code);
  done.add(named);
  return stdout;
}

const source = () =>
  stage.sandbox.control.listDatabases().find(({ title }) => title === 'Items')?.dataSourceId ?? '';
const guarded = async (kind: string): Promise<number> => {
  const rows = await sides.sql<{ n: number }>(
    'select coalesce(sum(changes), 0)::int as n from pgnotion.guarded_changes where kind = $1',
    [kind],
  );
  return rows[0]?.n ?? 0;
};
const deletedWait = async (...keys: readonly string[]): Promise<void> => {
  await sides.sql('delete from items where id = any($1::int[])', [keys]);
  await eventually(async () => (await guarded('deletion')) === keys.length);
};

test('before there is a database in Notion', async () => {
  await run('doctor', {}, [0, 2]);
  await run('plan', {}, [2]);
  await run('plan --out FILE', { FILE: 'plan.json' }, [2]);
  await run('apply FILE', { FILE: 'plan.json' });
  await run('apply');
  await run('apply --yes');
  await run('apply --take-over');
  // Nothing is there that would be removed.
  await run('apply --allow-destructive');
  await run('apply --allow-destructive --yes');
  await run('plan --out FILE', { FILE: 'again.json' }, [2]);
  await run('apply FILE --allow-destructive', { FILE: 'again.json' });
  // A diff of the configuration that is there: what a second run of init is for.
  for (const named of ['init', 'init --yes']) await run(named, {}, [0, 2]);
});

test('pages that nobody knows, and deletions: they wait, are listed, and are decided', async () => {
  for (const name of ['one', 'two', 'three', 'four', 'five'])
    stage.sandbox.control.createPage(source(), { Name: typed('title', name) });
  await using daemon = await stage.start();
  // The rows might be theirs, and wait with them.
  await eventually(async () => (await guarded('creation')) === 5 + 12, { timeoutMs: 60_000 });
  expect(await run('guarded list')).toContain('5 pages');
  await run('guarded approve ARG --kind creation', { ARG: 'items' });
  await stage.settled();
  expect(await sides.sql('select from items')).toHaveLength(17);
  await deletedWait('1', '2', '3');
  await run('guarded reject TABLE KEY', { TABLE: 'items', KEY: '1' });
  await run('guarded approve TABLE KEY', { TABLE: 'items', KEY: '2' });
  await run('guarded approve ARG --kind deletion', { ARG: 'items' });
  await stage.settled();
  await deletedWait('4', '5', '6');
  await run('guarded approve TABLE', { TABLE: 'items' });
  await stage.settled();
  await deletedWait('7', '8', '9');
  await run('guarded reject TABLE', { TABLE: 'items' });
  await stage.settled();
  expect(await guarded('deletion')).toBe(0);
  daemon.signal('SIGTERM');
  await daemon.exit;
});

test('conflicts: listed, and decided for either side', async () => {
  const sideOf = async (key: string, side: 'postgres' | 'notion'): Promise<void> => {
    const page = await sides.pageOf('items', key);
    await sides.sql('update items set note = $2 where id = $1', [key, `row ${key}`]);
    sides.edit(page, { Note: typed('rich_text', `page ${key}`) });
    await using _ = await stage.start();
    const id = await eventually(async () => {
      const open = JSON.parse(
        await run('conflicts list')
          .then(() => stage.run(['conflicts', 'list', '--json']))
          .then(({ stdout }) => stdout),
      ) as { id: string }[];
      return open[0]?.id;
    });
    await run(`conflicts resolve ID --keep ${side}`, { ID: id ?? '' });
    await stage.settled();
    expect(sides.shown(page, 'Note')).toBe(`${side === 'postgres' ? 'row' : 'page'} ${key}`);
  };
  await sideOf('10', 'postgres');
  await sideOf('11', 'notion');
  expect(await run('conflicts list --all')).toContain('resolved');
});

test('a failure: listed, explained, tried again; the table compared; the change taken back', async () => {
  await using _ = await stage.start();
  await stage.settled();
  stage.sandbox.control.faults.add({
    match: { operation: 'pages.update' },
    times: null,
    action: {
      kind: 'status',
      status: 400,
      when: 'before',
      code: 'validation_error',
      message: 'body failed validation: Not this time.',
    },
  });
  await sides.sql(`update items set name = 'refused' where id = 12`);
  await eventually(async () => (await sides.failures()).some(({ key, parked }) => key === '12' && parked));
  expect(await run('failures list')).toContain('Not this time');
  expect(await run('drift list')).toContain('as the configuration says');
  stage.sandbox.control.faults.clear();
  await run('failures retry TABLE KEY', { TABLE: 'items', KEY: '12' });
  await stage.settled();
  expect(sides.shown(await sides.pageOf('items', '12'), 'Name')).toBe('refused');
  expect(await run('explain TABLE KEY', { TABLE: 'items', KEY: '12' })).toContain('items 12');
  expect(await run('status')).toContain('daemon  syncing');
  await run('resync TABLE', { TABLE: 'items' });
  await stage.settled();
  sides.edit(await sides.pageOf('items', '12'), { Stock: { number: 77 } });
  await eventually(async () => (await sides.sql('select from items where stock = 77')).length === 1);
  await stage.settled();
  const { stdout } = await stage.run(['rollback', '--record', 'items', '12']);
  const [, id = ''] = /pgnotion rollback --run (\d+)/.exec(stdout) ?? [];
  await stage.settled();
  await run('rollback --run ARG', { ARG: id });
  await stage.settled();
  const watching = stage.spawn(['status', '--watch']);
  await watching.says('daemon  syncing');
  watching.signal('SIGINT');
  expect((await watching.exit).code).toBe(0);
  done.add('status --watch');
});

test('the comparison, in each way that is named', async () => {
  const differsOrNot = [0, 2];
  await run('verify', {}, differsOrNot);
  await run('verify --table TABLE', { TABLE: 'items' }, differsOrNot);
  const only = { TABLE: 'items', CONDITION: 'id > 0' };
  await run('verify --table TABLE --where CONDITION', only, differsOrNot);
  await run('verify --sample 200', {}, differsOrNot);
  await run('verify --html FILE', { FILE: `${stage.folder}/report.html` }, differsOrNot);
  await run('verify --heal postgres --dry-run', {}, differsOrNot);
});

test('webhooks: the token of the handshake, and a new one', async () => {
  await using daemon = await stage.start();
  const [, address = ''] = /"address":"([^"]+)"/.exec(daemon.stderr()) ?? [];
  const answer = await fetch(`${address}/webhooks/notion`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ verification_token: 'secret_of_the_handshake' }),
  });
  expect(answer.status).toBe(200);
  expect(await run('webhook token')).toBe('secret_of_the_handshake\n');
  await run('webhook reset');
});

test('a page that stays hidden, a table, and the whole database: given up and begun anew', async () => {
  const page = await sides.pageOf('items', '12');
  stage.sandbox.control.unshare(page);
  {
    await using daemon = await stage.start();
    await sides.sql(`update items set name = 'of a hidden page' where id = 12`);
    await eventually(async () => (await sides.failures()).some(({ code }) => code === 'page_hidden'));
    daemon.signal('SIGTERM');
    await daemon.exit;
  }
  await run('reset TABLE KEY --yes', { TABLE: 'items', KEY: '12' });
  await run('reset TABLE --yes', { TABLE: 'items' });
  await run('apply');
  for (const [named, args] of [
    ['start', ['start']],
    ['start --take-over', ['start', '--take-over']],
  ] as const) {
    const daemon = stage.spawn(args);
    await daemon.says('"msg":"syncing"');
    daemon.signal('SIGTERM');
    expect((await daemon.exit).code).toBe(0);
    done.add(named);
  }
  // Tells what would be forgotten, and how to say that it is meant.
  await run('reset', {}, [1]);
  await run('reset --yes');
});

/** Commands with tests of their own, by how they begin. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  'guarded pair': 'matching',
  'doctor --probe': 'probe-cli',
  'rollback --operation': 'rollback',
  verify: 'verify',
};
const testOf = (command: string): string | undefined =>
  command.includes('pairing')
    ? 'matching'
    : Object.entries(ELSEWHERE).find(([begin]) => command.startsWith(begin))?.[1];

test('a port of the sandbox that is taken: another one does', async () => {
  const port = await freePort();
  const first = stage.spawn(['sandbox', '--port', String(port)]);
  await first.says('NOTION_BASE_URL');
  const second = await stage.run(['sandbox', '--port', String(port)]);
  expect(second.code).toBe(1);
  expect(second.stderr).toMatch(
    /port \d+ cannot be had[\s\S]+pgnotion sandbox --port NUMBER[\s\S]+\(sandbox_port_taken\)/,
  );
  for (const wrong of ['none', '70000', '-1'])
    expect((await stage.run(['sandbox', `--port=${wrong}`])).stderr).toContain('(sandbox_port_invalid)');
  const other = stage.spawn(['sandbox', '--port', String(await freePort())]);
  await other.says('NOTION_BASE_URL');
  for (const each of [first, other]) {
    each.signal('SIGTERM');
    expect((await each.exit).code).toBe(0);
  }
  done.add('sandbox --port NUMBER');
});

test('no command is named anywhere in the source that was not run here', () => {
  const named = [...sources, ...sqlSources]
    // Examples in help and the documentation of the wizard's file are no remedies.
    .filter(({ path }) => path !== 'src/cli/program.ts' && !path.endsWith('main.ts'))
    .flatMap(({ path, text }) => commandsIn(text).map((command) => ({ path, command: spelled(command) })));
  expect(named.length).toBeGreaterThan(50);
  const run = [...done].map(spelled);
  const others = named.filter(({ command }) => testOf(command) !== undefined);
  for (const name of new Set(others.map(({ command }) => testOf(command))))
    expect(existsSync(new URL(`${name}.test.ts`, import.meta.url)), name).toBe(true);
  expect([
    ...new Set(
      named
        .filter((each) => !others.includes(each) && !run.includes(each.command))
        .map(({ path, command }) => `${path}: ${command}`),
    ),
  ]).toEqual([]);
});

/** `ARG`, `TABLE`, `KEY` and the rest of what is filled in are alike. */
const spelled = (command: string): string =>
  command
    .replaceAll(/%(?:\d\$)?s/g, 'X')
    .replaceAll(/\b[A-Z]{2,}\b/g, 'X')
    .replaceAll(/\s+/g, ' ')
    .trim();

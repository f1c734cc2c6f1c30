import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../../src/sandbox/postgres-server.ts';
import { type CliStage, createCliStage } from '../support/cli-stage.ts';
import type { Outcome } from '../support/daemon-process.ts';
import { expectRefusal, PASSWORD, TOKEN } from '../support/refusal.ts';
import { shopConfig, shopSchema } from '../support/shop.ts';

let stage: CliStage;

beforeAll(async () => {
  stage = await createCliStage({ config: shopConfig, schema: shopSchema, sandbox: { token: TOKEN } });
});
afterAll(() => stage[Symbol.asyncDispose]());

const start = (variables: Readonly<Record<string, string>> = {}): Promise<Outcome> =>
  stage.run(['start'], { LOG_LEVEL: 'debug', ...variables });

/** A table that was applied before is suspended with its reason, and the daemon waits for it. */
async function waitsFor(reason: RegExp, variables: Readonly<Record<string, string>> = {}): Promise<void> {
  const daemon = stage.spawn(['start'], variables);
  await daemon.says('"msg":"syncing"');
  expect(daemon.stderr()).toMatch(reason);
  expect(daemon.stderr()).toContain('a table is suspended');
  daemon.signal('SIGTERM');
  expect((await daemon.exit).code).toBe(0);
}

describe('configuration', () => {
  const load = async (text: string): Promise<Outcome> => {
    await writeFile(join(stage.folder, 'other.config.ts'), text);
    return stage.run(['start', '--config', 'other.config.ts']);
  };

  test('all faults are told at once, each with its path and the mend', async () => {
    const outcome = await load(`export default {
      slot: 'Bad Slot',
      colour: 'blue',
      tables: {
        items: {
          source: 'items', key: 'id', title: 'Items',
          fields: { Name: { column: 'name', type: 'titel' }, Both: { column: 'a', expression: 'b', type: 'number' } },
        },
      },
    };`);
    expectRefusal(outcome, 'config_invalid', /has 5 faults/, /lines named above/);
    for (const path of [
      'slot',
      'tables.items.source',
      'tables.items.fields.Name.type',
      'tables.items.fields.Both',
    ]) {
      expect(outcome.stderr).toMatch(new RegExp(`^  ${path}: .+\\n    mend: .+$`, 'm'));
    }
    expect(outcome.stderr).toMatch(/does not know colour\n {4}mend: remove it/);
  });

  test('a file that is not there is named', async () => {
    const outcome = await stage.run(['start', '--config', 'nowhere.ts']);
    expectRefusal(outcome, 'config_missing', /nowhere\.ts/, /--config/);
  });

  test('a file that does not run says why', async () => {
    expectRefusal(
      await load('export default {'),
      'config_unreadable',
      /other\.config\.ts, line 1: .+/,
      /check/,
    );
    expectRefusal(await load(`import 'not-installed';`), 'config_unreadable', /not-installed/, /check/);
    expectRefusal(
      await load('export const config = {};'),
      'config_unreadable',
      /no default export/,
      /export default/,
    );
  });

  test('all variables that are missing or wrong are told at once, without their values', async () => {
    const outcome = await start({
      DATABASE_URL: '',
      NOTION_API_KEY: '',
      NOTION_RATE_LIMIT: `lots ${PASSWORD}`,
    });
    expectRefusal(outcome, 'config_invalid', /has 3 faults/, /lines named above/);
    expect(outcome.stderr).toMatch(/DATABASE_URL: is not set/);
    expect(outcome.stderr).toMatch(/NOTION_API_KEY: is not set/);
    expect(outcome.stderr).toMatch(/NOTION_RATE_LIMIT: .+/);
  });

  test('a column that the table does not have is named before anything is written', async () => {
    const config = structuredClone(shopConfig) as { tables: { items: { fields: Record<string, object> } } };
    config.tables.items.fields.Colour = { column: 'colour', type: 'rich_text' };
    const outcome = await load(`export default ${JSON.stringify(config)};`);
    expectRefusal(outcome, 'catalog_mismatch', /colour/, /.+/);
  });
});

describe('Notion', () => {
  const database = () => stage.sandbox.control.listDatabases().find((each) => each.title === 'Items');

  test('start comes before apply', async () => {
    expectRefusal(
      await start(),
      'notion_schema_incomplete',
      /items has no Notion database/,
      /pgnotion apply/,
    );
  });

  test('the token is wrong', async () => {
    expectRefusal(await start({ NOTION_API_KEY: PASSWORD }), 'unauthorized', /401/, /NOTION_API_KEY/);
    const outcome = await stage.run(['apply'], { NOTION_API_KEY: PASSWORD });
    expectRefusal(outcome, 'unauthorized', /401/, /NOTION_API_KEY/);
  });

  test('nobody listens at the address', async () => {
    const NOTION_BASE_URL = `http://127.0.0.1:${await freePort()}`;
    expectRefusal(
      await start({ NOTION_BASE_URL }),
      'notion_unreachable',
      /no answer from Notion/,
      /NOTION_BASE_URL/,
    );
  });

  test('there is no page to create databases under', async () => {
    const outcome = await stage.run(['apply'], { NOTION_PARENT_PAGE_ID: '' });
    expectRefusal(outcome, 'notion_parent_missing', /items/, /NOTION_PARENT_PAGE_ID/);
    const wrong = await stage.run(['apply'], {
      NOTION_PARENT_PAGE_ID: '00000000-0000-4000-8000-000000000000',
    });
    expectRefusal(
      wrong,
      'notion_parent_hidden',
      /NOTION_PARENT_PAGE_ID is 00000000-.+404/,
      /[Ss]hare the page.+NOTION_PARENT_PAGE_ID/,
    );
  });

  test('the database is not shared with the connection', async () => {
    await stage.apply();
    stage.sandbox.control.unshare(database()?.databaseId ?? '');
    try {
      await waitsFor(/items.+shows no.+Share/);
      expectRefusal(await stage.run(['apply']), 'notion_database_hidden', /items.+shows no/, /share/);
      const id = database()?.databaseId ?? '';
      await waitsFor(/items.+shows no.+Share/, { NOTION_DATABASE_ITEMS_ID: id });
    } finally {
      stage.sandbox.control.share(database()?.databaseId ?? '');
    }
    const outcome = await start({ NOTION_DATABASE_ITEMS_ID: 'items' });
    expectRefusal(outcome, 'notion_id_invalid', /NOTION_DATABASE_ITEMS_ID is "items"/, /32 hexadecimal/);
  });

  test('the database is in the trash', async () => {
    const id = database()?.databaseId ?? '';
    stage.sandbox.control.trashDatabase(id);
    await waitsFor(/items.+in the trash.+Restore/);
    expectRefusal(
      await stage.run(['apply']),
      'notion_schema_faults',
      /items.+in the trash.+Restore/,
      /apply/,
    );
    stage.sandbox.control.trashDatabase(id, false);
  });
});

describe('the command line', () => {
  test.each(['pause', 'resume', 'resync'])(
    '%s: the table is not one of the configuration',
    async (command) => {
      const outcome = await stage.run([command, 'no_such_table']);
      expectRefusal(outcome, 'table_unknown', /no_such_table/, /items/);
    },
  );

  test('there is no such command', async () => {
    const { code, stderr } = await stage.run(['strat']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/unknown command 'strat'/);
    expect(stderr).toMatch(/Did you mean start\?|pgnotion --help/);
    expect(stderr).not.toMatch(/^\s+at /m);
  });

  test('an argument or an option is wrong', async () => {
    for (const [args, says] of [
      [['explain'], /missing required argument 'table'/],
      [['start', '--port', '3'], /unknown option '--port'/],
      [['failures', 'retry', 'items'], /missing required argument 'key'/],
    ] as const) {
      const { code, stderr } = await stage.run(args);
      expect(code).toBe(1);
      expect(stderr).toMatch(says);
    }
  });

  test('there is nothing to retry', async () => {
    const outcome = await stage.run(['failures', 'retry', 'items', '1']);
    expectRefusal(outcome, 'nothing_to_retry', /items 1/, /failures list/);
  });
});

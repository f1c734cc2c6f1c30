import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ConfigInput } from '../../src/config/mapping-file.ts';
import type { FaultAction } from '../../src/sandbox/notion/faults.ts';
import type { RequestLogEntry } from '../../src/sandbox/notion/log.ts';
import { type CliStage, createCliStage } from '../support/cli-stage.ts';
import { eventually } from '../support/eventually.ts';
import { fromNow } from '../support/requests.ts';

/** Two tables that refer to each other, one of which refers to itself. */
const schema = `
  create type mood as enum ('good', 'bad');
  create table teams (id integer primary key, name text not null, lead integer);
  create table people (
    id integer primary key, name text not null, team integer references teams (id), boss integer references people (id),
    mood mood, stage text);
  alter table teams add foreign key (lead) references people (id)`;

const config = {
  syncLog: { level: 'problems' },
  tables: {
    teams: {
      source: 'public.teams',
      key: 'id',
      title: 'Teams',
      description: 'Who works with whom',
      icon: '👥',
      fields: {
        Name: { column: 'name', type: 'title' },
        Lead: { column: 'lead', type: 'relation', relatedTable: 'people' },
      },
    },
    people: {
      source: 'public.people',
      key: 'id',
      title: 'People',
      fields: {
        Mood: {
          column: 'mood',
          type: 'select',
          values: { good: { name: 'Good', color: 'green' }, bad: { color: 'red' } },
        },
        Name: { column: 'name', type: 'title' },
        Team: { column: 'team', type: 'relation', relatedTable: 'teams' },
        Stage: {
          column: 'stage',
          type: 'status',
          choices: [
            { name: 'New', color: 'gray', group: 'To-do' },
            { name: 'Here', group: 'In progress' },
            { name: 'Left', color: 'brown', group: 'Complete' },
          ],
        },
        Boss: { column: 'boss', type: 'relation', relatedTable: 'people' },
      },
    },
  },
} satisfies ConfigInput;

let stage: CliStage;
beforeAll(async () => {
  stage = await createCliStage({ config, schema, variables: { SYNC_CREATE_GRACE_SECONDS: '0.5' } });
}, 60_000);
afterAll(() => stage[Symbol.asyncDispose]());

const live = () => stage.sandbox.control.listDatabases();

/** As if nothing had been applied yet. */
async function begin(): Promise<void> {
  await stage.database.pool.query('drop schema if exists pgnotion cascade');
  for (const { databaseId } of live()) stage.sandbox.control.deleteDatabaseForever(databaseId);
  stage.sandbox.control.faults.clear();
  await stage.configure(config);
}

const isChange = ({ method, operation }: RequestLogEntry): boolean =>
  method !== 'GET' && operation !== 'dataSources.query';

async function changesOf(work: () => Promise<unknown>): Promise<RequestLogEntry[]> {
  const since = fromNow(stage.sandbox.control);
  await work();
  return stage.sandbox.control.requests().filter((each) => since(each) && isChange(each));
}

const schemaOf = (title: string) => {
  const found = live().find((each) => each.title === title);
  if (found === undefined) throw new Error(`no database ${title}`);
  const { dataSources } = stage.sandbox.control.snapshot();
  return dataSources.find(({ id }) => id === found.dataSourceId)?.properties ?? [];
};

describe('apply', () => {
  beforeEach(begin);

  test('gives databases their looks, properties their order, options their colours and groups', async () => {
    const changes = await changesOf(stage.apply);
    expect(
      live()
        .map(({ title }) => title)
        .sort(),
    ).toEqual(['People', 'Sync Log', 'Teams']);
    expect(schemaOf('People').map(({ name }) => name)).toEqual([
      'Mood',
      'Name',
      'Team',
      'Stage',
      'Supabase ID',
      'Last Synced',
      'Boss',
    ]);
    const at = (name: string) => schemaOf('People').find((each) => each.name === name);
    expect(at('Mood')).toMatchObject({
      options: [
        { name: 'Good', color: 'green' },
        { name: 'bad', color: 'red' },
      ],
    });
    const stageOf = at('Stage');
    if (stageOf?.type !== 'status') throw new Error('no status');
    const { options, groups } = stageOf;
    const names = groups.map(({ name, optionIds }) => [
      name,
      options.filter(({ id }) => optionIds.includes(id)).map((each) => each.name),
    ]);
    expect(names).toEqual([
      ['To-do', ['New']],
      ['In progress', ['Here']],
      ['Complete', ['Left']],
    ]);
    expect(options.map(({ color }) => color)).toEqual(['gray', expect.any(String), 'brown']);
    const asked = changes.filter(({ operation }) => operation === 'databases.create');
    expect(asked).toHaveLength(3);
    // Nothing is left to do, and nothing is sent.
    expect(await changesOf(stage.apply)).toEqual([]);
    const { code, stdout } = await stage.run(['plan']);
    expect([code, stdout]).toEqual([0, expect.stringContaining('nothing would be done')]);
  });

  test('what people make of a database stays until the configuration says something else', async () => {
    await stage.apply();
    const teams = live().find(({ title }) => title === 'Teams');
    const looksOf = async () => {
      const found = await fetch(`${stage.sandbox.url}/v1/databases/${teams?.databaseId}`, {
        headers: { authorization: `Bearer ${stage.sandbox.token}`, 'notion-version': '2026-03-11' },
      });
      const { title, description, icon } = (await found.json()) as {
        title: { plain_text: string }[];
        description: { plain_text: string }[];
        icon: { emoji?: string } | null;
      };
      const text = (runs: { plain_text: string }[]) => runs.map((run) => run.plain_text).join('');
      return [text(title), text(description), icon?.emoji ?? null];
    };
    expect(await looksOf()).toEqual(['Teams', 'Who works with whom', '👥']);
    const patch = async (body: object): Promise<void> => {
      await fetch(`${stage.sandbox.url}/v1/databases/${teams?.databaseId}`, {
        method: 'PATCH',
        headers: {
          authorization: `Bearer ${stage.sandbox.token}`,
          'notion-version': '2026-03-11',
          'content-type': 'application/json',
        },
        body: JSON.stringify(body),
      });
    };
    const runs = (content: string) => [{ type: 'text', text: { content } }];
    await patch({
      title: runs('Our teams'),
      description: runs('Ask Ada'),
      icon: { type: 'emoji', emoji: '🎈' },
    });
    expect(await changesOf(stage.apply)).toEqual([]);
    expect(await looksOf()).toEqual(['Our teams', 'Ask Ada', '🎈']);
    const { teams: mapped, people } = config.tables;
    const tables = { people, teams: { ...mapped, description: 'Teams of today' } };
    await stage.configure({ tables });
    const told = await stage.run(['plan']);
    expect([told.code, told.stdout]).toEqual([
      2,
      expect.stringContaining('to be set as configured: description'),
    ]);
    expect(await changesOf(stage.apply)).toHaveLength(1);
    expect(await looksOf()).toEqual(['Our teams', 'Teams of today', '🎈']);
    expect(await changesOf(stage.apply)).toEqual([]);
  });

  test('a colour that Notion will not change is told before anything is made', async () => {
    await stage.apply();
    const { teams, people } = config.tables;
    const Mood = { ...people.fields.Mood, values: { good: { name: 'Good', color: 'blue' as const } } };
    await stage.configure({ tables: { teams, people: { ...people, fields: { ...people.fields, Mood } } } });
    const { code, stdout } = await stage.run(['plan']);
    expect(stdout).toContain('warning: people: the option "Good" of "Mood" is green in Notion, and blue');
    expect(code).toBe(0);
    expect(await changesOf(stage.apply)).toEqual([]);
  });

  test('a request that nobody answers is looked for, and no second database is made', async () => {
    const { faults } = stage.sandbox.control;
    const action: FaultAction = { kind: 'status', status: 503, when: 'after' };
    faults.add({ match: { operation: 'databases.create' }, times: 1, action });
    const { code, stderr } = await stage.run(['apply']);
    expect([code, stderr]).toEqual([1, expect.stringContaining('notion_database_doubtful')]);
    await stage.apply();
    expect(live()).toHaveLength(3);
    expect(await changesOf(stage.apply)).toEqual([]);
  });
});

test('kill -9 after any request: the next run goes on, and there is one of each in the end', async () => {
  await begin();
  const all = await changesOf(stage.apply);
  const plain = JSON.stringify(['People', 'Teams', 'Sync Log'].map((name) => shapeOf(name)));
  expect(all.length).toBeGreaterThan(6);
  for (let at = 0; at < all.length; at += 1) {
    for (const when of ['before', 'after'] as const) {
      await begin();
      await killedAt(at, when);
      await stage.apply();
      expect(
        live()
          .map(({ title }) => title)
          .sort(),
        `${at} ${when}`,
      ).toEqual(['People', 'Sync Log', 'Teams']);
      expect(
        JSON.stringify(['People', 'Teams', 'Sync Log'].map((name) => shapeOf(name))),
        `${at} ${when}`,
      ).toBe(plain);
    }
  }
  await begin();
  // Notion carries it out after the process that asked for it is gone.
  const arrived = Promise.withResolvers<void>();
  await killedAt(2, 'before', arrived.promise);
  const again = stage.spawn(['apply'], { SYNC_CREATE_GRACE_SECONDS: '10' });
  await again.says('it is looked for again in');
  arrived.resolve();
  expect(await again.exit).toMatchObject({ code: 0 });
  expect(live()).toHaveLength(3);
  expect(await changesOf(stage.apply)).toEqual([]);
  const { rows } = await stage.database.pool.query('select * from pgnotion.made_databases');
  expect(rows).toEqual([]);
}, 590_000);

const shapeOf = (title: string) =>
  schemaOf(title).map((property) => [
    property.name,
    property.type,
    'options' in property ? property.options.map(({ name, color }) => [name, color]) : [],
  ]);

const NEVER = new Promise<void>(() => undefined);

/** Ends `apply` by kill -9 at one of its requests with a body, before Notion carries it out (once `until` is there) or after. */
async function killedAt(at: number, when: 'before' | 'after', until = NEVER): Promise<void> {
  const { faults } = stage.sandbox.control;
  const action = { kind: 'delay', ms: 600_000, when, until } as const;
  faults.add({ match: { body: '.' }, times: 1, skip: at, action });
  const child = stage.spawn(['apply']);
  await eventually(() => child.ended() || faults.list().some(({ struck }) => struck > 0));
  expect(child.ended(), child.stderr()).toBe(false);
  await child.kill9();
  faults.clear();
}

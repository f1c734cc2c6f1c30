import { openInstallation } from '../../src/app/connections.ts';
import { withVerify } from '../../src/app/open-verify.ts';
import { runVerify, tablesMeant, type VerifyTask } from '../../src/app/verify.ts';
import { type ConfigInput, parseConfig } from '../../src/config/mapping-file.ts';
import type { Winner } from '../../src/model/merge.ts';
import type { VerifyReport } from '../../src/model/verify-report.ts';
import { type HealResult, heal } from '../../src/reconcile/heal.ts';
import type { VerifyContext, VerifyScope } from '../../src/reconcile/verify-context.ts';
import { silentLog } from '../../src/runtime/log.ts';
import { type Sides, sidesOf } from './sides.ts';
import { createStack, type Stack } from './stack.ts';

/** A table with a column for each property type that a row can be edited through, and one that it refers to. */
const schema = `
  create type mood as enum ('glad', 'sad', 'calm');
  create table owners (id integer primary key, name text not null);
  create table things (
    id integer primary key, name text not null, note text, stock integer, price numeric(10, 2), listed boolean not null default false,
    mood mood, tags text[], since date, site text, mail text, phone text, owner_id integer references owners, links text[], people text[]);`;

export const verifyConfig = {
  // Every data source counts as a large one: what moves no time is left to the sweep.
  sync: { settleSeconds: 0.2, wholePollPages: 0, sweepHours: 24 },
  tables: {
    owners: {
      source: 'public.owners',
      key: 'id',
      title: 'Owners',
      onNotionTrash: 'delete',
      fields: { Name: { column: 'name', type: 'title' } },
    },
    things: {
      source: 'public.things',
      key: 'id',
      title: 'Things',
      onNotionTrash: 'delete',
      fields: {
        Name: { column: 'name', type: 'title' },
        Note: { column: 'note', type: 'rich_text' },
        Stock: { column: 'stock', type: 'number' },
        Price: { column: 'price', type: 'number' },
        Listed: { column: 'listed', type: 'checkbox' },
        Mood: { column: 'mood', type: 'select' },
        Tags: { column: 'tags', type: 'multi_select', choices: ['a', 'b', 'c'] },
        Since: { column: 'since', type: 'date' },
        Site: { column: 'site', type: 'url' },
        Mail: { column: 'mail', type: 'email' },
        Phone: { column: 'phone', type: 'phone_number' },
        Owner: { column: 'owner_id', type: 'relation', relatedTable: 'owners' },
        Links: { column: 'links', type: 'files' },
        People: { column: 'people', type: 'people' },
      },
    },
  },
} satisfies ConfigInput;

const rowsOf = (count: number): string => `
  insert into owners select i, 'owner ' || i from generate_series(1, 3) i;
  insert into things select i, 'thing ' || i, 'note ' || i, i, i + 0.25, i % 2 = 0, (array['glad', 'sad', 'calm'])[i % 3 + 1]::mood,
    array['a', 'b'], date '2024-01-01' + i, 'https://example.com/' || i, 'm' || i || '@example.com', '+49 30 ' || i, i % 3 + 1,
    array['https://example.com/f' || i], array['ada@example.com'] from generate_series(1, ${count}) i;`;

export type VerifyStage = Stack & {
  readonly sides: Sides;
  readonly verify: (
    scope?: Partial<VerifyScope>,
    /** Stands in for a part of what it works with. */
    instead?: (context: VerifyContext) => Partial<VerifyContext>,
  ) => Promise<VerifyReport>;
  /** Compares, and hands what differs over. */
  readonly heal: (winner: Winner, dryRun?: boolean) => Promise<HealResult>;
  /** Hands over what an earlier comparison found. */
  readonly healFound: (report: VerifyReport, winner: Winner) => Promise<HealResult>;
  /** Does something in Notion at an earlier time, so that no time of an edit is later than what a poll has seen. */
  readonly unnoticed: (work: () => void) => void;
  /** Has the daemon take what was committed for read. Only while it is stopped. */
  readonly skipLog: () => Promise<void>;
};

export const HOUR_MS = 3_600_000;

export async function createVerifyStage(
  count: number,
  more: Partial<ConfigInput> = {},
  /** SQL that makes further tables. */
  also = '',
): Promise<VerifyStage> {
  const input: ConfigInput = { ...verifyConfig, ...more };
  let offset = -2 * HOUR_MS;
  const stack = await createStack({
    config: input,
    schema: `${schema} ${also}`,
    pollSeconds: 0.5,
    sandbox: { now: () => new Date(Date.now() + offset) },
  });
  const { database, environment } = stack;
  const sides = sidesOf(stack);
  await database.pool.query(rowsOf(count));
  await stack.apply();
  await stack.start();
  await stack.settled();
  // The poll has passed by the time of all that was written.
  offset = 0;
  await sides.polls(3);
  await stack.settled();
  const config = parseConfig({ slot: database.name, syncLog: { level: 'off' }, ...input });
  const within = async <T>(
    work: (context: VerifyContext, task: VerifyTask) => Promise<T>,
    scope: Partial<VerifyScope> = {},
  ): Promise<T> => {
    const installation = await openInstallation(config, environment, silentLog(), { resolving: 'each' });
    try {
      const all = { tables: tablesMeant(installation, []), where: null, sample: null, ...scope };
      const task = { scope: all, actor: 'test', unresolved: installation.unresolved, paused: new Map() };
      return await withVerify(
        installation,
        () => undefined,
        (context) => work(context, task),
      );
    } finally {
      await installation.close();
    }
  };
  return {
    ...stack,
    sides,
    verify: (scope = {}, instead = () => ({})) =>
      within((context, task) => runVerify({ ...context, ...instead(context) }, task), scope),
    heal: (winner, dryRun = false) =>
      within(async (context, task) => {
        const { run: verification, differences: total } = await runVerify(context, task);
        const onStep = async (): Promise<void> => undefined;
        return heal(context, { verification, winner, dryRun, actor: 'test', total, onStep });
      }),
    healFound: ({ run: verification, differences: total }, winner) =>
      within((context) => {
        const onStep = async (): Promise<void> => undefined;
        return heal(context, { verification, winner, dryRun: false, actor: 'test', total, onStep });
      }),
    unnoticed: (work) => {
      offset = -3 * HOUR_MS;
      work();
      offset = 0;
    },
    skipLog: async () => {
      await sides.sql(`select pg_replication_slot_advance($1, pg_current_wal_lsn())`, [database.name]);
      await sides.sql(
        `update pgnotion.checkpoint c set lsn = s.confirmed_flush_lsn, acknowledged = s.confirmed_flush_lsn
           from pg_replication_slots s where s.slot_name = c.slot`,
      );
    },
  };
}

/** Another value of each property type than any row has. */
export const OTHER_VALUES = {
  Name: { title: [{ text: { content: 'planted' } }] },
  Note: { rich_text: [{ text: { content: 'planted' } }] },
  Stock: { number: -1 },
  Price: { number: -1.5 },
  Listed: null,
  Mood: { select: null },
  Tags: { multi_select: [{ name: 'c' }] },
  Since: { date: { start: '1999-12-31' } },
  Site: { url: 'https://example.com/planted' },
  Mail: { email: 'planted@example.com' },
  Phone: { phone_number: '0' },
  Owner: { relation: [] },
  Links: { files: [{ name: 'planted', external: { url: 'https://example.com/planted' } }] },
  People: { people: [] },
} as const;

import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createPool } from '../../src/postgres/pool.ts';
import { silentLog } from '../../src/runtime/log.ts';
import { readActions } from '../../src/state/admin-actions.ts';
import { resolveConflict } from '../../src/state/conflicts.ts';
import { decideGuarded, pairMatch } from '../../src/state/guarded-changes.ts';
import {
  pauseAll,
  pauseTable,
  resumeAll,
  resumeTable,
  resyncTables,
  retryRecord,
} from '../../src/state/operator.ts';
import { createStore } from '../../src/state/sql.ts';
import { serverUrlUnderTest } from '../support/matrix.ts';
import { asAdmin, inDatabase } from '../support/postgres.ts';
import { INNER_FUNCTIONS } from '../support/sql-functions.ts';
import { addSource, createState, pageOf, products, type StateStage, suppliers } from '../support/state.ts';

let state: StateStage;
let me = '';
beforeAll(async () => {
  state = await createState();
  me = (await state.rows<{ me: string }>('select session_user::text as me'))[0]?.me ?? '';
});
afterAll(() => state.database.drop());
beforeEach(async () => {
  await state.clear();
  await addSource(state.store, suppliers, 1);
  await addSource(state.store, products, 2);
});

type Line = { actor: string; action: string; input: object; message: string };
const lines = () =>
  state.rows<Line>('select actor, action, input, message from pgnotion.actions order by id');

/** A value of a row: no line may show it. */
const VALUE = 'a value of a column';

const failed = `insert into pgnotion.outbox (table_name, key, kind, parked_at, code)
  values ('suppliers', 'a', 'write', now(), 'value_refused')`;
const deleted = `insert into pgnotion.outbox (table_name, key, kind, parked_at, code)
  values ('suppliers', 'a', 'delete', now(), 'mass_deletion'), ('suppliers', 'b', 'delete', now(), 'mass_deletion')`;
const disputed = `insert into pgnotion.conflict_entries
    (type, table_name, record_id, page_id, fields, base, local_record, remote_record, strategy, status)
  values ('CONCURRENT_UPDATE', 'suppliers', 'a', '${pageOf(1)}', '{Name}', '{}',
          '{"Name": "${VALUE}"}', '{"Name": "${VALUE}"}', 'manual', 'open')`;
const matched = `
  insert into pgnotion.match_pages (page_id, table_name, match_values, verdict, group_id)
  values ('${pageOf(1)}', 'suppliers', '{${VALUE}}', 'held', '${pageOf(1)}');
  insert into pgnotion.match_rows (table_name, key, group_id, verdict) values ('suppliers', 'a', '${pageOf(1)}', 'held')`;

type Call = {
  readonly given?: string;
  readonly call: string;
  readonly action: string;
  readonly input: object;
  readonly message: string;
};

/** A call of every function of the interface that changes something, and the one line that it leaves. */
const CALLS: Readonly<Record<string, Call>> = {
  'pause(text)': {
    call: `pause('suppliers')`,
    action: 'pause',
    input: { table: 'suppliers' },
    message: 'suppliers is paused',
  },
  'resume(text)': {
    given: `update pgnotion.data_sources set paused_at = now(), paused_by = 'hand'`,
    call: `resume('suppliers')`,
    action: 'resume',
    input: { table: 'suppliers' },
    message: 'suppliers is resumed',
  },
  'pause_all()': {
    call: 'pause_all()',
    action: 'pause',
    input: {},
    message: 'every table is paused; what changes meanwhile waits',
  },
  'resume_all()': {
    given: `update pgnotion.data_sources set paused_at = now(), paused_by = 'hand'`,
    call: 'resume_all()',
    action: 'resume',
    input: {},
    message: '2 paused tables go on',
  },
  'retry(text,text)': {
    given: failed,
    call: `retry('suppliers', 'a')`,
    action: 'retry',
    input: { table: 'suppliers', key: 'a' },
    message: 'suppliers a is tried again now',
  },
  'resync(text)': {
    call: `resync('suppliers')`,
    action: 'resync',
    input: { table: 'suppliers' },
    message: 'suppliers is compared again; the daemon writes what differs',
  },
  'approve_guarded(text,text,text,text)': {
    given: deleted,
    call: `approve_guarded('suppliers', only_kind => 'deletion')`,
    action: 'approve',
    input: { table: 'suppliers', kind: 'deletion' },
    message: '2 changes of suppliers approved; the daemon carries it out',
  },
  'reject_guarded(text,text,text,text)': {
    given: matched,
    call: `reject_guarded('suppliers', '${pageOf(1)}', 'pairing')`,
    action: 'reject',
    input: { table: 'suppliers', key: pageOf(1), kind: 'pairing' },
    message: '1 change of suppliers rejected; the daemon carries it out',
  },
  'approve_delete(text,text)': {
    given: deleted,
    call: `approve_delete('suppliers', 'a')`,
    action: 'approve',
    input: { table: 'suppliers', key: 'a' },
    message: '1 change of suppliers approved; the daemon carries it out',
  },
  'reject_delete(text,text)': {
    given: deleted,
    call: `reject_delete('suppliers')`,
    action: 'reject',
    input: { table: 'suppliers' },
    message: '2 changes of suppliers rejected; the daemon carries it out',
  },
  'pair_match(text,text,uuid)': {
    given: matched,
    call: `pair_match('suppliers', 'a', '${pageOf(1)}')`,
    action: 'pair',
    input: { table: 'suppliers', key: 'a', page: pageOf(1) },
    message: 'the page becomes the page of a of suppliers; the daemon carries it out',
  },
  // At the command line it is `guarded reject --kind pairing`.
  'separate_match(text,text)': {
    given: matched,
    call: `separate_match('suppliers', '${pageOf(1)}')`,
    action: 'reject',
    input: { table: 'suppliers', key: pageOf(1), kind: 'pairing' },
    message: '1 change of suppliers rejected; the daemon carries it out',
  },
  'resolve_conflict(bigint,text,text,jsonb)': {
    given: disputed,
    call: `resolve_conflict(1, 'notion', 'Ada')`,
    action: 'resolve',
    input: { id: '1', keep: 'notion', by: 'Ada' },
    message: 'conflict 1: Notion is kept',
  },
  'resolve_conflict(bigint,jsonb,text)': {
    given: disputed,
    call: `resolve_conflict(1, '"${VALUE}"'::jsonb, 'Ada')`,
    action: 'resolve',
    input: { id: '1', keep: 'value', by: 'Ada' },
    message: 'conflict 1: the row and the page get the value that was given',
  },
};

/** What only tells. */
const READS: readonly string[] = [
  'explain(text,text)',
  'wait_for(text,text,interval)',
  'wait_for_status(text,text,interval)',
];

async function interfaceFunctions(): Promise<{ readonly name: string; readonly signature: string }[]> {
  const all = await state.rows<{ name: string; signature: string }>(
    `select proname::text as name, replace(replace(oid::regprocedure::text, 'pgnotion.', ''), ', ', ',') as signature
       from pg_proc where pronamespace = 'pgnotion'::regnamespace`,
  );
  return all.filter(({ name }) => !INNER_FUNCTIONS.includes(name));
}

describe('a call in SQL', () => {
  test('of every function of the interface is tried here', async () => {
    const signatures = (await interfaceFunctions()).map(({ signature }) => signature);
    expect([...Object.keys(CALLS), ...READS].sort()).toEqual(signatures.sort());
  });

  test.each(Object.entries(CALLS))('of %s leaves one line, with the role that called', async (_, told) => {
    const { given, call, action, input, message } = told;
    if (given !== undefined) await state.pool.query(given);
    await state.rows(`select pgnotion.${call}`);
    expect(await lines()).toEqual([{ actor: `database role (${me})`, action, input, message }]);
    expect(JSON.stringify(await lines())).not.toContain(VALUE);
  });

  test.each([
    [`retry('suppliers', 'z')`, 'nothing of suppliers z waits or has failed'],
    [`resync('nobody')`, 'nobody is not a synced table'],
    ['resync()', 'every table is compared again; the daemon writes what differs'],
    [`approve_guarded('suppliers', 'z')`, 'no change of suppliers z waits for a decision'],
    [
      `pair_match('suppliers', 'z', '${pageOf(1)}')`,
      `the page ${pageOf(1)} does not wait to be joined with the row z of suppliers`,
    ],
  ])('of %s says what came of it', async (call, message) => {
    await state.rows(`select pgnotion.${call}`);
    expect(await lines()).toMatchObject([{ message }]);
  });

  test('about a conflict that was decided already leaves a line, and shows no value', async () => {
    await state.pool.query(disputed);
    await state.rows(`select pgnotion.resolve_conflict(1, '"${VALUE}"'::jsonb, 'Ada')`);
    // A value that was meant to be JSON is no choice.
    const late = `select * from pgnotion.resolve_conflict(1, '"${VALUE}"', 'Grace')`;
    expect(await state.rows(late)).toMatchObject([
      { accepted: false, message: expect.stringContaining(VALUE) },
    ]);
    expect(await lines()).toMatchObject([
      { message: 'conflict 1: the row and the page get the value that was given' },
      { input: { id: '1', by: 'Grace' }, message: 'conflict 1 was decided already' },
    ]);
    expect(JSON.stringify(await lines())).not.toContain(VALUE);
  });

  test('that decided a conflict can be undone where it is told of, by the operation in the name it gave', async () => {
    await state.pool.query(disputed);
    await state.rows(`select pgnotion.resolve_conflict(1, 'notion', 'Ada')`);
    const [made] = await state.rows<{ id: string }>(
      `insert into pgnotion.operations (direction, table_name, key, kind, actor, status)
       values ('to-postgres', 'suppliers', 'a', 'update', 'Ada', 'done') returning id::text`,
    );
    expect(await readActions(state.store, 9)).toMatchObject([{ action: 'resolve', operation: made?.id }]);
  });

  test('that fails, or is taken back, leaves none', async () => {
    for (const call of [`pause('nobody')`, `resume('nobody')`, `resolve_conflict(99, 'notion')`])
      await expect(state.rows(`select pgnotion.${call}`), call).rejects.toThrow();
    await state.pool.query(`begin; select pgnotion.pause('suppliers'); rollback`);
    expect(await lines()).toEqual([]);
  });
});

describe('a call of our own', () => {
  test('leaves the line to whoever asked for it, within a transaction and alone', async () => {
    const { store } = state;
    await state.pool.query(`${failed}; ${disputed}; ${matched}`);
    const which = { table: 'suppliers', key: null, kind: null, field: null };
    await retryRecord(store, 'suppliers', 'a');
    await resyncTables(store, null);
    await pauseTable(store, suppliers);
    await resumeTable(store, suppliers);
    await pauseAll(store);
    await resumeAll(store);
    await store.transaction((sql) => resolveConflict(sql, '1', { keep: 'notion' }, 'Ada'));
    expect(await pairMatch(store, { table: 'suppliers', key: 'a', page: pageOf(1) })).toBe(true);
    await state.pool.query(deleted.replaceAll(`'a'`, `'c'`));
    expect(await decideGuarded(store, 'approve', { ...which, key: 'c' })).toBe(1);
    expect(await decideGuarded(store, 'reject', { ...which, key: 'b' })).toBe(1);
    expect(await lines()).toEqual([]);
  });

  test('is over with its transaction: what the same session calls next is noted', async () => {
    const one = {
      url: state.database.url,
      max: 1,
      raw: false,
      applicationName: 'pgnotion test',
      log: silentLog(),
    };
    const session = createPool(one);
    try {
      await pauseTable(createStore(session, 0), suppliers);
      await session.query(`select pgnotion.resume('suppliers')`);
    } finally {
      await session.end();
    }
    expect(await lines()).toMatchObject([{ action: 'resume' }]);
  });

  test('is made in no other way, anywhere in the source', async () => {
    const changing = new Set((await interfaceFunctions()).map(({ name }) => name));
    for (const read of READS) changing.delete(read.replace(/\(.*/, ''));
    const root = resolve(import.meta.dirname, '../../src');
    const bare = readdirSync(root, { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts'))
      .flatMap((path) => {
        const text = readFileSync(join(root, path), 'utf8');
        return [...text.matchAll(/pgnotion\.([\w${}]+)\(/g)]
          .filter(([, name = '']) => changing.has(name) || name.includes('${'))
          .map((match) => ({
            path,
            call: match[0],
            by: /ownCall\(\s*['`]$/.test(text.slice(0, match.index)),
          }));
      });
    expect(bare.length).toBeGreaterThan(6);
    expect(bare.filter(({ by }) => !by)).toEqual([]);
  });
});

describe('a role that is not the owner', () => {
  const role = `caller "${randomBytes(4).toString('hex')}`;
  const quoted = pg.escapeIdentifier(role);
  beforeAll(async () => {
    await state.pool.query(
      `create role ${quoted} login password 'secret'; grant usage on schema pgnotion to ${quoted}`,
    );
  });
  afterAll(async () => {
    await state.pool.query(`drop owned by ${quoted}`);
    await asAdmin(serverUrlUnderTest(), (admin) => admin.query(`drop role ${quoted}`));
  });
  const asRole = (...statements: readonly string[]): Promise<unknown> =>
    asAdmin(
      inDatabase(state.database.url, state.database.name, { user: role, password: 'secret' }),
      (client) => client.query(statements.join(';')),
    );
  const line = (more: object) => ({ actor: `database role (${role})`, ...more });

  test('calls what it may call, and leaves a line that it could not write itself', async () => {
    await state.pool.query(`grant select, update on pgnotion.data_sources to ${quoted}`);
    await asRole(`select pgnotion.pause('suppliers')`);
    expect(await lines()).toEqual([
      line({ action: 'pause', input: { table: 'suppliers' }, message: 'suppliers is paused' }),
    ]);
    // Nor does it keep one from being written.
    await asRole(`set pgnotion.own_call = 'on'`, `select pgnotion.pause('products')`);
    expect(await lines()).toHaveLength(2);
    await expect(asRole(`select pgnotion.retry('suppliers', 'a')`)).rejects.toThrow('permission denied');
    await expect(asRole('insert into pgnotion.admin_actions default values')).rejects.toThrow(
      'permission denied',
    );
    await state.pool.query(`revoke all on pgnotion.data_sources from ${quoted}`);
  });

  test('may change nothing by it, and leave no line of what it did not do', async () => {
    await expect(asRole(`select pgnotion.pause('suppliers')`)).rejects.toThrow('permission denied');
    const forged = (name: string) => `select pgnotion.${name}('approve', '{}', 'not true')`;
    await asRole(forged('note_call'), forged('note_call_of_role'));
    // Its own tables do not stand in the way of the system's.
    await asRole(
      `create temp table pg_class as select oid, 'pgnotion'::regnamespace::oid as relnamespace, 'r'::"char" as relkind from pg_catalog.pg_class`,
      forged('note_call_of_role'),
    );
    expect(await lines()).toEqual([]);
  });

  test('is named where a function of the owner calls for it', async () => {
    await state.pool.query(
      `create function public.pause_for_all() returns void language sql security definer as $$ select pgnotion.pause('suppliers') $$`,
    );
    await asRole('select public.pause_for_all()');
    expect(await lines()).toMatchObject([line({ action: 'pause' })]);
  });
});

import fc from 'fast-check';
import type { FaultAction } from '../../src/sandbox/notion/faults.ts';
import { ACTS, type Act } from './chaos-acts.ts';
import { DATABASE_ACTS, type DatabaseAct } from './chaos-database.ts';
import { type ChaosTable, TRACKED } from './chaos-shop.ts';

/** One step of a run. A `pick` chooses among what there is at that moment. */
export type Command =
  | Act
  | DatabaseAct
  | { readonly do: 'insert'; readonly table: ChaosTable; readonly pick: number; readonly rows: number }
  | {
      readonly do: 'update';
      readonly table: ChaosTable;
      readonly pick: number;
      readonly what: readonly string[];
    }
  | { readonly do: 'update-many'; readonly table: ChaosTable; readonly pick: number; readonly rows: number }
  | { readonly do: 'transaction'; readonly pick: number; readonly rows: number }
  | { readonly do: 'move'; readonly pick: number; readonly to: number }
  | { readonly do: 'delete'; readonly table: ChaosTable; readonly pick: number }
  | { readonly do: 'rekey'; readonly table: ChaosTable; readonly pick: number; readonly back: boolean }
  | { readonly do: 'reinsert'; readonly table: ChaosTable; readonly pick: number }
  | {
      readonly do: 'edit';
      readonly table: ChaosTable;
      readonly pick: number;
      readonly what: readonly string[];
    }
  | { readonly do: 'clear'; readonly table: ChaosTable; readonly pick: number; readonly what: string }
  | { readonly do: 'relate'; readonly pick: number; readonly to: number; readonly count: number }
  | { readonly do: 'choose'; readonly table: ChaosTable; readonly pick: number; readonly option: string }
  | {
      readonly do: 'meddle';
      readonly table: ChaosTable;
      readonly pick: number;
      readonly with: 'id' | 'updated';
    }
  | { readonly do: 'create'; readonly table: ChaosTable; readonly to: number; readonly empty: boolean }
  | { readonly do: 'trash' | 'restore' | 'duplicate'; readonly table: ChaosTable; readonly pick: number }
  | {
      readonly do: 'fault';
      readonly operation: string | null;
      readonly times: number;
      readonly skip: number;
      readonly action: FaultAction;
    }
  /** A row's change whose write loses its answer, and the daemon's end soon after, if at all. */
  | {
      readonly do: 'lose';
      readonly table: ChaosTable;
      readonly pick: number;
      readonly what: 'create' | 'update';
      readonly action: FaultAction;
      readonly killAfterMs: number | null;
    }
  /** A row's change whose arrival in Notion somebody waits for. */
  | { readonly do: 'wait'; readonly table: ChaosTable; readonly pick: number; readonly what: string }
  | { readonly do: 'lag'; readonly ms: number }
  | { readonly do: 'terminate'; readonly which: 'all' | 'replication' | 'one' }
  | { readonly do: 'kill'; readonly signal: 'SIGKILL' | 'SIGTERM'; readonly down: number }
  | { readonly do: 'rest'; readonly ms: number };

/** A client's deadline, the longest delay, the longest lag: a create that nobody answered is seen before its grace is over. */
export const TIMES = { clientSeconds: 0.4, delayMs: 500, lagMs: 300, graceSeconds: 1.6 } as const;

const table = fc.constantFrom<ChaosTable>('parents', 'parents', 'children');
const pick = fc.nat(10_000);
const fields = (of: ChaosTable): fc.Arbitrary<readonly string[]> =>
  fc.subarray(Object.keys(TRACKED[of]), { minLength: 1 });
const changed = table.chain((name) => fc.record({ table: fc.constant(name), pick, what: fields(name) }));

const GUIDANCE = { retry_guidance: ['Do not repeat the write.'] };
const status = (code: number, when: 'before' | 'after', more: object = {}): FaultAction => ({
  kind: 'status',
  status: code,
  when,
  ...more,
});
const ACTIONS: readonly FaultAction[] = [
  status(429, 'before', { headers: { 'retry-after': '0.3' } }),
  status(529, 'before', { additionalData: { retry_after: '0.2' } }),
  ...[500, 502, 503, 504, 409].map((code) => status(code, 'before')),
  ...[500, 502, 503, 504].map((code) => status(code, 'after')),
  status(502, 'after', { html: true }),
  status(503, 'after', { additionalData: { ...GUIDANCE, committed_resource_id: '$id' } }),
  status(503, 'after', { additionalData: { ...GUIDANCE, committed_resource_id: '$id' } }),
  status(503, 'after', { additionalData: GUIDANCE }),
  { kind: 'reset', when: 'before' },
  { kind: 'reset', when: 'after' },
  { kind: 'stall-body' },
];
const LOSSES = ACTIONS.filter((action) => action.kind !== 'status' || action.when === 'after');
const delay = fc.record({
  kind: fc.constant<'delay'>('delay'),
  ms: fc.integer({ min: 20, max: TIMES.delayMs }),
  when: fc.constantFrom<'before' | 'after'>('before', 'after'),
});
const operation = fc.constantFrom(
  'pages.create',
  'pages.create',
  'pages.update',
  'pages.update',
  'pages.retrieve',
  'dataSources.query',
  null,
);

const one = <Do extends Command['do'], Rest extends object>(
  what: Do,
  rest: { readonly [K in keyof Rest]: fc.Arbitrary<Rest[K]> },
): fc.Arbitrary<{ do: Do } & Rest> =>
  fc.record({ do: fc.constant(what), ...rest }) as unknown as fc.Arbitrary<{ do: Do } & Rest>;

const lose: fc.Arbitrary<Command> = fc.record({
  do: fc.constant<'lose'>('lose'),
  table,
  pick,
  what: fc.constantFrom<'create' | 'update'>('create', 'create', 'update'),
  action: fc.oneof<fc.Arbitrary<FaultAction>[]>(fc.constantFrom(...LOSSES), delay),
  killAfterMs: fc.oneof<fc.Arbitrary<number | null>[]>(fc.constant(null), fc.integer({ min: 20, max: 400 })),
});

const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 8, arbitrary: one('insert', { table, pick, rows: fc.constantFrom(1, 1, 1, 3, 8) }) },
  { weight: 12, arbitrary: changed.map((rest) => ({ do: 'update' as const, ...rest })) },
  { weight: 3, arbitrary: one('update-many', { table, pick, rows: fc.integer({ min: 2, max: 12 }) }) },
  { weight: 3, arbitrary: one('transaction', { pick, rows: fc.integer({ min: 2, max: 5 }) }) },
  { weight: 3, arbitrary: one('move', { pick, to: pick }) },
  { weight: 4, arbitrary: one('delete', { table, pick }) },
  { weight: 3, arbitrary: one('rekey', { table, pick, back: fc.boolean() }) },
  { weight: 2, arbitrary: one('reinsert', { table, pick }) },
  { weight: 14, arbitrary: changed.map((rest) => ({ do: 'edit' as const, ...rest })) },
  {
    weight: 2,
    arbitrary: one('clear', {
      table,
      pick,
      what: fc.constantFrom('Name', 'Note', 'Amount', 'Qty', 'Seen', 'Due', 'Docs'),
    }),
  },
  { weight: 3, arbitrary: one('relate', { pick, to: pick, count: fc.constantFrom(0, 1, 1, 1, 2) }) },
  {
    weight: 3,
    arbitrary: one('choose', {
      table,
      pick,
      option: fc.constantFrom('new', 'open', 'done', 'Done', 'other'),
    }),
  },
  {
    weight: 2,
    arbitrary: one('meddle', { table, pick, with: fc.constantFrom<'id' | 'updated'>('id', 'updated') }),
  },
  { weight: 4, arbitrary: one('create', { table, to: pick, empty: fc.nat(5).map((n) => n === 0) }) },
  { weight: 4, arbitrary: one('trash', { table, pick }) },
  { weight: 3, arbitrary: one('restore', { table, pick }) },
  { weight: 2, arbitrary: one('duplicate', { table, pick }) },
  {
    weight: 12,
    arbitrary: one('fault', {
      operation,
      times: fc.constantFrom(1, 1, 1, 2, 3),
      skip: fc.constantFrom(0, 0, 0, 1, 3),
      action: fc.oneof(
        { weight: 4, arbitrary: fc.constantFrom(...ACTIONS) },
        { weight: 1, arbitrary: delay },
      ),
    }),
  },
  { weight: 6, arbitrary: lose },
  {
    weight: 9,
    arbitrary: table.chain((name) =>
      fc.record({
        do: fc.constant<'wait'>('wait'),
        table: fc.constant(name),
        pick,
        what: fc.constantFrom(...Object.keys(TRACKED[name])),
      }),
    ),
  },
  { weight: 2, arbitrary: one('lag', { ms: fc.constantFrom(0, 0, 100, TIMES.lagMs) }) },
  {
    weight: 2,
    arbitrary: one('terminate', {
      which: fc.constantFrom<'all' | 'replication' | 'one'>('all', 'replication', 'one'),
    }),
  },
  {
    weight: 3,
    arbitrary: one('kill', {
      signal: fc.constantFrom<'SIGKILL' | 'SIGTERM'>('SIGKILL', 'SIGKILL', 'SIGKILL', 'SIGTERM'),
      down: fc.integer({ min: 0, max: 6 }),
    }),
  },
  { weight: 10, arbitrary: one('rest', { ms: fc.integer({ min: 1, max: 250 }) }) },
  ...ACTS,
  ...DATABASE_ACTS,
);

/** At least `steps` commands. */
export const commands = (steps: number): fc.Arbitrary<readonly Command[]> =>
  fc.array(command, { minLength: steps, maxLength: steps + 20, size: 'max' });

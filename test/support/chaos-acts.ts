import fc from 'fast-check';
import type { Capability } from '../../src/sandbox/notion/capabilities.ts';
import type { ChaosTable } from './chaos-shop.ts';

/** What a page may be made to do, by whoever has the editor open. `back`: to where it came from. */
export type Place =
  | 'archive'
  | 'unarchive'
  | 'unshare'
  | 'share'
  | 'other-table'
  | 'plain'
  | 'back'
  | 'forever';

/** What people do in Notion beside typing values, and what Notion does for a while. A `pick` chooses as in a command. */
export type Act =
  | { readonly do: 'place'; readonly table: ChaosTable; readonly pick: number; readonly how: Place }
  | {
      readonly do: 'property';
      readonly table: ChaosTable;
      readonly pick: number;
      readonly how: 'rename' | 'delete' | 'restore' | 'retype' | 'type-back' | 'add';
    }
  | {
      readonly do: 'option';
      readonly table: ChaosTable;
      readonly pick: number;
      readonly option: number;
      readonly how: 'rename' | 'delete' | 'add' | 'recolour' | 'reorder';
    }
  | {
      readonly do: 'database';
      readonly table: ChaosTable;
      readonly how: 'trash' | 'restore' | 'unshare' | 'share' | 'rename';
    }
  /** Types a record's key in another spelling: into its own page, into a new page, into the page of another record. */
  | {
      readonly do: 'spell';
      readonly table: ChaosTable;
      readonly pick: number;
      readonly where: 'own' | 'new' | 'other';
    }
  /** One page answers 500 to one kind of request. */
  | {
      readonly do: 'broken';
      readonly table: ChaosTable;
      readonly pick: number;
      readonly operation: string;
      readonly ms: number;
    }
  /** A fault that passes, dressed as a refusal. */
  | { readonly do: 'unsaved'; readonly operation: string | null; readonly ms: number }
  | { readonly do: 'withdraw'; readonly capability: Capability; readonly ms: number }
  | { readonly do: 'blackout'; readonly ms: number }
  | { readonly do: 'upload'; readonly pick: number }
  | { readonly do: 'style'; readonly pick: number }
  | { readonly do: 'stage'; readonly pick: number; readonly option: number }
  | { readonly do: 'append'; readonly pick: number };

const table = fc.constantFrom<ChaosTable>('parents', 'parents', 'children');
const pick = fc.nat(10_000);

const act = <Do extends Act['do'], Rest extends object>(
  what: Do,
  rest: { readonly [K in keyof Rest]: fc.Arbitrary<Rest[K]> },
): fc.Arbitrary<{ do: Do } & Rest> =>
  fc.record({ do: fc.constant(what), ...rest }) as unknown as fc.Arbitrary<{ do: Do } & Rest>;

const places = fc.constantFrom<Place>(
  'archive',
  'unarchive',
  'unshare',
  'unshare',
  'share',
  'share',
  'other-table',
  'plain',
  'back',
  'back',
  'forever',
);
const ofProperty = fc.constantFrom<Extract<Act, { do: 'property' }>['how']>(
  'rename',
  'rename',
  'delete',
  'restore',
  'restore',
  'retype',
  'type-back',
  'add',
);
const ofOption = fc.constantFrom<Extract<Act, { do: 'option' }>['how']>(
  'rename',
  'rename',
  'delete',
  'delete',
  'add',
  'recolour',
  'reorder',
);
const ofDatabase = fc.constantFrom<Extract<Act, { do: 'database' }>['how']>(
  'trash',
  'restore',
  'restore',
  'unshare',
  'share',
  'share',
  'rename',
);
const whiles = fc.integer({ min: 200, max: 3_000 });

/** Each with how often it comes among the commands. */
export const ACTS: readonly { readonly weight: number; readonly arbitrary: fc.Arbitrary<Act> }[] = [
  { weight: 8, arbitrary: act('place', { table, pick, how: places }) },
  { weight: 6, arbitrary: act('property', { table, pick, how: ofProperty }) },
  { weight: 6, arbitrary: act('option', { table, pick, option: pick, how: ofOption }) },
  { weight: 2, arbitrary: act('database', { table, how: ofDatabase }) },
  {
    weight: 2,
    arbitrary: act('spell', { table, pick, where: fc.constantFrom('own', 'own', 'new', 'other') }),
  },
  {
    weight: 3,
    arbitrary: act('broken', {
      table,
      pick,
      operation: fc.constantFrom('pages.retrieve', 'pages.properties.retrieve', 'pages.update'),
      ms: whiles,
    }),
  },
  {
    weight: 2,
    arbitrary: act('unsaved', {
      operation: fc.constantFrom<(string | null)[]>(
        'pages.create',
        'pages.update',
        'dataSources.query',
        null,
      ),
      ms: whiles,
    }),
  },
  {
    weight: 1,
    arbitrary: act('withdraw', {
      capability: fc.constantFrom<Capability[]>(
        'insert content',
        'update content',
        'read content',
        'read users',
      ),
      ms: whiles,
    }),
  },
  { weight: 1, arbitrary: act('blackout', { ms: fc.constantFrom(300, 600) }) },
  { weight: 2, arbitrary: act('upload', { pick }) },
  { weight: 2, arbitrary: act('style', { pick }) },
  { weight: 2, arbitrary: act('stage', { pick, option: pick }) },
  { weight: 2, arbitrary: act('append', { pick }) },
];

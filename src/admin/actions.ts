import { z } from 'zod';

// What a person can have done through the port, by the names that stand in its addresses.

const text = z.string().min(1).max(2_000);
const number = z.string().regex(/^\d{1,18}$/, 'is not a number');
const yes = z
  .enum(['true', 'false', 'on', '1', '0', ''])
  .transform((value) => !['false', '0', ''].includes(value));

/** The parameters of each action; a form gives them as texts. */
export const ACTIONS = {
  /** Tries what failed of a record again now. `key`: of a page that is no record yet, its id. */
  retry: z.object({ table: text, key: text }),
  /** Decides a conflict: keeps one side, or takes a value (JSON) for both. */
  resolve: z.object({
    id: number,
    keep: z.enum(['postgres', 'notion']).optional(),
    value: z.string().max(20_000).optional(),
  }),
  /** Lets guarded changes cross: all of a table, or those of one record, kind or property. */
  approve: z.object({ table: text, key: text.optional(), kind: text.optional(), field: text.optional() }),
  /** Refuses them. */
  reject: z.object({ table: text, key: text.optional(), kind: text.optional(), field: text.optional() }),
  /** Joins a page that matches several rows with one of them. */
  pair: z.object({ table: text, key: text, page: text }),
  /** Stops delivery and polling of a table, or of all. */
  pause: z.object({ table: text.optional() }),
  resume: z.object({ table: text.optional() }),
  /** Takes one operation back in the row; the page follows. `force`: also what somebody changed since. */
  undo: z.object({ operation: number, force: yes.optional() }),
  /** Has every row and page of a table, or of all, compared again; what differs is written. */
  resync: z.object({ table: text.optional() }),
  /** Compares both sides of a table, or of all, and tells what differs; writes nothing. */
  verify: z.object({ table: text.optional() }),
} as const;

export type ActionName = keyof typeof ACTIONS;

export type ActionInput<Name extends ActionName> = z.output<(typeof ACTIONS)[Name]>;

/** What is told of an action that was done, or that the daemon now carries out. */
export type ActionDone = { readonly message: string };

/** Carries actions out in a person's name. Each throws `PgnotionError` with what to do instead. */
export type Actions = {
  readonly [Name in ActionName]: (input: ActionInput<Name>, actor: string) => Promise<ActionDone>;
};

export const isAction = (name: string): name is ActionName => Object.hasOwn(ACTIONS, name);

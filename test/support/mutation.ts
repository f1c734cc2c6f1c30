import type { Command } from './chaos-commands.ts';

/** A fault that is put into a copy of the product, to see that the checker of the chaos runs notices. */
export type Mutation = {
  readonly name: string;
  /** Below `src`. */
  readonly file: string;
  /** Found once in the file. */
  readonly from: string;
  readonly to: string;
  /** What the checker says. */
  readonly says: RegExp;
  /** Seeds of runs that it shows in, whichever of them first; or the commands of one. */
  readonly runs: { readonly seed: number; readonly count: number } | readonly Command[];
};

/** One value, changed again before the page has been looked at since. */
const OFTEN: readonly Command[] = Array.from({ length: 30 }, (): readonly Command[] => [
  { do: 'update', table: 'parents', pick: 0, what: ['Seen'] },
  { do: 'rest', ms: 50 },
]).flat();

/** A write that fails in a way that passes, and nothing afterwards that would wake it: no change of the row, no repair. */
const FAILED: readonly Command[] = [
  { do: 'rest', ms: 250 },
  {
    do: 'fault',
    operation: 'pages.update',
    times: 2,
    skip: 0,
    action: { kind: 'status', status: 503, when: 'before' },
  },
  { do: 'update', table: 'parents', pick: 3, what: ['Name'] },
  ...Array.from({ length: 4 }, (): Command => ({ do: 'rest', ms: 250 })),
];

const EDITED: readonly Command[] = [0, 1, 2, 3, 4].map(
  (pick): Command => ({ do: 'edit', table: 'parents', pick, what: ['Name'] }),
);

/** Rows that change and cannot be written, and people who edit their pages some polls later. */
const OVERRULED: readonly Command[] = [
  {
    do: 'fault',
    operation: 'pages.update',
    times: 20,
    skip: 0,
    action: { kind: 'status', status: 503, when: 'before' },
  },
  { do: 'update-many', table: 'parents', pick: 0, rows: 5 },
  ...Array.from({ length: 4 }, (): Command => ({ do: 'rest', ms: 250 })),
  ...EDITED,
  ...Array.from({ length: 4 }, (): Command => ({ do: 'rest', ms: 250 })),
];

export const MUTATIONS: readonly Mutation[] = [
  {
    name: 'look skipped',
    file: 'to-notion/preread.ts',
    from: 'const one: Preread = (record) => lookAt(context, table, { source, record, ask });',
    to: 'const one: Preread = async () => null;',
    says: /invariant 7: .* is in no operation/,
    runs: { seed: 1, count: 6 },
  },
  {
    // The slot and the note of how far it may stand go first, and storing takes as long as on a busy server.
    name: 'acknowledged early',
    file: 'capture/capture.ts',
    from: "      await flush(options, pending, stored);\n      failpoint('capture.after-store');\n      stream.acknowledge(stored);\n",
    to: `      const early = stored;
      await options.store.transaction((sql) => raiseAcknowledged(sql, options.slot, early));
      stream.acknowledge(early);
      await new Promise((resolve) => setTimeout(resolve, 100));
      await flush(options, pending, stored);
`,
    says: /read your writes: |the row .* is .*, the page|has a page .* and no row|no page/,
    runs: { seed: 1, count: 6 },
  },
  {
    // Notion keeps the minute of a time that was sent with its seconds.
    name: 'base from what was sent',
    file: 'model/merge.ts',
    from: 'late.has(property) && property in sent && !codec.same(sent[property] ?? null, image[property] ?? null),',
    to: 'property in sent,',
    says: /echo: /,
    runs: OFTEN,
  },
  {
    // What may pass by itself is no refusal of the record's values.
    name: 'set aside for what passes',
    file: 'to-notion/failure.ts',
    from: "return retry === 'never' && effect !== 'saved'",
    to: "return effect !== 'saved'",
    says: /stuck: /,
    runs: FAILED,
  },
  {
    name: 'hidden taken for deleted',
    file: 'to-postgres/page-removed.ts',
    from: "  if (evidence !== 'trashed') {\n",
    to: "  if (evidence === 'hidden') return deleteRecord(context, left, record);\n  if (evidence !== 'trashed') {\n",
    says: /removal: /,
    runs: { seed: 1, count: 6 },
  },
  {
    name: 'row made twice',
    file: 'to-postgres/insert.ts',
    from: '      const made = await insertRow(transaction, table,',
    to: `      if (key === null) await insertRow(transaction, table, { ...unseen, ...values }, false);
      const made = await insertRow(transaction, table,`,
    says: /double: /,
    runs: { seed: 1, count: 6 },
  },
  {
    name: 'conflict untold',
    file: 'to-postgres/conflict.ts',
    from: 'if (why !== undefined) {',
    to: "if (why !== undefined && field.property === '') {",
    says: /conflict: /,
    runs: OVERRULED,
  },
  {
    name: 'sets not merged',
    file: 'model/sets.ts',
    from: 'const items = [...kept, ...without([...change.added], [...kept], rules)];',
    to: 'const items = change.added.length > 0 ? [...change.added] : [...kept];',
    says: /sets: /,
    runs: { seed: 1, count: 6 },
  },
  {
    name: 'settled before it is sent',
    file: 'to-notion/deliver.ts',
    from: '  return updatePage(context, { delivery, known: linked, now: await own(linked) });',
    to: `  const now = await own(linked);
  await settle(context.store, entry, context.store.epoch);
  return updatePage(context, { delivery, known: linked, now });`,
    says: /read your writes: |the row .* is .*, the page/,
    runs: { seed: 1, count: 6 },
  },
];

/** The file's text with the fault in it. */
export function mutated({ name, file, from, to }: Mutation, text: string): string {
  const parts = text.split(from);
  if (parts.length !== 2)
    throw new Error(`${name}: ${file} has the text to replace ${parts.length - 1} times, not once`);
  return parts.join(to);
}

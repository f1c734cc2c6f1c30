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
  /** Runs that it shows in, whichever of them first. */
  readonly seed: number;
  readonly runs: number;
};

export const MUTATIONS: readonly Mutation[] = [
  {
    name: 'look skipped',
    file: 'to-notion/preread.ts',
    from: 'const one: Preread = (record) => lookAt(context, table, { source, record, ask });',
    to: 'const one: Preread = async () => null;',
    says: /invariant 7: .* is in no operation/,
    seed: 1,
    runs: 6,
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
    seed: 1,
    runs: 6,
  },
  {
    name: 'base from what was sent',
    file: 'model/merge.ts',
    from: 'late.has(property) && property in sent && !codec.same(sent[property] ?? null, image[property] ?? null),',
    to: 'property in sent,',
    says: /lost update: .* which no page tells apart/,
    seed: 1,
    runs: 6,
  },
];

/** The file's text with the fault in it. */
export function mutated({ name, file, from, to }: Mutation, text: string): string {
  const parts = text.split(from);
  if (parts.length !== 2)
    throw new Error(`${name}: ${file} has the text to replace ${parts.length - 1} times, not once`);
  return parts.join(to);
}

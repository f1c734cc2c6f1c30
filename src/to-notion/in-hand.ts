import type { RowKey, TableName } from '../model/ids.ts';

type Named = { readonly table: TableName; readonly key: RowKey };

/**
 * Records whose page is about to be made, and whose request waits for its turn: an edit that needs such a page hastens it
 * there, as it does in the outbox.
 */
export type InHand = {
  /** The signal comes when somebody more urgent waits; until the disposal. */
  readonly take: (record: Named) => Disposable & { readonly hastened: AbortSignal };
  readonly hasten: (records: readonly Named[]) => void;
};

const nameOf = ({ table, key }: Named): string => `${table}/${key}`;

export function createInHand(): InHand {
  const held = new Map<string, AbortController>();
  return {
    take: (record) => {
      const name = nameOf(record);
      const mine = new AbortController();
      held.set(name, mine);
      return {
        hastened: mine.signal,
        [Symbol.dispose]: () => {
          if (held.get(name) === mine) held.delete(name);
        },
      };
    },
    hasten: (records) => {
      for (const record of records) held.get(nameOf(record))?.abort();
    },
  };
}

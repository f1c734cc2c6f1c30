import type { Drift } from '../drift.ts';
import { listed } from '../sentences.ts';
import { type Check, ok, warning } from './check.ts';

/** An entry of the view `drift`, as far as a check tells of it. */
type Noticed = Pick<Drift, 'detail' | 'remedy'> & {
  readonly table_name: string;
  readonly property: string;
};

/** What was noticed of either schema: a check for each table that has entries, in the words of `pgnotion drift list`. */
export function driftChecks(entries: readonly Noticed[]): readonly Check[] {
  if (entries.length === 0) return [ok('drift', 'nothing is noticed of either schema')];
  return [...Map.groupBy(entries, ({ table_name: table }) => table)].map(([table, own]) =>
    warning(
      table === '' ? 'drift' : `drift.${table}`,
      listed(own.map(({ property, detail }) => (property === '' ? detail : `${property}: ${detail}`))),
      listed(own.map(({ remedy }) => remedy)),
    ),
  );
}

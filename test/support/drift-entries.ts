import type { Sides } from './sides.ts';

/** A line of the view `drift`, as an operator reads it. */
export type DriftEntry = {
  readonly table_name: string;
  readonly property: string;
  readonly kind: string;
  readonly side: string;
  readonly pauses: string;
  readonly detail: string;
  readonly remedy: string;
  readonly remedy_kind: string;
  readonly since: Date;
};

// That the publication is corrected goes by itself: test/flow/publication-watch.test.ts.
export const driftEntries = ({ sql }: Pick<Sides, 'sql'>): Promise<DriftEntry[]> =>
  sql<DriftEntry>(`select * from pgnotion.drift where kind <> 'publication'`);

/** Property, kind, side, what it pauses, and what settles it. */
export const driftLine = ({ property, kind, side, pauses, remedy_kind: remedy }: DriftEntry): string =>
  [property, kind, side, pauses, remedy].join(' ');

export const pausedTables = async ({ sql }: Pick<Sides, 'sql'>): Promise<string[]> =>
  (await sql<{ table_name: string }>('select table_name from pgnotion.status where paused order by 1')).map(
    ({ table_name: name }) => name,
  );

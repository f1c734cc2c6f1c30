import { unknownTable } from '../app/operator.ts';
import { sentences } from '../model/sentences.ts';
import { ageText } from '../model/units.ts';
import { type DriftEntry, driftEntries } from '../state/drift.ts';
import { type Loaded, withState } from './commands.ts';

/** How many entries `status` shows; `drift list` has all. */
const SHOWN = 10;
const WEIGHT = { table: 0, field: 1, nothing: 2 } as const;

/** What is noticed of either schema, each with what it pauses, since when, and what settles it. */
export function driftCommand(loaded: Loaded, table: string | null, asJson: boolean): Promise<string> {
  const { config } = loaded;
  const isKnown = config.tables.some(({ name }) => name === table);
  return withState(loaded, async (sql) => {
    const entries = await driftEntries(sql, table);
    // One that the configuration has no more may have been left over.
    if (table !== null && !isKnown && entries.length === 0) throw unknownTable(table, config);
    if (asJson) return JSON.stringify(entries, null, 2);
    if (entries.length === 0) return 'both schemas are as the configuration says';
    const now = new Date();
    return entries.map((entry) => entryText(entry, now)).join('\n');
  });
}

const placeOf = ({ table_name: table, property }: DriftEntry): string =>
  [table, property].filter((name) => name !== '').join(', ');

function entryText(entry: DriftEntry, now: Date): string {
  const { kind, side, detail, remedy, since } = entry;
  const seconds = Math.max(0, (now.getTime() - since.getTime()) / 1_000);
  return [
    `${placeOf(entry)} (${kind}, in ${side === 'notion' ? 'Notion' : 'PostgreSQL'}; ${pausesText(entry)})`,
    `  ${detail}`,
    `  what to do: ${remedy}`,
    `  since ${since.toISOString()} (${ageText(seconds)} ago)`,
  ].join('\n');
}

function pausesText({ pauses }: DriftEntry): string {
  switch (pauses) {
    case 'nothing':
      return 'nothing is paused';
    case 'field':
      return 'this field is paused';
    case 'table':
      return 'this table is paused';
    default:
      return pauses satisfies never;
  }
}

/** A line for each entry. */
export const driftLines = (drift: readonly DriftEntry[]): string[] =>
  drift.map((entry) => sentences(`${placeOf(entry)}: ${entry.detail}`, entry.remedy));

/** What `status` says of it: how much there is, and the entries that pause most. A table that stands still says why itself. */
export function driftSection(drift: readonly DriftEntry[]): string[] {
  if (drift.length === 0) return [];
  const shown = drift
    .filter(({ pauses }) => pauses !== 'table')
    .sort((one, other) => WEIGHT[one.pauses] - WEIGHT[other.pauses])
    .slice(0, SHOWN);
  const count = (pauses: DriftEntry['pauses']): number =>
    drift.filter((entry) => entry.pauses === pauses).length;
  const paused = [
    ...(count('table') > 0 ? [`pause their table: ${count('table')}`] : []),
    ...(count('field') > 0 ? [`pause their field: ${count('field')}`] : []),
  ];
  const head = `drift: ${drift.length} ${drift.length === 1 ? 'entry' : 'entries'}${paused.length === 0 ? '' : ` (${paused.join(', ')})`}`;
  return ['', `${head}; \`pgnotion drift list\` has all, and what settles each`, ...driftLines(shown)];
}

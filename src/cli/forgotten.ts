import type { Installation } from '../app/connections.ts';
import type { Fate, Known } from '../app/forget-installation.ts';
import { databaseVariable } from '../config/environment.ts';

// What `reset` says of a whole installation: before it, afterwards, and what is to be done then.

/** What is asked before everything is forgotten. */
export function forgetQuestion(known: Known): string {
  const drops = [
    ...known.slots.filter(isDropped).map(({ name }) => `the slot ${name}`),
    ...[known.publication].filter(isDropped).map(({ name }) => `the publication ${name}`),
  ];
  const dropped = drops.length === 0 ? '' : `, and ${drops.join(' and ')} dropped`;
  return (
    `all that pgnotion knows in this database would be forgotten${dropped}: which page is which row ` +
    `(${pairsText(known)}), what waits, the conflicts, the history. Rows and pages stay as they are`
  );
}

const isDropped = ({ kind }: Fate): boolean => kind === 'drop';

function pairsText({ pairs }: Known): string {
  const records = [...pairs.values()].reduce((sum, each) => sum + each, 0);
  return `${records} records of ${pairs.size === 1 ? 'one table' : `${pairs.size} tables`}`;
}

/** What became of everything, a line each. */
export const forgottenLines = (known: Known): readonly string[] => [
  `forgotten: which page is which row (${pairsText(known)}), what waited, the conflicts, the history. This database has an installation of its own now, which knows no page; no row and no page was changed`,
  ...known.slots.map((fate) => fateLine('slot', fate)),
  fateLine('publication', known.publication),
];

function fateLine(what: string, fate: Fate): string {
  const name = `the ${what} ${fate.name}`;
  switch (fate.kind) {
    case 'drop':
      return `${name}: dropped`;
    case 'none':
      return `${name}: there is none`;
    case 'leave':
      return `${name}: left as it is, since ${fate.why}`;
    default:
      return fate satisfies never;
  }
}

/** What ties the environment to the workspace that is left, and the commands from there to a sync. */
export function stepsAfter({ environment, config }: Installation, known: Known): readonly string[] {
  const pinned = [...environment.databaseIds.keys(), ...environment.reportDatabaseIds.keys()].map(
    databaseVariable,
  );
  const isBusy = known.slots.some(({ name, kind }) => name === config.slot && kind === 'leave');
  return [
    ...(isBusy ? [`set another slot than ${JSON.stringify(config.slot)} in the configuration`] : []),
    'in .env, set NOTION_API_KEY and NOTION_PARENT_PAGE_ID of the workspace that is synced from now on',
    ...(environment.NOTION_BASE_URL === undefined
      ? []
      : [`take NOTION_BASE_URL (${environment.NOTION_BASE_URL}) out of .env, unless that is where it is`]),
    ...(pinned.length === 0 ? [] : [`take ${pinned.join(', ')} out of .env: these are the former databases`]),
    '`pgnotion doctor`, `pgnotion plan`, `pgnotion apply`, `pgnotion start`',
  ];
}

import { durationText } from '../model/duration-text.ts';
import type { Part, Price } from '../model/plan-price.ts';
import {
  isInSync,
  KIND_WORDS,
  PLAN_KINDS,
  type PlanKind,
  type PlannedRemoval,
  type Sample,
  type SchemaChanges,
  type SyncPlan,
  type TablePlan,
} from '../model/sync-plan.ts';

const counted = (count: number, one: string, many = `${one}s`): string =>
  `${count} ${count === 1 ? one : many}`;

/** A plan for people to read, table by table, the price last. */
export function planText(plan: SyncPlan): string {
  const { tables, reports, moves, removals = [], people, price, warnings } = plan;
  const nothing = isInSync(plan);
  return [
    ...tables.flatMap((table) => tableLines(table)),
    ...reports.map(
      ({ title, created }) => `${title}: ${created ? 'its database is created' : 'properties are added'}`,
    ),
    ...moves,
    ...removalLines(removals),
    ...peopleLines(people),
    ...warnings.map((warning) => `warning: ${warning}`),
    '',
    ...(nothing ? ['both sides are in sync: nothing would be done'] : priceLines(price)),
  ].join('\n');
}

function removalLines(removals: readonly PlannedRemoval[]): readonly string[] {
  if (removals.length === 0) return [];
  return [
    'kept, unless it is removed with `pgnotion apply --allow-destructive`:',
    ...removals.flatMap(({ table, what, lost, requests }) => [
      `  ${table === null ? '' : `${table}: `}${what}`,
      `    lost with it: ${lost}${requests === 0 ? '' : ` (${counted(requests, 'request')} at least)`}`,
    ]),
  ];
}

function tableLines(table: TablePlan): readonly string[] {
  const { rows, pages, dataSource, kinds, schema, faults } = table;
  const where =
    dataSource === null
      ? `its database ${JSON.stringify(table.title)} is created`
      : `${counted(pages, 'page')} in the data source ${dataSource}`;
  return [
    `${table.table}: ${counted(rows, 'row')}; ${where}`,
    ...schemaLines(schema),
    ...PLAN_KINDS.filter((kind) => kinds[kind].count > 0).flatMap((kind) => kindLines(table, kind)),
    ...firstLinkLines(table),
    ...fieldLines(table),
    ...faults.map((fault) => `  not possible yet: ${fault}`),
  ];
}

function schemaLines({ properties, options, looks = [] }: SchemaChanges): readonly string[] {
  const added = properties.map(({ name, type, options: count }) =>
    count === 0 ? `${name} (${type})` : `${name} (${type}, ${counted(count, 'option')})`,
  );
  return [
    ...(added.length === 0
      ? []
      : [`  ${counted(added.length, 'property', 'properties')} to create: ${added.join(', ')}`]),
    ...options.map(
      ({ property, names }) =>
        `  ${counted(names.length, 'option')} to add to ${property}: ${names.join(', ')}`,
    ),
    ...(looks.length === 0 ? [] : [`  of its database, to be set as configured: ${looks.join(', ')}`]),
  ];
}

function kindLines(table: TablePlan, kind: PlanKind): readonly string[] {
  const { count, samples } = table.kinds[kind];
  return [
    `  ${count} ${KIND_WORDS[kind]}${remarkOf(table, kind)}`,
    ...samples.map((sample) => `    ${sampleText(sample)}`),
    ...(count > samples.length ? [`    and ${count - samples.length} more`] : []),
  ];
}

function remarkOf({ table, adoptedWritten, onPostgresDelete, guarded }: TablePlan, kind: PlanKind): string {
  if (kind === 'adopt' && adoptedWritten > 0) return `, ${adoptedWritten} of which are written to`;
  if (kind === 'ambiguous' || kind === 'alike') return ` (\`pgnotion guarded pair ${table} KEY PAGE\`)`;
  if ((kind === 'become' || kind === 'create') && guarded.includes(kind))
    return `: they wait for \`pgnotion guarded approve ${table} --kind creation\``;
  if (kind !== 'trash') return '';
  return guarded.includes('trash')
    ? ` (${onPostgresDelete}): they wait for \`pgnotion guarded approve ${table} --kind deletion\``
    : ` (${onPostgresDelete})`;
}

const sampleText = ({ key, title, page, note }: Sample): string =>
  [key, title === null ? null : JSON.stringify(title), key === null ? page : null, note]
    .filter((part) => part !== null)
    .join('  ');

/** What `firstLink` makes of the pages that are adopted or joined. */
function firstLinkLines({ firstLink: { rule, differing, toRows, review } }: TablePlan): readonly string[] {
  const wins: Readonly<Record<typeof rule, string>> = {
    postgres: 'the rows win',
    notion: 'the pages win',
    newest: 'the later one wins where both times are known',
    review: 'a person decides',
  };
  return [
    ...(differing === 0
      ? []
      : [`  ${differing} of these pages differ from their rows: ${wins[rule]} (firstLink: ${rule})`]),
    ...(review === 0
      ? []
      : [`  ${counted(review, 'page')} with values to decide: see \`pgnotion conflicts list\` then`]),
    ...(toRows === 0 ? [] : [`  ${counted(toRows, 'row')} to get values of their pages`]),
  ];
}

function fieldLines({ fields }: TablePlan): readonly string[] {
  const each = Object.entries(fields).map(([name, count]) => `${name} ${count}`);
  return each.length === 0 ? [] : [`  values to write to pages that exist: ${each.join(', ')}`];
}

function peopleLines({ people, notifications, samples }: SyncPlan['people']): readonly string[] {
  if (people === 0) return [];
  return [
    `${counted(people, 'person', 'people')} would be notified, ${counted(notifications, 'time')} in all: Notion tells people whom a page names, and cannot be asked not to`,
    ...samples.map(({ person, pages }) => `  ${person}  ${counted(pages, 'page')}`),
  ];
}

function priceLines({ apply, firstSync, limit }: Price): readonly string[] {
  const { polls } = firstSync;
  return [
    `at ${limit.requests} requests per ${limit.seconds} s (NOTION_RATE_LIMIT):`,
    `  apply: ${counted(apply.requests, 'request')}, ${durationText(apply.seconds)}`,
    `  first sync: ${counted(firstSync.requests, 'request')}, about ${durationText(firstSync.seconds)}`,
    ...firstSync.parts.map(({ what, requests }: Part) => `    ${what}: ${requests}`),
    `  polls go on meanwhile: about ${polls.perInterval} requests every ${polls.intervalSeconds} s (SYNC_INTERVAL_SECONDS)`,
  ];
}

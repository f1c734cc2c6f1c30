import { FINDING_KINDS, IN_FLIGHT } from './verify.ts';
import {
  besideOf,
  countLines,
  isWhole,
  kindsIn,
  MOST_LISTED,
  shownText,
  sumOf,
  type TableReport,
  type VerifyReport,
} from './verify-report.ts';

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export const escapeHtml = (text: string): string =>
  text.replace(/[&<>"']/g, (sign) => ENTITIES[sign] ?? sign);

const cell = (value: string | number): string =>
  typeof value === 'number'
    ? `<td class="number">${value.toLocaleString('en')}</td>`
    : `<td>${escapeHtml(value)}</td>`;

const table = (
  headings: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): string => `<div class="wide"><table><thead><tr>${headings.map((one) => `<th scope="col">${escapeHtml(one)}</th>`).join('')}</tr></thead>
<tbody>${rows.map((row) => `<tr>${row.map(cell).join('')}</tr>`).join('\n')}</tbody></table></div>`;

const STYLE = `
  :root { color-scheme: light dark; }
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
  h1 { font-size: 1.6rem; margin-bottom: 0; } h2 { font-size: 1.2rem; margin-top: 2rem; }
  .verdict { padding: .8rem 1rem; border-left: .4rem solid; margin: 1rem 0; font-size: 1.15rem; }
  .same { border-color: #2e7d32; } .differences { border-color: #c62828; }
  .wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: .92rem; }
  th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid #8884; vertical-align: top; overflow-wrap: anywhere; }
  td.number { text-align: right; font-variant-numeric: tabular-nums; } .quiet { opacity: .75; }
  @media print { body { margin: 0; max-width: none; } }`;

const at = (time: string | null): string =>
  time === null ? 'never' : `${time.slice(0, 19).replace('T', ' ')} UTC`;

/** The report as one page that needs nothing else, for whoever has to be shown that both sides are the same. */
export function verifyHtml(report: VerifyReport): string {
  const rows = sum(report.tables, ({ rows: count }) => count);
  const beside = besideOf(report);
  const but =
    beside === 0
      ? ''
      : ` ${beside.toLocaleString('en')} of them ${beside === 1 ? 'is' : 'are'} on the way, or ${beside === 1 ? 'waits' : 'wait'} for a person.`;
  const verdict =
    report.result === 'same'
      ? `PostgreSQL and Notion hold the same: ${rows.toLocaleString('en')} rows were compared.${but}`
      : report.differences === 0
        ? 'Not everything could be compared.'
        : `${report.differences.toLocaleString('en')} ${report.differences === 1 ? 'difference' : 'differences'} between PostgreSQL and Notion.`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>pgnotion: ${escapeHtml(verdict)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>Comparison of PostgreSQL and Notion</h1>
<p class="quiet">${escapeHtml(`${at(report.finishedAt)}, run ${report.run}, ${report.seconds.toFixed(1)} s`)}</p>
<p class="verdict ${report.result}">${escapeHtml(verdict)}</p>
${scopeOf(report)}
<h2>Tables</h2>
${table(
  ['Table', 'Rows', 'Pages', 'Compared', 'Different', 'On its way', 'Last synced', 'Notion last read'],
  report.tables.map((one) => [
    one.table,
    one.rows,
    one.pages,
    one.compared,
    sumOf(one.differences),
    sumOf(one.inFlight),
    at(one.lastSynced),
    at(one.lastPolled),
  ]),
)}
${skippedOf(report)}
${kindsOf(report)}
${underWayOf(report.tables)}
${findingsOf(report)}
</body>
</html>
`;
}

const sum = (tables: readonly TableReport[], of: (one: TableReport) => number): number =>
  tables.reduce((total, one) => total + of(one), 0);

function scopeOf({ scope, daemon }: VerifyReport): string {
  const told = [
    ...(scope.sample === null
      ? []
      : [`Only ${scope.sample} rows of each table were compared, chosen at random.`]),
    ...(scope.where === null ? [] : [`Only rows were compared that meet: ${scope.where}`]),
    ...(daemon
      ? []
      : ['The synchronisation was not running: what changed since it stopped counts as different.']),
  ];
  return told.map((one) => `<p>${escapeHtml(one)}</p>`).join('\n');
}

const skippedOf = (report: VerifyReport): string =>
  isWhole(report)
    ? ''
    : `<h2>Not compared</h2>\n${table(
        ['Table', 'Property', 'Why', 'What to do'],
        [
          ...report.skipped.map((one) => [one.table, 'all', one.reason, one.remedy]),
          ...report.omitted.map((one) => [one.table, one.field, one.reason, one.remedy]),
        ],
      )}`;

const kindsOf = (report: VerifyReport): string =>
  report.differences === 0
    ? ''
    : `<h2>What differs</h2>\n${table(
        ['Kind', 'Count'],
        kindsIn(report).map((kind) => [
          FINDING_KINDS[kind],
          sum(report.tables, ({ differences }) => differences[kind] ?? 0),
        ]),
      )}`;

function underWayOf(tables: readonly TableReport[]): string {
  const rows = tables.flatMap((one) => countLines(one.inFlight, IN_FLIGHT).map((line) => [one.table, line]));
  return rows.length === 0
    ? ''
    : `<h2>No difference: on its way, or waiting for a person</h2>\n${table(['Table', 'What'], rows)}`;
}

function findingsOf({ findings, differences }: VerifyReport): string {
  if (findings.length === 0) return '';
  const more =
    differences > findings.length ? `<p>The first ${MOST_LISTED} of ${differences} are listed.</p>` : '';
  return `<h2>Differences</h2>\n${more}${table(
    ['Table', 'Record', 'What', 'Property', 'In PostgreSQL', 'In Notion', 'Why'],
    findings.map((one) => [
      one.table,
      one.key ?? one.page ?? '',
      FINDING_KINDS[one.kind],
      one.field ?? '',
      one.field === null ? '' : shownText(one.row),
      one.field === null ? '' : shownText(one.value),
      one.note,
    ]),
  )}`;
}

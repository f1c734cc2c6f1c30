import { html } from 'hono/html';
import type { Slo } from '../../model/slo.ts';
import { bytesText } from '../../model/units.ts';
import type { ChartPoint } from '../../state/charts.ts';
import type { SlotStatus } from '../../state/daemon-status.ts';
import type { RefusedKind } from '../../state/refused-requests.ts';
import type { StatusLine } from '../../state/status.ts';
import type { ChartSpan, Overview } from '../queries.ts';
import { action } from './action.ts';
import { chart } from './chart.ts';
import {
  addressOf,
  badge,
  content,
  empty,
  type Html,
  marked,
  numberText,
  plural,
  secondsText,
  sentence,
  shareText,
  timeText,
  type View,
} from './parts.ts';
import { sloCard } from './slo-card.ts';

/** The last hour, or the last day. */
type Charted = {
  readonly span: ChartSpan;
  readonly points: readonly ChartPoint[];
  readonly slo: Slo;
  /** What the success criteria are measured over. */
  readonly days: number;
};

/** At a glance: whether all is well, and where it is not. */
export function overviewPage(view: View, overview: Overview, charted: Charted): Html {
  const { tables, notes, refused } = overview;
  return html`<h1>Overview</h1>
    ${notes.map((note) => html`<p class="message warn">${marked(sentence(note))}</p>`)}
    ${refused.map((kind) => html`<p class="message bad">${refusalOf(kind)}</p>`)}
    ${alertList(view, overview)}
    ${figures(view, overview)}
    ${
      tables.length === 0
        ? empty(
            'No table is synced yet.',
            'Run `pgnotion apply` to make the databases in Notion; the tables stand here once the daemon has seen them.',
          )
        : tableOfTables(view, tables)
    }
    ${sloCard(charted.slo, charted.days)}
    ${charts(overview, charted)}`;
}

const alertList = (view: View, { alerts }: Overview): Html | string =>
  alerts.length === 0
    ? ''
    : html`<section aria-labelledby="alerts"><h2 id="alerts">Alerts</h2>
      <ul class="plain">${alerts.map(
        ({ cause, text, since }) =>
          html`<li class="message bad" data-key="${cause}">${marked(text)} <span class="quiet">${timeText(since, view)}</span></li>`,
      )}</ul></section>`;

const refusalOf = ({ kind, table, code, remedy }: RefusedKind): Html =>
  html`Notion refuses to ${kind} pages${table === null ? '' : html` of ${content(table)}`} (<code>${code}</code>). ${marked(sentence(remedy))}`;

type Figure = { readonly name: string; readonly value: Html | string; readonly detail: Html | string };

function figures(view: View, overview: Overview): Html {
  const { tables, budget, waiting: kinds, slot } = overview;
  const sum = (of: (table: StatusLine) => number): number =>
    tables.reduce((total, table) => total + of(table), 0);
  const waiting = Object.values(kinds).reduce((all, each) => all + each, 0);
  const oldest = Math.max(-1, ...tables.map((table) => table.oldest_pending_seconds ?? -1));
  const list: readonly Figure[] = [
    {
      name: 'Records in sync',
      value: numberText(sum(({ linked }) => linked)),
      detail: `of ${numberText(sum(({ records }) => records))}`,
    },
    {
      name: 'Pending',
      value: numberText(sum(({ pending }) => pending)),
      detail: oldest < 0 ? 'nothing waits' : `the oldest for ${secondsText(oldest)}`,
    },
    {
      name: 'Waiting for a person',
      value: html`<a href="/inbox">${numberText(waiting)}</a>`,
      detail: waiting === 0 ? 'nothing to decide' : 'see the inbox',
    },
    budgetFigure(budget),
    slotFigure(slot),
    daemonFigure(view, overview),
  ];
  return html`<dl class="figures">${list.map(
    ({ name, value, detail }) =>
      html`<div><dt>${name}</dt><dd>${value}</dd><dd class="detail">${detail}</dd></div>`,
  )}</dl>`;
}

function budgetFigure({ requests: used, limit, window_ms: windowMs }: Overview['budget']): Figure {
  return {
    name: 'Notion requests',
    value: `${numberText(used)} of ${numberText(limit)}`,
    detail: html`<meter aria-label="Share of the request limit that is used" min="0" max="${limit}" high="${limit * 0.9}" value="${used}"></meter> in ${secondsText(windowMs / 1_000)}`,
  };
}

function slotFigure(slot: SlotStatus | null): Figure {
  const name = 'Replication slot';
  if (slot === null) return { name, value: 'not made yet', detail: 'the first start makes it' };
  if (!slot.exists)
    return { name, value: 'does not exist', detail: 'the next start makes it and compares everything' };
  const behind = slot.lag_seconds === null ? null : `${secondsText(slot.lag_seconds)} behind`;
  const kept = slot.retained_bytes === null ? null : `${bytesText(slot.retained_bytes)} of WAL retained`;
  const lag = slot.lag_bytes === null ? null : `${bytesText(slot.lag_bytes)} unread`;
  return {
    name,
    value: slot.wal_status === 'lost' ? 'has lost WAL' : slot.active ? (behind ?? 'is read') : 'is not read',
    detail: [lag, kept].filter((part) => part !== null).join(', ') || 'its size is not visible to this role',
  };
}

function daemonFigure(view: View, { notion, daemon, verification }: Overview): Figure {
  const last = html`Notion answered ${timeText(notion.last_answer, view)}`;
  const who = daemon.host === null ? 'no daemon has run yet' : html`on ${content(daemon.host)}`;
  const checked =
    verification === null
      ? html`not compared yet`
      : html`compared ${timeText(verification.finishedAt, view)}: ${verification.result === 'same' ? 'same' : plural(verification.differences, 'difference')}`;
  const standbys = daemon.standbys.length === 0 ? '' : `, ${plural(daemon.standbys.length, 'standby')}`;
  return {
    name: 'Daemon',
    value: { syncing: 'syncing', starting: 'starting', silent: 'no sign of life', stopped: 'not running' }[
      daemon.state
    ],
    detail: html`${who}${standbys}; ${last}; ${checked}`,
  };
}

const HEAD = [
  'Table',
  'State',
  'Records',
  'Pending',
  'Oldest',
  'Failed',
  'Conflicts',
  'Guarded',
  'Latency p50 / p95',
  'Success',
  'Conflict rate',
  'Last change',
] as const;

/** Columns of numbers. */
const isNumber = (name: string): boolean => !['Table', 'State', 'Last change'].includes(name);

/** On a phone these take the width of two. */
const WIDE = ['State', 'Latency p50 / p95', 'Last change'];
const classOf = (name: string): string =>
  [isNumber(name) ? 'number' : '', WIDE.includes(name) ? 'wide' : ''].join(' ').trim();

function tableOfTables(view: View, tables: readonly StatusLine[]): Html {
  const heads = HEAD.map(
    (name) => html`<th scope="col"${isNumber(name) ? html` class="number"` : ''}>${name}</th>`,
  );
  return html`<h2 id="tables">Tables</h2>
    <div class="scroll" role="region" aria-labelledby="tables" tabindex="0"><table class="stack overview">
      <caption class="hidden">The synced tables. Latency, success and conflict rate are of the last hour.</caption>
      <thead><tr>${heads}${view.session.readOnly ? '' : html`<th scope="col"><span class="hidden">Actions</span></th>`}</tr></thead>
      <tbody>${tables.map((table) => row(view, table))}</tbody>
    </table></div>
    <p class="quiet">Latency, success and conflict rate are of the last hour.</p>`;
}

function row(view: View, table: StatusLine): Html {
  const name = table.table_name;
  const waits = table.failed + table.conflicts + table.guarded > 0;
  const cell = (of: (typeof HEAD)[number], value: Html | string): Html =>
    html`<td class="${classOf(of)}" data-name="${of}"><span>${value}</span></td>`;
  const linked = (count: number, kind: string): Html | string =>
    count === 0
      ? '0'
      : html`<a href="${addressOf('/inbox', { table: name, kind })}">${numberText(count)}</a>`;
  return html`<tr data-key="${name}"${waits ? html` class="alerting"` : ''}>
    <th scope="row"><a href="${addressOf('/activity', { table: name })}">${content(name)}</a></th>
    ${cell('State', stateOf(table))}
    ${cell('Records', records(table))}
    ${cell('Pending', numberText(table.pending))}
    ${cell('Oldest', secondsText(table.oldest_pending_seconds))}
    ${cell('Failed', linked(table.failed, 'failures'))}
    ${cell('Conflicts', linked(table.conflicts, 'conflicts'))}
    ${cell('Guarded', linked(table.guarded, 'guarded'))}
    ${cell('Latency p50 / p95', latencyOf(table))}
    ${cell('Success', flagged(table.success_rate !== null && table.success_rate < LEAST_SUCCESS, shareText(table.success_rate)))}
    ${cell('Conflict rate', flagged((table.conflict_rate ?? 0) > MOST_CONFLICTS, shareText(table.conflict_rate)))}
    ${cell('Last change', timeText(table.last_success, view))}
    ${view.session.readOnly ? '' : html`<td class="fit">${pauseOf(view, table)}</td>`}
  </tr>`;
}

/** What the alerts and the report on success go by, too. */
const LEAST_SUCCESS = 0.999;
const MOST_CONFLICTS = 0.01;

const flagged = (isBad: boolean, text: string): Html | string => (isBad ? badge('warn', text) : text);

const latencyOf = ({ latency_p50_seconds: p50, latency_p95_seconds: p95 }: StatusLine): string =>
  p50 === null ? '–' : `${secondsText(p50)} / ${secondsText(p95)}`;

const records = ({ records: all, linked, filtered }: StatusLine): Html =>
  html`${
    linked === all ? numberText(all) : `${numberText(linked)} of ${numberText(all)}`
  }${filtered === 0 ? '' : html` <span class="quiet">+ ${numberText(filtered)} filtered</span>`}`;

function stateOf(table: StatusLine): Html {
  if (table.paused)
    return html`${badge('warn', 'paused')}${table.paused_reason === null ? '' : html` <span class="quiet">${content(table.paused_reason)}</span>`}`;
  if (table.first_contact) return badge('plain', 'first contact');
  if (!table.backfilled) return html`<a href="/runs">${badge('plain', 'first sync')}</a>`;
  return badge('good', 'syncing');
}

const pauseOf = (view: View, { table_name: table, paused }: StatusLine): Html =>
  action(view, {
    name: paused ? 'resume' : 'pause',
    label: paused ? 'Resume' : 'Pause',
    about: table,
    parameters: { table },
  });

const SPANS = [
  ['hour', 'Last hour', 'minute'],
  ['day', 'Last day', 'half hour'],
] as const;
const MINUTES: Readonly<Record<ChartSpan, number>> = { hour: 1, day: 30 };

function charts({ budget }: Overview, { span, points }: Charted): Html {
  const [, , each] = SPANS.find(([name]) => name === span) ?? SPANS[0];
  const most = Math.round((budget.limit * MINUTES[span] * 60_000) / budget.window_ms);
  return html`<div class="head"><h2 id="charts">History <span class="quiet">(UTC)</span></h2>
      <nav aria-labelledby="charts" class="actions push">${SPANS.map(
        ([name, text]) =>
          html`<a href="${addressOf('/', { span: name === 'hour' ? null : name })}"${name === span ? html` aria-current="true"` : ''}>${text}</a>`,
      )}</nav></div>
    <div class="charts">
      ${chart({
        id: 'throughput',
        title: 'Changes',
        unit: `per ${each}`,
        series: ['to Notion', 'to PostgreSQL'],
        rows: points.map((point) => [point.at, [point.to_notion, point.to_postgres]]),
      })}
      ${chart({
        id: 'latency',
        title: 'Latency',
        unit: 'seconds',
        series: ['p50', 'p95'],
        rows: points.map((point) => [point.at, [point.latency_p50_seconds, point.latency_p95_seconds]]),
      })}
      ${chart({
        id: 'budget',
        title: 'Requests to Notion',
        unit: `per ${each}, at most ${numberText(most)}`,
        series: ['requests', 'refused by the limit'],
        rows: points.map((point) => [point.at, [point.requests, point.limited]]),
      })}
    </div>`;
}

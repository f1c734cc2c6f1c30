import { html } from 'hono/html';
import type { Progress, TableProgress } from '../../model/first-sync.ts';
import type { Listing } from '../../state/activity.ts';
import type { RunLine } from '../../state/run-list.ts';
import { action } from './action.ts';
import {
  addressOf,
  badge,
  content,
  empty,
  type Html,
  numberText,
  plural,
  secondsText,
  type Tone,
  timeText,
  type View,
} from './parts.ts';

export type Runs = {
  readonly progress: Progress | null;
  readonly listing: Listing<RunLine>;
  readonly before: string | null;
  readonly tables: readonly string[];
};

/** Long pieces of work: first syncs, comparisons, rollbacks. */
export function runsPage(view: View, { progress, listing, before, tables }: Runs): Html {
  return html`<h1>Runs</h1>
    ${before === null ? html`${begin(view, tables)}${underWay(progress)}` : ''}
    <h2>History</h2>
    ${
      listing.lines.length === 0
        ? empty(
            before === null ? 'Nothing has run yet.' : 'There is nothing older.',
            'First syncs, comparisons (`verify`) and rollbacks stand here, with what they found.'.replaceAll(
              '`',
              '',
            ),
          )
        : table(view, listing.lines)
    }
    <p class="actions pager">
      ${before === null ? '' : html`<a class="button" href="/runs">Newest</a>`}
      ${listing.next === null ? '' : html`<a class="button" rel="next" href="${addressOf('/runs', { before: listing.next })}">Older</a>`}
    </p>`;
}

function begin(view: View, tables: readonly string[]): Html {
  if (view.session.readOnly || tables.length === 0) return html``;
  return html`<div class="actions">
      ${action(view, { name: 'verify', label: 'Compare both sides', about: '(verify)', parameters: {} })}
      ${action(view, { name: 'resync', label: 'Sync every row again', about: 'of all tables (resync)', parameters: {} })}
    </div>
    <p class="quiet">A comparison changes nothing and says what differs. A resync reads every row again and writes what differs.</p>`;
}

const STATE: Readonly<Record<TableProgress['state'], readonly [Tone, string]>> = {
  reading: ['plain', 'reading rows'],
  writing: ['plain', 'writing pages'],
  paused: ['warn', 'paused'],
  stopped: ['bad', 'no daemon at work'],
  done: ['good', 'done'],
};

function underWay(progress: Progress | null): Html {
  if (progress === null) return html``;
  const { isFirst, total, done, secondsLeft } = progress;
  return html`<h2>${isFirst ? 'First sync' : 'Comparison of all rows'}</h2>
    <p><progress aria-label="All tables" max="${total}" value="${done}"></progress> ${numberText(done)} of ${plural(total, 'row')}${
      secondsLeft === null ? '' : `, about ${secondsText(secondsLeft)} left`
    }</p>
    <div class="scroll" role="region" aria-label="Progress by table" tabindex="0"><table class="stack">
      <caption class="hidden">Progress by table</caption>
      <thead><tr><th scope="col">Table</th><th scope="col">State</th><th scope="col">Progress</th><th scope="col" class="number">Set aside</th><th scope="col" class="number">Rows a second</th><th scope="col" class="number">Left</th></tr></thead>
      <tbody>${progress.tables.map(progressRow)}</tbody>
    </table></div>`;
}

const progressRow = (line: TableProgress): Html => html`<tr data-key="${line.table}">
  <th scope="row">${content(line.table)}</th>
  <td data-name="State">${badge(...STATE[line.state])}</td>
  <td data-name="Progress"><span><progress aria-label="${line.table}" max="${Math.max(1, line.total)}" value="${line.total === 0 ? 1 : line.done}"></progress> ${numberText(line.done)} of ${numberText(line.total)}</span></td>
  <td class="number" data-name="Set aside">${line.setAside === 0 ? '0' : html`<a href="${addressOf('/inbox', { table: line.table, kind: 'failures' })}">${numberText(line.setAside)}</a>`}</td>
  <td class="number" data-name="Rows a second">${line.rowsPerSecond === null ? '–' : line.rowsPerSecond.toFixed(1)}</td>
  <td class="number" data-name="Left">${line.state === 'done' ? '–' : secondsText(line.secondsLeft)}</td>
</tr>`;

const KINDS: Readonly<Record<string, string>> = {
  backfill: 'reading of all rows',
  verify: 'comparison',
  rollback: 'rollback',
};

const table = (
  view: View,
  lines: readonly RunLine[],
): Html => html`<div class="scroll" role="region" aria-label="Runs" tabindex="0"><table class="stack">
  <caption class="hidden">Runs, newest first</caption>
  <thead><tr><th scope="col">Run</th><th scope="col">Kind</th><th scope="col">Of</th><th scope="col">Started</th><th scope="col">Took</th><th scope="col" class="number">Records</th><th scope="col">By</th><th scope="col">Result</th></tr></thead>
  <tbody>${lines.map((line) => row(view, line))}</tbody>
</table></div>`;

function row(view: View, line: RunLine): Html {
  const { id, started_at: started, finished_at: finished } = line;
  const took = finished === null ? null : (finished.getTime() - started.getTime()) / 1_000;
  return html`<tr data-key="${id}">
    <th scope="row"><a href="${addressOf('/activity', { batch: id })}">${id}</a></th>
    <td data-name="Kind">${KINDS[line.kind] ?? line.kind}</td>
    <td data-name="Of">${content(line.table_name ?? line.selection ?? 'all tables')}</td>
    <td data-name="Started">${timeText(started, view)}</td>
    <td data-name="Took">${took === null ? '–' : secondsText(took)}</td>
    <td class="number" data-name="Records">${line.total === null ? '–' : numberText(line.total)}</td>
    <td data-name="By">${line.actor === null ? '–' : content(line.actor)}</td>
    <td data-name="Result">${resultOf(line)}</td>
  </tr>`;
}

function resultOf({ finished_at: finished, result, counts, kind }: RunLine): Html {
  if (finished === null) return badge('plain', 'not finished');
  switch (result) {
    case null:
      return badge('good', 'finished');
    case 'same':
      return badge('good', 'same on both sides');
    case 'failed':
      return badge('bad', 'failed');
    case 'differences': {
      const count = counts?.differences;
      const text = typeof count === 'number' ? plural(count, 'difference') : 'differences';
      return html`${badge('warn', text)}${kind === 'verify' ? html` <span class="quiet">each is in <code>pgnotion.differences</code></span>` : ''}`;
    }
    default:
      return result satisfies never;
  }
}

import { html } from 'hono/html';
import type { Json } from '../../model/change.ts';
import { pageAddress } from '../../model/notion-address.ts';
import type { Listing, OperationLine } from '../../state/activity.ts';
import type { ConflictLine } from '../../state/conflicts.ts';
import type { ExplainLine } from '../../state/explain.ts';
import type { RecordView } from '../queries.ts';
import { action } from './action.ts';
import { conflictItem } from './conflict-item.ts';
import { operationTable } from './operation-table.ts';
import {
  addressOf,
  badge,
  content,
  empty,
  type Html,
  marked,
  plainText,
  recordLink,
  sentence,
  type Tone,
  timeText,
  type View,
  valueText,
} from './parts.ts';

type Around = {
  readonly conflicts: readonly ConflictLine[];
  readonly operations: Listing<OperationLine>;
  /** The mapped properties, in their order. */
  readonly properties: readonly string[];
};

/** What is known of one record: where it stands, what both sides hold, and what happened to it. */
export function recordPage(view: View, record: RecordView, around: Around): Html {
  const { table_name: table, key } = record;
  return html`<h1>${content(`${table} ${key}`)}</h1>
    ${standing(view, record)}
    ${
      around.conflicts.length === 0
        ? ''
        : html`<h2>Conflicts</h2><ul class="items">${around.conflicts.map((line) => conflictItem(view, line))}</ul>`
    }
    <h2>Values</h2>
    ${values(record, around.properties)}
    <h2>Journey</h2>
    ${journey(view, record.journey)}
    <h2>Changes</h2>
    ${
      around.operations.lines.length === 0
        ? empty(
            'Neither side was changed yet.',
            'Changes of this record stand here, with the values before and after.',
          )
        : operationTable(view, around.operations.lines, 'Changes of this record, newest first', true)
    }
    ${around.operations.next === null ? '' : html`<p><a href="${addressOf('/activity', { table, key })}">All changes of this record</a></p>`}`;
}

const STATES: Readonly<Partial<Record<RecordView['state'], readonly [Tone, string]>>> = {
  creating: ['plain', 'its page is being made'],
  linked: ['good', 'linked'],
  away_hidden: ['warn', 'Notion does not show its page'],
};

function standing(view: View, record: RecordView): Html {
  const { table_name: table, key, state, page_id: page } = record;
  const [tone, text] = STATES[state] ?? ['plain', state.replaceAll('_', ', ')];
  const pending = [
    ...(record.pending_to_notion ? ['a change waits to be written to Notion'] : []),
    ...(record.pending_to_postgres ? ['an edit waits to be written to PostgreSQL'] : []),
  ];
  return html`<dl class="facts">
      <dt>State</dt><dd>${badge(tone, text)} ${pending.map((each) => badge('warn', each))}</dd>
      <dt>Page in Notion</dt><dd>${page === null ? 'none yet' : html`<a href="${pageAddress(page)}" rel="noreferrer"><code>${page}</code></a>`}</dd>
      <dt>Last synced</dt><dd>${timeText(record.synced_at, view)}</dd>
      <dt>Page edited</dt><dd>${timeText(record.page_edited_at, view, 'not known')}</dd>
    </dl>
    <p class="actions">${
      pending.length === 0
        ? ''
        : action(view, {
            name: 'retry',
            label: 'Retry now',
            about: `${table} ${key}`,
            parameters: { table, key },
          })
    }</p>`;
}

/** Every mapped value on both sides, as it was when they last agreed, and the row's as it is now. */
function values(
  { row, base_row: baseRow, base_page: basePage }: RecordView,
  properties: readonly string[],
): Html {
  if (properties.length === 0)
    return empty('No property is mapped any more.', 'Check the table in the configuration.');
  return html`<div class="scroll" role="region" aria-label="Values" tabindex="0"><table class="stack">
    <caption>What both sides held when they last agreed, and what the row holds now.</caption>
    <thead><tr><th scope="col">Property</th><th scope="col">Row now</th><th scope="col">Row when agreed</th><th scope="col">Page when agreed</th></tr></thead>
    <tbody>${properties.map((name) => {
      const changed = row !== null && name in row && name in baseRow && row[name] !== baseRow[name];
      const cell = (of: string, value: Json | undefined): Html =>
        html`<td data-name="${of}">${valueText(value)}</td>`;
      return html`<tr data-key="${name}"${changed ? html` class="alerting"` : ''}><th scope="row">${content(name)}${changed ? html` <span class="hidden">(changed since)</span>` : ''}</th>
        ${cell('Row now', row === null ? undefined : row[name])}
        ${cell('Row agreed', baseRow[name])}
        ${cell('Page agreed', basePage[name])}</tr>`;
    })}</tbody>
  </table></div>`;
}

function journey(view: View, lines: readonly ExplainLine[]): Html {
  if (lines.length === 0) return empty('Nothing is known of it.', 'It may have been forgotten meanwhile.');
  return html`<div class="scroll" role="region" aria-label="Journey" tabindex="0"><table class="stack">
    <caption class="hidden">What happened to the record, newest first</caption>
    <thead><tr><th scope="col">Time</th><th scope="col">What</th><th scope="col">Detail</th></tr></thead>
    <tbody>${lines.map(
      ({ at, what, detail }) =>
        html`<tr><td class="fit" data-name="Time">${timeText(at, view, 'now')}</td><th scope="row" class="fit">${what}</th><td>${marked(sentence(detail))}</td></tr>`,
    )}</tbody>
  </table></div>`;
}

/** A record as it is found by what a person typed. */
export type FoundRecord = {
  readonly table_name: string;
  readonly key: string;
  readonly title: Json;
};

/** The search, and what it found. */
export function recordsPage(find: string, found: readonly FoundRecord[]): Html {
  return html`<h1>Find a record</h1>
    <form class="filters" action="/records">
      <label>Key, page id, or address of the page in Notion
        <input type="search" name="find" value="${find}" spellcheck="false" autofocus></label>
      <button class="main">Find</button>
    </form>
    ${find === '' ? advice() : found.length === 0 ? none(find) : list(found)}`;
}

const advice = (): Html =>
  empty(
    'A record is found by what tells it from all others.',
    'Its primary key (of several columns: a JSON array of texts), the id of its page, or the address of its page in Notion.',
  );

const none = (find: string): Html =>
  html`<div class="empty"><p><strong>No record is ${content(find)}.</strong></p>
    <p>Check the key, or look for the change in the <a href="/activity">activity</a>. A row is a record once its table has been read.</p></div>`;

const list = (found: readonly FoundRecord[]): Html =>
  html`<ul class="items">${found.map(
    ({ table_name: table, key, title }) =>
      html`<li>${recordLink(table, key)} <span class="quiet">${content(plainText(title))}</span></li>`,
  )}</ul>`;

import { html } from 'hono/html';
import { failureSentence } from '../../model/failure-sentence.ts';
import type { NotionStatus } from '../../state/daemon-status.ts';
import type { DriftEntry } from '../../state/drift.ts';
import type { FailureLine } from '../../state/status.ts';
import { action } from './action.ts';
import {
  badge,
  content,
  type Html,
  marked,
  plural,
  recordLink,
  sentence,
  timeText,
  type View,
} from './parts.ts';

const remedyOf = (remedy: string): Html =>
  remedy === '' ? html`` : html`<p><span class="quiet">What to do:</span> ${marked(sentence(remedy))}</p>`;

/** A record that could not be synced. */
export function failureItem(view: View, line: FailureLine): Html {
  const { table_name: table, key, page_id: page, code, remedy, attempts, parked, next_at: next } = line;
  // A page that is no record yet goes by its id.
  const record = key ?? page;
  const tried = next === null ? '' : html`, tried again ${timeText(next, view)}`;
  return html`<li data-key="failure ${line.direction} ${table} ${record}">
    <div class="head">
      <h3>${recordLink(table, record)}</h3>
      <span class="quiet">${line.direction === 'to-notion' ? 'row to page' : 'page to row'}</span>
      ${badge(parked ? 'bad' : 'warn', parked ? 'set aside' : 'is tried again')}
      <span class="quiet push">${timeText(line.first_at, view)}, ${plural(attempts, 'try', 'tries')}${tried}</span>
    </div>
    <p>${content(sentence(failureSentence(line)))} <code class="quiet">${code}</code></p>
    ${remedyOf(remedy)}
    ${
      record === null
        ? ''
        : html`<div class="actions">${action(view, {
            name: 'retry',
            label: 'Retry',
            about: `${table} ${record}`,
            parameters: { table, key: record },
            main: true,
          })}</div>`
    }
  </li>`;
}

/** Notion refuses every request. */
export const refusalItem = (view: View, { since, code, reason, remedy }: NotionStatus): Html =>
  html`<li data-key="refusal">
    <div class="head"><h3>Notion refuses every request</h3><span class="quiet push">${timeText(since, view)}</span></div>
    <p>${content(sentence(reason ?? 'it gives no reason'))} <code class="quiet">${code ?? ''}</code></p>
    ${remedyOf(remedy ?? '')}
  </li>`;

/** A table that cannot be synced as long as something is wrong with it. */
export const suspendedItem = (
  view: View,
  { table, reason }: { readonly table: string; readonly reason: string },
): Html => html`<li data-key="suspended ${table}">
    <div class="head"><h3>${content(table)} is suspended</h3></div>
    <p>${content(sentence(reason))}</p>
    <p class="quiet">It goes on by itself once that is mended.</p>
    <div class="actions">${action(view, {
      name: 'resume',
      label: 'Try again now',
      about: table,
      parameters: { table },
    })}</div>
  </li>`;

/** A difference between a database in Notion and the configuration. */
export const driftItem = (view: View, line: DriftEntry): Html =>
  html`<li data-key="drift ${line.table_name} ${line.property} ${line.side} ${line.kind}">
    <div class="head">
      <h3>${content([line.table_name, line.property].filter((part) => part !== '').join(', ') || 'The configuration')}</h3>
      ${badge('warn', line.kind.replaceAll(/[-_]/g, ' '))}
      ${line.pauses === 'nothing' ? '' : badge('bad', `pauses the ${line.pauses}`)}
      <span class="quiet push">${timeText(line.since, view)}</span>
    </div>
    <p>${content(sentence(line.detail))}</p>
    ${remedyOf(line.remedy)}
  </li>`;

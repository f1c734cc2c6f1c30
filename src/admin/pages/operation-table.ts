import { html } from 'hono/html';
import type { OperationLine } from '../../state/activity.ts';
import { action } from './action.ts';
import {
  addressOf,
  badge,
  content,
  type Html,
  recordLink,
  secondsText,
  sentence,
  type Tone,
  timeText,
  type View,
  valueText,
} from './parts.ts';

const STATUS: Readonly<Record<OperationLine['status'], Tone>> = {
  done: 'good',
  started: 'plain',
  failed: 'bad',
  unknown: 'warn',
};

const HEAD = ['Time', 'Record', 'Change', 'Values before and after', 'By', 'Result'] as const;

/** Operations as a table, each with what it changed and a button that takes it back. `isOfOne`: all are of one record. */
export function operationTable(
  view: View,
  lines: readonly OperationLine[],
  caption: string,
  isOfOne = false,
): Html {
  return html`<div class="scroll" role="region" aria-label="${caption}" tabindex="0"><table class="stack">
    <caption class="hidden">${caption}</caption>
    <thead><tr>${HEAD.filter((name) => !isOfOne || name !== 'Record').map((name) => html`<th scope="col">${name}</th>`)}${
      view.session.readOnly ? '' : html`<th scope="col"><span class="hidden">Actions</span></th>`
    }</tr></thead>
    <tbody>${lines.map((line) => row(view, line, isOfOne))}</tbody>
  </table></div>`;
}

function row(view: View, line: OperationLine, isOfOne: boolean): Html {
  const to = line.direction === 'to-notion' ? 'Notion' : 'PostgreSQL';
  return html`<tr data-key="${line.id}">
    <td class="fit" data-name="Time">${timeText(line.started_at, view)}</td>
    ${isOfOne ? '' : html`<th scope="row">${recordLink(line.table_name, line.key ?? line.page_id)}</th>`}
    <td class="fit" data-name="Change">${line.kind} in ${to}</td>
    <td data-name="Values">${valuesOf(line)}</td>
    <td data-name="By">${whoOf(line)}</td>
    <td data-name="Result">${badge(STATUS[line.status], line.status)}${took(line)}${
      line.error === null ? '' : html`<br><span class="quiet">${content(sentence(line.error))}</span>`
    }</td>
    ${view.session.readOnly ? '' : html`<td class="fit">${undo(view, line)}</td>`}
  </tr>`;
}

/** Fields that are shown without being asked for. */
const FIRST_FIELDS = 4;

function valuesOf({ before, after, fields }: OperationLine): Html {
  const names = [...new Set([...fields, ...Object.keys(before), ...Object.keys(after)])];
  if (names.length === 0) return html`<span class="quiet">none</span>`;
  const change = (name: string): Html => html`<div><span class="quiet">${content(name)}:</span>
    ${name in before ? html`<del><span class="hidden">before </span>${valueText(before[name])}</del> ` : ''}${
      name in after ? html`<ins><span class="hidden">after </span>${valueText(after[name])}</ins>` : ''
    }</div>`;
  const rest = names.slice(FIRST_FIELDS);
  return html`<div>${names.slice(0, FIRST_FIELDS).map(change)}${
    rest.length === 0
      ? ''
      : html`<details data-key="rest"><summary>${rest.length} more</summary>${rest.map(change)}</details>`
  }</div>`;
}

function whoOf({ actor, candidates, batch, direction }: OperationLine): Html {
  const who =
    actor !== null
      ? html`<a href="${addressOf('/activity', { actor })}">${content(actor)}</a>`
      : candidates.length > 0
        ? html`one of ${content(candidates.join(', '))}`
        : html`<span class="quiet">${direction === 'to-notion' ? 'a change of the row' : 'nobody known'}</span>`;
  const run =
    batch === null
      ? ''
      : html` <a class="quiet" href="${addressOf('/activity', { batch })}">${batch === 'backfill' ? 'first sync' : `run ${batch}`}</a>`;
  return html`${who}${run}`;
}

const took = ({ duration_ms: ms, attempt }: OperationLine): Html =>
  html` <span class="quiet">${ms === null ? '' : ` ${secondsText(ms / 1_000)}`}${attempt > 1 ? `, try ${attempt}` : ''}</span>`;

const undo = (view: View, { id, table_name: table, key, undoable }: OperationLine): Html =>
  undoable
    ? action(view, {
        name: 'undo',
        label: 'Undo',
        about: `operation ${id} on ${table} ${key ?? ''}`,
        parameters: { operation: id },
      })
    : html``;

import { html } from 'hono/html';
import type { Json } from '../../model/change.ts';
import type { ConflictLine } from '../../state/conflicts.ts';
import { action, hidden } from './action.ts';
import {
  badge,
  content,
  type Html,
  marked,
  recordLink,
  sentence,
  timeText,
  type View,
  valueText,
} from './parts.ts';

const TYPES: Readonly<Record<ConflictLine['type'], string>> = {
  CONCURRENT_UPDATE: 'both sides changed',
  DELETED_IN_POSTGRES: 'row deleted, page edited',
  DELETED_IN_NOTION: 'page trashed, row changed',
  DUPLICATED_PAGE: 'page duplicated',
  ID_EDITED: 'key edited',
  REFUSED_EDIT: 'edit refused',
};

/** A conflict with both values, and a button for each. */
export function conflictItem(view: View, line: ConflictLine): Html {
  const about = `conflict ${line.id}, ${line.table_name} ${line.record_id}`;
  const keep = (side: 'postgres' | 'notion', label: string): Html =>
    action(view, { name: 'resolve', label, about, parameters: { id: line.id, keep: side } });
  return html`<li data-key="conflict ${line.id}">
    <div class="head">
      <h3>${recordLink(line.table_name, line.record_id)}</h3>
      ${line.fields.map((field) => html`<strong>${content(field)}</strong>`)}
      ${badge('warn', TYPES[line.type])}
      <span class="quiet push">conflict ${line.id}, ${timeText(line.detected_at, view)}</span>
    </div>
    ${line.note === null ? '' : html`<p>${marked(sentence(line.note))}</p>`}
    ${sidesOf(line).map(({ field, base, row, page }) => sides(line.fields.length === 1 ? null : field, { base, row, page }))}
    ${
      line.status === 'open'
        ? html`<div class="actions">${keep('postgres', 'Keep PostgreSQL')}${keep('notion', 'Keep Notion')}${otherValue(view, line)}</div>`
        : html`<p class="quiet">${line.resolved_by ?? line.strategy} decided (${line.resolution ?? 'no side'}); the daemon carries it out.</p>`
    }
  </li>`;
}

type Sides = {
  readonly base: Json | undefined;
  readonly row: Json | undefined;
  readonly page: Json | undefined;
};

/** The values of the fields in question; of a whole record, those that differ. */
function sidesOf(line: ConflictLine): readonly (Sides & { readonly field: string })[] {
  const names =
    line.fields.length > 0
      ? line.fields
      : [...new Set([...Object.keys(line.local_record), ...Object.keys(line.remote_record)])].slice(
          0,
          MOST_FIELDS,
        );
  return names.map((field) => ({
    field,
    base: line.base.row?.[field] ?? line.base.page?.[field],
    row: line.local_record[field],
    page: line.remote_record[field],
  }));
}

const MOST_FIELDS = 20;

const sides = (field: string | null, { base, row, page }: Sides): Html => html`
  ${field === null ? '' : html`<p><strong>${content(field)}</strong></p>`}
  <dl class="sides">
    <div><dt>PostgreSQL</dt><dd>${valueText(row)}</dd></div>
    <div><dt>Notion</dt><dd>${valueText(page)}</dd></div>
    <div><dt>When both agreed</dt><dd>${valueText(base)}</dd></div>
  </dl>`;

/** A value of the person's own, for a conflict of one field. */
function otherValue(view: View, { id, fields, type }: ConflictLine): Html {
  if (fields.length !== 1 || type !== 'CONCURRENT_UPDATE' || view.session.readOnly) return html``;
  return html`<details data-key="other ${id}"><summary>Another value</summary>
    <form class="actions" method="post" action="/actions/resolve">
      ${hidden(view)}<input type="hidden" name="id" value="${id}">
      <label>Value of the row, as JSON (a text in double quotes)
        <input name="value" required spellcheck="false" class="mono"></label>
      <button>Keep this value</button>
    </form></details>`;
}

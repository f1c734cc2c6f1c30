import { html } from 'hono/html';
import { sentences } from '../../model/sentences.ts';
import type { GuardedChange } from '../../state/guarded-changes.ts';
import { action } from './action.ts';
import {
  badge,
  content,
  type Html,
  numberText,
  plural,
  recordLink,
  sentence,
  timeText,
  type View,
} from './parts.ts';

/** Changes that are decided together. */
export type GuardedGroup = {
  readonly first: GuardedChange;
  readonly changes: number;
  readonly lines: readonly GuardedChange[];
};

/** What waits of one table, kind and property. */
export function guardedGroups(lines: readonly GuardedChange[]): readonly GuardedGroup[] {
  const groups = Map.groupBy(lines, ({ table_name: table, kind, field, side }) =>
    JSON.stringify([table, kind, field, side]),
  );
  return [...groups.values()].flatMap((all) => {
    const [first] = all;
    if (first === undefined) return [];
    return [{ first, lines: all, changes: all.reduce((sum, { changes }) => sum + changes, 0) }];
  });
}

/** Records that are named one by one. */
const MOST_NAMED = 25;

/** A mass of changes, its reason, and what may be done about all of it or about each. `isCut`: there may be more than are listed. */
export function guardedItem(view: View, group: GuardedGroup, isCut: boolean): Html {
  const { first, changes, lines } = group;
  const { table_name: table, kind, field } = first;
  const about = `${kind}s of ${table}`;
  const which = { table, kind, field };
  const all = isCut ? ' all' : changes === 1 ? '' : ` all ${numberText(changes)}`;
  const approve = action(view, {
    name: 'approve',
    label: `Approve${all}`,
    about,
    parameters: which,
    main: true,
  });
  return html`<li data-key="guarded ${table} ${kind} ${first.side} ${field ?? ''}">
    <div class="head">
      <h3>${content(table)}: ${isCut ? 'at least ' : ''}${effectOf(first, changes)}</h3>
      ${badge('warn', kind)}
      <span class="quiet push">${timeText(first.since, view)}</span>
    </div>
    <p>${content(sentence(sentences(first.reason, first.cause)))}</p>
    <div class="actions">
      ${kind === 'pairing' ? '' : approve}
      ${action(view, { name: 'reject', label: `Reject${all}`, about, parameters: which })}
    </div>
    ${lines.some(isNamed) ? named(view, lines.filter(isNamed), kind === 'pairing') : ''}
  </li>`;
}

const isNamed = ({ key, page_id: page }: GuardedChange): boolean => key !== null || page !== null;

function effectOf({ kind, side, field }: GuardedChange, changes: number): Html | string {
  const page = side === 'to-notion';
  switch (kind) {
    case 'deletion':
      return `${plural(changes, page ? 'page' : 'row')} would be deleted`;
    case 'clearing':
      return html`${content(field ?? 'a property')} of ${plural(changes, page ? 'page' : 'row')} would become empty`;
    case 'creation':
      return page
        ? `${plural(changes, 'page')} would be made`
        : `${plural(changes, 'row')} would be inserted`;
    case 'adoption':
      return `${plural(changes, 'page')} would be given to the rows of their keys`;
    case 'pairing':
      return `${plural(changes, 'page')} may belong to several rows`;
    default:
      return kind satisfies never;
  }
}

function named(view: View, lines: readonly GuardedChange[], pairs: boolean): Html {
  const rest = lines.length - MOST_NAMED;
  return html`<details data-key="named"${pairs ? html` open` : ''}><summary>One by one</summary>
    <ul class="items">${lines.slice(0, MOST_NAMED).map((line) => one(view, line))}</ul>
    ${rest > 0 ? html`<p class="quiet">and ${plural(rest, 'other')}</p>` : ''}
  </details>`;
}

function one(view: View, line: GuardedChange): Html {
  const { table_name: table, key, page_id: page, kind, field } = line;
  const record = key ?? page;
  const about = `${table} ${record}`;
  const parameters = { table, key: record, kind, field };
  return html`<li data-key="${record} ${page}">
    <div class="head">${recordLink(table, record)}
      <span class="actions push">
        ${
          kind === 'pairing'
            ? action(view, { name: 'pair', label: 'Pair', about, parameters: { table, key, page } })
            : action(view, { name: 'approve', label: 'Approve', about, parameters })
        }
        ${action(view, { name: 'reject', label: 'Reject', about, parameters })}
      </span>
    </div>
  </li>`;
}

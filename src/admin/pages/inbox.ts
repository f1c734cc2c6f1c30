import { html } from 'hono/html';
import type { ActionLine } from '../../state/admin-actions.ts';
import type { NotionStatus } from '../../state/daemon-status.ts';
import type { StatusLine } from '../../state/status.ts';
import type { Inbox, Waiting } from '../queries.ts';
import { action } from './action.ts';
import { conflictItem } from './conflict-item.ts';
import { driftItem, failureItem, refusalItem, suspendedItem } from './failure-item.ts';
import { guardedGroups, guardedItem } from './guarded-item.ts';
import { content, empty, type Html, numberText, recordLink, sentence, timeText, type View } from './parts.ts';

export const INBOX_KINDS = ['failures', 'conflicts', 'guarded', 'drift'] as const;
export type InboxKind = (typeof INBOX_KINDS)[number];

/** What is to be shown of it, and what only the pages want to know beside it. */
type Shown = {
  readonly kind: InboxKind | null;
  readonly table: string | null;
  /** Names of all tables, to choose one. */
  readonly tables: readonly StatusLine[];
  readonly notion: NotionStatus;
  /** How many there are of each kind, in all tables. */
  readonly waiting: Waiting;
  /** What people have had done of late, here and by commands. */
  readonly actions: readonly ActionLine[];
};

/** The reason that `pgnotion.pause` gives. */
const BY_HAND = 'paused by hand';

const TITLES: Readonly<Record<InboxKind, string>> = {
  failures: 'Failures',
  conflicts: 'Conflicts',
  guarded: 'Guarded changes',
  drift: 'Drift',
};

const EXPLAINED: Readonly<Record<InboxKind, string>> = {
  failures: 'Records that could not be synced. Everything else goes on.',
  conflicts: 'Both sides hold something else, and only one can stay. The first decision counts.',
  guarded: 'Too many changes of one kind at once, or changes that are asked about one by one.',
  drift:
    'How either schema differs from what the configuration expects. What it pauses goes on by itself once that is mended.',
};

/** Everything that waits for a person. */
export function inboxPage(view: View, inbox: Inbox, shown: Shown): Html {
  const sections = INBOX_KINDS.filter((kind) => shown.kind === null || shown.kind === kind);
  const blockers = blockersOf(view, shown);
  const some = blockers.length > 0 || sections.some((kind) => inbox[kind].length > 0);
  return html`<h1>Inbox</h1>
    ${filters(shown)}
    ${blockers.length === 0 ? '' : html`<h2>Stopped</h2><ul class="items">${blockers}</ul>`}
    ${some ? sections.map((kind) => section(view, inbox, kind)) : nothing(shown)}
    ${lately(view, shown.actions)}`;
}

function nothing({ kind, table }: Shown): Html {
  const filtered = kind !== null || table !== null;
  return empty(
    filtered ? 'Nothing of this kind waits.' : 'Nothing waits for a person.',
    filtered
      ? 'Choose all kinds and tables to see the rest.'
      : 'Failures, conflicts and guarded changes appear here by themselves, each with its reason and what to do.',
  );
}

function filters({ kind, table, tables, waiting }: Shown): Html {
  const total = INBOX_KINDS.reduce((sum, each) => sum + waiting[each], 0);
  const chosen = (is: boolean): Html | string => (is ? html` selected` : '');
  return html`<form class="filters" action="/inbox">
    <label>Kind <select name="kind" data-submit>
      <option value="">All (${numberText(total)})</option>
      ${INBOX_KINDS.map((each) => html`<option value="${each}"${chosen(each === kind)}>${TITLES[each]} (${numberText(waiting[each])})</option>`)}
    </select></label>
    <label>Table <select name="table" data-submit>
      <option value="">All</option>
      ${tables.map(({ table_name: each }) => html`<option${chosen(each === table)}>${each}</option>`)}
    </select></label>
    <button>Show</button>
  </form>`;
}

/** What keeps everything, or a whole table, from being synced. */
function blockersOf(view: View, { notion, tables, table }: Shown): readonly Html[] {
  const suspended = tables.filter(
    (each) => isSuspended(each) && (table === null || each.table_name === table),
  );
  return [
    ...(notion.state === 'refused' ? [refusalItem(view, notion)] : []),
    ...suspended.map(({ table_name: name, paused_reason: reason }) =>
      suspendedItem(view, { table: name, reason: reason ?? '' }),
    ),
  ];
}

/** Paused, and not by a person. */
const isSuspended = ({ paused, paused_reason: reason }: StatusLine): boolean =>
  paused && reason !== null && reason !== BY_HAND;

function section(view: View, inbox: Inbox, kind: InboxKind): Html {
  if (inbox[kind].length === 0) return html``;
  const isCut = kind !== 'drift' && inbox.more.includes(kind);
  return html`<section aria-labelledby="${kind}">
    <h2 id="${kind}">${TITLES[kind]}</h2>
    <p class="quiet">${EXPLAINED[kind]}</p>
    <ul class="items">${itemsOf(view, inbox, kind)}</ul>
    ${isCut ? html`<p class="quiet">There are more: they come up as these are settled.</p>` : ''}
  </section>`;
}

function itemsOf(view: View, inbox: Inbox, kind: InboxKind): readonly Html[] {
  switch (kind) {
    case 'failures':
      return inbox.failures.map((line) => failureItem(view, line));
    case 'conflicts':
      return inbox.conflicts.map((line) => conflictItem(view, line));
    case 'drift':
      return inbox.drift.map((line) => driftItem(view, line));
    case 'guarded':
      return guardedGroups(inbox.guarded).map((group) =>
        guardedItem(view, group, inbox.more.includes('guarded')),
      );
    default:
      return kind satisfies never;
  }
}

/** What was done, with the way to where it is taken back. */
function lately(view: View, actions: readonly ActionLine[]): Html {
  if (actions.length === 0) return html``;
  return html`<section aria-labelledby="lately">
    <h2 id="lately">Done lately</h2>
    <p class="quiet">A decision about one record can be undone here, once it is carried out; each change of a record in the <a href="/activity">activity</a>, too, or on the page of its record.</p>
    <ul class="items">${actions.map(
      ({ id, at, actor, message, input, operation }) => html`<li data-key="action ${id}"><div class="head">
        <span>${content(sentence(message))}</span> ${recordOf(input)}
        <span class="quiet push">${content(actor)}, ${timeText(at, view)}</span>${operation === null ? '' : undo(view, operation, message)}</div></li>`,
    )}</ul>
  </section>`;
}

/** Takes back what a decision has brought about. */
const undo = (view: View, operation: string, message: string): Html =>
  action(view, { name: 'undo', label: 'Undo', about: sentence(message), parameters: { operation } });

const recordOf = ({ table, key }: ActionLine['input']): Html | string =>
  typeof table === 'string' && typeof key === 'string' ? recordLink(table, key) : '';

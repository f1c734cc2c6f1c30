import { html } from 'hono/html';
import type { ActivityFilter, Listing, OperationLine } from '../../state/activity.ts';
import { operationTable } from './operation-table.ts';
import { addressOf, empty, type Html, type View } from './parts.ts';

export type Activity = {
  readonly filter: ActivityFilter;
  readonly tables: readonly string[];
  readonly listing: Listing<OperationLine>;
};

const DIRECTIONS = [
  ['to-notion', 'to Notion'],
  ['to-postgres', 'to PostgreSQL'],
] as const;
const STATUSES = ['done', 'failed', 'started', 'unknown'] as const;

/** What was changed on either side, newest first. */
export function activityPage(view: View, { filter, tables, listing }: Activity): Html {
  const { before, ...chosen } = filter;
  const isFiltered = Object.keys(chosen).length > 0;
  const query = { ...chosen };
  return html`<h1>Activity</h1>
    ${filters(filter, tables)}
    ${
      listing.lines.length === 0
        ? nothing(isFiltered, before !== undefined)
        : operationTable(view, listing.lines, 'Changes that were made on either side, newest first')
    }
    <p class="actions pager">
      ${before === undefined ? '' : html`<a class="button" href="${addressOf('/activity', query)}">Newest</a>`}
      ${listing.next === null ? '' : html`<a class="button" rel="next" href="${addressOf('/activity', { ...query, before: listing.next })}">Older</a>`}
    </p>`;
}

function nothing(isFiltered: boolean, isOlder: boolean): Html {
  if (isOlder) return empty('There is nothing older.', 'Go back to the newest.');
  return isFiltered
    ? empty('No change matches these filters.', 'Leave some of them out to see more.')
    : empty(
        'Nothing has been changed yet.',
        'Change a row, or edit a page in Notion: it stands here as soon as it is synced.',
      );
}

function filters(
  { table, key, direction, status, actor, batch }: ActivityFilter,
  tables: readonly string[],
): Html {
  const chosen = (is: boolean): Html | string => (is ? html` selected` : '');
  return html`<form class="filters" action="/activity">
    <label>Table <select name="table" data-submit><option value="">All</option>
      ${tables.map((each) => html`<option${chosen(each === table)}>${each}</option>`)}</select></label>
    <label>Direction <select name="direction" data-submit><option value="">Both</option>
      ${DIRECTIONS.map(([value, name]) => html`<option value="${value}"${chosen(value === direction)}>${name}</option>`)}</select></label>
    <label>Result <select name="status" data-submit><option value="">All</option>
      ${STATUSES.map((each) => html`<option${chosen(each === status)}>${each}</option>`)}</select></label>
    <label>Key <input name="key" value="${key ?? ''}" spellcheck="false"></label>
    <label>By <input name="actor" value="${actor ?? ''}"></label>
    ${batch === undefined ? '' : html`<label>Run <input name="batch" value="${batch}"></label>`}
    <button>Filter</button>
    <a class="button" href="/activity">Clear</a>
  </form>`;
}

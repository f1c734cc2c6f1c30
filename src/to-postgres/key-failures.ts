import type { PageValue, RowImage } from '../model/change.ts';
import { commandOf } from '../model/command-line.ts';
import type { RowKey } from '../model/ids.ts';
import { cutText, TEXT_LIMITS } from '../model/texts.ts';
import { ADOPTION_REVIEW, LOST_RECORD_PAGE } from '../state/first-contact.ts';
import type { Failure } from '../state/outbox.ts';
import type { Sighting } from './context.ts';

export const UNKNOWN_KEY = 'unknown_record_id';

const short = (text: string): string => cutText(text, TEXT_LIMITS.shownKey);

/** A page whose record id is no row's. */
export const unknownKey = ({ table }: Sighting, typed: string): Failure => ({
  code: UNKNOWN_KEY,
  told: [
    {
      property: table.idProperty,
      wrong: 'no record has this key; clear it to make this page a new record, or trash the page',
    },
  ],
  reason: `the page's ${table.idProperty} is ${JSON.stringify(short(typed))}, and no row has that key`,
  remedy: `clear ${table.idProperty} to make the page a new row, or trash the page`,
});

/** A second page of our own making. */
export const secondPage = (key: RowKey): Failure => ({
  code: 'second_page',
  told: [
    {
      property: null,
      wrong: 'this record has another page; move what is worth keeping there, and trash this one',
    },
  ],
  reason: `the connection made this page for ${key}, which has another page`,
  remedy: 'trash this page in Notion after moving anything worth keeping to the other one',
});

/** A page of a person's that shows the key of a record with another page. */
export const duplicatePage = ({ table }: Sighting, key: RowKey): Failure => ({
  code: 'duplicate_page',
  told: [
    {
      property: table.idProperty,
      wrong:
        'another page is the one of this record; clear the key to make this page a new record, or trash it',
    },
  ],
  reason: `the page's ${table.idProperty} is ${JSON.stringify(short(key))}, and that record has another page`,
  remedy: `clear ${table.idProperty} to make the page a new row, or trash the page`,
});

/** A record's own page on which a person typed the key of another row. */
export const keyOfAnother = ({ table }: Sighting, own: RowKey): Failure => ({
  code: 'id_of_another_record',
  told: [
    {
      property: table.idProperty,
      wrong: `this page is the one of ${short(own)}; clear the key, and it is filled in again`,
    },
  ],
  reason: `the page of ${JSON.stringify(short(own))} shows the key of another row in ${table.idProperty}`,
  remedy: `clear ${table.idProperty} on the page: it gets its own key again; to give the page to the other row, trash that row's page first`,
});

const MOST_SHOWN = 5;

/** A page that pgnotion made and does not know, with other values than the row of its key. */
export const lostRecord = (
  { table, image }: Sighting,
  key: RowKey,
  { row, different }: { readonly row: RowImage | null; readonly different: readonly string[] },
): Failure => {
  const shown = different
    .slice(0, MOST_SHOWN)
    .map((name) => `${name}: ${inPage(image[name])} on the page, ${inRow(row?.[name])} in the row`);
  const more = different.length > MOST_SHOWN ? `; and ${different.length - MOST_SHOWN} more` : '';
  return {
    code: ADOPTION_REVIEW,
    reason: `the connection made this page for a record ${JSON.stringify(short(key))} that it no longer knows, and the row of that key may be another one: ${shown.join('; ')}${more}`,
    remedy: `run ${commandOf('guarded approve', table.name, key)} if it is the same record (the page then gets the row's values), or ${commandOf('guarded reject', table.name, key)} to give the row a page of its own`,
  };
};

/** That page, once a person said that it belongs to another row. */
export const notThisRow = ({ table }: Sighting, key: RowKey): Failure => ({
  code: LOST_RECORD_PAGE,
  told: [
    {
      property: table.idProperty,
      wrong:
        'this key belongs to another record now; clear it to make this page a new record, or trash the page',
    },
  ],
  reason: `the page shows the key ${JSON.stringify(short(key))} of a record that is gone, and another row has that key now`,
  remedy: `clear ${table.idProperty} to make the page a new row, or trash the page`,
});

const inPage = (value: PageValue | undefined): string => short(JSON.stringify(value ?? null));
const inRow = (value: string | null | undefined): string =>
  value == null ? 'nothing' : short(JSON.stringify(value));

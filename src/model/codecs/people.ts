import type { PageValue, SqlText } from '../change.ts';
import type { Codec, CodecOptions, ColumnShape, DecodeContext, Decoded, Encoded, Lookups } from './codec.ts';
import { judged } from './judge.ts';
import {
  idObjects,
  isRefusal,
  MOST_REFERENCES,
  placeReferences,
  readIds,
  readReferences,
  rowReferences,
  tooMany,
} from './references.ts';
import {
  asSet,
  elementOf,
  itemContents,
  keepsCurrent,
  misfit,
  otherType,
  pageOutcome,
  refuse,
  refuseShape,
  sameSet,
  strings,
  UNKNOWN,
} from './support.ts';

function encode(text: SqlText, column: ColumnShape, options: CodecOptions, lookups: Lookups): Encoded {
  const emails = rowReferences(text, column, options);
  if (isRefusal(emails)) return emails;
  const users: string[] = [];
  for (const email of emails) {
    const user = lookups.userOf(email);
    if (user === undefined)
      return refuse(options, email, {
        message: 'is not the e-mail address of a Notion user that the connection can see',
        remedy:
          'invite the person to the workspace as a member (guests are not listed), or map the column to email',
      });
    users.push(user);
  }
  const ids = asSet(users);
  return ids.length > MOST_REFERENCES ? tooMany(text, options) : pageOutcome(ids);
}

function decode(
  value: PageValue,
  column: ColumnShape,
  options: CodecOptions,
  { lookups, current }: DecodeContext,
): Decoded {
  const ids = strings(value);
  if (ids === undefined) return refuseShape(options, value, 'people');
  const emails = new Map<string, string>();
  for (const id of ids) {
    const email = lookups.emailOf(id);
    if (email === undefined)
      return refuse(options, id, {
        message: 'is a Notion user whose e-mail address is not known: a guest, a group or a bot',
        remedy: 'choose a member of the workspace, and let the connection read users with e-mail addresses',
        words: 'somebody chosen there has no e-mail address that can be seen (a guest, a group or a bot)',
      });
    const outcome = judged(email, elementOf(column), options);
    if (outcome.kind !== 'value') return outcome;
    emails.set(id, email);
  }
  return placeReferences(emails, column, { options, current, shown: lookups.userOf });
}

/** People, for a column of e-mail addresses or an array of them. Who is no visible user of Notion is refused, never left out. */
export const people: Codec = keepsCurrent({
  type: 'people',
  writable: true,
  check: (column, options) =>
    column.category === 'text' || column.category === 'other'
      ? []
      : [misfit(options, column, 'people', 'map a text column that holds e-mail addresses')],
  encode,
  decode,
  read: (property) =>
    property.type === 'people'
      ? readReferences('people', property.people, property.has_more, false)
      : otherType(property),
  readItems: (items) => {
    const ids = itemContents('people', items).map((item) => readIds([item]));
    return asSet(ids.flatMap((id) => (id === UNKNOWN ? [] : id)));
  },
  write: (value) => ({ people: idObjects(value) }),
  same: sameSet,
  elements: { keyOf: String, ordered: false },
  schema: () => ({ people: {} }),
});

import { type SourceError, sourceErrors } from './source-errors.ts';

/** What happened, for codes whose message is made elsewhere, or is PostgreSQL's or Notion's own. */
const CAUSES: Readonly<Record<string, string>> = {
  admin_port_taken:
    'the address that ADMIN_HOST and ADMIN_PORT name is in use; syncing goes on without the port',
  admin_port_refused:
    'the address that ADMIN_HOST and ADMIN_PORT name cannot be used; syncing goes on without the port',
  conflict_decided: 'the conflict … was decided before, by …',
  notion_aborted: 'the request was given up, since the daemon stops or the connection as a whole is refused',
  notion_block_limit: 'Notion answered 403: a free workspace with several members has used up its blocks',
  notion_blocked: 'Notion answered 429: it blocks all requests of this connection',
  notion_certificate: 'no answer from Notion: its certificate cannot be verified',
  notion_connection_lost: 'no answer from Notion: the connection broke off',
  notion_cursor_invalid: 'Notion answered 400: it no longer knows the place at which a listing is to go on',
  notion_edge_blocked: 'Notion answered 403, without a code: not the API refused, but what stands before it',
  notion_option_missing: 'Notion answered 400: a status has no such option',
  notion_page_in_trash: 'Notion answered 400: the page, or what it is in, is archived or in the trash',
  notion_property_missing: 'Notion answered 400: the page has no such property',
  notion_property_mistyped: 'Notion answered 400: the property has another type',
  notion_timeout: 'no answer from Notion within NOTION_TIMEOUT_SECONDS',
  notion_unreachable: 'no answer from Notion: no connection could be made',
  field_refused: 'Notion refuses the property …: …',
  notion_request_dropped: 'the request was given up before it was sent',
  publication_privilege: "the publication … lacks …, and pgnotion's role may not change it",
  record_unknown: 'pgnotion knows no record … of …',
  reset_unconfirmed: 'what would be forgotten is named, and nothing was done',
  row_kept: 'PostgreSQL took the change and changed no row',
  'sql_…': "PostgreSQL's own message, under its SQLSTATE: what a row or an edit ran into",
  unexpected: 'a fault that has no code of its own',
  value_refused: 'the other side cannot hold the value: …',
};

const MEANT_FOR_ALL: Readonly<Record<string, { readonly remedy: string }>> = {
  field_refused: { remedy: 'correct the value or the property: it is tried again when either changes' },
};

/** What is tried again though neither the error nor its remedy says so. */
const RETRIED: ReadonlySet<string> = new Set([
  'admin_port_refused',
  'admin_port_taken',
  'field_refused',
  'notion_cursor_invalid',
  'page_archived',
]);

type Entry = {
  readonly code: string;
  readonly messages: readonly string[];
  readonly remedies: readonly string[];
  readonly retries: boolean;
};

const byItself = ({ retries, remedy }: SourceError): boolean =>
  retries || /\bby (?:itself|themselves)\b|^nothing to do/.test(remedy);

function entryOf(code: string): Entry {
  const errors = sourceErrors.filter(({ codes }) => codes.includes(code));
  const messages = errors.flatMap(({ message }) => message ?? []);
  const meant = MEANT_FOR_ALL[code];
  return {
    code,
    messages: CAUSES[code] === undefined ? [...new Set(messages)] : [CAUSES[code]],
    remedies: meant === undefined ? [...new Set(errors.map(({ remedy }) => remedy))] : [meant.remedy],
    retries: errors.some(byItself) || RETRIED.has(code),
  };
}

export const entries: readonly Entry[] = [
  ...new Set([...sourceErrors.flatMap(({ codes }) => codes), ...Object.keys(MEANT_FOR_ALL)]),
]
  .sort()
  .map(entryOf);

/** Texts in backticks stay as they are; elsewhere nothing may be taken for markup. */
const plain = (text: string): string =>
  text
    .split(/(`[^`]*`)/)
    .map((part, at) => (at % 2 === 1 ? part : part.replaceAll(/[<>*_[\]|]/g, '\\$&')))
    .join('');

const listed = (label: string, texts: readonly string[]): string =>
  texts.length === 1
    ? `- ${label}: ${plain(texts[0] ?? '')}`
    : [`- ${label}, one of:`, ...texts.map((text) => `  - ${plain(text)}`)].join('\n');

const sectionOf = ({ code, messages, remedies, retries }: Entry): string =>
  [
    `## \`${code}\``,
    '',
    listed('What happened', messages),
    listed('What to do', remedies),
    `- Tried again by itself: ${retries ? 'yes' : 'no'}`,
  ].join('\n');

/** The page docs/errors.md, made from the source. */
export const errorPage = (): string => `# Errors

Every code that pgnotion gives to an error or to a line of \`pgnotion failures list\`, with what happened and what to do.
\`…\` stands for names and values. "Tried again by itself" says whether pgnotion repeats what failed without anybody doing
anything; everything else is tried again when the record changes on either side, by \`pgnotion failures retry\`, or at the
next start.

This page is made from the source: \`npm test -- -u test/unit/errors.test.ts\` writes it anew, and the test fails where the two
differ.

An answer of Notion that has no section here keeps Notion's own code (\`validation_error\`, \`object_not_found\`,
\`restricted_resource\`, \`unauthorized\`, \`rate_limited\`, …), or is called \`notion_http_\` and its status; the message has Notion's
words, and the remedy stands with it.

${entries.map(sectionOf).join('\n\n')}
`;

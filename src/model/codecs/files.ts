import type { Json, PageValue, SqlText } from '../change.ts';
import { sameJson } from '../json.ts';
import { startOf, TEXT_LIMITS } from '../texts.ts';
import { formatArray } from './arrays.ts';
import type { Codec, CodecOptions, ColumnShape, Decoded, Encoded, NotionProperty } from './codec.ts';
import { judged } from './judge.ts';
import { isRefusal, MOST_REFERENCES, rowReferences, tooMany } from './references.ts';
import {
  clean,
  elementOf,
  emptyText,
  keepsCurrent,
  list,
  members,
  misfit,
  pageOutcome,
  reader,
  refuse,
  refuseShape,
  rowOutcome,
  singleItem,
  UNKNOWN,
} from './support.ts';

/** A file's name: the last segment of its URL's path, else its host. */
export function fileName(url: string): string {
  const { pathname, hostname } = new URL(url);
  const segment = pathname.split('/').findLast((part) => part !== '') ?? hostname;
  const name = clean(decoded(segment)).trim() || 'file';
  return startOf(name, TEXT_LIMITS.fileName);
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

const isWebAddress = (url: string): boolean =>
  url.length <= TEXT_LIMITS.url && /^https?:/i.test(url) && URL.canParse(url);

function encode(text: SqlText, column: ColumnShape, options: CodecOptions): Encoded {
  const urls = rowReferences(text, column, options);
  if (isRefusal(urls)) return urls;
  if (urls.length > MOST_REFERENCES) return tooMany(text, options);
  const wrong = urls.find((url) => !isWebAddress(clean(url)));
  if (wrong === undefined) return pageOutcome(urls.map(clean).map((url) => ({ name: fileName(url), url })));
  return refuse(options, wrong, {
    message: 'is not a web address of at most 2,000 characters',
    remedy: 'store the file’s https:// address in the row, or map the column to rich_text',
  });
}

/** The links of a property. What was uploaded to Notion stays there: it is neither taken nor in the way of the links. */
function decode(value: PageValue, column: ColumnShape, options: CodecOptions): Decoded {
  const files = list(value)?.map(members);
  if (files === undefined || files.includes(undefined)) return refuseShape(options, value, 'files');
  const urls = files.flatMap((file) => (typeof file?.url === 'string' ? [file.url] : []));
  for (const url of urls) {
    const outcome = judged(url, elementOf(column), options);
    if (outcome.kind !== 'value') return outcome;
  }
  if (column.array) return rowOutcome(formatArray(urls));
  const [only] = urls;
  const [uploaded] = files;
  // An empty address for a column that needs one would hide that there is a file which PostgreSQL cannot have.
  if (only === undefined && uploaded !== undefined && !column.nullable)
    return refuse(options, typeof uploaded.name === 'string' ? uploaded.name : null, {
      message: 'was uploaded to Notion, whose address for it expires within the hour',
      remedy: 'upload the file elsewhere and embed its link in Notion instead',
    });
  if (only === undefined) return emptyText(column, options);
  if (urls.length === 1) return rowOutcome(only);
  return refuse(options, urls, {
    message: `are ${urls.length} files, and the column ${column.type} holds one`,
    remedy: 'leave one file in Notion, or map an array column',
  });
}

/** The canonical files of a property's content. A Notion-hosted one has a name only: its URL changes with every answer. */
export function readFiles(content: unknown): PageValue | typeof UNKNOWN {
  const files = list(content)?.map(readFile);
  if (files === undefined || files.some((file) => file === undefined)) return UNKNOWN;
  return files.filter((file) => file !== undefined);
}

function readFile(item: unknown): Json | undefined {
  const file = members(item);
  if (file === undefined) return undefined;
  const name = typeof file.name === 'string' ? clean(file.name) : '';
  const address = members(file.external)?.url;
  return typeof address === 'string' ? { name, url: clean(address) } : { name };
}

const read = reader('files', readFiles);

const nameOf = (file: Readonly<Record<string, unknown>>): string =>
  typeof file.name === 'string' && file.name !== '' ? startOf(file.name, TEXT_LIMITS.fileName) : 'file';

/** The addresses of the links among canonical files. */
const urlsOf = (value: PageValue): readonly string[] =>
  (list(value) ?? []).flatMap((file) => {
    const url = members(file)?.url;
    return typeof url === 'string' ? [url] : [];
  });

/** Two uploads of one name cannot be told apart: the address of an upload changes with every answer. */
const keyOf = (file: Json): string => {
  const { url, name } = members(file) ?? {};
  return typeof url === 'string' ? `link ${url}` : `upload ${String(name)}`;
};

/** All files of a property as a request takes them, if any of them was uploaded. */
function extras(property: NotionProperty): Json | undefined {
  const items = property.type === 'files' ? (list(property.files) ?? []).map(members) : [];
  if (!items.some((file) => file !== undefined && !isLink(file))) return undefined;
  return { files: items.flatMap((file) => (file === undefined ? [] : (requestFile(file) ?? []))) };
}

const isLink = (file: Readonly<Record<string, unknown>>): boolean =>
  typeof members(file.external)?.url === 'string';

/** A file as an answer shows it, the way that a request takes it. */
function requestFile(file: Readonly<Record<string, unknown>>): Json | undefined {
  const name = nameOf(file);
  const link = members(file.external)?.url;
  if (typeof link === 'string') return { type: 'external', name, external: { url: link } };
  const hosted = members(file.file);
  if (typeof hosted?.url === 'string') {
    const expiry = hosted.expiry_time;
    return {
      type: 'file',
      name,
      file: { url: hosted.url, ...(typeof expiry === 'string' ? { expiry_time: expiry } : {}) },
    };
  }
  const upload = members(file.file_upload)?.id;
  return typeof upload === 'string' ? { type: 'file_upload', name, file_upload: { id: upload } } : undefined;
}

/** The links of a value, with the uploads that the property holds at their places between them. */
function withUploads(value: PageValue, present: Json | undefined): Json[] {
  const files: Json[] = (list(value) ?? [])
    .map(members)
    .flatMap((file) =>
      typeof file?.url === 'string'
        ? [{ type: 'external', name: nameOf(file), external: { url: file.url } }]
        : [],
    );
  (list(members(present)?.files) ?? []).forEach((file, at) => {
    if (members(file)?.type !== 'external') files.splice(at, 0, file as Json);
  });
  return files;
}

/**
 * Files, for a column of web addresses or an array of them, in the property's order. What was uploaded to Notion cannot be
 * taken into a row; a write hands it back as Notion showed it, so that it stays.
 */
export const files: Codec = keepsCurrent({
  type: 'files',
  writable: true,
  check: (column, options) =>
    column.category === 'text' || column.category === 'other'
      ? []
      : [misfit(options, column, 'files', 'map a text column that holds web addresses')],
  encode,
  decode,
  read,
  readItems: singleItem('files', read, []),
  extras,
  write: (value, present) => ({ files: withUploads(value, present) }),
  same: (sent, page) => sameJson(urlsOf(sent), urlsOf(page)),
  elements: { keyOf, ordered: true },
  schema: () => ({ files: {} }),
});

import type { Json, PageImage, PageValue } from './change.ts';
import { list, members } from './codecs/support.ts';
import type { ResolvedField } from './mapping.ts';
import type { PageExtras } from './page.ts';

/** Whether files of a request are uploaded ones: Notion may refuse to have them handed back. */
export const handsBackUploads = (property: Json): boolean =>
  (list(members(property)?.files) ?? []).some((file) => members(file)?.type !== 'external');

/** What may be stored of a page's extras: the address of an upload without its signature, which lets anybody read the file. */
export const withoutSignatures = (extras: PageExtras): PageExtras =>
  Object.fromEntries(
    Object.entries(extras).map(([name, property]) => {
      const files = list(members(property)?.files);
      return [name, files === undefined ? property : { files: files.map(unsigned) }];
    }),
  );

function unsigned(file: unknown): Json {
  const url = members(members(file)?.file)?.url;
  if (typeof url !== 'string') return file as Json;
  return { ...(file as Readonly<Record<string, Json>>), file: { url: url.replace(/[?#].*$/, '') } };
}

const isLink = (file: unknown): boolean => typeof members(file)?.url === 'string';

/** Canonical files without those that a person uploaded. */
export const linksOnly = (value: PageValue): PageValue =>
  (list(value) ?? []).filter(isLink) as readonly Json[];

/**
 * The files fields that stay as they are on both sides: their uploads could not be handed back to Notion, so a person decides
 * whether the row's links are worth losing them.
 */
export function withheldFields(
  fields: readonly ResolvedField[],
  page: PageImage,
  conflicts: readonly {
    readonly type: string;
    readonly field: string | null;
    readonly by: string | null;
  }[],
): ReadonlySet<string> {
  const open = new Set(
    conflicts.flatMap(({ type, field, by }) => (type === 'CONCURRENT_UPDATE' && by === null ? [field] : [])),
  );
  const withheld = fields.filter(
    ({ property, type }) =>
      type === 'files' && open.has(property) && (list(page[property]) ?? []).some((file) => !isLink(file)),
  );
  return new Set(withheld.map(({ property }) => property));
}

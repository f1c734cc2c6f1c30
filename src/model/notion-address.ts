const HEX = '[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
const BARE = new RegExp(`^(?:${HEX})$`, 'i');
/** The last part of an address's path: `Title-0123…`, or the id alone. */
const AT_END = new RegExp(`(?:^|[-/])(${HEX})/?$`, 'i');

/**
 * The id in what a person has pasted: an id with or without dashes, or an address of notion.so, notion.com or notion.site.
 * An address can name both a database and a page that is open in it (`?p=`): `of` says which of them is meant. Null if
 * there is no id in it.
 */
export function notionIdIn(pasted: string, of: 'page' | 'database'): string | null {
  const text = pasted.trim();
  if (BARE.test(text)) return text;
  const url = URL.parse(text) ?? URL.parse(`https://${text}`);
  if (url === null || !/(^|\.)notion\.(so|com|site)$/.test(url.hostname)) return null;
  const opened = url.searchParams.get('p') ?? '';
  if (of === 'page' && BARE.test(opened)) return opened;
  return AT_END.exec(url.pathname)?.[1] ?? null;
}

/** Where people find a page, given its id. */
export const pageAddress = (id: string): string => `https://www.notion.so/${id.replaceAll('-', '')}`;

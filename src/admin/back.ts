const HERE = 'http://here';
const ANSWERS = ['said', 'failed'] as const;

/**
 * Where a form leads back to, with what to tell there: a path of this site, whatever was asked for, since a link to
 * elsewhere would make this page its accomplice.
 */
export function backTo(given: string | undefined, kind: (typeof ANSWERS)[number], text: string): string {
  const url = pathOf(given);
  for (const name of ANSWERS) url.searchParams.delete(name);
  url.searchParams.set(kind, text);
  return `${url.pathname}${url.search}${url.hash}`;
}

/** A path of this site; the first page if it is none. */
export const siteSafe = (given: string | undefined): string => {
  const { pathname, search, hash } = pathOf(given);
  return `${pathname}${search}${hash}`;
};

function pathOf(given: string | undefined): URL {
  const start = new URL('/', HERE);
  if (given === undefined || !given.startsWith('/')) return start;
  try {
    const url = new URL(given, HERE);
    // `//elsewhere` and `/\elsewhere` name another host, and a path may come out as one.
    return url.origin === HERE && !url.pathname.startsWith('//') ? url : start;
  } catch {
    return start;
  }
}

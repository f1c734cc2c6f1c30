/** A connection URL as it is to be used, or why it cannot be read; no reason holds a part of the URL. */
export type PostgresUrl = { readonly url: string } | { readonly message: string; readonly encoding: boolean };

const SCHEME = /^postgres(?:ql)?:\/\//;
/** Host, port, database and parameters, with no second `@` before the parameters. */
const PLACE = /^(?:\[[^\]]*\]|[^/:?#@\s,]*)(?::\d+)?(?:,[^/?#@\s]*)?(?:\/[^?#@]*)?(?:\?[^#]*)?$/;

/**
 * Reads a connection URL. A password with `#`, `/`, `?` or `%` in it, which a URL cannot hold as they are, is
 * percent-encoded where only one reading makes sense.
 */
export function readPostgresUrl(text: string): PostgresUrl {
  const [scheme] = SCHEME.exec(text) ?? [];
  if (scheme === undefined)
    return { message: 'must begin with postgres:// or postgresql://', encoding: false };
  const rest = text.slice(scheme.length);
  const authority = rest.slice(0, rest.search(/[/?#]|$/));
  const parameters = rest.indexOf('?');
  const at = rest.lastIndexOf('@');
  if (authority.includes('@')) return asWritten(scheme, rest, authority.lastIndexOf('@'));
  if (at < 0 || (isPlace(authority) && parameters >= 0 && parameters < rest.indexOf('@')))
    return isPlace(authority) ? { url: text } : { message: NO_HOST, encoding: true };
  // `user:12/3@host/db`: a host with its port and a database, or a password with a slash.
  if (isPlace(authority) || !isPlace(rest.slice(at + 1))) return { message: TWO_WAYS, encoding: true };
  return { url: `${scheme}${encoded(rest.slice(0, at))}@${rest.slice(at + 1)}` };
}

const NO_HOST =
  'has no host after the password: a character of the password ends the URL, or begins a comment in the .env file';
const TWO_WAYS = 'can be read in two ways, because of a character of the password';

const isPlace = (text: string): boolean => PLACE.test(text);

function asWritten(scheme: string, rest: string, at: number): PostgresUrl {
  const place = rest.slice(at + 1);
  if (!isPlace(place)) return { message: TWO_WAYS, encoding: true };
  return { url: `${scheme}${encoded(rest.slice(0, at))}@${place}` };
}

/** User and password; what is percent-encoded already stays so. */
function encoded(login: string): string {
  const colon = login.indexOf(':');
  const [user, password] = colon < 0 ? [login, null] : [login.slice(0, colon), login.slice(colon + 1)];
  const part = (text: string): string =>
    text.replaceAll(/%(?![0-9a-f]{2})|[#/?@[\]\s]/gi, (letter) => encodeURIComponent(letter));
  return password === null ? part(user) : `${part(user)}:${part(password)}`;
}

/** What is to be written instead of the characters that a URL keeps for itself. */
export const PERCENT_ENCODING =
  'write the special characters of the password percent-encoded: # as %23, / as %2F, ? as %3F, @ as %40, : as %3A, % as %25';

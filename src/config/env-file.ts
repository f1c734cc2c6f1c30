import { parseEnv } from 'node:util';
import { PgnotionError } from '../model/errors.ts';

/**
 * What has to be appended to the text of a `.env` file so that it has these variables. Those that it has already stay as
 * they are; an empty one counts as missing, as it does everywhere. Throws `env_value_unwritable`.
 */
export function missingLines(existing: string, wanted: Readonly<Record<string, string>>): string {
  const present = parseEnv(existing);
  const missing = Object.entries(wanted).filter(([name]) => !present[name]);
  if (missing.length === 0) return '';
  const lines = missing.map(([name, value]) => envLine(name, value));
  const begin = existing === '' || existing.endsWith('\n') ? '' : '\n';
  return `${begin}${lines.join('\n')}\n`;
}

/** A line that Node reads back as this very value: there are no escapes, so the quotes are those that it does not have. */
export function envLine(name: string, value: string): string {
  const spelled = [value, ...["'", '"', '`'].map((quote) => `${quote}${value}${quote}`)];
  // A file that a shell reads too should not meet what is special there without quotes.
  const wanted = /^[\w@%+=:,./?&-]*$/.test(value) ? spelled : spelled.slice(1);
  const line = wanted.map((text) => `${name}=${text}`).find((text) => readsAs(text, name, value));
  if (line !== undefined) return line;
  throw new PgnotionError({
    code: 'env_value_unwritable',
    message: `the value of ${name} has all three kinds of quotes, and a .env file has no way to write them`,
    remedy:
      "write one kind percent-encoded in an address, such as %27 for ', or set the variable in another way",
  });
}

function readsAs(line: string, name: string, value: string): boolean {
  // What follows tells whether the line ends where it should.
  const read = parseEnv(`${line}\nPGNOTION_NEXT=1\n`);
  return read[name] === value && read.PGNOTION_NEXT === '1' && Object.keys(read).length === 2;
}

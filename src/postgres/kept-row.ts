import { type RawBuilder, sql } from 'kysely';

/** A backslash that no other one escapes. */
const ESCAPE = String.raw`(?<!\\)((?:\\\\)*)\\u`;
const HIGH = '[dD][89abAB][0-9a-fA-F]{2}';
const LOW = '[dD][c-fC-F][0-9a-fA-F]{2}';

/** Escapes that `json` takes and `jsonb` refuses: U+0000, and halves of surrogate pairs. */
const REFUSED = [
  `${ESCAPE}0000`,
  String.raw`${ESCAPE}${HIGH}(?!\\u${LOW})`,
  String.raw`(?<!\\u${HIGH})${ESCAPE}${LOW}`,
];
const PERHAPS = String.raw`\\u(0000|[dD][89a-fA-F])`;
const REPLACED = String.raw`\1\\ufffd`;

/**
 * A row of this name as `jsonb`, to be kept. A `json` column may hold characters that no other type does: those become U+FFFD,
 * so that nothing keeps a row from being deleted.
 */
export function keptRow(name: string): RawBuilder<string> {
  const row = sql`${sql.id(name)}.*`;
  const mended = REFUSED.reduce<RawBuilder<string>>(
    (text, pattern) => sql`regexp_replace(${text}, ${pattern}, ${REPLACED}, 'g')`,
    sql`row_to_json(${row})::text`,
  );
  return sql`case when row_to_json(${row})::text ~ ${PERHAPS} then (${mended})::jsonb else to_jsonb(${row}) end`;
}

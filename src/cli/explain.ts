import { PgnotionError } from '../model/errors.ts';
import { type ExplainLine, isUnknownRecord, readExplanation } from '../state/explain.ts';
import { type Loaded, withState } from './commands.ts';

/** A record's journey as lines for a person, or as JSON. Throws `record_unknown`. */
export function explainCommand(loaded: Loaded, table: string, key: string, asJson: boolean): Promise<string> {
  return withState(loaded, async (sql) => {
    const lines = await readExplanation(sql, table, key).catch((error: unknown) => {
      throw isUnknownRecord(error) ? unknownRecord(error, table) : error;
    });
    if (asJson) return JSON.stringify(lines, null, 2);
    return [`${table} ${key}`, ...lines.map(lineText)].join('\n');
  });
}

const TIME_WIDTH = 'YYYY-MM-DD hh:mm:ss'.length;

/** The detail on a line of its own: it may be long, and a terminal at night is narrow. */
const lineText = ({ at, what, detail }: ExplainLine): string => {
  const time = at === null ? '' : at.toISOString().slice(0, TIME_WIDTH).replace('T', ' ');
  return `  ${time.padEnd(TIME_WIDTH)}  ${what}\n  ${''.padEnd(TIME_WIDTH)}    ${detail}`;
};

const unknownRecord = (error: Error, table: string): PgnotionError =>
  new PgnotionError({
    code: 'record_unknown',
    message: error.message,
    remedy: `give the primary key as text (of several columns a JSON array of texts); \`pgnotion status\` shows whether ${table} has been read yet`,
    cause: error,
  });

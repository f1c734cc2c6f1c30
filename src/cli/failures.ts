import { failureSentence } from '../model/failure-sentence.ts';
import { ageText } from '../model/units.ts';
import { type FailureLine, readFailures } from '../state/status.ts';
import { type Loaded, withState } from './commands.ts';

/** What failed, each with the sentence that its page shows, its remedy and its times. */
export function failuresCommand(loaded: Loaded, asJson: boolean): Promise<string> {
  return withState(loaded, async (sql) => {
    const rows = await readFailures(sql);
    if (asJson)
      return JSON.stringify(
        rows.map((row) => ({ ...row, sentence: failureSentence(row) })),
        null,
        2,
      );
    if (rows.length === 0) return 'nothing failed';
    const now = new Date();
    return rows.map((row) => failureText(row, now)).join('\n');
  });
}

/** As a person reads it in the terminal; `now` is what ages are counted to. */
export function failureText(row: FailureLine, now: Date): string {
  const { table_name: table, key, page_id: page, direction, parked, attempts, code, remedy } = row;
  return [
    `${table} ${key ?? page ?? ''} (${direction}, ${parked ? 'set aside' : `try ${attempts}`})`,
    ...`${failureSentence(row)} (${code})`.split('\n').map((line) => `  ${line}`),
    // The page's words are for those who edit it; whoever runs this wants the constraint's name too.
    ...(row.shown === null || row.reason === null ? [] : [`  reason: ${row.reason}`]),
    `  what to do: ${remedy}`,
    `  ${timesText(row, now)}`,
  ].join('\n');
}

function timesText(
  { first_at: first, last_at: last, next_at: next, attempts, parked }: FailureLine,
  now: Date,
): string {
  const ago = (at: Date): string => `${at.toISOString()} (${ageText(Math.max(0, secondsTo(at, now)))} ago)`;
  const again =
    next !== null
      ? `tried again ${next > now ? `at ${next.toISOString()} (in ${ageText(-secondsTo(next, now))})` : 'now'}`
      : parked
        ? 'not tried again by itself'
        : 'tried again once what it waits for is there';
  return [
    `first ${ago(first)}`,
    ...(last === null ? [] : [`last ${ago(last)}`]),
    `${attempts} ${attempts === 1 ? 'try' : 'tries'}`,
    again,
  ].join(', ');
}

const secondsTo = (at: Date, now: Date): number => (now.getTime() - at.getTime()) / 1_000;

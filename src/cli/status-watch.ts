import { knownError } from '../model/connection-lost.ts';
import { messageOf, PgnotionError } from '../model/errors.ts';
import { sentences } from '../model/sentences.ts';
import { pause } from '../runtime/retry.ts';
import { type Loaded, within } from './commands.ts';
import { statusOf } from './status.ts';

/** Seconds between two looks. */
export const WATCH = { default: 2, least: 1, most: 3_600 } as const;

export type WatchOptions = {
  /** As it stands on the command line; `true` if it was left out. */
  readonly seconds: string | true;
  readonly json: boolean;
  /** It is drawn anew in place; what is piped on gets one after the other. */
  readonly terminal: boolean;
  readonly print: (text: string) => Promise<void>;
};

/**
 * Shows how things are, again and again until the signal comes. What keeps it from looking is shown too, and passes, if
 * it comes after the first look; before, it is thrown. Throws `watch_interval_invalid`.
 */
export async function watchStatus(loaded: Loaded, options: WatchOptions, signal: AbortSignal): Promise<void> {
  const ms = intervalOf(options.seconds) * 1_000;
  const show = (text: string): Promise<void> => options.print(frame(text, options));
  for (let hasShown = false; !signal.aborted; await pause(ms, signal)) {
    try {
      // One installation for as long as it lasts: a connection for each look would be most of its cost.
      await within(loaded, async (installation) => {
        for (; !signal.aborted; await pause(ms, signal)) {
          await show(await statusOf(installation, options.json ? 'json-line' : 'text'));
          hasShown = true;
        }
      });
    } catch (error) {
      if (signal.aborted) return;
      if (!hasShown) throw error;
      await show(options.json ? errorJson(error) : errorText(error));
    }
  }
}

function intervalOf(given: string | true): number {
  if (given === true) return WATCH.default;
  const seconds = Number(given);
  if (given.trim() !== '' && seconds >= WATCH.least && seconds <= WATCH.most) return seconds;
  throw new PgnotionError({
    code: 'watch_interval_invalid',
    message: `${JSON.stringify(given)} is not a number of seconds from ${WATCH.least} to ${WATCH.most}`,
    remedy: `write \`pgnotion status --watch\` for every ${WATCH.default} seconds, or another number behind it`,
  });
}

/** What is printed of one look. On a terminal the last one is overwritten line by line, so that nothing flickers. */
export function frame(
  text: string,
  { json, terminal }: Pick<WatchOptions, 'json' | 'terminal'>,
  now = new Date(),
): string {
  if (json) return text;
  const dated = `${now.toISOString()}\n${text}`;
  return terminal ? `\x1b[H${dated.replaceAll('\n', '\x1b[K\n')}\x1b[K\n\x1b[J` : `${dated}\n\n`;
}

const errorJson = (error: unknown): string =>
  JSON.stringify({
    at: new Date(),
    error: {
      code: knownError(error)?.code ?? 'unexpected',
      message: messageOf(error),
      remedy: knownError(error)?.remedy ?? null,
    },
  });

const errorText = (error: unknown): string =>
  sentences(
    `the state cannot be read: ${messageOf(error)}`,
    knownError(error)?.remedy ?? null,
    'it is tried again',
  );

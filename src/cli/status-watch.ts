import { knownError } from '../model/connection-lost.ts';
import { messageOf, PgnotionError } from '../model/errors.ts';
import { sentences } from '../model/sentences.ts';
import { pause } from '../runtime/retry.ts';
import { onAbort } from '../runtime/signal.ts';
import { type Loaded, within } from './commands.ts';
import { fitted, type Screen } from './screen.ts';
import { type StatusTexts, statusTexts } from './status.ts';

/** Seconds between two looks. */
export const WATCH = { default: 2, least: 1, most: 3_600 } as const;

export type WatchOptions = {
  /** As it stands on the command line; `true` if it was left out. */
  readonly seconds: string | true;
  readonly json: boolean;
  /** Where a look is drawn over the one before; null prints one after the other. */
  readonly screen: Screen | null;
  readonly print: (text: string) => Promise<void>;
};

/**
 * Shows how things are, again and again until the signal comes. What keeps it from looking is shown too, and passes, if
 * it comes after the first look; before, it is thrown. Throws `watch_interval_invalid`.
 */
export async function watchStatus(loaded: Loaded, options: WatchOptions, signal: AbortSignal): Promise<void> {
  const { screen } = options;
  const ms = intervalOf(options.seconds) * 1_000;
  // At once, also if the last look does not come to its end.
  using _ = onAbort(signal, () => screen?.close());
  try {
    for (let hasShown = false; !signal.aborted; await pause(ms, signal)) {
      try {
        // One installation for as long as it lasts: a connection for each look would be most of its cost.
        await within(loaded, async (installation) => {
          for (; !signal.aborted; await pause(ms, signal)) {
            await show(await statusTexts(installation), options);
            hasShown = true;
          }
        });
      } catch (error) {
        if (signal.aborted) return;
        if (!hasShown) throw error;
        await show({ text: () => errorText(error), line: () => errorJson(error) }, options);
      }
    }
  } finally {
    screen?.close();
  }
}

async function show(
  { text, line }: Pick<StatusTexts, 'text' | 'line'>,
  { json, screen, print }: Omit<WatchOptions, 'seconds'>,
  now = new Date(),
): Promise<void> {
  if (json) return print(line());
  if (screen === null) return print(`${now.toISOString()}\n${text(null)}\n\n`);
  screen.show((size) => fitted(`${now.toISOString()}  q quits\n${text(size.columns)}`, size));
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

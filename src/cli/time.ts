import { messageOf, PgnotionError } from '../model/errors.ts';

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

/** A time, or how long ago it was. */
export function timeOf(text: string, now: Date): Date {
  const ago = /^(\d{1,9})([smhd])$/.exec(text);
  const time =
    ago === null
      ? new Date(text)
      : new Date(now.getTime() - Number(ago[1]) * (SECONDS[ago[2] ?? ''] ?? 0) * 1_000);
  try {
    time.toISOString();
    return time;
  } catch (error) {
    throw new PgnotionError({
      code: 'time_invalid',
      message: `${JSON.stringify(text)} is not a time: ${messageOf(error)}`,
      remedy: 'write it as 2026-03-01T12:00:00Z, or as 90s, 15m, 2h or 3d for so long ago',
    });
  }
}

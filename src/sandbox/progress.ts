import pg from 'pg';
import type { Config } from '../config/mapping-file.ts';
import { pause } from '../runtime/retry.ts';

const LOOK_MS = 250;
const WIDTH = 30;

/** Shows the first sync as a bar with the time that is left, until nothing waits any more. */
export async function showProgress(
  url: string,
  config: Config,
  print: (text: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const tty = process.stdout.isTTY;
  const started = performance.now();
  let first: number | null = null;
  try {
    for (let told = -1; !signal.aborted; ) {
      const { backfilled, linked, pending } = await look(client);
      first ??= linked;
      if (backfilled === config.tables.length && pending === 0) break;
      const total = linked + pending;
      const rate = (linked - first) / ((performance.now() - started) / 1_000);
      const line = progressLine(linked, total, rate);
      const tenth = total === 0 ? 0 : Math.floor((linked / total) * 10);
      if (tty) process.stdout.write(`\r${line}\u001b[K`);
      else if (tenth !== told && backfilled > 0) print(line);
      told = tenth;
      await pause(LOOK_MS, signal);
    }
  } finally {
    if (tty) process.stdout.write('\r\u001b[K');
    await client.end();
  }
}

/** `linked` of `total` records done, `rate` a second. */
function progressLine(linked: number, total: number, rate: number): string {
  const share = total === 0 ? 0 : linked / total;
  const bar = '#'.repeat(Math.round(share * WIDTH)).padEnd(WIDTH, '.');
  const left = rate > 0 ? ` ${Math.ceil((total - linked) / rate)} s left` : '';
  return `first sync [${bar}] ${linked}/${total} pages${left}`;
}

async function look(client: pg.Client): Promise<{ backfilled: number; linked: number; pending: number }> {
  const { rows } = await client.query<{ backfilled: number; linked: number; pending: number }>(
    `select count(*) filter (where backfilled)::int as backfilled, coalesce(sum(linked), 0)::int as linked,
            coalesce(sum(pending), 0)::int as pending from pgnotion.status`,
  );
  return rows[0] ?? { backfilled: 0, linked: 0, pending: 0 };
}

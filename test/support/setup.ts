import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach } from 'vitest';
import { hasNotionDocument } from './notion-document.ts';
import { DEVIATIONS_FILE, watchExchanges } from './watch-exchanges.ts';

// Every request that a sandbox accepts and every answer that it gives, in this process and in those that tests start,
// is as Notion's document says; a deviation fails the test in which it is noticed.

if (hasNotionDocument()) {
  const folder = mkdtempSync(join(tmpdir(), 'pgnotion-deviations-'));
  const file = join(folder, 'children');
  process.env[DEVIATIONS_FILE] = file;
  let here: string[] = [];
  watchExchanges((deviation) => here.push(deviation));
  const fail = (): void => {
    const elsewhere = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
    rmSync(file, { force: true });
    const all = [...new Set([...here, ...elsewhere])];
    here = [];
    if (all.length > 0) throw new Error(`not as Notion's document says:\n${all.slice(0, 10).join('\n')}`);
  };
  afterEach(fail);
  afterAll(() => {
    fail();
    rmSync(folder, { recursive: true, force: true });
  });
}

import { appendFileSync } from 'node:fs';
import { DEVIATIONS_FILE, watchExchanges } from './watch-exchanges.ts';

// Loaded by `--import` into a process that a test starts, before what it runs.

const file = process.env[DEVIATIONS_FILE];
if (file) watchExchanges((deviation) => appendFileSync(file, `${deviation}\n`));

#!/usr/bin/env node
// What the package's `bin` leads to. An older Node has to be able to read this file, and gets no further.
import { endOnSignals } from '../runtime/first-process.ts';
import { nodeFault } from '../runtime/node-version.ts';

endOnSignals();
const fault = nodeFault(process.versions.node);
if (fault === null) void import('./main.ts');
else {
  const text = `pgnotion: ${fault.message}\n\nwhat to do: ${fault.remedy}\n(${fault.code})`;
  const { code, message, remedy } = fault;
  const document = JSON.stringify({ error: { code, message, remedy, retryable: false } });
  process.stderr.write(`${process.argv.includes('--json') ? document : text}\n`);
  process.exitCode = 1;
}

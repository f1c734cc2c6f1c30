/**
 * What `npm test` runs of the flows, beside all of test/unit, test/pg and test/sandbox: each kind of change in either
 * direction, and what may go wrong with it, in under four minutes on two cores. `npm run test:all` runs the others too.
 */
const NAMES = [
  'acts-of-people-values',
  'cli-errors-postgres',
  'computed-columns',
  'conflicts',
  'editors-and-times',
  'every-property',
  'first-contact',
  'first-contact-cli',
  'first-sync',
  'formatting-kept',
  'hidden-pages',
  'hosted-files',
  'joined-tables',
  'late-visible',
  'left-as-typed',
  'lossy',
  'mass-deletion',
  'moved-pages',
  'newcomers',
  'notion-client',
  'notion-schema',
  'notion-trouble',
  'one-bad-page',
  'own-writes',
  'padded-values',
  'people',
  'postgres-faults',
  'references',
  'relations',
  'request-limits',
  'set-merge',
  'unmapped-values',
  'unseen-moves',
] as const;

export const CORE_FLOWS: readonly string[] = NAMES.map((name) => `test/flow/${name}.test.ts`);

import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that take a minute or more, the longest first: started last, one of them would run alone at the end. */
const LONG = [
  'crash/load',
  'flow/container',
  'flow/tour',
  'flow/dashboard-large',
  'matrix/wal2json-15-values',
  'protocol/protocol',
  'matrix/wal2json-15-flows',
  'matrix/pgoutput-15-flows',
  'flow/delete-policies',
  'flow/dashboard',
  'flow/drift',
  'flow/property-identity',
  'flow/idle-day',
  'flow/option-identity',
  'flow/publication-watch',
  'flow/conflicts-cli',
  'flow/rollback',
  'flow/standby-faults',
  'matrix/wal2json-15-crash',
  'flow/restore',
  'flow/large-values',
  'flow/rest',
  'flow/matching-large',
  'flow/apply',
  'flow/verify',
  'flow/remedies',
  'flow/cli-json',
  'flow/conflicts-manual',
  'flow/validation',
  'flow/mass-clearing',
  'flow/fair-turns',
  'flow/conflicts',
  'flow/every-property',
  'crash/',
  'chaos/',
];
/** What starts a database or a daemon. */
const SHORT = ['flow/', 'pg/', 'sandbox/'];

const ORDER = [...LONG, ...SHORT].map((name) => `/test/${name}`);

const rank = ({ moduleId }: TestSpecification): number => {
  const file = moduleId.replaceAll('\\', '/');
  const at = ORDER.findIndex((name) => file.includes(name.endsWith('/') ? name : `${name}.test.`));
  return at < 0 ? ORDER.length : at;
};

/** The files that are known to take longest first, the others as vitest has them. */
export default class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.sort((a, b) => rank(a) - rank(b));
  }
}

import { expect, test } from 'vitest';
import { planWarnings } from '../../src/model/plan-warnings.ts';
import { resolvedTable } from '../support/fields.ts';

const table = resolvedTable('reading', []);
const warned = (pages: number) => planWarnings({ table, pages, schema: {}, optionsUsed: {} });

test.each([
  [10_000, null],
  [10_001, 'one query of Notion gives 10000: whole readings take several'],
  [250_000, 'one query of Notion gives 10000: whole readings take several'],
  [250_001, 'Notion takes 250000 in a database: set `where`'],
])('of a database that would have %i pages the plan says: %s', (pages, words) => {
  const about = warned(pages).filter((line) => line.includes(' pages, '));
  expect(about).toEqual(words === null ? [] : [expect.stringContaining(words)]);
});

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { TableInput } from '../../src/config/mapping-file.ts';

const DOCUMENT = readFileSync(new URL('../../docs/notion.md', import.meta.url), 'utf8');
const TABLE = /^### (.+)\n\n\| Act +\|.*\n\|[ |:-]+\|\n((?:\|.*\n)+)/gm;

/** The tables of docs/notion.md that say what an act does: for each heading the acts, as they stand there. */
export const documentedActs: ReadonlyMap<string, readonly string[]> = new Map(
  [...DOCUMENT.matchAll(TABLE)].map(([, heading = '', rows = '']) => [
    heading,
    rows
      .trim()
      .split('\n')
      .map((row) => row.split('|')[1]?.trim().replaceAll('`', '') ?? ''),
  ]),
);

/** Runs one case for each act below a heading of docs/notion.md; fails if an act has no case, or a case no act. */
export function testActs(heading: string, cases: Readonly<Record<string, () => Promise<void>>>): void {
  const acts = documentedActs.get(heading) ?? [];
  test(`${heading}: each act of docs/notion.md has a case, and each case an act`, () => {
    expect(Object.keys(cases)).toEqual(acts);
  });
  test.each(Object.entries(cases))(`invariant 15: ${heading}: %s`, async (_act, run) => run());
}

/** A table of which a title is mapped, and these fields. */
export const namedTable = (name: string, fields: TableInput['fields'] = {}): TableInput => ({
  source: `public.${name}`,
  key: 'id',
  title: name,
  fields: { Name: { column: 'name', type: 'title' }, ...fields },
});

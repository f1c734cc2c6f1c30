import { expect } from 'vitest';
import type { PageView } from '../../src/sandbox/notion/human.ts';
import { eventually, PATIENCE_MS } from './eventually.ts';
import { type Sides, shownIn, sidesOf } from './sides.ts';
import type { Stack } from './stack.ts';

/** The columns of a table that its pages show, by property; a title and text are compared as text. */
export type Shown = Readonly<Record<string, string>>;

const shopShown: Shown = { Name: 'name', Note: 'note', Stock: 'stock' };

/**
 * A line for each row without a page, page without a row, second page of a row, and unequal value. Pages are found by
 * the key that they show, and by nothing that pgnotion remembers.
 */
export async function disagreements(
  stack: Stack,
  table = 'items',
  shown: Shown = shopShown,
  key = 'id',
): Promise<string[]> {
  const sides = sidesOf(stack);
  const pages = stack.sandbox.control.pages(await sides.source(table));
  const byKey = Map.groupBy(pages, (page) => textOn(page, 'Supabase ID'));
  const columns = Object.values(shown).map((column) => `coalesce(${column}::text, '') as "${column}"`);
  const rows = await sides.sql<Readonly<Record<string, string>>>(
    `select ${key}::text as "key of row", ${columns.join(', ')} from ${table}`,
  );
  const keys = new Set(rows.map((row) => row['key of row']));
  const strays = [...byKey].flatMap(([name, same]) => [
    ...(keys.has(name) ? [] : [`${table}/${name} has a page and no row`]),
    ...(same.length > 1 ? [`${table}/${name} has ${same.length} pages`] : []),
  ]);
  const unequal = rows.flatMap((row) => {
    const name = row['key of row'] ?? '';
    const page = byKey.get(name)?.[0];
    if (page === undefined) return [`${table}/${name} has no page`];
    return Object.entries(shown).flatMap(([property, column]) =>
      textOn(page, property) === row[column]
        ? []
        : [`${table}/${name} ${property}: row ${row[column]}, page ${textOn(page, property)}`],
    );
  });
  return [...strays, ...unequal];
}

const textOn = (page: PageView, property: string): string =>
  String(shownIn(page.properties[property] ?? {}) ?? '');

/**
 * Resolves once both sides hold the same and nothing has failed or waits; rejects with what is different. After a fault
 * that may mean that all is compared, which on a busy machine takes more than the patience for one step.
 */
export async function agreed(
  stack: Stack,
  options: { readonly timeoutMs?: number; readonly tables?: readonly string[] } = {},
): Promise<void> {
  const sides = sidesOf(stack);
  await eventually(
    async () => {
      const different: string[] = [];
      for (const table of options.tables ?? ['items']) different.push(...(await disagreements(stack, table)));
      expect({ different, waiting: await failures(sides) }).toEqual({ different: [], waiting: [] });
      return true;
    },
    { everyMs: 50, timeoutMs: options.timeoutMs ?? 2 * PATIENCE_MS },
  );
}

/** Everything that waits or has failed, in both directions. */
const failures = (sides: Sides): Promise<object[]> =>
  sides.sql(`select table_name, key, kind as what, code, reason from pgnotion.outbox
    union all select table_name, key, 'edit', code, reason from pgnotion.edits
    union all select table_name, null, 'paused', null, paused_reason from pgnotion.status where paused or not backfilled`);

import { readFile } from 'node:fs/promises';
import type { ResolvedField } from '../../src/model/mapping.ts';
import type { Change, DataSource } from '../../src/sandbox/notion/types.ts';
import type { World } from './chaos-world.ts';

/** Every name that an option ever had, by its id: a renamed one keeps its label in the rows. */
export async function optionNames(world: World): Promise<Map<string, string[]>> {
  const names = new Map<string, string[]>();
  const lines = (await readFile(world.journal, 'utf8')).split('\n').filter((line) => line !== '');
  for (const line of lines)
    for (const [table, , entity] of JSON.parse(line) as readonly Change[]) {
      if (table !== 'dataSources' || entity === null) continue;
      for (const property of (entity as DataSource).properties)
        for (const option of 'options' in property ? property.options : []) {
          const known = names.get(option.id) ?? [];
          if (!known.includes(option.name)) names.set(option.id, [...known, option.name]);
        }
    }
  return names;
}

type Shown = { readonly id: string; readonly name: string };

/**
 * Whether a page shows what the row holds, for what it may show in more ways than one: options by any name that they had,
 * a day as any time of that day, links beside uploads. Null for every other type.
 */
export function shownFields(
  field: ResolvedField,
  row: string | null,
  property: unknown,
  names: ReadonlyMap<string, readonly string[]>,
): boolean | null {
  const content = (property ?? {}) as Readonly<Record<string, unknown>>;
  switch (field.type) {
    case 'select':
    case 'status':
    case 'multi_select': {
      const held = content[field.type] as Shown | readonly Shown[] | null | undefined;
      const options = held === null || held === undefined ? [] : [held].flat();
      return sameOptions(itemsOf(field, row), options, names);
    }
    case 'files': {
      const files = (content.files ?? []) as readonly { readonly external?: { readonly url: string } }[];
      const links = files.flatMap((file) => file.external?.url ?? []);
      return JSON.stringify(links.sort()) === JSON.stringify([...itemsOf(field, row)].sort());
    }
    case 'date': {
      if (field.property !== 'Due') return null;
      const date = content.date as { readonly start: string } | null | undefined;
      return (date?.start.slice(0, 10) ?? null) === row;
    }
    default:
      return null;
  }
}

function itemsOf(field: ResolvedField, row: string | null): readonly string[] {
  if (row === null) return [];
  if (field.type === 'select' || field.type === 'status') return [row];
  return row
    .slice(1, -1)
    .split(',')
    .map((item) => item.replaceAll('"', ''))
    .filter((item) => item !== '');
}

function sameOptions(
  items: readonly string[],
  options: readonly Shown[],
  names: ReadonlyMap<string, readonly string[]>,
): boolean {
  const called = (option: Shown) =>
    [option.name, ...(names.get(option.id) ?? [])].map((name) => name.toLowerCase());
  const distinct = [...new Set(items.map((item) => item.toLowerCase()))];
  return (
    options.every((option) => called(option).some((name) => distinct.includes(name))) &&
    distinct.every((item) => options.some((option) => called(option).includes(item)))
  );
}

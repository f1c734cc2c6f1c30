import type { Command } from './chaos-commands.ts';
import { choose, offered } from './chaos-editor.ts';
import { type ChaosTable, TRACKED, written } from './chaos-shop.ts';
import type { World } from './chaos-world.ts';

const TITLE: Readonly<Record<ChaosTable, string>> = { parents: 'Name', children: 'Title' };

/** What a person types into a page, if the step is of that kind. */
function typedBy(world: World, table: ChaosTable, step: Command): Record<string, unknown> | undefined {
  switch (step.do) {
    case 'edit':
      return Object.fromEntries(step.what.map((name) => [name, written.human(name, world.next())]));
    case 'clear': {
      const name = step.what in TRACKED[table] ? step.what : TITLE[table];
      const type = world.propertyById(table, name)?.type ?? 'rich_text';
      return { [name]: { [type]: ['title', 'rich_text', 'files'].includes(type) ? [] : null } };
    }
    case 'choose': {
      const now = world.propertyById(table, 'Mood');
      const first = world.moods.get(`${table}/${step.option}`);
      const named = now?.type === 'select' ? now.options.find(({ id }) => id === first) : undefined;
      return { Mood: { select: { name: named?.name ?? step.option } } };
    }
    case 'meddle':
      return step.with === 'updated'
        ? { Updated: { date: { start: '2001-01-01' } } }
        : { 'Supabase ID': { rich_text: [{ text: { content: `junk ${world.next()}` } }] } };
    default:
      return undefined;
  }
}

/** What is typed, by the names that the properties have now; those that are gone take nothing. */
function present(
  world: World,
  table: ChaosTable,
  typed: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(typed).flatMap(([name, value]) => {
      const now = world.propertyNow(table, name);
      return now === undefined ? [] : [[now, value] as const];
    }),
  );
}

/** Types it, and keeps what it emptied and took away. */
function type(world: World, table: ChaosTable, page: string, typed: Readonly<Record<string, unknown>>): void {
  const properties = present(world, table, typed);
  if (Object.keys(properties).length === 0) return;
  world.stage.sandbox.control.editPage(page, properties);
  if ('Supabase ID' in typed) world.spelled.add(page);
  for (const [name, value] of Object.entries(typed))
    if (/:(null|\[\])\}$/.test(JSON.stringify(value))) world.cleared.add(`${page}/${name}`);
  if ('Docs' in typed && world.propertyNow(table, 'Docs') !== undefined) world.uploads.delete(page);
}

/** What people type, and what they do to pages as a whole. */
export function changePages(world: World, step: Command): void {
  const { control } = world.stage.sandbox;
  if (step.do === 'restore') {
    const page = choose(control.trashedPages(world.sources[step.table]), step.pick);
    if (page === undefined) return;
    world.restored.add(page.id);
    offered(() => void control.restorePage(page.id));
  } else if (step.do === 'relate') {
    const page = choose(world.pages('children'), step.pick);
    const parents = world.pages('parents');
    const some = [step.to, step.to + 1].slice(0, step.count).flatMap((at) => choose(parents, at)?.id ?? []);
    const typed = { Parent: { relation: some.map((id) => ({ id })) } };
    if (page === undefined) return;
    offered(() => type(world, 'children', page.id, typed));
    world.related.set(page.id, new Set([...(world.related.get(page.id) ?? []), ...some]));
  } else if (step.do === 'create') {
    const parent = choose(world.pages('parents'), step.to)?.id;
    const names = step.empty ? [] : Object.keys(TRACKED[step.table]);
    const typed = {
      ...Object.fromEntries(names.map((name) => [name, written.human(name, world.next())])),
      ...(step.table === 'children' && parent !== undefined
        ? { Parent: { relation: [{ id: parent }] } }
        : {}),
    };
    offered(() => void control.createPage(world.sources[step.table], present(world, step.table, typed)));
  } else if ('table' in step && 'pick' in step) {
    const page = choose(world.pages(step.table), step.pick);
    if (page === undefined) return;
    const typed = typedBy(world, step.table, step);
    offered(() => {
      if (typed !== undefined) type(world, step.table, page.id, typed);
      else if (step.do === 'trash') control.trashPage(page.id);
      else if (step.do === 'duplicate') world.copies.add(control.duplicatePage(page.id).id);
    });
  }
}

import { ApiError } from '../../src/sandbox/notion/errors.ts';
import { brokenPage, unsavedTransactions } from '../../src/sandbox/notion/faults.ts';
import type { JsonObject, Property } from '../../src/sandbox/notion/types.ts';
import type { Act, Place } from './chaos-acts.ts';
import { CHOICES, type ChaosTable, chaosConfig } from './chaos-shop.ts';
import type { World } from './chaos-world.ts';

export const choose = <T>(from: readonly T[], pick: number): T | undefined =>
  from[pick % Math.max(from.length, 1)];

/** What the editor does not offer at the moment (a name that is taken, a page in a trashed database) is no step. */
export function offered(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
  }
}

/** The acts of people in the editor, and what Notion does for a while. */
export function carryOutAct(world: World, step: Act): void {
  const { control } = world.stage.sandbox;
  switch (step.do) {
    case 'place':
      place(world, step.table, step.pick, step.how);
      break;
    case 'property':
      changeProperty(world, step);
      break;
    case 'option':
      changeOption(world, step);
      break;
    case 'database':
      changeDatabase(world, step);
      break;
    case 'spell':
      spell(world, step);
      break;
    case 'broken': {
      const page = choose(world.pages(step.table), step.pick);
      if (page !== undefined) control.faults.add({ ...brokenPage(page.id, step.operation), forMs: step.ms });
      break;
    }
    case 'unsaved':
      control.faults.add(
        unsavedTransactions(step.ms, step.operation === null ? {} : { operation: step.operation }),
      );
      break;
    case 'withdraw':
      control.withdrawCapability(step.capability, step.ms);
      break;
    case 'blackout':
      control.setSchemaBlackout({ ms: step.ms, share: 0.5 });
      break;
    case 'upload':
      upload(world, step.pick);
      break;
    case 'style':
      style(world, step.pick);
      break;
    case 'stage':
      chooseStage(world, step.pick, step.option);
      break;
    case 'append':
      break;
  }
}

const OTHER: Readonly<Record<ChaosTable, ChaosTable>> = { parents: 'children', children: 'parents' };

function place(world: World, table: ChaosTable, pick: number, how: Place): void {
  const { control } = world.stage.sandbox;
  if (how === 'share' || how === 'back' || how === 'unarchive') {
    const kept = [...world.away].filter(([, away]) => away.how === UNDOES[how]);
    const [page] = choose(kept, pick) ?? [];
    if (page !== undefined) putBack(world, page);
    return;
  }
  const page = choose(
    world.pages(table).filter(({ id }) => !world.away.has(id)),
    pick,
  );
  if (page === undefined) return;
  world.taken.add(page.id);
  if (how === 'archive') control.archivePage(page.id);
  else if (how === 'unshare') control.unshare(page.id);
  else if (how === 'plain') control.makePlainPage(page.id);
  else if (how === 'forever') control.deleteForever(page.id);
  else control.movePage(page.id, world.sources[OTHER[table]]);
  // Notion drops the files that the other place has no property for.
  if (how === 'plain' || how === 'other-table') world.uploads.delete(page.id);
  if (how !== 'forever')
    world.away.set(page.id, {
      table,
      how: how === 'plain' || how === 'other-table' ? 'moved' : how,
    });
}

const UNDOES = { share: 'unshare', back: 'moved', unarchive: 'archive' } as const;

function putBack(world: World, page: string): void {
  const { control } = world.stage.sandbox;
  const away = world.away.get(page);
  if (away === undefined) return;
  world.away.delete(page);
  offered(() => {
    if (away.how === 'archive') control.archivePage(page, false);
    else if (away.how === 'unshare') control.share(page);
    else {
      control.movePage(page, world.sources[away.table]);
      world.movedBack.add(page);
    }
  });
}

/** All that people may have left away, deleted or typed otherwise, but no option and no name. */
export function repair(world: World): void {
  const { control } = world.stage.sandbox;
  for (const page of [...world.away.keys()]) putBack(world, page);
  for (const table of ['parents', 'children'] as const)
    for (const name of [...namesOf(table), 'Supabase ID']) {
      const source = world.sources[table];
      const id = world.properties[table][name] ?? '';
      if (world.propertyNow(table, name) !== undefined) continue;
      offered(() => control.restoreProperty(source, id));
      typeBack(world, table, name);
    }
}

const namesOf = (table: ChaosTable): string[] => [...Object.keys(chaosConfig.tables[table].fields)];

/** Schema entries by which a property gets its own type again. */
const entryOf = (world: World, table: ChaosTable, name: string): JsonObject => {
  const fields: Readonly<Record<string, { readonly type: string }>> = chaosConfig.tables[table].fields;
  const type = fields[name]?.type ?? 'rich_text';
  return {
    [type]: type === 'relation' ? { data_source_id: world.sources.parents, single_property: {} } : {},
  };
};

function typeBack(world: World, table: ChaosTable, name: string): void {
  const found = world.propertyById(table, name);
  if (found === undefined || world.propertyNow(table, name) !== undefined) return;
  offered(() =>
    world.stage.sandbox.control.retypeProperty(world.sources[table], found.id, entryOf(world, table, name)),
  );
}

function changeProperty(world: World, { table, pick, how }: Extract<Act, { do: 'property' }>): void {
  const { control } = world.stage.sandbox;
  const source = world.sources[table];
  const name = choose([...namesOf(table), 'Supabase ID'], pick) ?? '';
  const id = world.properties[table][name] ?? '';
  const found = world.propertyById(table, name);
  offered(() => {
    if (how === 'add') control.addProperty(source, `Extra ${world.next()}`, { number: {} });
    else if (how === 'restore') {
      const gone = [...namesOf(table), 'Supabase ID'].filter(
        (each) => world.propertyById(table, each) === undefined,
      );
      const which = choose(gone, pick);
      if (which !== undefined) control.restoreProperty(source, world.properties[table][which] ?? '');
    } else if (found === undefined) return;
    else if (how === 'rename') control.renameProperty(source, id, `${name} ${world.next()}`);
    else if (how === 'delete') control.deleteProperty(source, id);
    else if (how === 'type-back') for (const each of namesOf(table)) typeBack(world, table, each);
    else if (name !== 'Supabase ID') {
      // What does not fit the other type is lost, and so is what a person uploaded.
      if (name === 'Docs') world.uploads.clear();
      control.retypeProperty(source, id, found.type === 'rich_text' ? { number: {} } : { rich_text: {} });
    }
  });
}

const optionsOf = (property: Property | undefined): readonly string[] =>
  property !== undefined && 'options' in property ? property.options.map((option) => option.name) : [];

function changeOption(world: World, step: Extract<Act, { do: 'option' }>): void {
  const { control } = world.stage.sandbox;
  const source = world.sources[step.table];
  const found = world.propertyById(step.table, choose(CHOICES[step.table], step.pick) ?? '');
  const option = choose(optionsOf(found), step.option);
  if (found === undefined || option === undefined) return;
  offered(() => {
    if (step.how === 'rename') control.renameOption(source, found.id, option, `r${world.next()}`);
    else if (step.how === 'delete') control.deleteOption(source, found.id, option);
    else if (step.how === 'recolour') control.recolourOption(source, found.id, option, 'pink');
    else if (step.how === 'reorder') control.reorderOption(source, found.id, option, 0);
    else control.addOption(source, found.id, `a${world.next()}`);
  });
}

function changeDatabase(world: World, { table, how }: Extract<Act, { do: 'database' }>): void {
  const { control } = world.stage.sandbox;
  const id = world.databases[table];
  if (how === 'trash') control.trashDatabase(id);
  else if (how === 'restore') control.restoreDatabase(id);
  else if (how === 'unshare') control.unshare(id);
  else if (how === 'share') control.share(id);
  else control.renameDatabase(id, `Renamed ${world.next()}`);
}

/** The same key as PostgreSQL reads it, as a person may type it. */
const otherSpelling = (table: ChaosTable, key: string): string =>
  table === 'parents' ? ` 0${key} ` : key.toUpperCase().replaceAll('-', '');

function spell(world: World, { table, pick, where }: Extract<Act, { do: 'spell' }>): void {
  const { control } = world.stage.sandbox;
  const name = world.propertyNow(table, 'Supabase ID');
  const pages = world.pages(table);
  const page = choose(pages, pick);
  if (name === undefined || page === undefined) return;
  const runs = page.properties[name]?.rich_text as readonly { readonly plain_text: string }[];
  const key = runs.map((run) => run.plain_text).join('');
  if (!/^(\d+|[0-9a-f-]{36})$/.test(key)) return;
  const typed = { [name]: { rich_text: [{ text: { content: otherSpelling(table, key) } }] } };
  offered(() => {
    if (where === 'new') return void control.createPage(world.sources[table], typed);
    const edited = where === 'own' ? page.id : (choose(pages, pick + 1)?.id ?? page.id);
    control.editPage(edited, typed);
    world.spelled.add(edited);
  });
}

function upload(world: World, pick: number): void {
  const page = choose(world.pages('parents'), pick);
  const name = world.propertyNow('parents', 'Docs');
  if (page === undefined || name === undefined) return;
  const file = `u${world.next()}.pdf`;
  offered(() => {
    world.stage.sandbox.control.uploadFile(page.id, name, file);
    world.uploads.set(page.id, [...(world.uploads.get(page.id) ?? []), { file, at: Date.now() }]);
  });
}

function style(world: World, pick: number): void {
  const page = choose(world.pages('children'), pick);
  const name = world.propertyNow('children', 'Note');
  if (page === undefined || name === undefined) return;
  const runs = [
    { text: { content: `h${world.next()} ` } },
    { text: { content: 'bold' }, annotations: { bold: true } },
    { text: { content: ' link', link: { url: 'https://example.com/' } } },
  ];
  offered(() => world.stage.sandbox.control.editPage(page.id, { [name]: { rich_text: runs } }));
}

function chooseStage(world: World, pick: number, at: number): void {
  const page = choose(world.pages('children'), pick);
  const name = world.propertyNow('children', 'Stage');
  const option = choose(optionsOf(world.propertyById('children', 'Stage')), at);
  if (page === undefined || name === undefined || option === undefined) return;
  offered(() => world.stage.sandbox.control.editPage(page.id, { [name]: { status: { name: option } } }));
}

import { readFile } from 'node:fs/promises';
import type { Change, DataSource, Page, Property } from '../../src/sandbox/notion/types.ts';
import { type ChaosTable, chaosConfig } from './chaos-shop.ts';
import { pageExact, pageText } from './chaos-texts.ts';
import type { World } from './chaos-world.ts';
import type { PageVersion, Texts } from './history/history.ts';

/** What the sandbox's journal tells: each commit in its order, with who made it. */
export type Journal = {
  readonly pages: readonly PageVersion[];
  /** The first name of each option, by its id, and by each name that it had. */
  readonly options: ReadonlyMap<string, string>;
};

type Known = { readonly page: Page; readonly texts: Texts };

type Reader = {
  readonly world: World;
  readonly pages: PageVersion[];
  readonly options: Map<string, string>;
  /** The properties that are as they were made, under the names of the configuration, by id. */
  readonly properties: Record<
    ChaosTable,
    ReadonlyMap<string, { readonly name: string; readonly property: Property }>
  >;
  readonly known: Map<string, Known>;
};

const TABLES = ['parents', 'children'] as const;

export async function readJournal(world: World): Promise<Journal> {
  const reader: Reader = {
    world,
    pages: [],
    options: new Map(),
    properties: { parents: new Map(), children: new Map() },
    known: new Map(),
  };
  const lines = (await readFile(world.journal, 'utf8')).split('\n').filter((line) => line !== '');
  lines.forEach((line, index) => {
    const changes = JSON.parse(line) as readonly Change[];
    for (const [table, , entity] of changes)
      if (table === 'dataSources' && entity !== null) learn(reader, index, entity as DataSource);
    for (const [table, id, entity] of changes)
      if (table === 'pages') follow(reader, index, id, entity as Page | null);
  });
  return reader;
}

/** Properties go by their ids, since people rename them. A change of them changes what pages show. */
function learn(reader: Reader, index: number, source: DataSource): void {
  const { world, options } = reader;
  const table = TABLES.find((each) => world.sources[each] === source.id);
  for (const property of source.properties)
    for (const { id, name: called } of 'options' in property ? property.options : []) {
      const first = options.get(id) ?? called;
      options.set(id, first).set(called, options.get(called) ?? first);
    }
  if (table === undefined) return;
  const names = new Map(Object.entries(world.properties[table]).map(([name, id]) => [id, name]));
  reader.properties[table] = new Map(
    source.properties.flatMap((property) => {
      const name = names.get(property.id);
      return name !== undefined && isAsMade(table, name, property)
        ? [[property.id, { name, property }] as const]
        : [];
    }),
  );
  for (const [id, { page, texts }] of reader.known) {
    const values = textsOf(reader, page);
    if (tableOf(reader, page) !== table || JSON.stringify(values) === JSON.stringify(texts)) continue;
    reader.known.set(id, { page, texts: values });
    reader.pages.push({ ...versionOf(reader, index, page), by: 'schema', before: texts, values });
  }
}

const isAsMade = (table: ChaosTable, name: string, { type }: Property): boolean => {
  const fields: Readonly<Record<string, { readonly type: string }>> = chaosConfig.tables[table].fields;
  return type === (fields[name]?.type ?? 'rich_text');
};

const tableOf = ({ world }: Reader, { parent }: Page): ChaosTable | null =>
  (parent.type === 'data_source_id' && TABLES.find((each) => world.sources[each] === parent.dataSourceId)) ||
  null;

function textsOf(reader: Reader, page: Page): Texts {
  const table = tableOf(reader, page);
  if (table === null) return {};
  const names = [...reader.properties[table]];
  return Object.fromEntries(
    names.map(([id, { name, property }]) => [
      name,
      pageText(name, property, page.values[id], reader.options),
    ]),
  );
}

function exactOf(reader: Reader, page: Page): Texts {
  const table = tableOf(reader, page);
  const names = table === null ? [] : [...reader.properties[table]];
  return Object.fromEntries(names.map(([id, { name }]) => [name, pageExact(page.values[id])]));
}

const versionOf = (
  reader: Reader,
  index: number,
  page: Page,
): Omit<PageVersion, 'by' | 'before' | 'values'> => ({
  index,
  page: page.id,
  table: tableOf(reader, page),
  at: page.lastEditedTime,
  isNew: false,
  exact: exactOf(reader, page),
  inTrash: page.inTrash,
  landing: null,
});

function follow(reader: Reader, index: number, id: string, page: Page | null): void {
  const was = reader.known.get(id);
  if (page === null) {
    reader.known.delete(id);
    if (was === undefined) return;
    const last = { ...versionOf(reader, index, was.page), inTrash: true, isErased: true };
    reader.pages.push({ ...last, by: 'person', before: was.texts, values: {} });
    return;
  }
  const values = textsOf(reader, page);
  reader.known.set(id, { page, texts: values });
  // What a change of the schema does to values is nobody's edit of the page.
  const edited = was === undefined || was.page.lastEditedTime !== page.lastEditedTime;
  const author = was === undefined ? page.createdBy : page.lastEditedBy;
  const by = author === reader.world.stage.sandbox.control.botId ? 'pgnotion' : 'person';
  reader.pages.push({
    ...versionOf(reader, index, page),
    by: edited ? by : 'schema',
    isNew: was === undefined,
    landing: by === 'pgnotion' ? (reader.world.landings.get(index) ?? null) : null,
    before: was?.texts ?? {},
    values,
  });
}

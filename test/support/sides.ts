import type { Json } from '../../src/model/change.ts';
import type { PropertyType } from '../../src/model/codecs/codec.ts';
import type { PageView } from '../../src/sandbox/notion/human.ts';
import type { RequestLogEntry } from '../../src/sandbox/notion/log.ts';
import type { JsonObject } from '../../src/sandbox/notion/types.ts';
import { eventually } from './eventually.ts';
import { bare, fromNow, isWrite, requestsOfTables, tableSources } from './requests.ts';
import type { Stack } from './stack.ts';

/** A waiting or refused thing, as the failures view tells it. */
export type Failure = {
  readonly direction: string;
  readonly table_name: string;
  readonly key: string | null;
  readonly page_id: string | null;
  readonly code: string;
  readonly reason: string;
  readonly remedy: string;
  readonly parked: boolean;
};

/** What both sides of a stack show, read the way a user would. */
export type Sides = {
  readonly sql: <Row extends object>(text: string, values?: readonly unknown[]) => Promise<Row[]>;
  /** The data source of a table's pages. */
  readonly source: (table: string) => Promise<string>;
  /** The page of a record, once it has one. */
  readonly pageOf: (table: string, key: string) => Promise<string>;
  readonly keyOf: (page: string) => Promise<string | null>;
  readonly property: (page: string, name: string) => JsonObject;
  /** What a reader sees of a property: text, number, option names, ids, the start of a date. */
  readonly shown: (page: string, name: string) => Json;
  /** Resolves once the page of a record shows this. If it never does, says what either side and the state hold. */
  readonly shows: (table: string, key: string, name: string, value: Json) => Promise<void>;
  readonly edit: (page: string, properties: JsonObject) => PageView;
  readonly failures: () => Promise<Failure[]>;
  /** Requests that change something in Notion, but for what is reported to people in the background. */
  readonly writes: () => RequestLogEntry[];
  /** Requests about the tables that are not the polls' own, while so many polls pass. */
  readonly extras: (polls: number) => Promise<readonly string[]>;
  /** Resolves after so many more polls of every table. */
  readonly polls: (count: number) => Promise<void>;
  /** Pauses a table; resolves once a poll of it that had begun before is over. Needs another table that is not paused. */
  readonly pause: (table: string) => Promise<void>;
  /** Resolves once what was done before has been seen and carried over. */
  readonly rest: () => Promise<void>;
};

export const soon = <T>(probe: () => T | Promise<T>, everyMs?: number): ReturnType<typeof eventually<T>> =>
  eventually(probe, everyMs === undefined ? {} : { everyMs });

/** The polls of a daemon in this process can be hurried. */
type Staged = Pick<Stack, 'database' | 'sandbox' | 'settled'> & Partial<Pick<Stack, 'pollNow'>>;

export function sidesOf(stack: Staged): Sides {
  const { control } = stack.sandbox;
  const sql: Sides['sql'] = async <Row extends object>(text: string, values: readonly unknown[] = []) =>
    (await stack.database.pool.query<Row>(text, [...values])).rows;
  const property = (page: string, name: string): JsonObject => {
    const found = control.page(page).properties[name];
    if (found === undefined) throw new Error(`no property ${name}`);
    return found;
  };
  const pageOf: Sides['pageOf'] = (table, key) =>
    soon(async () => {
      const [row] = await sql<{ id: string | null }>(
        `select page_id as id from pgnotion.records where table_name = $1 and key = $2 and state <> 'creating'`,
        [table, key],
      );
      return row?.id;
    });
  return {
    sql,
    property,
    source: async (table) => {
      const [row] = await sql<{ id: string }>(
        'select data_source_id as id from pgnotion.data_sources where table_name = $1',
        [table],
      );
      if (row === undefined) throw new Error(`no data source of ${table}`);
      return row.id;
    },
    pageOf,
    keyOf: async (page) => {
      const [row] = await sql<{ key: string }>('select key from pgnotion.records where page_id = $1', [page]);
      return row?.key ?? null;
    },
    shown: (page, name) => shownIn(property(page, name)),
    shows: async (table, key, name, value) => {
      const page = await pageOf(table, key);
      try {
        await soon(() => JSON.stringify(shownIn(property(page, name))) === JSON.stringify(value));
      } catch (cause) {
        const state = await sql(
          `select (select to_jsonb(r) from pgnotion.records r where table_name = $1 and key = $2) as record,
                  (select to_jsonb(o) from pgnotion.outbox o where table_name = $1 and key = $2) as entry,
                  (select to_jsonb(d) from pgnotion.data_sources d where table_name = $1) as source,
                  (select jsonb_agg(to_jsonb(f)) from pgnotion.failures f where table_name = $1 and key = $2) as failures,
                  (select jsonb_agg(to_jsonb(p)) from pgnotion.operations p where table_name = $1 and key = $2) as operations`,
          [table, key],
        );
        const shown = JSON.stringify(shownIn(property(page, name)));
        throw new Error(
          `${table}/${key} shows ${shown} for ${JSON.stringify(value)}: ${JSON.stringify(state)}`,
          { cause },
        );
      }
    },
    edit: (page, properties) => control.editPage(page, properties),
    failures: () => sql<Failure>('select * from pgnotion.failures'),
    writes: () => requestsOfTables(control).filter(isWrite),
    polls: (count) => polls(stack, count),
    pause: async (table) => {
      await sql('select pgnotion.pause($1)', [table]);
      const others = await sql<{ id: string }>(
        `select data_source_id as id from pgnotion.data_sources join pgnotion.status using (table_name) where not paused`,
      );
      await polls(stack, POLLS_OF_OTHERS, { sources: others.map(({ id }) => bare(id)) });
    },
    extras: async (count) => {
      const later = fromNow(control);
      await polls(stack, count);
      return requestsOfTables(control, later)
        .filter(({ operation }) => operation !== 'dataSources.query')
        .map(({ operation, path }) => `${operation} ${path}`);
    },
    rest: async () => {
      for (const more of [2, 1]) {
        await polls(stack, more, { hurry: stack.pollNow });
        await stack.settled();
      }
    },
  };
}

const QUERIES = /data_sources\/([^/]+)\/query/;

/** However slow the machine is, a poll is over when every other table has had so many. */
const POLLS_OF_OTHERS = 3;

async function polls(
  { sandbox: { control } }: Pick<Stack, 'sandbox'>,
  count: number,
  {
    sources = tableSources(control),
    hurry,
  }: { readonly sources?: readonly string[]; readonly hurry?: Stack['pollNow'] | undefined } = {},
): Promise<void> {
  const later = fromNow(control);
  await eventually(() => {
    hurry?.();
    const asked = control
      .requests()
      .filter(later)
      .map(({ path }) => QUERIES.exec(path)?.[1]?.replaceAll('-', ''));
    return sources.every((source) => asked.filter((id) => id === source).length > count);
  });
}

type Named = { readonly name: string };

/** A property object of the API as plain JSON. */
export function shownIn(property: JsonObject): Json {
  const type = property.type as PropertyType;
  const content = property[type];
  switch (type) {
    case 'title':
    case 'rich_text':
      return (content as { readonly plain_text: string }[]).map((run) => run.plain_text).join('');
    case 'select':
    case 'status':
      return (content as Named | null)?.name ?? null;
    case 'multi_select':
      return (content as Named[]).map((option) => option.name).sort();
    case 'relation':
      return (content as { readonly id: string }[]).map((page) => page.id).sort();
    case 'date':
      return (content as { readonly start: string } | null)?.start ?? null;
    default:
      return content as Json;
  }
}

/** A property value as a person's editor sends it. */
export function typed(type: PropertyType, value: Json): JsonObject {
  switch (type) {
    case 'title':
    case 'rich_text':
      return { [type]: value === null || value === '' ? [] : [{ text: { content: value } }] };
    case 'select':
    case 'status':
      return { [type]: value === null ? null : { name: value } };
    case 'multi_select':
      return { [type]: ((value ?? []) as readonly string[]).map((name) => ({ name })) };
    case 'relation':
      return { [type]: ((value ?? []) as readonly string[]).map((id) => ({ id })) };
    case 'date':
      return { [type]: value === null ? null : { start: value } };
    default:
      return { [type]: value };
  }
}

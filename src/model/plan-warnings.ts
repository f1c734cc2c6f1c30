import { fold } from './codecs/values.ts';
import { goesToPostgres, type ResolvedTable } from './mapping.ts';

import { hasOptions, MOST_OPTIONS, optionsOf } from './schema/options.ts';

/** How many results one query of Notion gives, and how many pages a data source takes before Notion refuses more. */
const MOST_RESULTS = 10_000;
const MOST_PAGES = 250_000;
/** Notion's limit of what a data source's properties may take, as JSON. */
const SCHEMA_BYTES = 50_000;

export type Warned = {
  readonly table: ResolvedTable;
  /** Pages that there will be. */
  readonly pages: number;
  /** The properties as requests say them, by name. */
  readonly schema: Readonly<Record<string, unknown>>;
  /** Different options that rows hold, by property; counted no further than a little above what Notion takes. */
  readonly optionsUsed: Readonly<Record<string, number>>;
};

/** What is not in the way, and better known beforehand. */
export function planWarnings({ table, pages, schema, optionsUsed }: Warned): readonly string[] {
  const { name } = table;
  const bytes = Buffer.byteLength(JSON.stringify(schema));
  const editable = editableKey(table);
  return [
    ...(pages > MOST_PAGES
      ? [`${name}: it would have ${pages} pages, and Notion takes ${MOST_PAGES} in a database: set \`where\``]
      : []),
    ...(pages > MOST_RESULTS && pages <= MOST_PAGES
      ? [
          `${name}: it would have ${pages} pages, and one query of Notion gives ${MOST_RESULTS}: whole readings take several`,
        ]
      : []),
    ...(bytes > SCHEMA_BYTES
      ? [`${name}: its properties take ${bytes} bytes, and Notion recommends no more than ${SCHEMA_BYTES}`]
      : []),
    ...Object.entries(optionsUsed).flatMap(([property, count]) => optionWarning(table, property, count)),
    ...table.fields.flatMap(({ property, type }) =>
      manyOptions(name, property, optionsOf(schema[property], type).length),
    ),
    ...table.fields.flatMap((field) => lookWarnings(name, field, schema)),
    ...(editable.length > 0 ? [`${name}: ${keyWarning(editable)}`] : []),
  ];
}

/** Colours that the configuration wants of options that are there in another one. */
function lookWarnings(
  name: string,
  { property, type, looks = {} }: ResolvedTable['fields'][number],
  schema: Warned['schema'],
): readonly string[] {
  return optionsOf(schema[property], type).flatMap(({ name: option, color }) => {
    const wanted = Object.hasOwn(looks, fold(option)) ? looks[fold(option)]?.color : undefined;
    if (wanted === undefined || color === undefined || color === wanted) return [];
    return [
      `${name}: the option ${JSON.stringify(option)} of ${JSON.stringify(property)} is ${color} in Notion, and ${wanted} in the configuration: Notion's API changes no colour of an option that is there, so change it in Notion, or leave it`,
    ];
  });
}

function optionWarning({ name, fields }: ResolvedTable, property: string, count: number): readonly string[] {
  const type = fields.find((field) => field.property === property)?.type ?? '';
  if (!hasOptions(type) || count <= MOST_OPTIONS) return [];
  return [
    `${name}: its rows hold more than ${MOST_OPTIONS} different values of ${JSON.stringify(property)}, each of which becomes an option: map it to rich_text if they are no choices`,
  ];
}

const manyOptions = (name: string, property: string, count: number): readonly string[] =>
  count < MOST_OPTIONS
    ? []
    : [
        `${name}: ${JSON.stringify(property)} has ${MOST_OPTIONS} options or more, and Notion takes ${MOST_OPTIONS} in one request: the others are added by the first page that uses them`,
      ];

/** Properties of the key that people can change in Notion. */
export const editableKey = ({ key, fields }: Pick<ResolvedTable, 'key' | 'fields'>): readonly string[] =>
  fields
    .filter(
      (field) => goesToPostgres(field) && field.source.kind === 'column' && key.includes(field.source.column),
    )
    .map(({ property }) => property);

export const keyWarning = (properties: readonly string[]): string =>
  `warning: ${properties.join(' and ')} ${properties.length === 1 ? 'is' : 'are'} of the primary key and may be edited in Notion, which changes the row's key: what refers to it has to follow (ON UPDATE CASCADE), or the edit is refused; set the direction to "to-notion" to show the key only`;

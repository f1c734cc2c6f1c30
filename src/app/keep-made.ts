import type { MadeProperty } from '../model/removals.ts';
import { optionsOf } from '../model/schema/options.ts';
import type { AppliedTable } from '../notion/apply-schema.ts';
import { noteMadeProperties } from '../state/made-properties.ts';
import type { Sql } from '../state/sql.ts';

/** Keeps what `apply` has made, so that it can tell it from what people have made. */
export async function keepMade(
  sql: Sql,
  { table, dataSourceId, made, schema, ids }: AppliedTable,
): Promise<void> {
  const found = Object.entries(made).flatMap(([name, { whole, options }]): MadeProperty[] => {
    const [called, property] =
      Object.entries(schema.properties).find(([key, { id }]) => id === ids[name] || key === name) ?? [];
    if (called === undefined || property === undefined) return [];
    const own = optionsOf(property, property.type).flatMap(({ id, name: option }) =>
      id !== undefined && options.includes(option) ? [[id, option] as const] : [],
    );
    return [{ id: property.id, name: called, type: property.type, whole, options: Object.fromEntries(own) }];
  });
  await noteMadeProperties(sql, { table, dataSource: dataSourceId }, found);
}

import type { Json } from '../model/change.ts';
import { identify } from '../model/schema/identify.ts';
import { DEVIATIONS, driftsOf, type KnownProperty, type WantedProperty } from '../model/schema/known.ts';
import type { Ask, NotionClient } from '../notion/client.ts';
import { NotionFailure } from '../notion/error-classification.ts';
import { keepDrifts } from '../state/drift.ts';
import {
  type ReportDatabaseName,
  type ReportDatabasePlace,
  readReportDatabase,
  saveReportDatabase,
} from '../state/report-databases.ts';
import type { Store } from '../state/sql.ts';

/**
 * Does `work`, which reads or writes a database that pgnotion keeps for people. Once Notion finds a request invalid, a person
 * may have made something else of the properties: they are read again, and those that do not fit are left out from then on.
 */
export async function knowingSchema<T>(
  { store, notion }: { readonly store: Store; readonly notion: NotionClient },
  name: ReportDatabaseName,
  ask: Ask,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof NotionFailure && error.errorClass.status === 400)
      await refresh(store, notion, name, ask);
    throw error;
  }
}

async function refresh(
  store: Store,
  notion: NotionClient,
  name: ReportDatabaseName,
  ask: Ask,
): Promise<void> {
  const place = await readReportDatabase(store, name);
  if (place === null) return;
  const actual = await notion.retrieveDataSource(place.dataSource, ask);
  const wanted = Object.entries(place.known).map(([property, was]) => wantedAs(property, was));
  const { ids, known, deviations } = identify(wanted, place.known, actual.properties);
  await store.transaction(async (sql) => {
    await saveReportDatabase(sql, name, { ...place, properties: ids, known });
    await keepDrifts(sql, name, DEVIATIONS, driftsOf(deviations));
  });
}

const wantedAs = (property: string, { type }: KnownProperty): WantedProperty => ({
  property,
  type: type as WantedProperty['type'],
  schemaJson: { [type]: {} },
});

/** The properties by their ids, as far as the database has them. */
export const writable = (
  { properties }: ReportDatabasePlace,
  values: readonly (readonly [string, Json])[],
): Record<string, Json> =>
  Object.fromEntries(
    values.flatMap(([name, value]) => {
      const id = properties[name];
      return id === undefined ? [] : [[id, value]];
    }),
  );

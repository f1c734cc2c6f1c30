import { commandOf } from '../model/command-line.ts';
import { type Drift, driftsOfFields } from '../model/drift.ts';
import type { TableName } from '../model/ids.ts';
import { pausedNames } from '../model/mapping.ts';
import type { OmittedField } from '../model/verify-report.ts';
import type { VerifyContext } from '../reconcile/verify-context.ts';
import { driftEntries } from '../state/drift.ts';
import { readSources } from '../state/sources.ts';
import type { Installation } from './connections.ts';

export type PausedFields = ReadonlyMap<TableName, readonly Drift[]>;

export const pausedFields = ({ paused, config }: Pick<Installation, 'paused' | 'config'>): PausedFields =>
  new Map(
    config.tables.map((table) => [table.name, driftsOfFields(paused.get(table.name) ?? [], table)] as const),
  );

/** The fields of the configuration that a table goes without, on either side. */
export async function omittedFields(
  { store, tables }: VerifyContext,
  compared: readonly { readonly table: TableName }[],
  {
    unseen,
    paused,
  }: {
    /** What pages did not show, whether or not the daemon has noticed it. */
    readonly unseen: ReadonlyMap<TableName, ReadonlySet<string>>;
    readonly paused: PausedFields;
  },
): Promise<readonly OmittedField[]> {
  const sources = await readSources(store);
  const omitted: OmittedField[] = [];
  for (const { table: name } of compared) {
    const table = tables.get(name);
    const properties = sources.get(name)?.properties ?? {};
    const lost = table?.fields.flatMap(({ property }) => (property in properties ? [] : [property])) ?? [];
    const fields = [...new Set([...pausedNames(table ?? {}), ...lost, ...(unseen.get(name) ?? [])])];
    if (fields.length === 0) continue;
    const noticed = (await driftEntries(store, name)).map((one) => ({ ...one, field: one.property }));
    const drifts = [...noticed, ...(paused.get(name) ?? [])];
    for (const field of fields) {
      const drift = drifts.find(({ field: of, pauses }) => of === field && pauses === 'field');
      const reason = drift?.detail ?? 'its column or its property does not do as it is';
      omitted.push({ table: name, field, reason, remedy: drift?.remedy ?? `see ${commandOf('doctor')}` });
    }
  }
  return omitted;
}

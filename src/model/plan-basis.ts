import { createHash } from 'node:crypto';
import type { Json } from './change.ts';
import { canonicalJson } from './json.ts';
import type { TableMapping } from './mapping.ts';

/** What a plan was made from: it holds as long as all of this is the same. */
export type PlanBasis = {
  readonly installation: string;
  /** Digests of the configuration, of each table by its name. */
  readonly configuration: Readonly<Record<string, string>>;
  /** Digests of what PostgreSQL's catalog says of each table. */
  readonly columns: Readonly<Record<string, string>>;
  /** The data source of each table, and a digest of its schema; null if there is none. */
  readonly dataSources: Readonly<Record<string, { readonly id: string; readonly schema: string } | null>>;
  /** What may be removed; absent in the files of older versions. */
  readonly removals?: readonly string[];
  /** How many of each there are, by table and what is counted. */
  readonly counts: Readonly<Record<string, Readonly<Record<string, number>>>>;
};

export const digestOfJson = (value: Json): string =>
  createHash('sha256').update(canonicalJson(value)).digest('hex').slice(0, 32);

/** With the text of its functions, which JSON leaves out. */
export const mappingText = (mapping: TableMapping): string =>
  JSON.stringify(mapping, (_, value: unknown) => (typeof value === 'function' ? String(value) : value));

export const basisDigest = (basis: PlanBasis): string => digestOfJson(basis as unknown as Json);

type Named = { readonly [name: string]: Json };

/** The names under which two records differ. */
const differing = (before: Named, now: Named): readonly string[] =>
  [...new Set([...Object.keys(before), ...Object.keys(now)])].filter(
    (name) => canonicalJson(before[name] ?? null) !== canonicalJson(now[name] ?? null),
  );

/** What has changed since a plan was made, a phrase for each; none if it still holds. */
export function changesSince(before: PlanBasis, now: PlanBasis): readonly string[] {
  const of = (part: 'configuration' | 'columns' | 'dataSources'): readonly string[] =>
    differing(before[part] as Named, now[part] as Named);
  const placed = of('dataSources').map((table) => {
    const [was, is] = [before.dataSources[table] ?? null, now.dataSources[table] ?? null];
    if (was === null || is === null || was.id !== is.id)
      return `the data source of ${table} was ${was?.id ?? 'to be created'}, and is ${is?.id ?? 'to be created'}`;
    return `the properties of ${table} in Notion`;
  });
  const counted = differing(before.counts as Named, now.counts as Named).flatMap((table) => {
    const [was, is] = [before.counts[table] ?? {}, now.counts[table] ?? {}];
    return differing(was, is).map(
      (what) => `${table} has ${is[what] ?? 0} ${what} instead of ${was[what] ?? 0}`,
    );
  });
  return [
    ...(before.installation === now.installation ? [] : ['the installation: this is another database']),
    ...of('configuration').map((name) => `the configuration of ${name}`),
    ...of('columns').map((table) => `the columns of ${table} in PostgreSQL`),
    ...placed,
    ...counted,
    ...(canonicalJson(before.removals ?? []) === canonicalJson(now.removals ?? [])
      ? []
      : ['what may be removed']),
  ];
}
